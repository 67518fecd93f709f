/* Tokenizer: ids against references, round trips, special tokens, streams, chat, bad vocabularies,
 * and that time grows with the text and not with its square. */
#define _POSIX_C_SOURCE 200809L
#include "base/utf8.h"
#include "tiny_cases.h"
#include "vocab_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tokenizer_checks.h"

/* hekla-tiny's special tokens */
enum { TINY_VOCAB = 1024, TINY_BOS = 1016, TINY_EOS, TINY_HEADER, TINY_HEADER_END, TINY_EOT };

static struct tokenizer *tiny;

static struct tokenizer *open_tokenizer(const char *path)
{
    struct hekla_error err = {0};
    struct gguf *g = NULL;
    struct tokenizer *t = NULL;
    if (gguf_open(&g, path, test_type_bytes, &err) || tokenizer_create(&t, g, &err))
        fail_msg("%s", err.text);
    gguf_close(g);
    return t;
}

static int open_tiny(void **state)
{
    (void)state;
    tiny = open_tokenizer(HEKLA_SOURCE_DIR "/models/hekla-tiny-q8_0.gguf");
    return 0;
}

static int close_tiny(void **state)
{
    (void)state;
    tokenizer_destroy(tiny);
    return 0;
}

static void tiny_facts(void **state)
{
    (void)state;
    assert_int_equal(tokenizer_vocab_size(tiny), TINY_VOCAB);
    assert_true(tokenizer_add_bos(tiny));
    assert_int_equal(tokenizer_bos(tiny), TINY_BOS);
    assert_int_equal(tokenizer_eos(tiny), TINY_EOS);
    assert_int_equal(tokenizer_eot(tiny), TINY_EOT);
    for (hekla_token i = -1; i <= TINY_VOCAB; i++)
        assert_int_equal(tokenizer_is_end(tiny, i), i == TINY_EOS || i == TINY_EOT);
}

static void tiny_goldens(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(tiny_cases) / sizeof(tiny_cases[0]); i++) {
        const struct tiny_case *c = &tiny_cases[i];
        if (c->prompt) {
            check_text(tiny, c->prompt, HEKLA_TOKENIZE_BOS, c->ids);
            check_text(tiny, c->prompt, 0, c->ids + 1);
            continue;
        }
        size_t n = 0;
        while (c->messages[n].role)
            n++;
        char *text = NULL;
        assert_int_equal(chat_format(tiny, c->messages, n, true, &text, NULL), HEKLA_OK);
        check_text(tiny, text, HEKLA_TOKENIZE_SPECIAL, c->ids);
        struct ids ids = encode_n(tiny, text, strlen(text), HEKLA_TOKENIZE_SPECIAL);
        check_back(tiny, ids, text, strlen(text), true);
        free(ids.data);
        free(text);
    }
}

static void special_tokens(void **state)
{
    (void)state;
    static const char text[] = "Once<|eot_id|><|eot_id|>a<|eot_id<|end_of_text|>";
    struct ids ids = encode_n(tiny, text, strlen(text), HEKLA_TOKENIZE_SPECIAL);
    size_t specials = 0;
    for (size_t i = 0; i < ids.n; i++)
        specials += ids.data[i] >= TINY_BOS;
    assert_int_equal(specials, 3);
    assert_int_equal(ids.data[1], TINY_EOT); /* after "Once" */
    assert_int_equal(ids.data[2], TINY_EOT);
    assert_int_equal(ids.data[ids.n - 1], TINY_EOS);
    check_back(tiny, ids, text, strlen(text), true);
    free(ids.data);
    ids = encode_n(tiny, text, strlen(text), 0);
    for (size_t i = 0; i < ids.n; i++)
        assert_true(ids.data[i] < TINY_BOS);
    check_back(tiny, ids, text, strlen(text), false);
    free(ids.data);
    char out[64];
    assert_int_equal(tokenizer_bytes(tiny, TINY_EOT, false, out, sizeof(out)), 0);
    assert_int_equal(tokenizer_bytes(tiny, TINY_EOT, true, out, sizeof(out)), 10);
    assert_memory_equal(out, "<|eot_id|>", 10);
    assert_int_equal(tokenizer_bytes(tiny, TINY_EOT, true, out, 0), 10);
    assert_int_equal(tokenizer_bytes(tiny, -1, true, out, sizeof(out)), 0);
    assert_int_equal(tokenizer_bytes(tiny, TINY_VOCAB, true, out, sizeof(out)), 0);
    static const hekla_token nothing[] = {-1}, bos[] = {TINY_BOS, -1};
    check_ids(tiny, NULL, 0, HEKLA_TOKENIZE_SPECIAL, nothing);
    check_ids(tiny, NULL, 0, HEKLA_TOKENIZE_BOS, bos);
}

