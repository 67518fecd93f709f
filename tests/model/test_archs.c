/*
 * Tiny random models of many architectures and shapes against another engine's logits at every
 * position (../shared/archs, see its README for the bounds). The bits must not depend on the
 * device, which is compared with the reference, nor on how a prompt is cut. Layers that are cut in
 * different ways, and values that are a part of the keys, are kept in saved sessions, and
 * where values are the keys nothing changes but for the tensors that are not there. Experts that
 * are alike change nothing either.
 *
 * The F32, F16 and BF16 models are written by make_models.py there, which needs python3 and numpy;
 * HEKLA_ARCH_MODELS names a folder where that was done before, HEKLA_ARCH_ONLY how the names begin
 * of the cases that are wanted.
 */
#include "gguf/write.h"
#include "json.h"
#include "model_test.h"
#include "quant/quant.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { N_PROMPT = 40, N_NEXT = 23, N_ROWS = N_PROMPT + N_NEXT, N_VOCAB = 512, N_CTX = 256 };

struct arch_case {
    char name[64], model[2 * TEST_PATH];
    bool f32; /* else by NMSE, against the exact files */
    double bound;
    hekla_token prompt[N_PROMPT], next[N_NEXT + 1];
    float *expected; /* [N_ROWS, N_VOCAB] */
};

struct rows {
    float *data; /* [N_ROWS, N_VOCAB] */
    uint32_t n;
};

static const char *shared;
static char models[TEST_PATH]; /* where make_models.py wrote; "": it could not */
static bool made;

static void add_row(void *user, uint32_t pos, const float *logits)
{
    struct rows *rows = user;
    assert_int_equal(pos, rows->n);
    assert_true(rows->n < N_ROWS);
    memcpy(rows->data + (size_t)rows->n++ * N_VOCAB, logits, N_VOCAB * sizeof(float));
}

static void load_rows(const char *case_, const char *key, float *out, size_t rows)
{
    char name[200], path[TEST_PATH];
    size_t n;
    json_string(json_get(case_, key), name, sizeof(name));
    snprintf(path, sizeof(path), "%s/archs/%s", shared, name);
    char *data = read_file(path, &n);
    assert_int_equal(n, rows * N_VOCAB * sizeof(float));
    memcpy(out, data, n);
    free(data);
}

static void load_case(const char *case_, struct arch_case *c)
{
    char file[200], path[TEST_PATH], type[20];
    bool exact = json_get(case_, "exact_logits_prompt");
    json_string(json_get(case_, "name"), c->name, sizeof(c->name));
    json_string(json_get(case_, "file"), file, sizeof(file));
    json_string(json_get(case_, "weights"), type, sizeof(type));
    snprintf(c->model, sizeof(c->model), "%s/archs/%s", shared, file);
    if (access(c->model, R_OK) != 0)
        snprintf(c->model, sizeof(c->model), "%s/%s", models, file);
    c->f32 = !strcmp(type, "F32");
    bool half = !strcmp(type, "F16") || !strcmp(type, "BF16");
    double native = json_number(json_get(json_get(case_, "native_vs_exact"), "nmse"));
    c->bound = c->f32 ? 1e-3 : half ? 1e-5 : 3 * native;
    assert_true(c->f32 || exact);
    c->expected = malloc(N_ROWS * N_VOCAB * sizeof(float));
    assert_non_null(c->expected);
    load_rows(case_, exact ? "exact_logits_prompt" : "logits_prompt", c->expected, N_PROMPT);
    load_rows(case_, exact ? "exact_logits_cont" : "logits_cont", c->expected + N_PROMPT * N_VOCAB,
        N_NEXT);
    json_string(json_get(case_, "golden"), file, sizeof(file));
    snprintf(path, sizeof(path), "%s/archs/%s", shared, file);
    char *golden = read_file(path, NULL);
    assert_int_equal(json_ids(json_get(golden, "prompt"), c->prompt, N_PROMPT), N_PROMPT);
    assert_int_equal(json_ids(json_get(golden, "continuation"), c->next, N_NEXT + 1), N_NEXT + 1);
    free(golden);
}

