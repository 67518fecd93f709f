/*
 * Architectures of which ../shared has no models: tiny ones are made here (arch_files.h), and some
 * rows of their logits compared with those of llama.cpp's CPU backend (0.7.0; F32 cache, no flash
 * attention), which are kept in vectors/archs/NAME.f32. (Of qwen2vl it does not read the epsilon:
 * those are the rows of the same weights as qwen2.) NAME.embd.f32: of its hidden states. The bits
 * must not depend on the device nor on how a prompt is cut.
 *
 * HEKLA_ARCH_FILES=FOLDER only writes the models there, to make such rows: the prompt is
 * make_prompt's of N_PROMPT tokens, the rows are kept_rows.
 */
#include "model_test.h"

#include "latent_files.h"

#include <math.h>

enum { N_PROMPT = 40, N_VOCAB = ARCH_FILE_VOCAB, N_EMBD = 64, N_KEPT = 4 };
static const uint32_t kept_rows[N_KEPT] = {0, 12, 25, N_PROMPT - 1};
/* As ../shared/archs has them for F32; llama.cpp looks GELU up in a table of halves. */
static const double bound = 1e-3, gelu_bound = 3e-2;

static struct arch_file begin(const char *arch, uint64_t seed)
{
    return (struct arch_file){.arch = arch,
        .random = seed,
        .n_layer = 4,
        .n_embd = 64,
        .n_head = 4,
        .n_head_kv = 2,
        .head_dim = 16,
        .n_ff = 96};
}

/* A llama's layers; and what some have besides. */
enum { PLAIN = 0, QKV_BIASES = 1, HEAD_NORMS = 2 };
static void add_layers(struct arch_file *f, const char *ffn_norm, int more)
{
    for (uint32_t i = 0; i < f->n_layer; i++) {
        arch_file_norm(f, i, "attn_norm", f->n_embd, false);
        arch_file_attention(f, i, false);
        if (more & QKV_BIASES)
            arch_file_qkv_biases(f, i);
        if (more & HEAD_NORMS)
            arch_file_qk_norms(f, i, f->head_dim, f->head_dim);
        arch_file_norm(f, i, ffn_norm, f->n_embd, false);
        arch_file_ffn(f, i, true, false);
    }
}

static struct build make_llama(const char *arch, uint64_t seed, bool tied)
{
    struct arch_file f = begin(arch, seed);
    arch_file_begin(&f, false, false, tied);
    add_layers(&f, "ffn_norm", PLAIN);
    return arch_file_end(&f);
}

static struct build make_gemma(void)
{
    struct arch_file f = begin("gemma", 1);
    f.head_dim = 32;
    arch_file_begin(&f, false, false, true);
    add_layers(&f, "ffn_norm", PLAIN);
    return arch_file_end(&f);
}

static struct build make_exaone(void)
{
    return make_llama("exaone", 2, false);
}

static struct build make_internlm2(void)
{
    return make_llama("internlm2", 3, false);
}

/* The same with a layer behind the last that guesses further tokens: it is left out. */
static struct build make_internlm2_next(void)
{
    struct arch_file f = begin("internlm2", 3);
    f.n_layer = 5;
    arch_file_begin(&f, false, false, false);
    arch_file_u32(&f, "nextn_predict_layers", 1);
    add_layers(&f, "ffn_norm", PLAIN);
    arch_file_matrix(&f, 4, "nextn.eh_proj", 128, 64, 1);
    arch_file_norm(&f, 4, "nextn.enorm", 64, false);
    return arch_file_end(&f);
}

static struct build make_ernie4_5(void)
{
    return make_llama("ernie4_5", 4, true);
}

static struct build make_seed_oss(void)
{
    struct arch_file f = begin("seed_oss", 5);
    arch_file_begin(&f, false, false, false);
    add_layers(&f, "post_attention_norm", QKV_BIASES);
    return arch_file_end(&f);
}

static struct build make_starcoder2(void)
{
    struct arch_file f = begin("starcoder2", 6);
    arch_file_begin(&f, true, true, false);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_norm(&f, i, "attn_norm", f.n_embd, true);
        arch_file_attention(&f, i, true);
        arch_file_norm(&f, i, "ffn_norm", f.n_embd, true);
        arch_file_ffn(&f, i, false, true);
    }
    return arch_file_end(&f);
}

