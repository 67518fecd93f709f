#include "sample/sample.h"

#include "base/utf8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    char letter;
    const char *names;
} steps[SAMPLE_STEP_COUNT] = {
#define X(name, letter, names) {letter, names},
    SAMPLE_STEP_LIST(X)
#undef X
};

#define EXPECTED                                                                                   \
    "expected penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, xtc, temperature or "       \
    "adaptive_p"

static int first_name(enum sample_step step)
{
    return (int)strcspn(steps[step].names, "|");
}

/* '-' counts as '_'. */
static bool same_name(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((a[i] == '-' ? '_' : a[i]) != b[i])
            return false;
    return true;
}

static bool find_name(const char *name, size_t n, enum sample_step *out)
{
    for (int i = 0; i < SAMPLE_STEP_COUNT; i++)
        for (const char *one = steps[i].names; *one;) {
            size_t length = strcspn(one, "|");
            if (length == n && same_name(name, one, n)) {
                *out = (enum sample_step)i;
                return true;
            }
            one += length + (one[length] == '|');
        }
    return false;
}

static hekla_status add_step(struct sample_chain *c, enum sample_step step, struct hekla_error *err)
{
    if (c->n_steps == SAMPLE_MOST_STEPS)
        return hekla_fail(
            err, HEKLA_ARGUMENT, "more than %d samplers are in the list", SAMPLE_MOST_STEPS);
    c->steps[c->n_steps++] = step;
    return HEKLA_OK;
}

static hekla_status read_names(struct sample_chain *c, const char *list, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    while (*list && status == HEKLA_OK) {
        size_t n = strcspn(list, ";");
        enum sample_step step;
        if (!find_name(list, n, &step))
            return hekla_fail(
                err, HEKLA_ARGUMENT, "unknown sampler \"%s\"; " EXPECTED, utf8_label(list, n).text);
        status = add_step(c, step, err);
        list += n + (list[n] == ';');
    }
    return status;
}

static hekla_status read_letters(struct sample_chain *c, const char *list, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    for (; *list && status == HEKLA_OK; list++) {
        int i = 0;
        while (i < SAMPLE_STEP_COUNT && steps[i].letter != *list)
            i++;
        if (i == SAMPLE_STEP_COUNT)
            return hekla_fail(err, HEKLA_ARGUMENT,
                "unknown sampler letter in \"%s\"; expected letters of edskypmxt, or a for "
                "adaptive_p",
                utf8_label(list, strlen(list)).text);
        status = add_step(c, (enum sample_step)i, err);
    }
    return status;
}

struct range {
    const char *name;
    float value;
    double least, most;
};

static hekla_status check_ranges(const struct hekla_sampling *p, struct hekla_error *err)
{
    const struct range ranges[] = {
        {"temperature", p->temperature, -1e6, 1e6},
        {"top_p", p->top_p, 0, 1e6},
        {"min_p", p->min_p, 0, 1},
        {"repeat_penalty", p->repeat_penalty, 0, 1e6},
        {"presence_penalty", p->presence_penalty, -1e6, 1e6},
        {"frequency_penalty", p->frequency_penalty, -1e6, 1e6},
        {"typical_p", p->typical_p, 0, 1e6},
        {"top_n_sigma", p->top_n_sigma, -1e6, 1e6},
        {"xtc_probability", p->xtc_probability, 0, 1},
        {"xtc_threshold", p->xtc_threshold, 0, 1},
        {"dynatemp_range", p->dynatemp_range, 0, 1e6},
        {"dynatemp_exponent", p->dynatemp_exponent, 0, 1000},
        {"dry_multiplier", p->dry_multiplier, 0, 1e6},
        {"dry_base", p->dry_base, 0, 1e6},
        {"mirostat_tau", p->mirostat_tau, 0, 1000},
        {"mirostat_eta", p->mirostat_eta, 0, 1},
        {"adaptive_target", p->adaptive_target, -1, 1},
        {"adaptive_decay", p->adaptive_decay, 0, 0.99},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        double v = (double)ranges[i].value;
        if (!(v >= ranges[i].least && v <= (double)(float)ranges[i].most)) /* NaN, too */
            return hekla_fail(err, HEKLA_ARGUMENT, "%s is %g, expected a number from %g to %g",
                ranges[i].name, v, ranges[i].least, ranges[i].most);
    }
    if (p->mirostat > 2)
        return hekla_fail(
            err, HEKLA_ARGUMENT, "mirostat is %u, expected 0 (off), 1 or 2", p->mirostat);
    return HEKLA_OK;
}