/* Largest difference, or normalised mean square error, over all rows. */
static double measure(const float *rows, const struct arch_case *c)
{
    double worst = 0, error = 0, power = 0;
    for (size_t i = 0; i < (size_t)N_ROWS * N_VOCAB; i++) {
        double d = (double)rows[i] - (double)c->expected[i];
        worst = fmax(worst, isnan(d) ? INFINITY : fabs(d));
        error += d * d;
        power += (double)c->expected[i] * (double)c->expected[i];
    }
    return c->f32 ? worst : error / power;
}

static hekla_model *open_case(const struct arch_case *c, const char *device)
{
    hekla_model *model = open_model(c->model, device);
    assert_int_equal(vocab_of(model), N_VOCAB);
    return model;
}

/* All rows of logits: the prompt in batches, then the continuation token by token. */
static void compute(hekla_model *model, const struct arch_case *c, uint32_t n_batch, float *out)
{
    struct rows rows = {.data = out};
    hekla_session *session = open_session(model,
        &(struct hekla_session_options){.n_ctx = N_CTX, .n_batch = n_batch, .all_logits = true});
    hekla_session_on_logits(session, add_row, &rows);
    eval(session, c->prompt, N_PROMPT);
    for (int i = 0; i < N_NEXT; i++)
        eval(session, &c->next[i], 1);
    assert_int_equal(rows.n, N_ROWS);
    hekla_session_close(session);
}

static void check_greedy(hekla_model *model, const struct arch_case *c)
{
    struct token_list list = {.n = 0};
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    eval(session, c->prompt, N_PROMPT);
    generate(session, NULL, N_NEXT + 1, true, &list);
    assert_int_equal(list.n, N_NEXT + 1);
    assert_memory_equal(list.ids, c->next, sizeof(c->next));
    hekla_session_close(session);
}

/* The same bits as `expected`, in other batches and by the reference. */
static void check_bits(hekla_model *model, const struct arch_case *c, const float *expected)
{
    static const uint32_t batches[] = {7};
    float *rows = malloc(N_ROWS * N_VOCAB * sizeof(float));
    assert_non_null(rows);
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        compute(model, c, batches[i], rows);
        if (memcmp(rows, expected, N_ROWS * N_VOCAB * sizeof(float)))
            fail_msg("%s: other bits in batches of %u", c->name, batches[i]);
    }
    hekla_model *reference = open_case(c, "ref");
    compute(reference, c, 16, rows);
    if (memcmp(rows, expected, N_ROWS * N_VOCAB * sizeof(float)))
        fail_msg("%s: the reference gives other bits", c->name);
    hekla_model_close(reference);
    free(rows);
}

static void check_case(const struct arch_case *c)
{
    float *rows = malloc(N_ROWS * N_VOCAB * sizeof(float));
    assert_non_null(rows);
    hekla_model *model = open_case(c, NULL);
    compute(model, c, 0, rows);
    double measured = measure(rows, c);
    printf("%-20s %-14s bound %-9.3g measured %-9.3g hash %016" PRIx64 "\n", c->name,
        c->f32 ? "max difference" : "NMSE", c->bound, measured,
        hash_row(CLI_HASH_START, rows, N_ROWS * N_VOCAB));
    if (!(measured <= c->bound))
        fail_msg("%s: %g is beyond the bound %g", c->name, measured, c->bound);
    if (c->f32)
        check_greedy(model, c);
    check_bits(model, c, rows);
    hekla_model_close(model);
    free(rows);
}

static void all_cases(void **state)
{
    (void)state;
    char path[TEST_PATH];
    const char *only = getenv("HEKLA_ARCH_ONLY");
    snprintf(path, sizeof(path), "%s/archs/index.json", shared);
    char *index = read_file(path, NULL);
    int checked = 0, missing = 0;
    const char *item = json_first(json_get(index, "cases"));
    for (; item; item = json_next(item)) {
        struct arch_case c;
        load_case(item, &c);
        if (only && strncmp(c.name, only, strlen(only))) {
            free(c.expected);
            continue;
        }
        if (access(c.model, R_OK) != 0) {
            missing++;
        } else {
            checked++;
            check_case(&c);
        }
        free(c.expected);
    }
    free(index);
    printf("%d cases checked, %d skipped%s\n", checked, missing,
        missing ? ": make_models.py could not write them (it needs python3 and numpy)" : "");
    if (!only)
        assert_int_equal(checked + missing, 44);
    if (*models)
        assert_int_equal(missing, 0);
}