static void add_post_norm_layers(struct arch_file *f, uint64_t q_norm, uint64_t k_norm)
{
    for (uint32_t i = 0; i < f->n_layer; i++) {
        arch_file_attention(f, i, false);
        arch_file_qk_norms(f, i, q_norm, k_norm);
        arch_file_norm(f, i, "post_attention_norm", f->n_embd, false);
        arch_file_ffn(f, i, true, false);
        arch_file_norm(f, i, "post_ffw_norm", f->n_embd, false);
    }
}

static struct build make_olmo2(void)
{
    struct arch_file f = begin("olmo2", 7);
    arch_file_begin(&f, false, false, false);
    add_post_norm_layers(&f, 64, 32);
    return arch_file_end(&f);
}

/* OLMo 3 */
static struct build make_olmo2_window(void)
{
    struct arch_file f = begin("olmo2", 8);
    arch_file_begin(&f, false, false, false);
    arch_file_u32(&f, "attention.sliding_window", 9);
    build_key_text(&f.keys, arch_file_key(&f, "rope.scaling.type"), "yarn");
    arch_file_f32(&f, "rope.scaling.factor", 4);
    arch_file_u32(&f, "rope.scaling.original_context_length", 64);
    add_post_norm_layers(&f, 64, 32);
    return arch_file_end(&f);
}

static struct build make_exaone4(void)
{
    struct arch_file f = begin("exaone4", 9);
    arch_file_begin(&f, false, false, true);
    add_post_norm_layers(&f, 16, 16);
    return arch_file_end(&f);
}

/* Windows come with the depth of the 32B. */
static struct build make_exaone4_window(void)
{
    struct arch_file f = begin("exaone4", 10);
    f.n_layer = 64;
    f.n_embd = 32;
    f.n_head = 2;
    f.n_head_kv = 1;
    f.n_ff = 32;
    arch_file_begin(&f, false, false, false);
    arch_file_u32(&f, "attention.sliding_window", 9);
    add_post_norm_layers(&f, 16, 16);
    return arch_file_end(&f);
}

static struct build make_olmoe(void)
{
    struct arch_file f = begin("olmoe", 13);
    f.n_head_kv = f.n_head;
    f.n_ff = 32;
    arch_file_begin(&f, false, false, false);
    arch_file_u32(&f, "expert_count", 8);
    arch_file_u32(&f, "expert_used_count", 3);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_norm(&f, i, "attn_norm", f.n_embd, false);
        arch_file_attention(&f, i, false);
        arch_file_qk_norms(&f, i, 64, 64);
        arch_file_norm(&f, i, "ffn_norm", f.n_embd, false);
        arch_file_experts(&f, i, 8, f.n_ff);
    }
    return arch_file_end(&f);
}

/* Positions of text have equal parts. */
static void add_sections(struct arch_file *f)
{
    const uint32_t sections[] = {3, 3, 2, 0};
    build_key_array(&f->keys, arch_file_key(f, "rope.dimension_sections"), GGUF_I32, 4);
    for (int i = 0; i < 4; i++)
        build_int(&f->keys, sections[i], 4);
}

static struct build make_qwen2vl(void)
{
    struct arch_file f = begin("qwen2vl", 14);
    arch_file_begin(&f, false, false, false);
    add_sections(&f);
    add_layers(&f, "ffn_norm", QKV_BIASES);
    return arch_file_end(&f);
}

static struct build make_qwen3vl(void)
{
    struct arch_file f = begin("qwen3vl", 15);
    arch_file_begin(&f, false, false, true);
    add_sections(&f);
    add_layers(&f, "ffn_norm", HEAD_NORMS);
    return arch_file_end(&f);
}

static struct arch_file begin_cohere(const char *arch, uint64_t seed)
{
    struct arch_file f = begin(arch, seed);
    arch_file_begin(&f, true, false, true);
    arch_file_f32(&f, "logit_scale", 0.25f);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_norm(&f, i, "attn_norm", f.n_embd, false);
        arch_file_attention(&f, i, false);
        arch_file_ffn(&f, i, true, false);
    }
    return f;
}

