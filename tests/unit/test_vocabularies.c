/* Tokenizers that are not byte-level: SentencePiece, Gemma 4, WordPiece, t5; and how every
 * pre-tokenizer cuts. */
#define _POSIX_C_SOURCE 200809L
#include "text/internal.h"
#include "text/unicode.h"
#include "vocab_examples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tokenizer_checks.h"

static struct tokenizer *make(const struct pieces_spec *spec, hekla_status code, const char *says)
{
    struct build b = build_pieces(spec);
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

#define IDS(...) ((const hekla_token[]){__VA_ARGS__, -1})

/* What a stream makes of tokens, the first of a text or after `before` (-1: the first). */
static void check_stream(const struct tokenizer *t, hekla_token before, const hekla_token *ids,
    bool special, const char *expected)
{
    char out[HEKLA_PIECE_MAX + 1000];
    size_t n = 0;
    struct hekla_text_stream s = {0};
    if (before >= 0)
        tokenizer_stream(t, &s, before, special, out, sizeof(out));
    for (; *ids >= 0; ids++)
        n += tokenizer_stream(t, &s, *ids, special, out + n, HEKLA_PIECE_MAX);
    n += tokenizer_stream(t, &s, -1, special, out + n, HEKLA_PIECE_MAX);
    out[n] = 0;
    assert_string_equal(out, expected);
}

/* ---- SentencePiece ----------------------------------------------------------------------------
 */

static void spm_words(void **state)
{
    (void)state;
    struct tokenizer *t = make(&example_spm, HEKLA_OK, "");
    check_text(t, "", 0, IDS(-1));
    check_text(t, "a", 0, IDS(SPM_SP_A));
    check_text(t, "ab", 0, IDS(SPM_SP_AB));
    check_text(t, "b", 0, IDS(SPM_SP, SPM_B));
    check_text(t, " ", 0, IDS(SPM_SP_SP));
    check_text(t, "b b", 0, IDS(SPM_SP, SPM_B, SPM_SP, SPM_B));
    check_text(t, "a ab", 0, IDS(SPM_SP_A, SPM_SP_AB));
    /* A space that is written as U+2581 is a space. */
    check_text(t, "a" SP "ab", 0, IDS(SPM_SP_A, SPM_SP_AB));
    /* The highest score first: -4 of "ab" and, of equals, the leftmost. */
    check_text(t, "bab", 0, IDS(SPM_SP, SPM_BA, SPM_B));
    check_text(t, "bbab", 0, IDS(SPM_SP, SPM_B, SPM_BA, SPM_B));
    /* "aaa" has the better score, but only "aa" leads to it. */
    check_text(t, "aaa", 0, IDS(SPM_SP_A, SPM_AA));
    /* No token for a character: its bytes. Characters without a token can be part of one. */
    check_text(
        t, "\xc3\xa9\xc3\xa8", 0, IDS(SPM_SP, SPM_ACUTE, SPM_BYTES + 0xc3, SPM_BYTES + 0xa8));
    check_text(t, "cd", 0, IDS(SPM_SP, SPM_CD));
    check_text(t, "c\n", 0, IDS(SPM_SP, SPM_BYTES + 'c', SPM_BYTES + '\n'));
    /* Tokens that are not in use do not come up. */
    check_text(t, "bb", 0, IDS(SPM_SP, SPM_B, SPM_B));
    tokenizer_destroy(t);
}

static void spm_specials(void **state)
{
    (void)state;
    struct tokenizer *t = make(&example_spm, HEKLA_OK, "");
    assert_int_equal(tokenizer_bos(t), SPM_BOS);
    assert_int_equal(tokenizer_eos(t), SPM_EOS);
    assert_true(tokenizer_add_bos(t));
    assert_true(tokenizer_is_end(t, SPM_EOS));
    check_text(t, "", HEKLA_TOKENIZE_BOS, IDS(SPM_BOS));
    check_text(t, "a", HEKLA_TOKENIZE_BOS, IDS(SPM_BOS, SPM_SP_A));
    /* After a special token a word begins as at the beginning. */
    check_text(t, "a<tag>ab</s>a", HEKLA_TOKENIZE_SPECIAL,
        IDS(SPM_SP_A, SPM_TAG, SPM_SP_AB, SPM_EOS, SPM_SP_A));
    check_text(t, "<tag><tag>", 0, IDS(SPM_TAG, SPM_TAG));
    /* Control tokens in plain text are text. */
    check_text(t, "<s>", 0, IDS(SPM_SP, SPM_BYTES + '<', SPM_BYTES + 's', SPM_BYTES + '>'));
    tokenizer_destroy(t);
    struct pieces_spec spec = example_spm;
    spec.keys[0].name = "add_space_prefix", spec.keys[0].type = GGUF_BOOL;
    spec.keys[1].name = "add_eos_token", spec.keys[1].type = GGUF_BOOL, spec.keys[1].value = 1;
    spec.keys[2].name = "add_bos_token", spec.keys[2].type = GGUF_BOOL;
    t = make(&spec, HEKLA_OK, "");
    check_text(t, "a ab", HEKLA_TOKENIZE_BOS, IDS(SPM_A, SPM_SP_AB, SPM_EOS));
    check_text(t, "a ab", 0, IDS(SPM_A, SPM_SP_AB));
    check_stream(t, -1, IDS(SPM_SP_A, SPM_SP_AB), false, " a ab");
    tokenizer_destroy(t);
}

static void spm_streams(void **state)
{
    (void)state;
    struct tokenizer *t = make(&example_spm, HEKLA_OK, "");
    check_stream(t, -1, IDS(SPM_SP_A, SPM_SP_AB), false, "a ab");
    check_stream(t, SPM_BOS, IDS(SPM_SP_A), false, "a");
    check_stream(t, SPM_A, IDS(SPM_SP_A), false, " a");
    check_stream(t, -1, IDS(SPM_SP_SP, SPM_B), false, " b");
    check_stream(
        t, -1, IDS(SPM_SP_A, SPM_TAG, SPM_SP_AB, SPM_EOS, SPM_SP_A), true, "a<tag>ab</s>a");
    check_stream(t, -1, IDS(SPM_SP_A, SPM_EOS, SPM_SP_A), false, "aa");
    check_stream(t, -1, IDS(SPM_BYTES + 0xc3, SPM_BYTES + 0xa8, SPM_BYTES + 0xc3), false,
        "\xc3\xa8\xef\xbf\xbd");
    char out[8];
    assert_int_equal(tokenizer_bytes(t, SPM_SP_A, false, out, sizeof(out)), 2);
    assert_memory_equal(out, " a", 2);
    tokenizer_destroy(t);
}

/* White space after special tokens belongs to them, in models of this name. */
static void spm_stripping(void **state)
{
    (void)state;
    struct pieces_spec spec = example_spm;
    spec.name = "My Phi-3 mini";
    struct tokenizer *t = make(&spec, HEKLA_OK, "");
    check_text(t, "<tag> \n a<s> a", HEKLA_TOKENIZE_SPECIAL,
        IDS(SPM_TAG, SPM_SP_A, SPM_BOS, SPM_SP, SPM_SP_A));
    tokenizer_destroy(t);
}

/* Without tokens for bytes, one for a run of what is unknown. */
static void spm_unknown(void **state)
{
    (void)state;
    struct pieces_spec spec = example_spm;
    spec.bytes = false;
    struct tokenizer *t = make(&spec, HEKLA_OK, "");
    check_text(t, "xyz a x", 0, IDS(SPM_SP, SPM_UNK, SPM_SP_A, SPM_SP, SPM_UNK));
    check_text(t, "\xe4\xbd\xa0\xe5\xa5\xbd", 0, IDS(SPM_SP, SPM_UNK));
    check_text(t, "<unk><unk>x", HEKLA_TOKENIZE_SPECIAL, IDS(SPM_UNK, SPM_UNK, SPM_SP, SPM_UNK));
    tokenizer_destroy(t);
    spec.keys[0].name = "unknown_token_id", spec.keys[0].type = GGUF_U32;
    spec.keys[0].value = UINT32_MAX;
    make(&spec, HEKLA_FORMAT, "no token for byte 0x00 and none for unknown text");
    spec = example_spm;
    spec.no_scores = true;
    make(&spec, HEKLA_FORMAT, "key tokenizer.ggml.scores is missing");
    spec = example_spm;
    spec.byte_score = 0x7fc00000;
    make(&spec, HEKLA_FORMAT, "token 17 has a score that is not a finite number");
    spec = example_spm;
    spec.pieces[SPM_CD].type = 6;
    make(&spec, HEKLA_FORMAT, "token 14 stands for a byte and is \"cd\", expected such as <0x41>");
}

/* All texts of some letters, merged in the obvious way. */
static void spm_against_definition(void **state)
{
    (void)state;
    struct tokenizer *t = make(&example_spm, HEKLA_OK, "");
    for (uint32_t digits = 0; digits < 59049; digits++) {
        char text[32] = " ", part[8];
        size_t cuts[16], n = 0;
        for (uint32_t i = 0, d = digits; i < 10; i++, d /= 3)
            text[1 + i] = "ab "[d % 3];
        for (; n <= 11; n++)
            cuts[n] = n;
        n = 11;
        for (bool again = true; again;) {
            size_t best = 0;
            float score = -1e9f;
            for (size_t i = 0; i + 1 < n; i++) {
                snprintf(part, sizeof(part), "%.*s", (int)(cuts[i + 2] - cuts[i]), text + cuts[i]);
                hekla_token token = vocab_find(&t->vocab, part, strlen(part));
                if (cuts[i + 2] - cuts[i] < sizeof(part) && token != NO_TOKEN &&
                    t->vocab.scores[token] > score) {
                    score = t->vocab.scores[token];
                    best = i + 1;
                }
            }
            again = best > 0;
            if (again) {
                memmove(&cuts[best], &cuts[best + 1], (n - best) * sizeof(cuts[0]));
                n--;
            }
        }
        hekla_token ids[16];
        for (size_t i = 0; i < n; i++)
            ids[i] = vocab_find(&t->vocab, text + cuts[i], cuts[i + 1] - cuts[i]);
        ids[n] = -1;
        check_ids(t, text + 1, 10, 0, ids);
    }
    tokenizer_destroy(t);
}

/* ---- Gemma 4 ----------------------------------------------------------------------------------
 */

static void gemma4(void **state)
{
    (void)state;
    struct tokenizer *t = make(&example_gemma4, HEKLA_OK, "");
    assert_true(tokenizer_add_bos(t));
    check_text(t, "ab", HEKLA_TOKENIZE_BOS, IDS(G4_BOS, G4_AB));
    check_text(t, " ab a b", 0, IDS(G4_SP_AB, G4_SP_A, G4_SP, G4_B));
    check_text(t, "  a", 0, IDS(G4_SP, G4_SP_A));
    check_text(t, "   ", 0, IDS(G4_SP_SP, G4_SP));
    check_text(t, "a" SP "a", 0, IDS(G4_A, G4_SP_A));
    /* A run of newlines that is a token is one, another is not. */
    check_text(t, "a\n\nb\n\n\n\n", 0, IDS(G4_A, G4_LF2, G4_B, G4_LF, G4_LF, G4_LF, G4_LF));
    check_text(t, "a\xc3\xa9<line>", 0, IDS(G4_A, G4_BYTES + 0xc3, G4_BYTES + 0xa9, G4_LINE));
    check_stream(t, -1, IDS(G4_SP_A, G4_SP_AB), false, " a ab");
    uint64_t seed = 5;
    for (int i = 0; i < 3000; i++) {
        char text[40];
        size_t n = next_random(&seed) % sizeof(text);
        for (size_t k = 0; k < n; k++)
            text[k] = "ab \n<lineX"[next_random(&seed) % 10];
        round_trip(t, text, n);
    }
    tokenizer_destroy(t);
}

/* ---- WordPiece --------------------------------------------------------------------------------
 */

static void wordpiece(void **state)
{
    (void)state;
    struct tokenizer *t = make(&example_bert, HEKLA_OK, "");
    check_text(t, "", HEKLA_TOKENIZE_BOS, IDS(BERT_CLS, BERT_SEP));
    check_text(t, " A\tab,  AB", HEKLA_TOKENIZE_BOS,
        IDS(BERT_CLS, BERT_A, BERT_AB, BERT_COMMA, BERT_AB, BERT_SEP));
    /* The longest first, also where it leads nowhere. */
    check_text(t, "abb abbc abc", 0, IDS(BERT_AB, BERT_XX_B, BERT_AB, BERT_XX_BC, BERT_UNK));
    check_text(t, "x xx a", 0, IDS(BERT_UNK, BERT_UNK, BERT_A));
    check_text(t, "b", 0, IDS(BERT_UNK)); /* never begins a word */
    check_text(t, "unaffable affable", 0, IDS(BERT_UNK, BERT_AFF, BERT_XX_ABLE));
    /* Accents go, capital letters too, ideographs stand alone. */
    check_text(
        t, "\xc3\xa0 \xc3\x9c u\xcc\x88 \xc4\xb0", 0, IDS(BERT_A, BERT_U, BERT_U, BERT_I_DOT));
    check_text(t,
        "a\xe4\xbd\xa0"
        "a",
        0, IDS(BERT_A, BERT_NI, BERT_A));
    check_text(t, "\xea\xb0\x80", 0, IDS(BERT_HAN_A, BERT_XX_HAN_AE)); /* U+AC00 in two letters */
    /* What cannot be seen is not there: zero, soft hyphen, a vertical tab, U+FFFD. */
    check_ids(t, "a\0b\xc2\xad\xef\xbf\xbd\x0b", 9, 0, IDS(BERT_AB));
    check_text(t,
        "a\xc2\xa0"
        "a\xe2\x80\xa8"
        "a",
        0, IDS(BERT_A, BERT_A, BERT_A));
    check_text(t, "a[MASK].", HEKLA_TOKENIZE_SPECIAL, IDS(BERT_A, BERT_MASK, BERT_DOT));
    check_stream(
        t, BERT_CLS, IDS(BERT_A, BERT_COMMA, BERT_AB, BERT_XX_B, BERT_DOT), false, "a, abb.");
    check_stream(t, -1, IDS(BERT_CLS, BERT_A, BERT_SEP), true, "[CLS] a[SEP]");
    char word[102];
    memset(word, 'b', sizeof(word));
    word[0] = 'a';
    struct ids ids = encode_n(t, word, 100, 0);
    assert_int_equal(ids.n, 99);
    free(ids.data);
    check_ids(t, word, 101, 0, IDS(BERT_UNK)); /* too long to be looked at */
    tokenizer_destroy(t);
}

static void wordpiece_options(void **state)
{
    (void)state;
    struct pieces_spec spec = example_bert;
    spec.keys[3].name = "normalizer.lowercase", spec.keys[3].type = GGUF_BOOL;
    struct tokenizer *t = make(&spec, HEKLA_OK, "");
    check_text(t, "a A \xc3\xa0", 0, IDS(BERT_A, BERT_UNK, BERT_UNK));
    tokenizer_destroy(t);
    spec.keys[4].name = "normalizer.strip_accents", spec.keys[4].type = GGUF_BOOL;
    spec.keys[4].value = 1;
    t = make(&spec, HEKLA_OK, "");
    check_text(t, "a A \xc3\xa0", 0, IDS(BERT_A, BERT_UNK, BERT_A));
    tokenizer_destroy(t);
    spec = example_bert;
    spec.keys[2].name = "padding_token_id";
    make(&spec, HEKLA_FORMAT, "no token for unknown words");
}

/* ---- t5 ---------------------------------------------------------------------------------------
 */

static void unigram(void **state)
{
    (void)state;
    struct tokenizer *t = make(&example_t5, HEKLA_OK, "");
    check_text(t, "", HEKLA_TOKENIZE_BOS, IDS(T5_EOS));
    check_text(t, "ab", HEKLA_TOKENIZE_BOS, IDS(T5_SP_AB, T5_EOS));
    check_text(t, "  a   ab ", 0, IDS(T5_SP_A, T5_SP_AB));
    /* The greatest sum: " ab" + "b" is -9.5, " a" + "b" + "b" is -11.5, " " + "abb" too. */
    check_text(t, "abb", 0, IDS(T5_SP_AB, T5_B));
    check_text(t,
        "b\xe4\xbd\xa0\xe5\xa5\xbd"
        "b",
        0, IDS(T5_SP, T5_B, T5_UNK, T5_B));
    check_text(t, "a<x>b", 0, IDS(T5_SP_A, T5_X, T5_SP, T5_B));
    check_stream(t, -1, IDS(T5_SP_A, T5_SP_AB), false, "a ab");
    tokenizer_destroy(t);
    struct pieces_spec spec = example_t5;
    spec.keys[0].value = spec.keys[1].value = 0;
    t = make(&spec, HEKLA_OK, "");
    check_text(t, "a  b", 0, IDS(T5_A, T5_SP, T5_SP, T5_B));
    tokenizer_destroy(t);
}

static void unigram_map(void **state)
{
    (void)state;
    static uint8_t map[4 + 4 * 1024 + 3];
    struct pieces_spec spec = example_t5;
    spec.map = example_map(map);
    spec.n_map = sizeof(map);
    struct tokenizer *t = make(&spec, HEKLA_OK, "");
    check_text(t,
        "a\xef\xac\x80"
        "b",
        0, IDS(T5_SP_A, T5_F, T5_F, T5_B));
    check_text(t, "\xef\xac\x81", 0, IDS(T5_SP, T5_UNK));
    tokenizer_destroy(t);
    map[4 + 4 * 1024 + 2] = 'x';
    make(&spec, HEKLA_FORMAT, "precompiled_charsmap does not end with whole strings");
    spec.n_map = 4 + 4 * 1024;
    make(&spec, HEKLA_FORMAT, "has 4100 bytes, which its trie of 4096 bytes does not fit");
    spec.n_map = 4;
    make(&spec, HEKLA_FORMAT, "has 4 bytes");
    spec = example_t5;
    spec.keys[0].name = "unknown_token_id", spec.keys[0].type = GGUF_U32;
    spec.keys[0].value = 99;
    make(&spec, HEKLA_FORMAT, "tokenizer.ggml.unknown_token_id is 99, expected less than 12");
}

/* ---- pre-tokenizers ---------------------------------------------------------------------------
 */

static hekla_status add_piece(void *user, const char *text, size_t n)
{
    char *out = user;
    sprintf(out + strlen(out), "%s%.*s", *out ? "|" : "", (int)n, text);
    return HEKLA_OK;
}

static void check_cut(const char *pre, const char *text, const char *expected)
{
    char out[1000] = "";
    const struct pretokenizer *p = pretokenizer_find((struct gguf_string){pre, strlen(pre)});
    assert_non_null(p);
    struct splitter *s = splitter_create(p->patterns, NULL);
    assert_non_null(s);
    assert_int_equal(splitter_run(s, text, strlen(text), add_piece, out, NULL), HEKLA_OK);
    if (strcmp(out, expected))
        fail_msg("%s: \"%s\" instead of \"%s\"", pre, out, expected);
    splitter_destroy(s);
}

static void cuts(void **state)
{
    (void)state;
    static const struct {
        const char *names; /* all that cut so, between spaces */
        const char *text, *expected;
    } cases[] = {
        {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx "
         "smaug-bpe glm4 chatglm-bpe",
            "It'S 12345  x\n\n .y!!\n\tz", "It|'S| |123|45| | x|\n\n| .|y|!!\n|\tz"},
        {"gpt-2 phi-2 mpt olmo jais trillion granite-docling exaone4 gigachat a.x-4.0 mellum "
         "modern-bert roberta-bpe jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code",
            "It'S it's 12345  x\n\n .y!!\n", "It|'|S| it|'s| 12345| | x|\n\n| .|y|!!|\n"},
        {"starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", "it's  12 a  x",
            "it|'s|  |1|2| a| | x"},
        {"qwen2 deepseek-r1-qwen stablelm2 megrez hunyuan solar-open grok-2 kormo f2llmv2",
            "It'S 123 e\xcc\x81x", "It|'S| |1|2|3| e|\xcc\x81x"},
        {"qwen35", "It'S 123 e\xcc\x81x", "It|'S| |1|2|3| e\xcc\x81x"},
        {"deepseek-llm", "ab  c1\n.!  \xe4\xbd\xa0\xe5\xa5\xbdx",
            "ab| | c|1|\n|.!|  |\xe4\xbd\xa0\xe5\xa5\xbd|x"},
        {"deepseek-llm", "a   \n  12", "a|   |\n|  |12"},
        {"deepseek-coder", "a  b.!  12 $", "a| | b|.!|  |1|2| $"},
        {"deepseek-v3 hunyuan-dense joyai-llm hy_v4", "a.b  1234 \xe4\xbd\xa0x!\n\n .e\xcc\x81",
            "a|.b|  |123|4| |\xe4\xbd\xa0|x|!\n\n| .|e\xcc\x81"},
        {"spark2_5", "a.b  1234!\n\nx", "a|.b|  |1|2|3|4|!|\n|\n|x"},
        {"falcon", "a.. b 1234567 $x", "a|..| b| |123|456|7| |$|x"},
        {"default", "a.. b 1234567 `x", "a|..| b| |123|456|7| `|x"},
        {"tekken", "HelloWorld's 12/\n\xd0\x94\xd0\xb0\xd0\x94\xd0\xb0",
            "Hello|World|'s| |1|2|/\n|\xd0\x94\xd0\xb0|\xd0\x94\xd0\xb0"},
        {"gpt-4o llama4 kanana2 talkie minimax-m2 granite-embed-multi-97m", "HelloWorld's 1234/\n",
            "Hello|World's| |123|4|/\n"},
        {"youtu", "a\xed\x95\x9c\xe4\xbd\xa0 12", "a|\xed\x95\x9c|\xe4\xbd\xa0| |1|2"},
        {"tiny_aya cohere2moe", "1234567 12ab", "1|234|567| |12|ab"},
        {"kimi-k2",
            "a\xe4\xbd\xa0\xe5\xa5\xbd"
            "b 1234",
            "a|\xe4\xbd\xa0\xe5\xa5\xbd|b| |123|4"},
        {"poro-chat bloom gpt3-finnish", "ab 12, c", "ab| 12|,| c"},
        {"viking", "ab 12, c", "ab| |1|2|,| c"},
        {"jais-2", "a       b", "a|    |  | b"},
        {"chameleon", "<sentinel:12>a    bIMGIMGABZ.", "<|sentinel|:|1|2|>|a|    |b|IMGIMGABZ|."},
        {"superbpe", "ab 1234 c", "ab |1|234| c"},
        {"bailingmoe bailingmoe2 llada-moe", "a\n\n b'RE", "a|\n\n| b|'RE"},
        {"seed-coder", "a!!\n\nb12", "a|!!|\n\n|b|1|2"},
        {"ufakzeka", "it's 12", "it|'s| |1|2"},
        {"afmoe", "a1234\xe4\xbd\xa0.b", "a|1|234|\xe4\xbd\xa0|.b"},
        {"laguna", "a!\n\nb", "a|!|\n\n|b"},
        {"exaone-moe", "ab cd 12!\n\nx", "ab cd| |1|2|!\n|\n|x"},
        {"minicpm5", "a1234 b", "a|123|4| b"},
        {"gemma4 granite-embed-multi-311m sarvam-moe", "a b.\n\nc", "a b.|\n\n|c"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char names[400];
        snprintf(names, sizeof(names), "%s", cases[i].names);
        for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
            check_cut(name, cases[i].text, cases[i].expected);
    }
}

/* A missing or unknown name is said, and the default is used. */
static void unnamed_pretokenizers(void **state)
{
    (void)state;
    static const struct {
        const char *pre, *says;
    } cases[] = {{"", "does not name its pre-tokenizer (tokenizer.ggml.pre)"},
        {"nonesuch", "pre-tokenizer \"nonesuch\" (tokenizer.ggml.pre) is not known"},
        {"default", NULL}, {"gpt-2", NULL}};
    for (size_t i = 0; i < 4; i++) {
        struct build b = build_vocab(&(struct vocab_spec){.pre = cases[i].pre,
            .merges = {"1 1", "11 1", "111 1"},
            .merge_tokens = {"11", "111", "1111"}});
        struct gguf *g = NULL;
        struct tokenizer *t = NULL;
        assert_int_equal(gguf_open_memory(&g, b.data, b.n, "v", test_type_bytes, NULL), HEKLA_OK);
        assert_int_equal(tokenizer_create(&t, g, NULL), HEKLA_OK);
        const char *warning = tokenizer_warning(t);
        assert_int_equal(warning != NULL, cases[i].says != NULL);
        if (warning)
            assert_non_null(strstr(warning, cases[i].says));
        check_text(t, "1111", 0, i < 3 ? IDS(257, '1') : IDS(256, 256));
        tokenizer_destroy(t);
        gguf_close(g);
        build_free(&b);
    }
}

/* ---- characters -------------------------------------------------------------------------------
 */

static void characters(void **state)
{
    (void)state;
    static const uint32_t lower[][2] = {{'A', 'a'}, {'a', 'a'}, {0xc9, 0xe9}, {0x100, 0x101},
        {0x101, 0x101}, {0x12e, 0x12f}, {0x178, 0xff}, {0x1c4, 0x1c6}, {0x1c5, 0x1c6},
        {0x1cb, 0x1cc}, {0x1cd, 0x1ce}, {0x391, 0x3b1}, {0x3a3, 0x3c3}, {0x410, 0x430},
        {0x1e9e, 0xdf}, {0x2126, 0x3c9}, {0x10400, 0x10428}, {0x1e900, 0x1e922}, {0x4e00, 0x4e00}};
    for (size_t i = 0; i < sizeof(lower) / sizeof(lower[0]); i++)
        assert_int_equal(unicode_lower(lower[i][0]), lower[i][1]);
    static const uint32_t bases[][4] = {{0xe9, 'e'}, {0x1ed8, 'O'}, {0x1f82, 0x3b1},
        {0xac00, 0x1100, 0x1161}, {0xac01, 0x1100, 0x1161, 0x11a8},
        {0xd7a3, 0x1112, 0x1175, 0x11c2}, {0xf900, 0x8c48}, {0x2f800, 0x4e3d}, {0x212b, 'A'},
        {'a', 'a'}, {0x9cb, 0x9c7, 0x9be}, {0x1d160, 0x1d158, 0x1d165, 0x1d16e}, {0x439, 0x438}};
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        uint32_t out[3] = {0};
        int n = unicode_base(bases[i][0], out);
        assert_int_equal(n, bases[i][3] ? 3 : bases[i][2] ? 2 : 1);
        assert_memory_equal(out, &bases[i][1], (size_t)n * sizeof(out[0]));
    }
    assert_true(unicode_is_punctuation('!') && unicode_is_punctuation(0x3002));
    assert_false(unicode_is_punctuation('$') || unicode_is_punctuation('a'));
    assert_true(unicode_is_nonspacing(0x301) && !unicode_is_nonspacing(0x903));
    assert_true(unicode_is_control(0x200b) && !unicode_is_control(' '));
}

/* ---- time -------------------------------------------------------------------------------------
 */

struct counting {
    struct merge_rules rules; /* first: join gets its address */
    size_t *joins;
};

static struct joined count_join(
    const struct merge_rules *r, uint32_t left, uint32_t right, const char *text, size_t n)
{
    (void)left;
    (void)right;
    ++*((const struct counting *)r)->joins;
    hekla_token token = n <= r->vocab->max_bytes ? vocab_find(r->vocab, text, n) : NO_TOKEN;
    return (struct joined){token == NO_TOKEN ? NO_RANK : 100 - (uint32_t)n, (uint32_t)token};
}

/* Whatever the text, each character is looked at with its neighbour once, and each join asks twice
 * more: three questions a character are enough for a line of any length. */
static void joins_are_few(void **state)
{
    (void)state;
    static const char *const units[] = {"a", "ab", "aab", " ", " a", "aaab", "abb ", "b"};
    struct tokenizer *t = make(&example_spm, HEKLA_OK, "");
    char *text = malloc(1 << 18);
    assert_non_null(text);
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++)
        for (size_t n = 1 << 10; n <= 1 << 18; n *= 16) {
            size_t joins = 0;
            struct counting c = {{.vocab = &t->vocab, .join = count_join}, &joins};
            struct encoding e = {.unknown = NO_TOKEN};
            for (size_t i = 0; i < n; i++)
                text[i] = units[u][i % strlen(units[u])];
            encoding_begin(&e, n);
            assert_int_equal(merge_text(&e, &c.rules, text, n), HEKLA_OK);
            assert_in_range(joins, n - 1, 3 * n);
            assert_true(e.sink.count <= n);
            encoding_clear(&e);
        }
    free(text);
    tokenizer_destroy(t);
}