/* ---- windows: what a cache no longer holds must not be missed -----------------------------------
 */

enum { N_LONG = 250, REWOUND = 20, N_AGAIN = 8 };

static void put_row(void *user, uint32_t pos, const float *logits)
{
    assert_true(pos < N_LONG);
    memcpy((float *)user + (size_t)pos * N_VOCAB, logits, N_VOCAB * sizeof(float));
}

/* Batches of 5 leave room for half of the positions in layers with a window of 8. Going back
 * further than is kept gives the same logits again. */
static void windows(void **state)
{
    (void)state;
    char path[TEST_PATH];
    size_t size = (size_t)N_LONG * N_VOCAB * sizeof(float);
    float *rows[2] = {calloc(1, size), calloc(1, size)};
    hekla_token tokens[N_LONG];
    snprintf(path, sizeof(path), "%s/archs/gemma2.q8_0.gguf", shared);
    assert_true(rows[0] && rows[1]);
    make_prompt(tokens, N_LONG, N_VOCAB);
    hekla_model *model = open_model(path, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        hekla_session *session =
            open_session(model, &(struct hekla_session_options){
                                    .n_ctx = N_CTX, .n_batch = i ? 5 : N_CTX, .all_logits = true});
        hekla_session_on_logits(session, put_row, rows[i]);
        eval(session, tokens, N_LONG);
        if (i) {
            assert_memory_equal(rows[0], rows[1], size);
            memset(rows[1] + REWOUND * N_VOCAB, 0, N_AGAIN * N_VOCAB * sizeof(float));
            hekla_session_rewind(session, REWOUND);
            eval(session, tokens + REWOUND, N_AGAIN);
            assert_int_equal(hekla_session_pos(session), REWOUND + N_AGAIN);
            assert_memory_equal(rows[0], rows[1], size);
        }
        hekla_session_close(session);
    }
    hekla_model_close(model);
    free(rows[0]);
    free(rows[1]);
}

/* ---- gemma4: layers that differ ----------------------------------------------------------------
 */

static bool find_gemma4(char path[2 * TEST_PATH])
{
    snprintf(path, 2 * TEST_PATH, "%s/gemma4.gguf", models);
    return *models && access(path, R_OK) == 0;
}

/* A tensor of the file that is written: of another's bytes, or of two, some copies of them; else
 * all elements are 1. */
struct made {
    char name[64];
    struct gguf_tensor tensor;
    const struct gguf_tensor *of[2];
    uint32_t copies;
};

/* The model with other keys, and other tensors. */
enum { MOST_MADE = 200, N_EXPERTS = 4 };
struct variant {
    struct gguf *from;
    struct gguf_u32_key set[4];
    uint32_t n_set, n;
    struct made made[MOST_MADE];
};

static struct made *add_made(struct variant *v, const char *name, uint64_t columns, uint64_t rows,
    uint64_t n, const struct gguf_tensor *of)
{
    struct made *m = &v->made[v->n++];
    assert_true(v->n <= MOST_MADE);
    snprintf(m->name, sizeof(m->name), "%s", name);
    m->tensor = (struct gguf_tensor){.name = {m->name, strlen(m->name)},
        .n_dims = n > 1      ? 3
                  : rows > 1 ? 2
                             : 1,
        .dims = {columns, rows, n, 1},
        .type = quant_types[QT_f32].file_id,
        .n_elements = columns * rows * n,
        .n_bytes = 4 * columns * rows * n};
    m->of[0] = of;
    m->copies = (uint32_t)n;
    return m;
}

static void open_variant(struct variant *v, const char *path)
{
    struct hekla_error err = {0};
    *v = (struct variant){.n = 0};
    if (gguf_open(&v->from, path, quant_file_bytes, &err))
        fail_msg("%s", err.text);
    for (uint64_t i = 0; i < v->from->n_tensors; i++) {
        const struct gguf_tensor *t = &v->from->tensors[i];
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)t->name.n, t->name.data);
        add_made(v, name, t->dims[0], t->dims[1], 1, t);
    }
}