static struct build make_command_r(void)
{
    struct arch_file f = begin_cohere("command-r", 11);
    return arch_file_end(&f);
}

static struct build make_cohere2(void)
{
    struct arch_file f = begin_cohere("cohere2", 12);
    arch_file_u32(&f, "attention.sliding_window", 9);
    return arch_file_end(&f);
}

static struct build make_bert_with(uint64_t seed, bool fused)
{
    struct arch_file f = begin("bert", seed);
    struct build vocab = arch_file_vocab();
    f.n_head_kv = f.n_head;
    arch_file_bert(&f, &vocab, ARCH_FILE_VOCAB, fused);
    return arch_file_end(&f);
}

static struct build make_bert(void)
{
    return make_bert_with(16, false);
}

static struct build make_bert_fused(void)
{
    return make_bert_with(17, true);
}

static struct build make_nomic_bert(void)
{
    struct arch_file f = begin("nomic-bert", 18);
    struct build vocab = arch_file_vocab();
    f.n_head_kv = f.n_head;
    arch_file_keys(&f, true, &vocab);
    build_key_int(&f.keys, arch_file_key(&f, "attention.causal"), GGUF_BOOL, 0, 1);
    build_key_u32(&f.keys, "tokenizer.ggml.token_type_count", 2);
    f.n_keys++;
    arch_file_tensor(&f, "token_embd.weight", f.n_embd, ARCH_FILE_VOCAB, 0, 1);
    arch_file_tensor(&f, "token_types.weight", f.n_embd, 2, 0, 0.5f);
    arch_file_embedding_norm(&f);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_matrix(&f, i, "attn_qkv", f.n_embd, 192, 1.5f);
        arch_file_matrix(&f, i, "attn_output", 64, f.n_embd, 1);
        arch_file_norm(&f, i, "attn_output_norm", f.n_embd, true);
        arch_file_ffn(&f, i, true, false);
        arch_file_norm(&f, i, "layer_output_norm", f.n_embd, true);
    }
    return arch_file_end(&f);
}

enum { N_EXPERTS = 8, EXPERT_N_FF = 32 };

static void add_expert_keys(struct arch_file *f)
{
    arch_file_u32(f, "expert_count", N_EXPERTS);
    arch_file_u32(f, "expert_used_count", 3);
    arch_file_u32(f, "expert_feed_forward_length", EXPERT_N_FF);
}

/* Rated by sigmoid, chosen with a bias, behind a dense layer. */
static void add_routing_keys(struct arch_file *f)
{
    add_expert_keys(f);
    arch_file_u32(f, "expert_gating_func", 2);
    arch_file_u32(f, "expert_shared_count", 2);
    arch_file_u32(f, "leading_dense_block_count", 1);
    arch_file_f32(f, "expert_weights_scale", 1.5f);
    arch_file_bool(f, "expert_weights_norm", true);
}

static void add_routed_experts(struct arch_file *f, uint32_t layer, uint64_t shared)
{
    arch_file_experts(f, layer, N_EXPERTS, EXPERT_N_FF);
    arch_file_bias(f, layer, "exp_probs_b", N_EXPERTS);
    if (shared)
        arch_file_shared(f, layer, shared);
}

static struct build make_dots1(void)
{
    struct arch_file f = begin("dots1", 18);
    f.n_head_kv = f.n_head;
    arch_file_begin(&f, false, false, false);
    add_routing_keys(&f);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_norm(&f, i, "attn_norm", f.n_embd, false);
        arch_file_attention(&f, i, false);
        arch_file_qk_norms(&f, i, f.head_dim, f.head_dim);
        arch_file_norm(&f, i, "ffn_norm", f.n_embd, false);
        i == 0 ? arch_file_ffn(&f, i, true, false) : add_routed_experts(&f, i, 2 * EXPERT_N_FF);
    }
    return arch_file_end(&f);
}

static struct build make_glm4moe_with(uint64_t seed, bool norms)
{
    struct arch_file f = begin("glm4moe", seed);
    arch_file_begin(&f, false, false, false);
    arch_file_u32(&f, "rope.dimension_count", 8);
    add_routing_keys(&f);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_norm(&f, i, "attn_norm", f.n_embd, false);
        arch_file_attention(&f, i, false);
        arch_file_qkv_biases(&f, i);
        if (norms)
            arch_file_qk_norms(&f, i, f.head_dim, f.head_dim);
        arch_file_norm(&f, i, "post_attention_norm", f.n_embd, false);
        i == 0 ? arch_file_ffn(&f, i, true, false) : add_routed_experts(&f, i, 2 * EXPERT_N_FF);
    }
    return arch_file_end(&f);
}

