/*
 * Samplers against a straightforward computation of the same distribution in double precision: for
 * fixed logits, tokens drawn with many seeds must be as frequent as it says (chi-square), and never
 * one that it drops. Where the device has the chain, the host draws the reference's token.
 */
#include "sample/sample.h"

#include "ref/ref.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { V = 48, DRAWS = 6000 };

static float logits[V];
/* Repeats "1 2 3" and ends in "1 2"; 9 is a sequence breaker. */
static const hekla_token history[] = {4, 1, 2, 3, 9, 5, 1, 2, 3, 7, 7, 1, 2};
enum { N_HISTORY = sizeof(history) / sizeof(history[0]) };

static int make_logits(void **state)
{
    uint64_t x = 99;
    (void)state;
    for (int i = 0; i < V; i++) {
        double sum = 0;
        for (int k = 0; k < 6; k++) {
            x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            sum += (double)(x >> 40) / 16777216.0 - 0.5;
        }
        logits[i] = (float)(3 * sum) + (float)i * 1e-3f;
    }
    return 0;
}

static size_t bytes_of(const void *user, hekla_token token, char *out, size_t cap)
{
    (void)user;
    char text = (char)('A' + token);
    if (token == 9)
        text = '\n';
    if (cap > 0)
        out[0] = text;
    return 1;
}

static bool never_ends(const void *user, hekla_token token)
{
    (void)user;
    (void)token;
    return false;
}

static const struct sample_vocab vocab = {V, bytes_of, never_ends, NULL};

/* ---- the other computation --------------------------------------------------------------------
 */

struct dist {
    double logit[V], p[V];
    bool in[V];
};

static double best_of(const struct dist *d)
{
    double best = -1e300;
    for (int i = 0; i < V; i++)
        if (d->in[i] && d->logit[i] > best)
            best = d->logit[i];
    return best;
}

static void softmax(struct dist *d)
{
    double top = best_of(d), sum = 0;
    for (int i = 0; i < V; i++)
        sum += d->p[i] = d->in[i] ? exp(d->logit[i] - top) : 0;
    for (int i = 0; i < V; i++)
        d->p[i] /= sum;
}

/* Indices by falling value. */
static void sort_by(const double *value, int *order)
{
    for (int i = 0; i < V; i++)
        order[i] = i;
    for (int i = 1; i < V; i++)
        for (int k = i; k > 0 && value[order[k]] > value[order[k - 1]]; k--) {
            int swap = order[k];
            order[k] = order[k - 1];
            order[k - 1] = swap;
        }
}

/* Keeps the first ones in the order of `value` until their probabilities exceed `mass`. */
static void keep_mass(struct dist *d, const double *value, double mass)
{
    int order[V];
    double sum = 0;
    sort_by(value, order);
    for (int i = 0; i < V; i++) {
        bool enough = sum >= mass;
        if (d->in[order[i]])
            sum += d->p[order[i]];
        d->in[order[i]] &= !enough;
    }
}

static double entropy_of(const struct dist *d)
{
    double h = 0;
    for (int i = 0; i < V; i++)
        if (d->p[i] > 0)
            h -= d->p[i] * log(d->p[i]);
    return h;
}

static int count_of(const struct dist *d)
{
    int n = 0;
    for (int i = 0; i < V; i++)
        n += d->in[i];
    return n;
}

static void apply_penalties(struct dist *d, const struct hekla_sampling *p)
{
    int last = (int)p->penalty_last_n < N_HISTORY ? (int)p->penalty_last_n : N_HISTORY;
    for (int i = 0; i < V; i++) {
        int n = 0;
        for (int h = N_HISTORY - last; h < N_HISTORY; h++)
            n += history[h] == i;
        if (!n)
            continue;
        double repeat = p->repeat_penalty > 0 ? (double)p->repeat_penalty : 1;
        d->logit[i] = d->logit[i] > 0 ? d->logit[i] / repeat : d->logit[i] * repeat;
        d->logit[i] -= n * (double)p->frequency_penalty + (double)p->presence_penalty;
    }
}