static void write_made(const struct made *m, const struct gguf *from, uint64_t offset, char *file)
{
    uint64_t n = 0;
    float *ones = (float *)(void *)(file + offset);
    for (uint64_t i = 0; !m->of[0] && i < m->tensor.n_elements; i++)
        ones[i] = 1;
    for (uint32_t c = 0; m->of[0] && c < m->copies; c++)
        for (uint32_t i = 0; i < 2 && m->of[i]; i++) {
            memcpy(file + offset + n, from->files[0].data + m->of[i]->offset,
                (size_t)m->of[i]->n_bytes);
            n += m->of[i]->n_bytes;
        }
    assert_true(!m->of[0] || n == m->tensor.n_bytes);
}

static void write_variant(struct variant *v, const char *path)
{
    static const char *const leave[] = {NULL};
    struct gguf_tensor *tensors = calloc(v->n, sizeof(*tensors));
    struct gguf_writer w = {0};
    struct hekla_error err = {0};
    uint64_t n;
    assert_non_null(tensors);
    for (uint32_t i = 0; i < v->n; i++)
        tensors[i] = v->made[i].tensor;
    const struct gguf_head head = {.from = v->from,
        .set = v->set,
        .n_set = v->n_set,
        .leave = leave,
        .tensors = tensors,
        .n_tensors = v->n,
        .alignment = 32};
    if (gguf_write_head(&w, &head, &n, &err))
        fail_msg("%s", err.text);
    char *file = calloc((size_t)n, 1);
    assert_non_null(file);
    memcpy(file, w.data, (size_t)w.n);
    for (uint32_t i = 0; i < v->n; i++)
        write_made(&v->made[i], v->from, tensors[i].offset, file);
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(file, 1, (size_t)n, f) == n && fclose(f) == 0);
    free(file);
    free(w.data);
    free(tensors);
    gguf_close(v->from);
}

static const struct gguf_tensor *tensor_of(
    const struct variant *v, uint32_t layer, const char *what)
{
    char name[64];
    snprintf(name, sizeof(name), "blk.%u.%s.weight", layer, what);
    return gguf_find_tensor(v->from, name);
}

/* A key becomes a list. */
static void make_list(struct variant *v, const char *name, const uint32_t *items, uint64_t n)
{
    for (uint64_t i = 0; i < v->from->n_keys; i++) {
        struct gguf_key *key = &v->from->keys[i];
        if (!gguf_string_is(key->name, name))
            continue;
        key->type = GGUF_ARRAY;
        key->item_type = GGUF_I32;
        key->n = n;
        key->data = (const uint8_t *)items;
    }
}

/* V has the weights of K, or is missing. */
static void take_values(struct variant *v, bool missing)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        unsigned layer;
        struct made m = v->made[i];
        if (strstr(m.name, ".attn_v.") && sscanf(m.name, "blk.%u.", &layer) == 1) {
            m.of[0] = tensor_of(v, layer, "attn_k");
            if (missing)
                continue;
        }
        v->made[kept] = m;
        v->made[kept].tensor.name.data = v->made[kept].name;
        kept++;
    }
    v->n = kept;
}

/* Experts that all are what the dense part is: together with it they double what it gives, which
 * the norm of the sum takes back. */
static void add_experts(struct variant *v, uint32_t layer, bool fused)
{
    const struct gguf_tensor *gate = tensor_of(v, layer, "ffn_gate"),
                             *up = tensor_of(v, layer, "ffn_up"),
                             *down = tensor_of(v, layer, "ffn_down"),
                             *norm = tensor_of(v, layer, "ffn_norm");
    uint64_t n_embd = gate->dims[0], n_ff = gate->dims[1];
    const struct {
        const char *name;
        uint64_t columns, rows, n;
        const struct gguf_tensor *of;
    } all[] = {
        {"ffn_gate_inp.weight", n_embd, N_EXPERTS, 1, NULL},
        {"ffn_gate_inp.scale", n_embd, 1, 1, NULL},
        {"ffn_down_exps.scale", N_EXPERTS, 1, 1, NULL},
        {"pre_ffw_norm_2.weight", n_embd, 1, 1, norm},
        {"post_ffw_norm_1.weight", n_embd, 1, 1, NULL},
        {"post_ffw_norm_2.weight", n_embd, 1, 1, NULL},
        {"ffn_down_exps.weight", n_ff, n_embd, N_EXPERTS, down},
        {fused ? "ffn_gate_up_exps.weight" : "ffn_gate_exps.weight", n_embd,
            fused ? 2 * n_ff : n_ff, N_EXPERTS, gate},
        {"ffn_up_exps.weight", n_embd, n_ff, N_EXPERTS, up},
    };
    size_t n = sizeof(all) / sizeof(all[0]) - (fused ? 1 : 0);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof(name), "blk.%u.%s", layer, all[i].name);
        struct made *m = add_made(v, name, all[i].columns, all[i].rows, all[i].n, all[i].of);
        if (strstr(name, "gate_up"))
            m->of[1] = up;
    }
}