static struct build make_glm4moe(void)
{
    return make_glm4moe_with(19, true);
}

static struct build make_glm4moe_air(void)
{
    return make_glm4moe_with(20, false);
}

static struct build make_ernie4_5_moe(void)
{
    struct arch_file f = begin("ernie4_5-moe", 21);
    arch_file_begin(&f, false, false, true);
    add_expert_keys(&f);
    arch_file_u32(&f, "expert_shared_feed_forward_length", 64);
    arch_file_u32(&f, "leading_dense_block_count", 1);
    arch_file_u32(&f, "interleave_moe_layer_step", 1);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_norm(&f, i, "attn_norm", f.n_embd, false);
        arch_file_attention(&f, i, false);
        arch_file_norm(&f, i, "ffn_norm", f.n_embd, false);
        i == 0 ? arch_file_ffn(&f, i, true, false) : add_routed_experts(&f, i, 64);
    }
    return arch_file_end(&f);
}

static struct build make_minimax_m2(void)
{
    struct arch_file f = begin("minimax-m2", 22);
    f.n_ff = EXPERT_N_FF;
    arch_file_begin(&f, false, false, false);
    arch_file_u32(&f, "rope.dimension_count", 8);
    add_expert_keys(&f);
    arch_file_u32(&f, "expert_gating_func", 2);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_norm(&f, i, "attn_norm", f.n_embd, false);
        arch_file_attention(&f, i, false);
        arch_file_qk_norms(&f, i, 64, 32);
        arch_file_norm(&f, i, "ffn_norm", f.n_embd, false);
        add_routed_experts(&f, i, 0);
    }
    return arch_file_end(&f);
}

static struct build make_deepseek_v3(void)
{
    return make_latent(&latent_v3);
}

static struct build make_deepseek_v2_lite(void)
{
    return make_latent(&latent_lite);
}

/* ENCODER: rows are of hidden states. */
enum { GELU = 1, ENCODER = 2 };
static const struct {
    const char *name;
    struct build (*make)(void);
    int flags;
    const char *golden; /* NULL: as the name */
} cases[] = {
    {"gemma", make_gemma, GELU, NULL},
    {"exaone", make_exaone, 0, NULL},
    {"internlm2", make_internlm2, 0, NULL},
    {"internlm2-next", make_internlm2_next, 0, "internlm2"},
    {"ernie4_5", make_ernie4_5, 0, NULL},
    {"seed_oss", make_seed_oss, 0, NULL},
    {"starcoder2", make_starcoder2, GELU, NULL},
    {"olmo2", make_olmo2, 0, NULL},
    {"olmo2-window", make_olmo2_window, 0, NULL},
    {"olmoe", make_olmoe, 0, NULL},
    {"qwen2vl", make_qwen2vl, 0, NULL},
    {"qwen3vl", make_qwen3vl, 0, NULL},
    {"exaone4", make_exaone4, 0, NULL},
    {"exaone4-window", make_exaone4_window, 0, NULL},
    {"command-r", make_command_r, 0, NULL},
    {"cohere2", make_cohere2, 0, NULL},
    {"dots1", make_dots1, 0, NULL},
    {"glm4moe", make_glm4moe, 0, NULL},
    {"glm4moe-air", make_glm4moe_air, 0, NULL},
    {"ernie4_5-moe", make_ernie4_5_moe, 0, NULL},
    {"minimax-m2", make_minimax_m2, 0, NULL},
    {"bert", make_bert, GELU | ENCODER, NULL},
    {"bert-fused", make_bert_fused, GELU | ENCODER, NULL},
    {"nomic-bert", make_nomic_bert, ENCODER, NULL},
    {"deepseek-v3", make_deepseek_v3, 0, NULL},
    {"deepseek-v2-lite", make_deepseek_v2_lite, 0, NULL},
};
enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

static char folder[TEST_PATH];
static bool keep;