/* By trying: for each next token, the longest end of the history that came before it earlier,
 * looking back to the last breaker only. */
static void apply_dry(struct dist *d, const struct hekla_sampling *p)
{
    int limit = 0;
    while (limit < N_HISTORY && history[N_HISTORY - 1 - limit] != 9)
        limit++;
    for (int id = 0; id < V; id++) {
        int longest = 0;
        for (int at = 1; at < N_HISTORY; at++) {
            int n = 0;
            while (n < limit && n < at && history[at - 1 - n] == history[N_HISTORY - 1 - n])
                n++;
            if (history[at] == id && n > longest)
                longest = n;
        }
        int allowed = p->dry_allowed_length ? (int)p->dry_allowed_length : 2;
        double base = p->dry_base > 0 ? (double)p->dry_base : 1.75;
        if (longest >= allowed && id != 9)
            d->logit[id] -= (double)p->dry_multiplier * pow(base, longest - allowed);
    }
}

static void apply_sigma(struct dist *d, double n)
{
    double sum = 0, squares = 0, top = best_of(d);
    for (int i = 0; i < V; i++)
        sum += d->in[i] ? d->logit[i] : 0;
    double mean = sum / count_of(d);
    for (int i = 0; i < V; i++)
        squares += d->in[i] ? (d->logit[i] - mean) * (d->logit[i] - mean) : 0;
    double sigma = sqrt(squares / count_of(d));
    for (int i = 0; i < V; i++)
        d->in[i] &= d->logit[i] >= top - n * sigma;
}

static void apply_top_k(struct dist *d, int k)
{
    int order[V], n = 0;
    sort_by(d->logit, order);
    for (int i = 0; i < V; i++)
        if (d->in[order[i]] && ++n > k)
            d->in[order[i]] = false;
}

static void apply_typical(struct dist *d, double mass)
{
    double near[V], h;
    softmax(d);
    h = entropy_of(d);
    for (int i = 0; i < V; i++)
        near[i] = d->in[i] ? -fabs(-log(d->p[i]) - h) : -1e300;
    keep_mass(d, near, mass);
}

static void apply_top_p(struct dist *d, double mass)
{
    softmax(d);
    double p[V];
    memcpy(p, d->p, sizeof(p));
    keep_mass(d, p, mass);
}

static void apply_min_p(struct dist *d, double least)
{
    double top = best_of(d);
    for (int i = 0; i < V; i++)
        d->in[i] &= exp(d->logit[i] - top) >= least;
}

/* As it is when XTC strikes. */
static void apply_xtc(struct dist *d, double threshold)
{
    int above = 0, last = -1;
    softmax(d);
    for (int i = 0; i < V; i++)
        if (d->in[i] && d->p[i] >= threshold) {
            above++;
            if (last < 0 || d->p[i] < d->p[last])
                last = i;
        }
    for (int i = 0; i < V; i++)
        d->in[i] &= above < 2 || d->p[i] < threshold || i == last;
}

static void apply_temperature(struct dist *d, const struct hekla_sampling *p)
{
    double t = (double)p->temperature;
    if (p->dynatemp_range > 0) {
        double range = (double)p->dynatemp_range, least = t > range ? t - range : 0;
        double exponent = p->dynatemp_exponent > 0 ? (double)p->dynatemp_exponent : 1;
        softmax(d);
        t = least + (t + range - least) * pow(entropy_of(d) / log(count_of(d)), exponent);
    }
    for (int i = 0; i < V; i++)
        d->logit[i] /= t;
}

static void apply(struct dist *d, const struct hekla_sampling *p, char letter, bool strikes)
{
    if (letter == 'e')
        apply_penalties(d, p);
    if (letter == 'd' && p->dry_multiplier > 0)
        apply_dry(d, p);
    if (letter == 's' && p->top_n_sigma > 0)
        apply_sigma(d, (double)p->top_n_sigma);
    if (letter == 'k' && p->top_k > 0)
        apply_top_k(d, (int)p->top_k);
    if (letter == 'y' && p->typical_p > 0)
        apply_typical(d, (double)p->typical_p);
    if (letter == 'p' && p->top_p > 0)
        apply_top_p(d, (double)p->top_p);
    if (letter == 'm' && p->min_p > 0)
        apply_min_p(d, (double)p->min_p);
    if (letter == 'x' && strikes)
        apply_xtc(d, p->xtc_threshold > 0 ? (double)p->xtc_threshold : 0.1);
    if (letter == 't')
        apply_temperature(d, p);
}

