/* The threads: each takes the next piece of a tensor, reads, converts and writes it. */
#include "base/exact.h"
#include "base/utf8.h"
#include "convert/internal.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WORD = 4, REPORT_MS = 50 };

struct run {
    const struct convert *c;
    struct outfile *file;
    uint64_t n_pieces;
    atomic_ullong next, done;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    uint32_t n_running;    /* under lock, like the rest */
    uint64_t failed_piece; /* the first, so that the message is the same for any thread count */
    struct hekla_error failure;
};

/* What a thread holds. */
struct worker {
    struct run *run;
    uint8_t *in, *out; /* [PIECE] of the largest types */
    float *x;          /* [PIECE] */
};

/* ---- one piece --------------------------------------------------------------------------------
 */

static hekla_status read_bytes(const struct gguf *g, const struct gguf_tensor *t, uint64_t at,
    uint64_t n, uint8_t *to, struct hekla_error *err)
{
    while (n > 0) {
        ssize_t got = pread(g->files[t->file].fd, to, (size_t)n, (off_t)(t->offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return hekla_fail(err, HEKLA_IO, "%s: tensor %s could not be read: %s", gguf_name(g),
                utf8_label(t->name.data, (size_t)t->name.n).text,
                got < 0 ? strerror(errno) : "the file was truncated meanwhile");
        to += got;
        at += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return HEKLA_OK;
}

/* IEEE, with infinities and NaN: unlike in the engine, which does without, they are to be seen. */
static float widen(const struct quant_type *type, const uint8_t *p)
{
    if (type == &quant_types[QT_f32])
        return exact_from_bits(quant_read32(p));
    if (type == &quant_types[QT_bf16])
        return exact_from_bits(quant_read16(p) << 16);
    uint32_t h = quant_read16(p);
    if ((h >> 10 & 31) == 31)
        return exact_from_bits(h >> 15 << 31 | 0x7f800000u | (h & 1023) << 13);
    return exact_half_to_float(h);
}

static hekla_status fail_value(
    const struct convert *c, uint64_t tensor, uint64_t element, float x, struct hekla_error *err)
{
    const struct gguf_tensor *t = &c->tensors[tensor];
    const struct quant_type *to = quant_find(t->type);
    const char *name = gguf_name(c->gguf);
    struct utf8_label label = utf8_label(t->name.data, (size_t)t->name.n);
    ull row = element / t->dims[0], column = element % t->dims[0];
    if (isnan(x))
        return hekla_fail(err, HEKLA_FORMAT, "%s: tensor %s has a NaN in row %llu, column %llu",
            name, label.text, row, column);
    return hekla_fail(err, HEKLA_FORMAT,
        "%s: tensor %s has the value %g in row %llu, column %llu; %s holds at most %g", name,
        label.text, (double)x, row, column, to->label, (double)quant_limit(to));
}

static hekla_status convert_piece(
    struct worker *w, uint64_t tensor, uint64_t piece, struct hekla_error *err)
{
    const struct convert *c = w->run->c;
    const struct gguf_tensor *source = &c->gguf->tensors[tensor], *target = &c->tensors[tensor];
    const struct quant_type *from = quant_find(source->type), *to = quant_find(target->type);
    uint64_t begin = piece * PIECE, rest = source->n_elements - begin;
    uint64_t n = rest < PIECE ? rest : PIECE;
    hekla_status status =
        read_bytes(c->gguf, source, begin * from->block_bytes, n * from->block_bytes, w->in, err);
    if (status)
        return status;
    /* What is only copied may be infinite: some models say so in their rope factors. */
    const float limit = from == to ? INFINITY : quant_limit(to);
    for (uint64_t i = 0; i < n; i++) {
        w->x[i] = widen(from, w->in + i * from->block_bytes);
        if (!(fabsf(w->x[i]) <= limit))
            return fail_value(c, tensor, begin + i, w->x[i], err);
    }
    const uint64_t n_blocks = n / to->block_elements;
    for (uint64_t b = 0; from != to && b < n_blocks; b++)
        to->quantize(w->x + b * to->block_elements, w->out + b * to->block_bytes);
    return outfile_write(w->run->file,
        target->offset + begin / to->block_elements * to->block_bytes, from == to ? w->in : w->out,
        n_blocks * to->block_bytes, err);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

static void note_failure(struct run *r, uint64_t piece, const struct hekla_error *err)
{
    pthread_mutex_lock(&r->lock);
    if (piece < r->failed_piece) {
        r->failed_piece = piece;
        r->failure = *err;
    }
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->stop, true);
}

/* Pieces are taken in order, so whatever comes before a failed one is being looked at as well. */
static void *work(void *argument)
{
    struct worker *w = argument;
    struct run *r = w->run;
    uint64_t tensor = 0;
    while (!atomic_load(&r->stop)) {
        struct hekla_error err = {0};
        uint64_t piece = atomic_fetch_add(&r->next, 1);
        if (piece >= r->n_pieces)
            break;
        while (piece >= r->c->first_piece[tensor + 1])
            tensor++;
        if (convert_piece(w, tensor, piece - r->c->first_piece[tensor], &err))
            note_failure(r, piece, &err);
        atomic_fetch_add(&r->done, 1);
    }
    pthread_mutex_lock(&r->lock);
    r->n_running--;
    pthread_cond_signal(&r->finished);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void report(struct run *r, const struct convert_run *run)
{
    double done = (double)atomic_load(&r->done), all = (double)r->n_pieces;
    if (run->progress && !run->progress(run->user, all > 0 ? done / all : 1))
        atomic_store(&r->stop, true);
}

/* Until all threads have ended. */
static void watch(struct run *r, const struct convert_run *run)
{
    pthread_mutex_lock(&r->lock);
    while (r->n_running > 0) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_nsec += REPORT_MS * 1000000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&r->finished, &r->lock, &t);
        pthread_mutex_unlock(&r->lock);
        report(r, run);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
}

static bool worker_open(struct worker *w, struct run *r)
{
    *w = (struct worker){.run = r,
        .in = malloc((size_t)PIECE * WORD),
        .out = malloc((size_t)PIECE * WORD),
        .x = malloc((size_t)PIECE * sizeof(float))};
    return w->in && w->out && w->x;
}

static void worker_close(struct worker *w)
{
    free(w->in);
    free(w->out);
    free(w->x);
}

/* As many threads as can be had, at least one. */
static hekla_status run_threads(
    struct run *r, struct worker *workers, const struct convert_run *run, struct hekla_error *err)
{
    pthread_t *threads = calloc(run->n_threads, sizeof(*threads));
    uint32_t n = 0;
    for (; threads && n < run->n_threads; n++) {
        bool ok = worker_open(&workers[n], r);
        pthread_mutex_lock(&r->lock);
        ok = ok && pthread_create(&threads[n], NULL, work, &workers[n]) == 0;
        r->n_running += ok;
        pthread_mutex_unlock(&r->lock);
        if (!ok)
            break;
    }
    watch(r, run);
    for (uint32_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return n > 0 ? HEKLA_OK : hekla_fail(err, HEKLA_MEMORY, "no memory for a thread");
}

hekla_status convert_pieces(
    struct convert *c, struct outfile *file, const struct convert_run *run, struct hekla_error *err)
{
    struct run r = {.c = c,
        .file = file,
        .n_pieces = c->first_piece[c->gguf->n_tensors],
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .finished = PTHREAD_COND_INITIALIZER,
        .failed_piece = UINT64_MAX};
    struct worker *workers = calloc(run->n_threads, sizeof(*workers));
    if (!workers)
        return hekla_fail(err, HEKLA_MEMORY, "no memory for %u threads", run->n_threads);
    hekla_status status = run_threads(&r, workers, run, err);
    for (uint32_t i = 0; i < run->n_threads; i++)
        worker_close(&workers[i]);
    free(workers);
    if (status)
        return status;
    if (r.failed_piece != UINT64_MAX)
        return hekla_fail(err, r.failure.code, "%s", r.failure.text);
    if (atomic_load(&r.stop))
        return hekla_fail(err, HEKLA_IO, "quantising was cancelled");
    return HEKLA_OK;
}