static void invalid_text(void **state)
{
    (void)state;
    for (size_t at = 0; at < 40; at++) {
        char text[40], says[64];
        memset(text, 'a', sizeof(text));
        text[at] = '\xff';
        struct hekla_error err = {0};
        size_t count = 77;
        assert_int_equal(
            tokenizer_encode(tiny, text, sizeof(text), 0, NULL, 0, &count, &err), HEKLA_ARGUMENT);
        assert_int_equal(count, 77);
        snprintf(says, sizeof(says), "text is not valid UTF-8: byte 0xff at offset %zu", at);
        assert_string_equal(err.text, says);
    }
}

/* Characters of all lengths, with much white space, so that every branch of the pattern is met. */
static size_t random_text(uint64_t *seed, char *out, size_t n_chars)
{
    static const uint32_t kinds[][2] = {{' ', ' '}, {'\n', '\r'}, {'0', '9'}, {'a', 'z'}, {0, 0x7f},
        {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, 0x10ffff}, {'\'', '\''},
        {0x2000, 0x2030}, {'s', 't'}};
    size_t n = 0;
    for (size_t i = 0; i < n_chars; i++) {
        const uint32_t *kind = kinds[next_random(seed) % (sizeof(kinds) / sizeof(kinds[0]))];
        n += utf8_encode(kind[0] + next_random(seed) % (kind[1] - kind[0] + 1), out + n);
    }
    return n;
}

static void random_round_trips(void **state)
{
    (void)state;
    uint64_t seed = 1;
    char text[4 * 300];
    for (int i = 0; i < 3000; i++)
        round_trip(tiny, text, random_text(&seed, text, next_random(&seed) % 300));
}

/* The same word merged in the obvious way: again and again the lowest rank, leftmost first. */
static void merging_against_definition(void **state)
{
    (void)state;
    static const struct vocab_spec spec = {
        .merges = {"a a", "aa a", "b a", "aa aa", "a b", "ab ab", "aaa b"},
        .merge_tokens = {"aa", "aaa", "ba", "aaaa", "ab", "abab", "aaab"}};
    static const struct {
        hekla_token left, right, result;
    } merges[] = {{'a', 'a', 1000}, {1000, 'a', 1001}, {'b', 'a', 1002}, {1000, 1000, 1003},
        {'a', 'b', 1004}, {1004, 1004, 1005}, {1001, 'b', 1006}};
    struct build b = build_vocab(&spec);
    struct gguf *g = NULL;
    struct tokenizer *t = NULL;
    assert_int_equal(gguf_open_memory(&g, b.data, b.n, "v", test_type_bytes, NULL), HEKLA_OK);
    assert_int_equal(tokenizer_create(&t, g, NULL), HEKLA_OK);
    gguf_close(g);
    build_free(&b);
    for (uint32_t bits = 0; bits < 1 << 14; bits++) {
        char text[15];
        hekla_token list[16];
        size_t n = 14;
        for (size_t i = 0; i < n; i++)
            list[i] = text[i] = bits >> i & 1 ? 'a' : 'b';
        for (size_t m = 0; m < sizeof(merges) / sizeof(merges[0]); m++)
            for (size_t i = 0; i + 1 < n; i++)
                if (list[i] == merges[m].left && list[i + 1] == merges[m].right) {
                    list[i] = merges[m].result;
                    memmove(&list[i + 1], &list[i + 2], (n - i - 2) * sizeof(list[0]));
                    n--;
                    m = (size_t)-1; /* start again from the lowest rank */
                    break;
                }
        for (size_t i = 0; i < n; i++)
            list[i] = list[i] >= 1000 ? list[i] - 1000 + 256 : list[i];
        list[n] = -1;
        check_ids(t, text, 14, 0, list);
    }
    tokenizer_destroy(t);
}