static struct dist start(const struct hekla_sampling *p)
{
    struct dist d;
    for (int i = 0; i < V; i++) {
        d.logit[i] = (double)logits[i];
        d.in[i] = true;
    }
    for (size_t i = 0; i < p->n_logit_bias; i++) {
        d.logit[p->logit_bias[i].token] += (double)p->logit_bias[i].bias;
        d.in[p->logit_bias[i].token] &= !isinf(p->logit_bias[i].bias);
    }
    return d;
}

static struct dist compute(const struct hekla_sampling *p)
{
    const char *order = p->mirostat ? "t" : p->sampler_seq ? p->sampler_seq : "edskypmxt";
    struct dist d = start(p), other = d;
    for (const char *c = order; *c; c++) {
        apply(&d, p, *c, false);
        apply(&other, p, *c, true);
    }
    softmax(&d);
    softmax(&other);
    double strikes = (double)p->xtc_probability;
    for (int i = 0; i < V; i++) {
        d.p[i] = (1 - strikes) * d.p[i] + strikes * other.p[i];
        d.in[i] = d.p[i] > 0;
    }
    return d;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static struct sampler *create(struct hekla_sampling p, uint64_t seed)
{
    struct sampler *s = NULL;
    struct sample_chain chain;
    struct hekla_error err = {0};
    p.seed = seed;
    if (sample_chain_init(&chain, &p, V, &err) || sampler_create(&s, &chain, &vocab, &err))
        fail_msg("%s", err.text);
    return s;
}

/* Five standard deviations of chi-square, for bins of at least five expected draws. */
static void check_counts(const char *name, const uint32_t *count, const double *p, uint32_t draws)
{
    double chi = 0, rest_p = 0;
    uint32_t rest = 0;
    int bins = 0;
    for (int i = 0; i < V; i++) {
        double expected = p[i] * draws;
        if (p[i] <= 0 && count[i])
            fail_msg("%s: token %d was drawn %u times and should be never", name, i, count[i]);
        if (expected < 5) {
            rest += count[i];
            rest_p += p[i];
            continue;
        }
        chi += (count[i] - expected) * (count[i] - expected) / expected;
        bins++;
    }
    if (rest_p * draws >= 5) {
        chi += (rest - rest_p * draws) * (rest - rest_p * draws) / (rest_p * draws);
        bins++;
    }
    double freedom = bins - 1, allowed = freedom + 5 * sqrt(2 * freedom) + (bins > 1 ? 5 : 0);
    printf("%-28s %2d bins, chi-square %6.1f of %.1f\n", name, bins, chi, allowed);
    if (chi > allowed)
        fail_msg("%s: chi-square %.1f with %.0f degrees of freedom", name, chi, freedom);
}

static void check(const char *name, struct hekla_sampling p)
{
    uint32_t count[V] = {0};
    struct dist d = compute(&p);
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct sampler *s = create(p, i * UINT64_C(7919));
        hekla_token token = sampler_draw(s, logits, history, N_HISTORY, NULL);
        assert_in_range(token, 0, V - 1);
        count[token]++;
        sampler_destroy(s);
    }
    check_counts(name, count, d.p, DRAWS);
}