static hekla_status check_lists(
    const struct hekla_sampling *p, uint32_t n_vocab, struct hekla_error *err)
{
    for (size_t i = 0; i < p->n_logit_bias; i++) {
        const struct hekla_logit_bias *b = &p->logit_bias[i];
        if (b->token < 0 || (uint32_t)b->token >= n_vocab)
            return hekla_fail(err, HEKLA_ARGUMENT,
                "the logit bias is for token %d, expected 0 to %u", b->token, n_vocab - 1);
        if (!(b->bias <= 1e6f))
            return hekla_fail(err, HEKLA_ARGUMENT,
                "the logit bias of token %d is %g, expected a number up to 1e+06, or -inf",
                b->token, (double)b->bias);
    }
    if (p->n_dry_breakers > SAMPLE_MOST_BREAKERS)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "there are %zu DRY sequence breakers, expected %d at most", p->n_dry_breakers,
            SAMPLE_MOST_BREAKERS);
    for (size_t i = 0; i < p->n_dry_breakers; i++)
        if (!p->dry_breakers[i][0] || strlen(p->dry_breakers[i]) > 64)
            return hekla_fail(err, HEKLA_ARGUMENT,
                "DRY sequence breaker %zu has %zu bytes, expected 1 to 64", i + 1,
                strlen(p->dry_breakers[i]));
    return HEKLA_OK;
}

static void fill_defaults(struct hekla_sampling *p)
{
    static const char *const breakers[] = {"\n", ":", "\"", "*"};
    if (p->repeat_penalty == 0)
        p->repeat_penalty = 1;
    if (p->penalty_last_n > SAMPLE_MOST_LAST_N)
        p->penalty_last_n = SAMPLE_MOST_LAST_N;
    if (!(p->top_p > 0 && p->top_p < 1))
        p->top_p = 1;
    if (!(p->typical_p > 0 && p->typical_p < 1))
        p->typical_p = 1;
    if (p->xtc_threshold == 0)
        p->xtc_threshold = 0.1f;
    if (p->dynatemp_exponent == 0)
        p->dynatemp_exponent = 1;
    if (p->dry_base == 0)
        p->dry_base = 1.75f;
    if (p->dry_allowed_length == 0)
        p->dry_allowed_length = 2;
    if (p->dry_last_n == 0)
        p->dry_last_n = 64;
    if (p->dry_last_n > SAMPLE_MOST_LAST_N)
        p->dry_last_n = SAMPLE_MOST_LAST_N;
    if (!p->dry_breakers) {
        p->dry_breakers = breakers;
        p->n_dry_breakers = sizeof(breakers) / sizeof(breakers[0]);
    }
    if (p->mirostat_tau == 0)
        p->mirostat_tau = 5;
    if (p->mirostat_eta == 0)
        p->mirostat_eta = 0.1f;
    if (p->adaptive_decay == 0)
        p->adaptive_decay = 0.9f;
}