static void streaming(void **state)
{
    (void)state;
    static const char text[] = "\xf0\x9f\x98\x80"; /* four tokens of one byte in this vocabulary */
    struct ids ids = encode_n(tiny, text, 4, 0);
    assert_int_equal(ids.n, 4);
    struct hekla_text_stream stream = {0};
    char out[HEKLA_PIECE_MAX];
    for (int i = 0; i < 3; i++)
        assert_int_equal(tokenizer_stream(tiny, &stream, ids.data[i], false, out, sizeof(out)), 0);
    assert_int_equal(tokenizer_stream(tiny, &stream, ids.data[3], false, out, sizeof(out)), 4);
    assert_memory_equal(out, text, 4);
    /* Cut short by the end, and by another character: one U+FFFD each. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(tokenizer_stream(tiny, &stream, ids.data[i], false, out, sizeof(out)), 0);
    assert_int_equal(tokenizer_stream(tiny, &stream, -1, false, out, sizeof(out)), 3);
    assert_memory_equal(out, "\xef\xbf\xbd", 3);
    assert_int_equal(tokenizer_stream(tiny, &stream, -1, false, out, sizeof(out)), 0);
    assert_int_equal(tokenizer_stream(tiny, &stream, ids.data[0], false, out, sizeof(out)), 0);
    assert_int_equal(tokenizer_stream(tiny, &stream, 64, false, out, sizeof(out)), 4);
    assert_memory_equal(out,
        "\xef\xbf\xbd"
        "a",
        4);
    /* Too little room: only whole characters are written. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(tokenizer_stream(tiny, &stream, ids.data[i], false, out, 0), 0);
    out[3] = 'x';
    assert_int_equal(tokenizer_stream(tiny, &stream, ids.data[3], false, out, 3), 0);
    assert_int_equal(out[3], 'x');
    /* A continuation byte alone. */
    assert_int_equal(tokenizer_stream(tiny, &stream, ids.data[3], false, out, sizeof(out)), 3);
    /* Any tokens at all give valid UTF-8, within the promised size. */
    uint64_t seed = 2;
    for (int i = 0; i < 100000; i++) {
        size_t n = tokenizer_stream(
            tiny, &stream, (hekla_token)(next_random(&seed) % 1100) - 1, i & 1, out, sizeof(out));
        assert_int_equal(utf8_check(out, n), n);
    }
    free(ids.data);
}