static void draws_are_as_frequent_as_computed(void **state)
{
    static const struct hekla_logit_bias bias[] = {{3, 2.5f}, {5, -INFINITY}, {7, -1}};
    (void)state;
    check("temperature", (struct hekla_sampling){.temperature = 0.7f});
    check("temperature 1", (struct hekla_sampling){.temperature = 1});
    check("dynamic temperature", (struct hekla_sampling){.temperature = 1, .dynatemp_range = 0.7f});
    check("dynamic temperature, exponent",
        (struct hekla_sampling){
            .temperature = 0.8f, .dynatemp_range = 2, .dynatemp_exponent = 2.5f});
    check("top_k", (struct hekla_sampling){.temperature = 1, .top_k = 7});
    check("top_p", (struct hekla_sampling){.temperature = 1, .top_p = 0.8f});
    check("min_p", (struct hekla_sampling){.temperature = 1, .min_p = 0.15f});
    check("typical", (struct hekla_sampling){.temperature = 1, .typical_p = 0.6f});
    check("top_n_sigma", (struct hekla_sampling){.temperature = 1.5f, .top_n_sigma = 1.2f});
    check("xtc",
        (struct hekla_sampling){.temperature = 1, .xtc_probability = 0.4f, .xtc_threshold = 0.05f});
    check("xtc, always",
        (struct hekla_sampling){.temperature = 1, .xtc_probability = 1, .xtc_threshold = 0.04f});
    check("penalties", (struct hekla_sampling){.temperature = 1,
                           .repeat_penalty = 1.3f,
                           .presence_penalty = 0.4f,
                           .frequency_penalty = 0.3f,
                           .penalty_last_n = 9});
    check("dry", (struct hekla_sampling){.temperature = 1, .dry_multiplier = 0.8f});
    check("dry, longer",
        (struct hekla_sampling){
            .temperature = 1, .dry_multiplier = 1.5f, .dry_base = 1.3f, .dry_allowed_length = 1});
    check("logit bias",
        (struct hekla_sampling){.temperature = 1, .logit_bias = bias, .n_logit_bias = 3});
    check("all", (struct hekla_sampling){.temperature = 0.9f,
                     .dynatemp_range = 0.2f,
                     .top_k = 30,
                     .top_p = 0.95f,
                     .min_p = 0.02f,
                     .typical_p = 0.95f,
                     .top_n_sigma = 3,
                     .xtc_probability = 0.5f,
                     .xtc_threshold = 0.1f,
                     .repeat_penalty = 1.1f,
                     .penalty_last_n = 64,
                     .dry_multiplier = 0.5f,
                     .logit_bias = bias,
                     .n_logit_bias = 3});
    check("temperature first",
        (struct hekla_sampling){
            .temperature = 1.7f, .top_p = 0.8f, .top_k = 12, .sampler_seq = "tpk"});
    check("without temperature",
        (struct hekla_sampling){.temperature = 0.3f, .min_p = 0.1f, .sampler_seq = "m"});
    check("nothing at all", (struct hekla_sampling){.temperature = 0.3f, .sampler_seq = ""});
    check("penalties last", (struct hekla_sampling){.temperature = 1,
                                .top_k = 9,
                                .repeat_penalty = 1.5f,
                                .penalty_last_n = 64,
                                .sampler_seq = "ke"});
}

/* ---- those that learn -------------------------------------------------------------------------
 */

/* Truncates and gives what is left, as mirostat does with mu. */
static void mirostat_step(struct dist *d, int version, double mu)
{
    int order[V], kept = 0;
    softmax(d);
    sort_by(d->p, order);
    if (version == 1) {
        double products = 0, squares = 0;
        for (int i = 0; i < V - 1; i++) {
            double t = log((double)(i + 2) / (i + 1));
            products += t * log(d->p[order[i]] / d->p[order[i + 1]]);
            squares += t * t;
        }
        double s = products / squares, e = s - 1;
        double k = pow(e * pow(2, mu) / (1 - pow(V, -e)), 1 / s);
        kept = k < 1 ? 1 : k > V ? V : (int)k;
    } else {
        while (kept < V && -log2(d->p[order[kept]]) <= mu)
            kept++;
        kept = kept ? kept : 1;
    }
    for (int i = kept; i < V; i++)
        d->in[order[i]] = false;
    softmax(d);
}