static void put_row(void *user, uint32_t pos, const float *logits)
{
    assert_true(pos < N_PROMPT);
    memcpy((float *)user + (size_t)pos * N_VOCAB, logits, N_VOCAB * sizeof(float));
}

static double compare(const char *name, const float *rows, uint32_t width)
{
    char path[TEST_PATH];
    size_t n;
    double worst = 0;
    snprintf(path, sizeof(path), HEKLA_SOURCE_DIR "/tests/model/vectors/archs/%s.f32", name);
    char *data = read_file(path, &n);
    assert_int_equal(n, N_KEPT * width * sizeof(float));
    for (uint32_t k = 0; k < N_KEPT; k++)
        for (uint32_t i = 0; i < width; i++) {
            float expected;
            memcpy(&expected, data + ((size_t)k * width + i) * 4, 4);
            double d = fabs((double)rows[(size_t)kept_rows[k] * width + i] - (double)expected);
            worst = fmax(worst, isnan(d) ? INFINITY : d);
        }
    free(data);
    return worst;
}

/* Logits, or hidden states in place of them. */
static float *evaluate(hekla_model *model, uint32_t n_batch, bool embeddings)
{
    float *rows = calloc((size_t)N_PROMPT * N_VOCAB, sizeof(float));
    hekla_token prompt[N_PROMPT];
    struct hekla_error err;
    assert_non_null(rows);
    assert_int_equal(vocab_of(model), N_VOCAB);
    make_prompt(prompt, N_PROMPT, N_VOCAB);
    hekla_session *session = open_session(model,
        &(struct hekla_session_options){
            .n_ctx = 64, .n_batch = n_batch, .all_logits = !embeddings, .embeddings = embeddings});
    if (embeddings &&
        hekla_session_embed(session, prompt, N_PROMPT, HEKLA_POOLING_NONE, rows, &err))
        fail_msg("%s", err.text);
    hekla_session_on_logits(session, put_row, rows);
    if (!embeddings)
        eval(session, prompt, N_PROMPT);
    hekla_session_close(session);
    return rows;
}

static void check_golden(const char *golden, const float *rows, bool embeddings, double most)
{
    double worst = compare(golden, rows, embeddings ? N_EMBD : N_VOCAB);
    printf("%-16s differs by at most %.2g (bound %g)\n", golden, worst, most);
    if (!(worst <= most))
        fail_msg("%s: %s differ by %g", golden, embeddings ? "hidden states" : "logits", worst);
}

static void all_cases(void **state)
{
    (void)state;
    const size_t size = (size_t)N_PROMPT * N_VOCAB * sizeof(float);
    for (int i = 0; i < N_CASES; i++) {
        char path[2 * TEST_PATH];
        snprintf(path, sizeof(path), "%s/%s.gguf", folder, cases[i].name);
        arch_file_write(cases[i].make(), path);
        if (keep)
            continue;
        bool encoder = cases[i].flags & ENCODER;
        hekla_model *model = open_model(path, NULL), *ref = open_model(path, "ref");
        float *rows = evaluate(model, N_PROMPT, encoder),
              *others[] = {evaluate(model, 7, encoder), evaluate(ref, 16, encoder)};
        for (int k = 0; k < 2; k++) {
            if (memcmp(rows, others[k], size))
                fail_msg(
                    "%s: other bits %s", cases[i].name, k ? "by the reference" : "in batches of 7");
            free(others[k]);
        }
        const char *golden = cases[i].golden ? cases[i].golden : cases[i].name;
        check_golden(golden, rows, encoder, cases[i].flags & GELU ? gelu_bound : bound);
        free(rows);
        if (!strcmp(golden, "internlm2")) {
            rows = evaluate(model, 16, true);
            check_golden("internlm2.embd", rows, true, bound);
            free(rows);
        }
        hekla_model_close(model);
        hekla_model_close(ref);
        remove(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases)};
    const char *given = getenv("HEKLA_ARCH_FILES"), *tmp = getenv("TMPDIR");
    keep = given;
    snprintf(folder, sizeof(folder), "%s/hekla-arch-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (given)
        snprintf(folder, sizeof(folder), "%s", given);
    else if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (!keep)
        rmdir(folder);
    return failed;
}