static void check_hard_texts(const struct pieces_spec *spec)
{
    static const char *const units[] = {"a", " ", "\n", "ab", "aab", " a", "b", "x", "\xe4\xbd\xa0",
        "\xc3\xa9", "<", "<tag>", "<ta", SP, "1", "'", "."};
    struct tokenizer *t = make(spec, HEKLA_OK, "");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        check_linear(t, units[i]);
    tokenizer_destroy(t);
}

static void hard_texts(void **state)
{
    (void)state;
    static uint8_t map[4 + 4 * 1024 + 3];
    struct pieces_spec t5 = example_t5;
    t5.map = example_map(map);
    t5.n_map = sizeof(map);
    check_hard_texts(&example_spm);
    check_hard_texts(&example_gemma4);
    check_hard_texts(&example_bert);
    check_hard_texts(&t5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spm_words),
        cmocka_unit_test(spm_specials),
        cmocka_unit_test(spm_streams),
        cmocka_unit_test(spm_stripping),
        cmocka_unit_test(spm_unknown),
        cmocka_unit_test(spm_against_definition),
        cmocka_unit_test(gemma4),
        cmocka_unit_test(wordpiece),
        cmocka_unit_test(wordpiece_options),
        cmocka_unit_test(unigram),
        cmocka_unit_test(unigram_map),
        cmocka_unit_test(cuts),
        cmocka_unit_test(unnamed_pretokenizers),
        cmocka_unit_test(characters),
        cmocka_unit_test(joins_are_few),
        cmocka_unit_test(hard_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