static void make_temporary(char out[TEST_PATH])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, TEST_PATH, "%s/hekla-archs-file-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int file = mkstemp(out);
    assert_true(file >= 0);
    close(file);
}

static void values_that_are_keys(void **state)
{
    (void)state;
    static struct variant variant;
    struct arch_case c = {.name = "gemma4 without V"};
    char path[2 * TEST_PATH];
    size_t size = N_ROWS * N_VOCAB * sizeof(float);
    float *rows[2] = {malloc(size), malloc(size)};
    assert_true(rows[0] && rows[1]);
    if (!find_gemma4(path))
        skip();
    make_prompt(c.prompt, N_PROMPT, N_VOCAB);
    make_prompt(c.next, N_NEXT, N_VOCAB);
    make_temporary(c.model);
    for (int i = 0; i < 2; i++) {
        open_variant(&variant, path);
        take_values(&variant, i);
        if (i) {
            static const uint32_t n_ff[] = {160, 160, 160, 160, 160, 160},
                                  n_kv[] = {2, 2, 2, 2, 2, 2};
            make_list(&variant, "gemma4.feed_forward_length", n_ff, 6);
            make_list(&variant, "gemma4.attention.head_count_kv", n_kv, 6);
        }
        write_variant(&variant, c.model);
        hekla_model *model = open_case(&c, NULL);
        compute(model, &c, 0, rows[i]);
        if (i)
            check_bits(model, &c, rows[i]);
        hekla_model_close(model);
    }
    assert_memory_equal(rows[0], rows[1], size);
    unlink(c.model);
    free(rows[0]);
    free(rows[1]);
}

/* The logits of the model without experts, which are known. */
static void experts_beside(void **state)
{
    (void)state;
    static struct variant variant;
    struct arch_case c = {.name = ""};
    char path[2 * TEST_PATH], index[TEST_PATH];
    if (!find_gemma4(path))
        skip();
    snprintf(index, sizeof(index), "%s/archs/index.json", shared);
    char *text = read_file(index, NULL);
    const char *item = json_first(json_get(text, "cases"));
    for (; item && strcmp(c.name, "gemma4"); item = json_next(item)) {
        free(c.expected);
        load_case(item, &c);
    }
    assert_string_equal(c.name, "gemma4");
    free(text);
    make_temporary(c.model);
    for (uint32_t fused = 0; fused < 2; fused++) {
        open_variant(&variant, path);
        for (uint32_t layer = 0; tensor_of(&variant, layer, "attn_norm"); layer++)
            add_experts(&variant, layer, fused);
        variant.set[0] = (struct gguf_u32_key){"gemma4.expert_count", N_EXPERTS};
        variant.set[1] = (struct gguf_u32_key){"gemma4.expert_used_count", 2};
        variant.n_set = 2;
        write_variant(&variant, c.model);
        snprintf(c.name, sizeof(c.name), "gemma4, experts%s", fused ? " fused" : "");
        check_case(&c);
    }
    unlink(c.model);
    free(c.expected);
}

static void expect_refused(const char *path, hekla_status expected, const char *words)
{
    hekla_model *model = NULL;
    struct hekla_error err;
    hekla_status status = hekla_model_open(
        &model, &(struct hekla_model_options){.path = path, .device = "ref"}, &err);
    if (status != expected || !strstr(err.text, words))
        fail_msg("status %d, \"%s\" does not tell \"%s\"", status, err.text, words);
}