static void check_mirostat(const char *name, struct hekla_sampling p)
{
    uint32_t count[V] = {0}, second[V] = {0}, n_second = 0;
    double tau = (double)p.mirostat_tau, eta = (double)p.mirostat_eta;
    struct dist d = start(&p), next = start(&p);
    apply_temperature(&d, &p);
    apply_temperature(&next, &p);
    mirostat_step(&d, (int)p.mirostat, 2 * tau);
    int favourite = 0;
    for (int i = 0; i < V; i++)
        favourite = d.p[i] > d.p[favourite] ? i : favourite;
    mirostat_step(&next, (int)p.mirostat, 2 * tau - eta * (-log2(d.p[favourite]) - tau));
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct sampler *s = create(p, i * UINT64_C(104729));
        hekla_token token = sampler_draw(s, logits, history, N_HISTORY, NULL);
        count[token]++;
        sampler_accept(s);
        if (token == favourite) {
            second[sampler_draw(s, logits, history, N_HISTORY - 1, NULL)]++;
            n_second++;
        }
        sampler_destroy(s);
    }
    check_counts(name, count, d.p, DRAWS);
    check_counts("  its second token", second, next.p, n_second);
}

static void adaptive_step(struct dist *d, double wanted)
{
    softmax(d);
    wanted = wanted < 0 ? 0 : wanted > 1 ? 1 : wanted;
    for (int i = 0; i < V; i++) {
        double far = fabs(d->p[i] - wanted) / 0.3;
        d->logit[i] = 5 - 10 * far * far / (1 + far);
    }
    softmax(d);
}

static void mirostat_and_adaptive_learn(void **state)
{
    (void)state;
    check_mirostat("mirostat 1",
        (struct hekla_sampling){
            .temperature = 1.1f, .mirostat = 1, .mirostat_tau = 2.4f, .mirostat_eta = 0.6f});
    check_mirostat("mirostat 2",
        (struct hekla_sampling){
            .temperature = 1.1f, .mirostat = 2, .mirostat_tau = 1.9f, .mirostat_eta = 0.9f});
    struct hekla_sampling p = {.temperature = 1,
        .min_p = 0.05f,
        .adaptive_target = 0.3f,
        .adaptive_decay = 0.5f,
        .sampler_seq = "ma"};
    uint32_t count[V] = {0}, second[V] = {0}, n_second = 0;
    struct dist d = start(&p), raw = d;
    apply_min_p(&d, (double)p.min_p);
    raw = d;
    softmax(&raw);
    adaptive_step(&d, 0.3);
    int favourite = 0;
    for (int i = 0; i < V; i++)
        favourite = d.p[i] > d.p[favourite] ? i : favourite;
    /* After the first token: a sum of 0.6 over 2 has become p + 0.3 over 2. */
    double average = (raw.p[favourite] + 0.5 * 0.6) / (1 + 0.5 * 2);
    struct dist next = raw;
    adaptive_step(&next, 2 * 0.3 - average);
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct sampler *s = create(p, i * UINT64_C(15485863));
        hekla_token token = sampler_draw(s, logits, history, N_HISTORY, NULL);
        count[token]++;
        sampler_accept(s);
        if (token == favourite) {
            second[sampler_draw(s, logits, history, N_HISTORY - 1, NULL)]++;
            n_second++;
        }
        sampler_destroy(s);
    }
    check_counts("adaptive_p", count, d.p, DRAWS);
    check_counts("  its second token", second, next.p, n_second);
}

/* ---- the device's chain -----------------------------------------------------------------------
 */

static uint32_t draw_by_reference(const struct hekla_sampling *p, const float *x, uint32_t n)
{
    static uint32_t history_words[N_HISTORY + 2], ring[RING_SIZE];
    static float scores[4096];
    bool penalties = p->repeat_penalty != 1 || p->presence_penalty != 0;
    struct step_args step = {.n_tokens = 1,
        .pos = N_HISTORY - 1,
        .seed_lo = (uint32_t)p->seed,
        .seed_hi = (uint32_t)(p->seed >> 32),
        .inv_temp = p->temperature > 0 ? 1.0f / p->temperature : 0,
        .top_k = p->top_k,
        .top_p = p->top_p,
        .min_p = p->min_p,
        .repeat = p->repeat_penalty,
        .repeat_inv = 1.0f / p->repeat_penalty,
        .presence = p->presence_penalty,
        .frequency = p->frequency_penalty,
        .last_n = penalties ? p->penalty_last_n : 0};
    struct op op = {.n_views = 0};
    memcpy(history_words, history, sizeof(history));
    memcpy(op.args, &(struct penalize_args){.n_vocab = n}, sizeof(struct penalize_args));
    ref_penalize(&op, (void *[]){(void *)(uintptr_t)x, scores, history_words, &step});
    memcpy(op.args, &(struct sample_args){.n_vocab = n}, sizeof(struct sample_args));
    ref_sample(&op, (void *[]){scores, &step, history_words, ring});
    return history_words[N_HISTORY];
}

