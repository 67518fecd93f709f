/* Steps that drop candidates. Where shaders/sample.comp has the step, this is the same arithmetic.
 * Sums of probabilities are whole numbers; ties at a cut are all kept. */
#include "sample/internal.h"

static void compute_keys(struct sampler *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        s->keys[i] = draw_key(s->scores[i]);
}

/* The largest key such that the keys from it up hold `left` of the weights (NULL: 1 each). */
static uint32_t find_cut(const uint32_t *keys, const uint32_t *weights, uint32_t n, uint64_t left)
{
    uint32_t cut = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        uint64_t bins[256] = {0};
        for (uint32_t i = 0; i < n; i++)
            if (shift == 24 || keys[i] >> (shift + 8) == cut >> (shift + 8))
                bins[keys[i] >> shift & 255] += weights ? weights[i] : 1;
        uint32_t d = 255;
        for (; d > 0 && bins[d] < left; d--)
            left -= bins[d];
        cut |= d << shift;
    }
    return cut;
}

static void keep_one(struct sampler *s, uint32_t i)
{
    s->ids[0] = s->ids[i];
    s->scores[0] = s->scores[i];
    s->n = 1;
}

/* Keeps candidates whose keep[i] >= least. */
static void keep_from(struct sampler *s, const uint32_t *keep, uint32_t least)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (keep[i] < least)
            continue;
        s->ids[n] = s->ids[i];
        s->scores[n++] = s->scores[i];
    }
    s->n = n;
}

static uint32_t find_top(const struct sampler *s)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < s->n; i++)
        if (draw_key(s->scores[i]) > draw_key(s->scores[best]))
            best = i;
    return best;
}

float sampler_top(const struct sampler *s)
{
    return s->scores[find_top(s)];
}

void sampler_keep_first(struct sampler *s)
{
    keep_one(s, find_top(s));
}

uint64_t sampler_weigh(struct sampler *s, float top)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n; i++)
        sum += s->weights[i] = draw_mass(s->scores[i], top);
    return sum;
}

/* ln of the sum of exp(score - top), from weights. */
static float log_sum(uint64_t sum)
{
    return exact_log((float)((double)sum / (double)DRAW_UNIT));
}

double sampler_entropy(struct sampler *s)
{
    float top = sampler_top(s);
    uint64_t sum = sampler_weigh(s, top);
    float norm = log_sum(sum);
    double entropy = 0;
    for (uint32_t i = 0; i < s->n; i++)
        entropy += (double)s->weights[i] / (double)sum * (double)(norm - (s->scores[i] - top));
    return entropy;
}

void sampler_keep_largest(struct sampler *s, uint32_t k)
{
    if (k >= s->n)
        return;
    compute_keys(s);
    keep_from(s, s->keys, find_cut(s->keys, NULL, s->n, k));
}

static void top_p(struct sampler *s)
{
    uint64_t all = sampler_weigh(s, sampler_top(s));
    compute_keys(s);
    keep_from(s, s->keys, find_cut(s->keys, s->weights, s->n, draw_share(all, s->chain.p.top_p)));
}

static void min_p(struct sampler *s)
{
    sampler_weigh(s, sampler_top(s));
    keep_from(s, s->weights, (uint32_t)(int32_t)(s->chain.p.min_p * DRAW_UNIT));
}

/* Those whose surprise is nearest to the expected one (https://arxiv.org/abs/2202.00666). */
static void typical(struct sampler *s)
{
    double entropy = sampler_entropy(s);
    float top = sampler_top(s);
    uint64_t all = sampler_weigh(s, top);
    float norm = log_sum(all);
    for (uint32_t i = 0; i < s->n; i++) {
        float distance = norm - (s->scores[i] - top) - (float)entropy;
        s->keys[i] = draw_key(distance < 0 ? distance : 0.0f - distance);
    }
    uint64_t share = draw_share(all, s->chain.p.typical_p);
    keep_from(s, s->keys, find_cut(s->keys, s->weights, s->n, share));
}