static void bad_layers(void **state)
{
    (void)state;
    static const struct {
        struct gguf_u32_key key;
        hekla_status status;
        const char *words;
    } cases[] = {
        {{"gemma4.expert_count", 4}, HEKLA_FORMAT, "gemma4.expert_used_count is missing"},
        {{"gemma4.attention.shared_kv_layers", 6}, HEKLA_FORMAT, "is 6, expected 0 to 5"},
        {{"gemma4.attention.shared_kv_layers", 5}, HEKLA_FORMAT, "layer 3 has no keys and values"},
        {{"gemma4.attention.shared_kv_layers", 1}, HEKLA_FORMAT, "blk.4.attn_k.weight is missing"},
        {{"gemma4.attention.key_length_swa", 1024}, HEKLA_FORMAT, "expected 4 to 576"},
        {{"gemma4.attention.key_length_swa", 36}, HEKLA_UNSUPPORTED, "only equal multiples of 4"},
        {{"gemma4.attention.value_length_swa", 30}, HEKLA_UNSUPPORTED, "only equal multiples of 4"},
        {{"gemma4.attention.key_length", 32}, HEKLA_UNSUPPORTED, "only equal multiples of 4"},
        {{"gemma4.rope.dimension_count_swa", 33}, HEKLA_FORMAT, "is 33, expected 2 to 32"},
        {{"gemma4.rope.dimension_count_swa", 31}, HEKLA_FORMAT, "is 31, expected an even number"},
        {{"gemma4.embedding_length_per_layer_input", 36}, HEKLA_UNSUPPORTED, "multiples of 32"},
        {{"gemma4.embedding_length_per_layer_input", 0}, HEKLA_UNSUPPORTED,
            "per_layer_token_embd.weight is not one"},
        {{"gemma4.feed_forward_length", 192}, HEKLA_FORMAT, "is 128 x 160 x 1, expected 128 x 192"},
    };
    static const struct {
        const char *name;
        uint32_t items[7], n;
        const char *words;
    } lists[] = {
        {"gemma4.feed_forward_length", {160, 160, 160, 160, 160}, 5, "has 5 items, expected 6"},
        {"gemma4.feed_forward_length", {160, 160, 160, 160, 160, 160, 160}, 7, "has 7 items"},
        {"gemma4.feed_forward_length", {160, 160, 96, 160, 160, 160}, 6,
            "blk.2.ffn_gate.weight is 128 x 160 x 1, expected 128 x 96"},
        {"gemma4.feed_forward_length", {160, 0, 160, 160, 160, 160}, 6,
            "length[1] is 0, expected 1"},
        {"gemma4.attention.head_count_kv", {2, 2, 2, 2, 2, UINT32_MAX}, 6, "[5] is -1, expected 1"},
        {"gemma4.attention.head_count_kv", {2, 2, 3, 2, 2, 2}, 6, "cannot share 3 key/value heads"},
        {"gemma4.attention.head_count_kv", {2, 1, 2, 2, 2, 2}, 6,
            "blk.1.attn_k.weight is 128 x 64"},
    };
    static struct variant variant;
    struct arch_case c;
    char path[2 * TEST_PATH];
    if (!find_gemma4(path))
        skip();
    make_temporary(c.model);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_variant(&variant, path);
        variant.set[variant.n_set++] = cases[i].key;
        write_variant(&variant, c.model);
        expect_refused(c.model, cases[i].status, cases[i].words);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        open_variant(&variant, path);
        make_list(&variant, lists[i].name, lists[i].items, lists[i].n);
        write_variant(&variant, c.model);
        expect_refused(c.model, HEKLA_FORMAT, lists[i].words);
    }
    unlink(c.model);
}