static void host_and_device_draw_the_same(void **state)
{
    enum { N = 4096 };
    static float x[N];
    static const struct sample_vocab large = {N, bytes_of, never_ends, NULL};
    uint64_t r = 7;
    (void)state;
    for (uint32_t round = 0; round < 400; round++) {
        struct hekla_sampling p = {.temperature = round % 9 ? 0.3f + 0.2f * (float)(round % 7) : 0,
            .top_k = round % 3 ? 1 + round : 0,
            .top_p = round % 4 ? 0.5f + 0.1f * (float)(round % 5) : 1,
            .min_p = round % 5 ? 0.01f * (float)(round % 11) : 0,
            .repeat_penalty = round % 2 ? 1.2f : 1,
            .presence_penalty = round % 2 ? 0.3f : 0,
            .penalty_last_n = 8,
            .seed = round * UINT64_C(0x9e3779b97f4a7c15)};
        for (uint32_t i = 0; i < N; i++) {
            r = r * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            x[i] = (float)(int32_t)(r >> 33) * 0x1p-27f;
            if (round % 10 == 3)
                x[i] = (float)(int)x[i]; /* ties */
        }
        struct sample_chain chain;
        struct sampler *s;
        assert_int_equal(sample_chain_init(&chain, &p, N, NULL), HEKLA_OK);
        assert_null(chain.why);
        assert_int_equal(sampler_create(&s, &chain, &large, NULL), HEKLA_OK);
        assert_int_equal(sampler_draw(s, x, history, N_HISTORY, NULL), draw_by_reference(&p, x, N));
        sampler_destroy(s);
    }
}

/* ---- chains -----------------------------------------------------------------------------------
 */

static void expect_why(struct hekla_sampling p, const char *why, const char *text)
{
    struct sample_chain chain;
    char described[200];
    assert_int_equal(sample_chain_init(&chain, &p, V, NULL), HEKLA_OK);
    if (why)
        assert_string_equal(chain.why, why);
    else
        assert_null(chain.why);
    sample_chain_describe(&chain, described, sizeof(described));
    assert_string_equal(described, text);
}

static void chains_tell_who_can_do_them(void **state)
{
    (void)state;
    struct hekla_sampling p = {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f};
    expect_why(p, NULL, "top_k > top_p > min_p > temperature > draw");
    p.samplers = "temperature;top_k";
    expect_why(p, "the order of the samplers", "temperature > top_k > draw");
    p.samplers = "top-k;nucleus;temp";
    expect_why(p, NULL, "top_k > top_p > temperature > draw");
    p.sampler_seq = "akt";
    expect_why(p, NULL, "top_k > temperature > draw"); /* without a target */
    p.adaptive_target = 0.5f;
    expect_why(p, "adaptive_p", "top_k > temperature > adaptive_p > draw");
    p.mirostat = 2;
    expect_why(p, "mirostat", "temperature > mirostat 2");
    expect_why((struct hekla_sampling){.temperature = 0, .dry_multiplier = 1}, "dry",
        "dry > temperature > the likeliest");
    expect_why((struct hekla_sampling){.temperature = 1}, NULL, "draw");
}

static void expect_refused(struct hekla_sampling p, const char *words)
{
    struct sample_chain chain;
    struct hekla_error err = {0};
    assert_int_equal(sample_chain_init(&chain, &p, V, &err), HEKLA_ARGUMENT);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_null(strchr(err.text, '\n'));
}