/* Whether a step can change anything. */
static bool is_active(const struct hekla_sampling *p, enum sample_step step, uint32_t n_vocab)
{
    switch (step) {
    case SAMPLE_PENALTIES:
        return p->penalty_last_n > 0 &&
               (p->repeat_penalty != 1 || p->presence_penalty != 0 || p->frequency_penalty != 0);
    case SAMPLE_DRY:
        return p->dry_multiplier > 0 && p->dry_base >= 1;
    case SAMPLE_TOP_N_SIGMA:
        return p->top_n_sigma > 0;
    case SAMPLE_TOP_K:
        return p->top_k > 0 && p->top_k < n_vocab;
    case SAMPLE_TYPICAL:
        return p->typical_p < 1;
    case SAMPLE_TOP_P:
        return p->top_p < 1;
    case SAMPLE_MIN_P:
        return p->min_p > 0;
    case SAMPLE_XTC:
        return p->xtc_probability > 0 && p->xtc_threshold <= 0.5f;
    case SAMPLE_TEMPERATURE:
        return p->temperature != 1 || p->dynatemp_range > 0;
    case SAMPLE_ADAPTIVE:
        return p->adaptive_target > 0;
    case SAMPLE_STEP_COUNT:
        break;
    }
    return false;
}

static void prune(struct sample_chain *c, uint32_t n_vocab)
{
    uint32_t n = 0;
    bool adaptive = false;
    for (uint32_t i = 0; i < c->n_steps; i++) {
        if (!is_active(&c->p, c->steps[i], n_vocab))
            continue;
        if (c->steps[i] == SAMPLE_ADAPTIVE)
            adaptive = true; /* it chooses the token: always last */
        else
            c->steps[n++] = c->steps[i];
    }
    if (adaptive)
        c->steps[n++] = SAMPLE_ADAPTIVE;
    c->n_steps = n;
}

/* Why the device, which has one order of five steps, cannot do it. */
static const char *find_why(const struct sample_chain *c)
{
    static const char *const whys[SAMPLE_STEP_COUNT] = {[SAMPLE_DRY] = "dry",
        [SAMPLE_TOP_N_SIGMA] = "top_n_sigma",
        [SAMPLE_TYPICAL] = "typ_p",
        [SAMPLE_XTC] = "xtc",
        [SAMPLE_ADAPTIVE] = "adaptive_p"};
    if (c->p.mirostat)
        return "mirostat";
    if (c->p.n_logit_bias)
        return "a logit bias";
    for (uint32_t i = 0; i < c->n_steps; i++) {
        if (whys[c->steps[i]])
            return whys[c->steps[i]];
        if (i > 0 && c->steps[i] <= c->steps[i - 1])
            return "the order of the samplers";
        if (c->steps[i] == SAMPLE_TEMPERATURE && c->p.dynatemp_range > 0)
            return "a dynamic temperature";
    }
    return NULL;
}

hekla_status sample_chain_init(struct sample_chain *out, const struct hekla_sampling *p,
    uint32_t n_vocab, struct hekla_error *err)
{
    static const char order[] = "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature";
    *out = (struct sample_chain){.p = *p};
    hekla_status status = check_ranges(p, err);
    if (status == HEKLA_OK)
        status = check_lists(p, n_vocab, err);
    if (status != HEKLA_OK)
        return status;
    if (p->mirostat)
        status = add_step(out, SAMPLE_TEMPERATURE, err);
    else if (p->sampler_seq)
        status = read_letters(out, p->sampler_seq, err);
    else
        status = read_names(out, p->samplers ? p->samplers : order, err);
    fill_defaults(&out->p);
    prune(out, n_vocab);
    for (uint32_t i = 0; i < out->n_steps; i++)
        out->greedy |= out->steps[i] == SAMPLE_TEMPERATURE && out->p.temperature <= 0 &&
                       out->p.dynatemp_range == 0;
    out->why = find_why(out);
    return status;
}

void sample_chain_describe(const struct sample_chain *c, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < c->n_steps && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%.*s", i ? " > " : "",
            first_name(c->steps[i]), steps[c->steps[i]].names);
    if (used < cap)
        snprintf(out + used, cap - used, "%s%s", used ? " > " : "",
            c->p.mirostat == 1   ? "mirostat"
            : c->p.mirostat == 2 ? "mirostat 2"
            : c->greedy          ? "the likeliest"
                                 : "draw");
}