/* Saved in the middle and restored by the reference with other rings. */
static void saved_layers(void **state)
{
    (void)state;
    enum { N = 90, HALF = 47 };
    static const enum hekla_kv_type types[] = {HEKLA_KV_F32, HEKLA_KV_F16, HEKLA_KV_Q4_0};
    char path[2 * TEST_PATH], file[TEST_PATH];
    hekla_token tokens[N];
    struct hekla_error err;
    if (!find_gemma4(path))
        skip();
    make_prompt(tokens, N, N_VOCAB);
    make_temporary(file);
    hekla_model *model = open_model(path, NULL), *ref = open_model(path, "ref");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct hekla_session_options options = {.n_ctx = 256, .n_batch = 64, .kv_type = types[i]};
        hekla_session *session = open_session(model, &options);
        eval(session, tokens, HALF);
        if (hekla_session_save(session, file, NULL, 0, &err))
            fail_msg("%s", err.text);
        eval(session, tokens + HALF, N - HALF);
        uint64_t hash = hash_row(CLI_HASH_START, hekla_session_logits(session), N_VOCAB);
        hekla_session_close(session);
        options.n_ctx = 200;
        options.n_batch = 7;
        session = open_session(ref, &options);
        if (hekla_session_restore(session, file, NULL, NULL, &err))
            fail_msg("%s", err.text);
        eval(session, tokens + HALF, N - HALF);
        if (hash != hash_row(CLI_HASH_START, hekla_session_logits(session), N_VOCAB))
            fail_msg("a restored session gives other bits, with caches of type %d", types[i]);
        hekla_session_close(session);
    }
    hekla_model_close(model);
    hekla_model_close(ref);
    unlink(file);
}

/* ---- recurrent state: going back must not be seen, however it is done --------------------------
 */

enum { N_MOST = 200, N_MOVES = 40 };

struct walk {
    hekla_model *model;
    hekla_session *session;
    uint64_t random;
    char file[TEST_PATH];
};

static uint32_t below(struct walk *w, uint32_t n)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->random >> 33) % n;
}

static hekla_session *open_walk(const struct walk *w, uint32_t n_batch)
{
    return open_session(
        w->model, &(struct hekla_session_options){.n_ctx = N_CTX, .n_batch = n_batch});
}

/* The newest logits are those of a session that never held anything else. */
static void expect_as_fresh(struct walk *w, const char *move)
{
    uint32_t n = hekla_session_pos(w->session);
    hekla_session *fresh = open_walk(w, 64);
    eval(fresh, hekla_session_tokens(w->session), n);
    const float *a = hekla_session_logits(w->session), *b = hekla_session_logits(fresh);
    assert_non_null(a);
    if (memcmp(a, b, N_VOCAB * sizeof(float)))
        fail_msg("other logits after %u tokens: %s", n, move);
    hekla_session_close(fresh);
}

static void append_random(struct walk *w, uint32_t n)
{
    hekla_token tokens[N_MOST];
    for (uint32_t i = 0; i < n; i++)
        tokens[i] = (hekla_token)below(w, N_VOCAB);
    eval(w->session, tokens, n);
}

static bool stop_after(void *user, hekla_token token)
{
    (void)token;
    return --*(uint32_t *)user > 0;
}

static uint64_t count_submits(struct walk *w)
{
    struct hekla_stats stats;
    hekla_session_get_stats(w->session, &stats);
    return stats.submits;
}

/* The device has run ahead of where this stops, and nothing is evaluated again. */
static void stop_early(struct walk *w)
{
    struct hekla_error err;
    uint32_t left = 1 + below(w, 9), pos = hekla_session_pos(w->session), most = left;
    size_t n;
    assert_int_equal(hekla_session_generate(w->session, &(struct hekla_sampling){0}, 30, true,
                         stop_after, &left, &n, &err),
        HEKLA_OK);
    assert_int_equal(n, most);
    assert_int_equal(hekla_session_pos(w->session), pos + most - 1);
    uint64_t before = count_submits(w);
    append_random(w, 1);
    assert_int_equal(count_submits(w), before + 1);
}

/* Going back to near the end of a prompt costs a copy, and a step to there. */
static void go_back(struct walk *w)
{
    w->session = open_walk(w, 16);
    append_random(w, 100);
    append_random(w, 30);
    hekla_session_rewind(w->session, 90);
    uint64_t before = count_submits(w);
    append_random(w, 1);
    assert_int_equal(count_submits(w), before + 3);
    expect_as_fresh(w, "went back");
    hekla_session_close(w->session);
}