/* Scores within n standard deviations of the best (https://arxiv.org/abs/2411.07641). */
static void top_n_sigma(struct sampler *s)
{
    float top = sampler_top(s);
    double sum = 0, squares = 0, n = (double)s->chain.p.top_n_sigma;
    for (uint32_t i = 0; i < s->n; i++)
        sum += (double)(top - s->scores[i]);
    double mean = sum / (double)s->n;
    for (uint32_t i = 0; i < s->n; i++) {
        double d = (double)(top - s->scores[i]) - mean;
        squares += d * d;
    }
    double limit = n * n * (squares / (double)s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        double d = (double)(top - s->scores[i]);
        s->keys[i] = d * d <= limit || d == 0;
    }
    keep_from(s, s->keys, 1);
}

/* Now and then drops the likeliest of those above the threshold but the least likely one
 * (https://github.com/oobabooga/text-generation-webui/pull/6335). */
static void xtc(struct sampler *s)
{
    const struct hekla_sampling *p = &s->chain.p;
    if (s->n < 2 || draw_uniform(p->seed, s->pos, 0, 1) > p->xtc_probability)
        return;
    uint64_t all = sampler_weigh(s, sampler_top(s));
    uint32_t above = 0, last = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        bool is_above = (double)s->weights[i] >= (double)p->xtc_threshold * (double)all;
        if (is_above && (!above++ || draw_key(s->scores[i]) <= draw_key(s->scores[last])))
            last = i;
        s->keys[i] = !is_above;
    }
    if (above < 2)
        return;
    s->keys[last] = 1;
    keep_from(s, s->keys, 1);
}

/* The temperature, from the entropy if it is dynamic (https://arxiv.org/abs/2309.02772). */
static float find_temperature(struct sampler *s)
{
    const struct hekla_sampling *p = &s->chain.p;
    if (p->dynatemp_range <= 0)
        return p->temperature;
    float least = p->temperature > p->dynatemp_range ? p->temperature - p->dynatemp_range : 0;
    float most = p->temperature + p->dynatemp_range;
    float part = (float)(sampler_entropy(s) / (double)exact_log((float)s->n));
    float power = part > 1e-30f ? exact_exp(p->dynatemp_exponent * exact_log(part)) : 0;
    return least + (most - least) * (power < 1 ? power : 1);
}

static void temperature(struct sampler *s)
{
    if (s->n == 1)
        return;
    float warm = find_temperature(s), top = sampler_top(s);
    if (!(warm > 0)) {
        sampler_keep_first(s);
        return;
    }
    float inverse = 1.0f / (warm > 1e-6f ? warm : 1e-6f);
    for (uint32_t i = 0; i < s->n; i++)
        s->scores[i] = (s->scores[i] - top) * inverse;
}

void sampler_filter(struct sampler *s, enum sample_step step)
{
    switch (step) {
    case SAMPLE_TOP_N_SIGMA:
        top_n_sigma(s);
        break;
    case SAMPLE_TOP_K:
        sampler_keep_largest(s, s->chain.p.top_k);
        break;
    case SAMPLE_TYPICAL:
        typical(s);
        break;
    case SAMPLE_TOP_P:
        top_p(s);
        break;
    case SAMPLE_MIN_P:
        min_p(s);
        break;
    case SAMPLE_XTC:
        xtc(s);
        break;
    case SAMPLE_TEMPERATURE:
        temperature(s);
        break;
    default:
        break;
    }
}

/* From the likeliest down, in growing portions, until enough is found: the rest need not be asked
 * for, and what is asked for is kept, so that a cut at `need` falls as it would among all. */
void sampler_mask(struct sampler *s, struct grammar_matcher *matcher, uint32_t need)
{
    uint32_t least = 0, before = 0, found = 0;
    uint64_t portion = need < 16 ? 64 : 4 * (uint64_t)need;
    bool first = true;
    compute_keys(s);
    do {
        least = portion >= s->n ? 0 : find_cut(s->keys, NULL, s->n, portion);
        for (uint32_t i = 0; i < s->n; i++) {
            if (s->keys[i] < least || (!first && s->keys[i] >= before))
                continue;
            s->weights[i] = sample_allows(&s->vocab, matcher, (hekla_token)s->ids[i]);
            found += s->weights[i];
        }
        before = least;
        first = false;
        portion *= 8;
    } while (found < need && least > 0);
    for (uint32_t i = 0; i < s->n; i++)
        s->keys[i] = s->keys[i] >= least && s->weights[i];
    keep_from(s, s->keys, 1);
}