static void chat(void **state)
{
    (void)state;
    char *text = NULL;
    const struct hekla_message messages[] = {
        {"system", "  Be brief.\n"}, {"user", "\xe3\x80\x80Hi\t"}};
    assert_int_equal(chat_format(tiny, messages, 2, true, &text, NULL), HEKLA_OK);
    assert_string_equal(text,
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n");
    free(text);
    assert_int_equal(chat_format(tiny, messages, 1, false, &text, NULL), HEKLA_OK);
    assert_string_equal(text, "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
                              "Be brief.<|eot_id|>");
    free(text);
    assert_int_equal(chat_format(tiny, NULL, 0, false, &text, NULL), HEKLA_OK);
    assert_string_equal(text, "<|begin_of_text|>");
    free(text);
    static const struct {
        struct hekla_message message;
        const char *says;
    } bad[] = {{{"user", NULL}, "no content"}, {{NULL, "x"}, "no role"},
        {{"", "x"}, "has the role \"\""}, {{"user<|end_header_id|>", "x"}, "has the role"},
        {{"user", "ab\xff"}, "byte 0xff at offset 2"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hekla_error err = {0};
        text = NULL;
        assert_int_equal(chat_format(tiny, &bad[i].message, 1, true, &text, &err), HEKLA_ARGUMENT);
        assert_null(text);
        assert_non_null(strstr(err.text, bad[i].says));
    }
}

/* ---- vocabularies made here -------------------------------------------------------------------
 */

static struct tokenizer *create(const struct vocab_spec *spec, hekla_status code, const char *says)
{
    struct build b = build_vocab(spec);
    struct gguf *g = NULL;
    struct tokenizer *t = NULL;
    struct hekla_error err = {0};
    assert_int_equal(gguf_open_memory(&g, b.data, b.n, "v.gguf", test_type_bytes, &err), HEKLA_OK);
    hekla_status status = tokenizer_create(&t, g, &err);
    if (status != code || !strstr(err.text, says))
        fail_msg("status %d, expected %d: \"%s\" should say \"%s\"", status, code, err.text, says);
    assert_int_equal(t == NULL, status != HEKLA_OK);
    gguf_close(g);
    build_free(&b);
    return t;
}

static void refused_vocabularies(void **state)
{
    (void)state;
    static char long_token[1000];
    memset(long_token, 'x', sizeof(long_token) - 1);
    const struct {
        struct vocab_spec spec;
        hekla_status code;
        const char *says;
    } cases[] = {
        {{.model = "rwkv"}, HEKLA_UNSUPPORTED, "tokenizer \"rwkv\""},
        {{.model = ""}, HEKLA_UNSUPPORTED, "expected one of gpt2, gemma4, llama, bert, t5"},
        {{.model = "llama"}, HEKLA_FORMAT, "key tokenizer.ggml.scores is missing"},
        {{.leave_out = 'a'}, HEKLA_FORMAT, "has no token for byte 0x61"},
        {{.leave_out = '\n'}, HEKLA_FORMAT, "has no token for byte 0x0a"},
        {{.bos = 5000}, HEKLA_FORMAT, "tokenizer.ggml.bos_token_id is 5000, expected less"},
        {{.extra_types = 2}, HEKLA_FORMAT, "token_type has 258 entries, expected 256"},
        {{.extra = {{"x", 7}}}, HEKLA_FORMAT, "token 256 has type 7, expected 1..6"},
        {{.extra = {{"x", 0}}}, HEKLA_FORMAT, "token 256 has type 0"},
        {{.extra = {{"ab\xff", 1}}}, HEKLA_FORMAT, "token 256 is not valid UTF-8 (byte 2)"},
        {{.extra = {{long_token, 3}}}, HEKLA_UNSUPPORTED, "token 256 is 999 bytes long"},
        {{.merges = {"ab"}}, HEKLA_FORMAT, "merge 0 (\"ab\") is not two tokens"},
        {{.merges = {"a "}}, HEKLA_FORMAT, "is not two tokens"},
        {{.merges = {" a"}}, HEKLA_FORMAT, "is not two tokens"},
        {{.merges = {""}}, HEKLA_FORMAT, "is not two tokens"},
        {{.merges = {"a b c"}}, HEKLA_FORMAT, "is not two tokens"},
        {{.merges = {"a b"}}, HEKLA_FORMAT, "makes a token that is not in the vocabulary"},
        {{.merges = {"a bc"}}, HEKLA_FORMAT, "joins what is not in the vocabulary"},
        {{.merges = {"a \xc2\xff"}}, HEKLA_FORMAT, "not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        create(&cases[i].spec, cases[i].code, cases[i].says);
}

static void accepted_vocabularies(void **state)
{
    (void)state;
    static const hekla_token abc[] = {256, 'c', -1}, bytes[] = {'a', 'b', 'c', -1};
    /* No types: all are normal. A token or a merge twice: the first counts. */
    struct tokenizer *t = create(&(struct vocab_spec){.merges = {"a b", "b c", "a b"},
                                     .merge_tokens = {"ab", "ab", "bc"},
                                     .no_types = true,
                                     .bos = 3},
        HEKLA_OK, "");
    check_text(t, "abc", 0, abc);
    assert_true(tokenizer_add_bos(t));
    assert_int_equal(tokenizer_eos(t), -1);
    struct hekla_error err = {0};
    char *text;
    assert_int_equal(chat_format(t, NULL, 0, true, &text, &err), HEKLA_UNSUPPORTED);
    assert_non_null(strstr(err.text, "v.gguf: has no special token <|begin_of_text|>"));
    tokenizer_destroy(t);
    /* A merge that would make a control token is not done. */
    t = create(&(struct vocab_spec){.merges = {"a b"}, .extra = {{"ab", 3}}}, HEKLA_OK, "");
    check_text(t, "abc", 0, bytes);
    check_text(t, "abc", HEKLA_TOKENIZE_SPECIAL, abc);
    tokenizer_destroy(t);
    /* User-defined tokens always are, longest first; with gpt-2 no begin token is asked for. */
    static const hekla_token user[] = {257, 256, 'x', 258, -1},
                             plain[] = {257, 256, 'x', '<', 't', '>', -1};
    t = create(&(struct vocab_spec){.pre = "gpt-2",
                   .bos = 4,
                   .extra = {{"[a]", 4}, {"[a][", 4}, {"<t>", 3}, {"", 3}, {"z", 5}}},
        HEKLA_OK, "");
    check_text(t, "[a][[a]x<t>", HEKLA_TOKENIZE_SPECIAL, user);
    check_text(t, "[a][[a]x<t>", HEKLA_TOKENIZE_BOS, plain);
    tokenizer_destroy(t);
    /* A word that is a token needs no merges with llama-bpe, and does with gpt-2. */
    static const hekla_token whole[] = {256, -1};
    t = create(&(struct vocab_spec){.extra = {{"abc", 1}}}, HEKLA_OK, "");
    check_text(t, "abc", 0, whole);
    tokenizer_destroy(t);
    t = create(&(struct vocab_spec){.pre = "gpt-2", .extra = {{"abc", 1}}}, HEKLA_OK, "");
    check_text(t, "abc", 0, bytes);
    tokenizer_destroy(t);
}

/* How each pattern cuts, seen through whole-word tokens being absent: merges join all of a word. */
static void words(void **state)
{
    (void)state;
    static const char *const merged[] = {"a a", "aa aa", "1 1", "11 1", "\xc4\xa0 z", "\xc4\xb0 z"};
    static const char *const tokens[] = {"aa", "aaaa", "11", "111", "\xc4\xa0z", "\xc4\xb0z"};
    struct vocab_spec spec = {0};
    for (size_t i = 0; i < 6; i++) {
        spec.merges[i] = merged[i];
        spec.merge_tokens[i] = tokens[i];
    }
    enum { AA = 256, AAAA, II, III, SPACE_Z };
    static const hekla_token numbers[] = {III, II, -1}, spaces[] = {' ', SPACE_Z, -1},
                             separators[] = {0xe1, 0xa0, 0x8e, 0xe1, 0xa0, 0x8e, 'z', -1};
    struct tokenizer *t = create(&spec, HEKLA_OK, "");
    check_text(t, "11111", 0, numbers);
    check_text(t, "  z", 0, spaces);
    /* U+180E is no white space: two of them are a word, and z is the next. */
    check_text(t, "\xe1\xa0\x8e\xe1\xa0\x8ez", 0, separators);
    tokenizer_destroy(t);
    static const hekla_token four[] = {II, II, -1}, single[] = {'1', '1', '1', -1};
    spec.pre = "gpt-2";
    t = create(&spec, HEKLA_OK, "");
    check_text(t, "1111", 0, four);
    tokenizer_destroy(t);
    spec.pre = "qwen2";
    t = create(&spec, HEKLA_OK, "");
    check_text(t, "111", 0, single);
    tokenizer_destroy(t);
}

/* ---- time -------------------------------------------------------------------------------------
 */

/* A megabyte takes a fraction of a second, a few with sanitizers; its square would take hours. */
static void hard_texts_are_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"a", " ", "\n", " \n", "1", "<", "<|", "<|eot_id|", "'",
        "'s", "ab", "\xe4\xbd\xa0", "Once upon a time, ", "<|eot_id|>"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        check_linear(tiny, units[i]);
    /* One word of a million letters with merges all over it, and special tokens that are nearly
     * there everywhere. */
    static const struct vocab_spec spec = {
        .merges = {"a a", "aa aa", "aaaa aaaa", "aaaaaaaa aaaaaaaa", "b a", "aa b"},
        .merge_tokens = {"aa", "aaaa", "aaaaaaaa", "aaaaaaaaaaaaaaaa", "ba", "aab"},
        .extra = {{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 4}, {"aaaaaaaaaaaaaaaaaaaac", 3}}};
    struct tokenizer *t = create(&spec, HEKLA_OK, "");
    check_linear(t, "a");
    check_linear(t, "aaaaab");
    tokenizer_destroy(t);
}

static void throughput(void **state)
{
    (void)state;
    size_t n = 0, cap = 8 << 20;
    char *text = malloc(cap);
    assert_non_null(text);
    uint64_t seed = 3;
    while (n + 300 < cap) {
        const struct tiny_case *c = &tiny_cases[next_random(&seed) % 6];
        assert_non_null(c->prompt);
        n += (size_t)snprintf(text + n, cap - n, "%s\n", c->prompt);
    }
    double time = time_encode(tiny, text, n, HEKLA_TOKENIZE_SPECIAL);
    printf("encoding: %.1f MB/s\n", (double)n / time / 1e6);
    free(text);
}

/* ---- other vocabularies, where they are at hand -----------------------------------------------
 */

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s: cannot be read", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(*n + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *n, f), *n);
    data[*n] = 0;
    fclose(f);
    return data;
}

/* Folder of shared test data; NULL, with a line that says so, if there is none. */
static const char *find_shared(void)
{
    const char *path = getenv("HEKLA_SHARED");
    if (!path)
        path = HEKLA_SOURCE_DIR "/../shared";
    if (access(path, R_OK) == 0)
        return path;
    printf("skipped: no folder %s (or in HEKLA_SHARED) with more vocabularies\n", path);
    return NULL;
}

/* Cases in .inp are divided by lines, the expected ids are one line a case in .out. */
static void check_vocabulary(const char *shared, const char *name)
{
    static const char divider[] = "\n__ggml_vocab_test__\n";
    char path[1000];
    size_t n_in, n_out;
    snprintf(path, sizeof(path), "%s/vocab/ggml-vocab-%s.gguf.inp", shared, name);
    char *in = read_file(path, &n_in), *text = in;
    snprintf(path, sizeof(path), "%s/vocab/ggml-vocab-%s.gguf.out", shared, name);
    char *out = read_file(path, &n_out), *line = out;
    snprintf(path, sizeof(path), "%s/vocab/ggml-vocab-%s.gguf", shared, name);
    struct tokenizer *t = open_tokenizer(path);
    size_t cases = 0;
    for (char *end; (end = strstr(text, divider)); text = end + strlen(divider)) {
        hekla_token ids[1000];
        size_t n_ids = 0, n_text = (size_t)(end - text);
        char *line_end = strchr(line, '\n');
        assert_non_null(line_end);
        *line_end = 0;
        for (char *p = strtok(line, " "); p; p = strtok(NULL, " "))
            ids[n_ids++] = (hekla_token)strtol(p, NULL, 10);
        ids[n_ids] = -1;
        line = line_end + 1;
        check_ids(t, text, n_text, 0, ids);
        round_trip(t, text, n_text);
        cases++;
    }
    assert_int_equal(*line, 0);
    assert_true(cases > 40);
    printf("%s: %zu cases\n", name, cases);
    tokenizer_destroy(t);
    free(in);
    free(out);
}

static void shared_vocabularies(void **state)
{
    (void)state;
    const char *shared = find_shared();
    if (!shared)
        skip();
    static const char *const names[] = {
        "deepseek-llm", "falcon", "gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2", "starcoder"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_vocabulary(shared, names[i]);
}

/* The whole evaluation text of hekla-tiny, tokenized by its trainer. */
static void shared_evaluation_text(void **state)
{
    (void)state;
    char path[1000];
    const char *shared = find_shared();
    if (!shared)
        skip();
    size_t n, n_expected;
    snprintf(path, sizeof(path), "%s/models/hekla-tiny/golden/eval.txt", shared);
    char *text = read_file(path, &n);
    snprintf(path, sizeof(path), "%s/models/hekla-tiny/golden/eval.ids.u16", shared);
    char *expected = read_file(path, &n_expected);
    struct ids ids = encode_n(tiny, text, n, HEKLA_TOKENIZE_SPECIAL);
    assert_int_equal(ids.n, n_expected / 2);
    for (size_t i = 0; i < ids.n; i++)
        assert_int_equal(
            ids.data[i], (unsigned char)expected[2 * i] | (unsigned char)expected[2 * i + 1] << 8);
    check_back(tiny, ids, text, n, true);
    free(ids.data);
    free(expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_facts),
        cmocka_unit_test(tiny_goldens),
        cmocka_unit_test(special_tokens),
        cmocka_unit_test(invalid_text),
        cmocka_unit_test(random_round_trips),
        cmocka_unit_test(merging_against_definition),
        cmocka_unit_test(streaming),
        cmocka_unit_test(chat),
        cmocka_unit_test(refused_vocabularies),
        cmocka_unit_test(accepted_vocabularies),
        cmocka_unit_test(words),
        cmocka_unit_test(hard_texts_are_linear),
        cmocka_unit_test(throughput),
        cmocka_unit_test(shared_vocabularies),
        cmocka_unit_test(shared_evaluation_text),
    };
    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}