static void wrong_values_are_refused(void **state)
{
    static const char *const long_breaker[] = {
        "0123456789012345678901234567890123456789012345678901234567890123456789"};
    static const char *const empty_breaker[] = {""};
    struct hekla_logit_bias bias = {V, 1}, nan_bias = {1, NAN};
    (void)state;
    expect_refused((struct hekla_sampling){.samplers = "top_k;foo"}, "unknown sampler \"foo\"");
    expect_refused((struct hekla_sampling){.samplers = "infill"}, "unknown sampler \"infill\"");
    expect_refused((struct hekla_sampling){.samplers = ";"}, "unknown sampler \"\"");
    expect_refused((struct hekla_sampling){.sampler_seq = "kz"}, "unknown sampler letter in \"z\"");
    expect_refused((struct hekla_sampling){.sampler_seq = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"},
        "more than 32 samplers");
    expect_refused((struct hekla_sampling){.temperature = NAN}, "temperature is nan");
    expect_refused((struct hekla_sampling){.temperature = INFINITY}, "temperature is inf");
    expect_refused(
        (struct hekla_sampling){.min_p = 1.5f}, "min_p is 1.5, expected a number from 0 to 1");
    expect_refused((struct hekla_sampling){.top_p = -1}, "top_p is -1");
    expect_refused((struct hekla_sampling){.repeat_penalty = -1}, "repeat_penalty is -1");
    expect_refused((struct hekla_sampling){.xtc_probability = 2}, "xtc_probability is 2");
    expect_refused((struct hekla_sampling){.dynatemp_range = -1}, "dynatemp_range is -1");
    expect_refused((struct hekla_sampling){.mirostat = 3}, "mirostat is 3");
    expect_refused((struct hekla_sampling){.mirostat_eta = NAN}, "mirostat_eta is nan");
    expect_refused((struct hekla_sampling){.adaptive_decay = 1}, "adaptive_decay is 1");
    expect_refused((struct hekla_sampling){.logit_bias = &bias, .n_logit_bias = 1},
        "token 48, expected 0 to 47");
    expect_refused((struct hekla_sampling){.logit_bias = &nan_bias, .n_logit_bias = 1}, "is nan");
    expect_refused((struct hekla_sampling){.dry_breakers = long_breaker, .n_dry_breakers = 1},
        "breaker 1 has 70 bytes");
    expect_refused((struct hekla_sampling){.dry_breakers = empty_breaker, .n_dry_breakers = 1},
        "breaker 1 has 0 bytes");
}

/* Logits that are no numbers, or all the same, or of any size: some token comes out. */
static void odd_logits_do_no_harm(void **state)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 0, 1e38f, -1e38f, 1e-40f};
    float x[V];
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        struct hekla_sampling p = {.temperature = round % 3 ? 0.001f : 1e5f,
            .dynatemp_range = round % 2 ? 0 : 1e5f,
            .top_k = round % 7,
            .typical_p = 0.5f,
            .top_n_sigma = 1,
            .xtc_probability = 1,
            .xtc_threshold = 0.01f,
            .dry_multiplier = 1e6f,
            .dry_base = 1e6f,
            .dry_allowed_length = 1,
            .repeat_penalty = 1e6f,
            .penalty_last_n = 64,
            .mirostat = round % 3,
            .adaptive_target = round % 2 ? 1 : -1,
            .sampler_seq = round % 5 ? "edskypmxta" : "txmpyksdea",
            .seed = round};
        for (int i = 0; i < V; i++)
            x[i] = odd[round < 7 ? round : (round * 31 + (uint32_t)i * 17) % 7];
        struct sampler *s = create(p, round);
        for (int i = 0; i < 3; i++) {
            assert_in_range(sampler_draw(s, x, history, N_HISTORY, NULL), 0, V - 1);
            sampler_accept(s);
        }
        sampler_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_as_frequent_as_computed),
        cmocka_unit_test(mirostat_and_adaptive_learn),
        cmocka_unit_test(host_and_device_draw_the_same),
        cmocka_unit_test(chains_tell_who_can_do_them),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(odd_logits_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make_logits, NULL);
}