/* In a session of other steps, which goes on with it. */
static void save_and_restore(struct walk *w)
{
    struct hekla_error err;
    uint32_t pos = hekla_session_pos(w->session);
    hekla_session_rewind(w->session, pos - below(w, pos < 20 ? pos + 1 : 20));
    assert_int_equal(hekla_session_save(w->session, w->file, NULL, 0, &err), HEKLA_OK);
    hekla_session_close(w->session);
    w->session = open_walk(w, 5 + below(w, 60));
    if (hekla_session_restore(w->session, w->file, NULL, NULL, &err))
        fail_msg("%s", err.text);
    unlink(w->file);
}

static void walk(struct walk *w)
{
    static const char *const names[] = {"rewound a little", "rewound", "stopped", "saved"};
    w->session = open_walk(w, 32);
    append_random(w, 90);
    for (uint32_t i = 0; i < N_MOVES; i++) {
        uint32_t pos = hekla_session_pos(w->session), move = below(w, 4);
        if (pos > N_MOST - 40 || move == 1)
            hekla_session_rewind(w->session, below(w, pos + 1));
        else if (move == 0)
            hekla_session_rewind(w->session, pos - below(w, pos < 30 ? pos + 1 : 30));
        else if (move == 2 && hekla_session_logits(w->session))
            stop_early(w);
        else if (move == 3)
            save_and_restore(w);
        pos = hekla_session_pos(w->session);
        append_random(w, 1 + below(w, i % 3 ? 12 : pos < 100 ? 90 : 20));
        expect_as_fresh(w, names[move]);
    }
    hekla_session_close(w->session);
}

/* What is left after the context was shifted is what a new session makes of these tokens. */
static void shift(struct walk *w)
{
    struct token_list list = {.n = 0};
    struct hekla_error err;
    w->session =
        open_session(w->model, &(struct hekla_session_options){.n_ctx = 96, .n_batch = 32});
    assert_int_equal(hekla_session_set_shift(w->session, true, 5, &err), HEKLA_OK);
    append_random(w, 80);
    generate(w->session, NULL, 120, true, &list);
    eval(w->session, &list.ids[list.n - 1], 1);
    expect_as_fresh(w, "shifted");
    hekla_session_close(w->session);
}

static void states(void **state)
{
    (void)state;
    static const char *const names[] = {"lfm2", "qwen35"};
    const char *tmp = getenv("TMPDIR");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && *models; i++) {
        struct walk w = {.random = 7 + i};
        char path[2 * TEST_PATH];
        snprintf(path, sizeof(path), "%s/%s.gguf", models, names[i]);
        snprintf(
            w.file, sizeof(w.file), "%s/hekla-state-%d", tmp && *tmp ? tmp : "/tmp", (int)getpid());
        w.model = open_model(path, NULL);
        walk(&w);
        go_back(&w);
        shift(&w);
        hekla_model_close(w.model);
    }
}

/* The system's python3 first: it is the one that the distribution's numpy belongs to. */
static bool run_make_models(const char *folder)
{
    char command[3 * TEST_PATH];
    snprintf(command, sizeof(command),
        "for p in /usr/bin/python3 python3; do $p -c 'import numpy' 2>/dev/null && "
        "PYTHONDONTWRITEBYTECODE=1 $p '%s/archs/make_models.py' '%s' >/dev/null && exit 0; "
        "done; exit 1",
        shared, folder);
    int status = system(command);
    return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void make_models(void)
{
    const char *given = getenv("HEKLA_ARCH_MODELS"), *tmp = getenv("TMPDIR");
    if (given) {
        snprintf(models, sizeof(models), "%s", given);
        return;
    }
    snprintf(models, sizeof(models), "%s/hekla-archs-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    made = mkdtemp(models);
    if (made && run_make_models(models))
        return;
    if (made)
        rmdir(models);
    made = false;
    *models = 0;
}

static void remove_models(void)
{
    char command[TEST_PATH + 40];
    if (!made)
        return;
    snprintf(command, sizeof(command), "rm -rf '%s'", models);
    if (system(command) != 0)
        printf("%s was not removed\n", models);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows), cmocka_unit_test(states),
        cmocka_unit_test(values_that_are_keys), cmocka_unit_test(experts_beside),
        cmocka_unit_test(bad_layers), cmocka_unit_test(saved_layers), cmocka_unit_test(all_cases)};
    shared = find_shared();
    if (!shared)
        return TEST_SKIPPED;
    make_models();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_models();
    return failed;
}
