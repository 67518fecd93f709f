/*
 * Byte-level byte-pair encoding ("gpt2"). All work is on bytes and token ids: the file's spelling,
 * in which each byte is a printable character, is undone when the vocabulary is read.
 */
#include "text/internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_MERGES = 1 << 26 };

#define NO_RANK UINT32_MAX

struct merge {
    uint32_t left, right; /* token ids */
    uint32_t rank;        /* NO_RANK: free slot */
    uint32_t token;       /* what they become */
};

struct bpe {
    const struct vocab *vocab;
    const struct pretokenizer *pre;
    struct splitter *splitter;
    hekla_token byte_token[256];
    struct merge *merges; /* hash table */
    uint32_t merge_mask;
};

/* ---- spelling ---------------------------------------------------------------------------------
 */

/* The byte that a character stands for, -1 if none: printable Latin-1 stands for itself, the other
 * 68 bytes are U+0100.. in order. */
static int byte_of(uint32_t code)
{
    static const struct {
        uint16_t first, last, byte;
    } ranges[] = {
        {0x21, 0x7e, 0x21},
        {0xa1, 0xac, 0xa1},
        {0xae, 0xff, 0xae}, /* themselves */
        {0x100, 0x120, 0x00},
        {0x121, 0x142, 0x7f},
        {0x143, 0x143, 0xad},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return (int)(code - ranges[i].first + ranges[i].byte);
    return -1;
}

size_t bpe_spelling(const char *text, size_t n, char *out, bool *exact)
{
    size_t n_out = 0;
    *exact = true;
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        int length = utf8_decode(text + i, n - i, &code);
        int byte = byte_of(code);
        if (byte >= 0) {
            out[n_out++] = (char)byte;
        } else {
            *exact = false;
            memcpy(out + n_out, text + i, (size_t)length);
            n_out += (size_t)length;
        }
        i += (size_t)length;
    }
    return n_out;
}

/* ---- merges -----------------------------------------------------------------------------------
 */

static struct merge *merge_slot(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint32_t slot = (uint32_t)hash_u64((uint64_t)left << 32 | right) & b->merge_mask;
    for (;; slot = (slot + 1) & b->merge_mask) {
        struct merge *m = &b->merges[slot];
        if (m->rank == NO_RANK || (m->left == left && m->right == right))
            return m;
    }
}

static hekla_status fail_merge(const struct gguf *g, uint32_t rank, struct gguf_string text,
    const char *why, struct hekla_error *err)
{
    return hekla_fail(err, HEKLA_FORMAT, "%s: merge %u (\"%s\") %s", gguf_name(g), rank,
        utf8_label(text.data, (size_t)text.n).text, why);
}

static hekla_status read_merge(struct bpe *b, const struct gguf *g, uint32_t rank,
    struct gguf_string text, struct hekla_error *err)
{
    char bytes[2 * MAX_TOKEN_BYTES * 2];
    const char *space = text.n ? memchr(text.data, ' ', (size_t)text.n) : NULL;
    size_t n = (size_t)text.n, n_left = space ? (size_t)(space - text.data) : 0;
    if (n_left == 0 || n_left + 1 == n || memchr(space + 1, ' ', n - n_left - 1))
        return fail_merge(g, rank, text, "is not two tokens with a space between them", err);
    if (n > sizeof(bytes) || utf8_check(text.data, n) < n)
        return fail_merge(g, rank, text, "is too long or not valid UTF-8", err);
    bool exact_left, exact_right;
    size_t left_bytes = bpe_spelling(text.data, n_left, bytes, &exact_left);
    size_t right_bytes = bpe_spelling(space + 1, n - n_left - 1, bytes + left_bytes, &exact_right);
    hekla_token left = vocab_find(b->vocab, bytes, left_bytes);
    hekla_token right = vocab_find(b->vocab, bytes + left_bytes, right_bytes);
    hekla_token token = vocab_find(b->vocab, bytes, left_bytes + right_bytes);
    if (!exact_left || !exact_right || left == NO_TOKEN || right == NO_TOKEN)
        return fail_merge(g, rank, text, "joins what is not in the vocabulary", err);
    if (token == NO_TOKEN) {
        /* Plain text must not become a control token. */
        if (vocab_find_special(b->vocab, bytes, left_bytes + right_bytes) != NO_TOKEN)
            return HEKLA_OK;
        return fail_merge(g, rank, text, "makes a token that is not in the vocabulary", err);
    }
    struct merge *m = merge_slot(b, (uint32_t)left, (uint32_t)right);
    if (m->rank == NO_RANK)
        *m = (struct merge){(uint32_t)left, (uint32_t)right, rank, (uint32_t)token};
    return HEKLA_OK;
}

static hekla_status read_merges(struct bpe *b, const struct gguf *g, struct hekla_error *err)
{
    const struct gguf_key *merges;
    hekla_status status =
        gguf_get_array(g, "tokenizer.ggml.merges", true, GGUF_STRING, &merges, err);
    if (status)
        return status;
    if (merges->n > MAX_MERGES)
        return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: has %llu merges, at most %d are supported",
            gguf_name(g), (ull)merges->n, MAX_MERGES);
    uint32_t n = (uint32_t)merges->n;
    b->merge_mask = 1;
    while (b->merge_mask < 2 * n)
        b->merge_mask = 2 * b->merge_mask + 1;
    size_t bytes = ((size_t)b->merge_mask + 1) * sizeof(*b->merges);
    b->merges = malloc(bytes);
    if (!b->merges)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its merges", gguf_name(g));
    memset(b->merges, 0xff, bytes);
    for (uint32_t i = 0; i < n && !status; i++)
        status = read_merge(b, g, i, merges->strings[i], err);
    return status;
}

/* ---- creation ---------------------------------------------------------------------------------
 */

static hekla_status find_pretokenizer(struct bpe *b, const struct gguf *g, struct hekla_error *err)
{
    char names[200];
    struct gguf_string pre;
    hekla_status status = gguf_get_string(g, "tokenizer.ggml.pre", false, &pre, err);
    if (status)
        return status;
    pretokenizer_names(names, sizeof(names));
    if (!pre.data)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: key tokenizer.ggml.pre is missing, so how to cut text into words is unknown "
            "(expected one of %s)",
            gguf_name(g), names);
    b->pre = pretokenizer_find(pre);
    if (!b->pre)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: pre-tokenizer \"%s\" (tokenizer.ggml.pre) is not supported, expected one of %s",
            gguf_name(g), utf8_label(pre.data, (size_t)pre.n).text, names);
    return HEKLA_OK;
}

static hekla_status find_byte_tokens(struct bpe *b, const struct gguf *g, struct hekla_error *err)
{
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;
        b->byte_token[i] = vocab_find(b->vocab, &byte, 1);
        if (b->byte_token[i] == NO_TOKEN)
            return hekla_fail(err, HEKLA_FORMAT,
                "%s: the vocabulary has no token for byte 0x%02x, so not all text could be encoded",
                gguf_name(g), i);
    }
    return HEKLA_OK;
}

hekla_status bpe_create(struct bpe **out, const struct gguf *g, const struct vocab *v,
    bool *add_bos, struct hekla_error *err)
{
    struct bpe *b = calloc(1, sizeof(*b));
    if (!b)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    b->vocab = v;
    hekla_status status = find_pretokenizer(b, g, err);
    if (!status)
        status = find_byte_tokens(b, g, err);
    if (!status)
        status = read_merges(b, g, err);
    if (!status && !(b->splitter = splitter_create(b->pre->pattern, err)))
        status = HEKLA_MEMORY;
    if (status) {
        bpe_destroy(b);
        return status;
    }
    *add_bos = b->pre->add_bos;
    *out = b;
    return HEKLA_OK;
}

void bpe_destroy(struct bpe *b)
{
    if (!b)
        return;
    splitter_destroy(b->splitter);
    free(b->merges);
    free(b);
}

/* ---- encoding ---------------------------------------------------------------------------------
 */

/* Tokens of the word being merged, as a list linked through the index of their first byte. */
struct node {
    uint32_t token; /* UINT32_MAX: merged into an earlier one */
    uint32_t prev, next;
    uint32_t rank; /* of the merge with the next, NO_RANK: none */
};

struct run {
    const struct bpe *bpe;
    struct token_sink *sink;
    struct hekla_error *err;
    struct node *nodes; /* [cap] */
    uint64_t *heap;     /* [2 * cap] rank << 32 | index: lowest rank first, then leftmost */
    size_t n_heap, cap;
};

static void heap_push(struct run *r, uint64_t value)
{
    size_t i = r->n_heap++;
    for (; i && r->heap[(i - 1) / 2] > value; i = (i - 1) / 2)
        r->heap[i] = r->heap[(i - 1) / 2];
    r->heap[i] = value;
}

static uint64_t heap_pop(struct run *r)
{
    uint64_t top = r->heap[0], value = r->heap[--r->n_heap];
    size_t i = 0, n = r->n_heap;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && r->heap[child + 1] < r->heap[child])
            child++;
        if (r->heap[child] >= value)
            break;
        r->heap[i] = r->heap[child];
    }
    r->heap[i] = value;
    return top;
}

static hekla_status run_reserve(struct run *r, size_t n)
{
    if (n <= r->cap)
        return HEKLA_OK;
    size_t cap = n < 256 ? 256 : n + n / 2;
    free(r->nodes);
    free(r->heap);
    r->nodes = calloc(cap, sizeof(*r->nodes));
    r->heap = calloc(cap, 2 * sizeof(*r->heap));
    r->cap = r->nodes && r->heap ? cap : 0;
    return r->cap ? HEKLA_OK
                  : hekla_fail(
                        r->err, HEKLA_MEMORY, "no memory to encode a word of %llu bytes", (ull)n);
}

/* Looks up the merge of a node with the next one and queues it. n: end of the list. */
static void find_merge(struct run *r, uint32_t i, uint32_t n)
{
    struct node *node = &r->nodes[i];
    node->rank = NO_RANK;
    if (node->next < n)
        node->rank = merge_slot(r->bpe, node->token, r->nodes[node->next].token)->rank;
    if (node->rank != NO_RANK)
        heap_push(r, (uint64_t)node->rank << 32 | i);
}

/* The queue keeps entries of pairs that are gone: a pair is there if its rank is still the node's.
 * Each merge queues at most two and takes one away, so 2 * n entries are enough. */
static void merge_word(struct run *r, uint32_t n)
{
    r->n_heap = 0;
    for (uint32_t i = 0; i < n; i++)
        find_merge(r, i, n);
    while (r->n_heap) {
        uint64_t top = heap_pop(r);
        uint32_t i = (uint32_t)top;
        struct node *node = &r->nodes[i];
        if (node->token == UINT32_MAX || node->rank != top >> 32)
            continue;
        struct node *next = &r->nodes[node->next];
        node->token = merge_slot(r->bpe, node->token, next->token)->token;
        node->next = next->next;
        next->token = UINT32_MAX;
        if (node->next < n)
            r->nodes[node->next].prev = i;
        find_merge(r, i, n);
        if (i)
            find_merge(r, node->prev, n);
    }
}

static hekla_status encode_word(void *user, const char *text, size_t n)
{
    struct run *r = user;
    const struct bpe *b = r->bpe;
    if (b->pre->whole_words && n <= b->vocab->max_bytes) {
        hekla_token token = vocab_find(b->vocab, text, n);
        if (token != NO_TOKEN) {
            sink_add(r->sink, token);
            return HEKLA_OK;
        }
    }
    hekla_status status = run_reserve(r, n);
    if (status)
        return status;
    for (uint32_t i = 0; i < n; i++)
        r->nodes[i] =
            (struct node){(uint32_t)b->byte_token[(unsigned char)text[i]], i - 1, i + 1, NO_RANK};
    merge_word(r, (uint32_t)n);
    for (uint32_t i = 0; i < n; i = r->nodes[i].next)
        sink_add(r->sink, (hekla_token)r->nodes[i].token);
    return HEKLA_OK;
}

hekla_status bpe_encode(const struct bpe *b, const char *text, size_t n, struct token_sink *sink,
    struct hekla_error *err)
{
    if (!n)
        return HEKLA_OK;
    struct run r = {.bpe = b, .sink = sink, .err = err};
    hekla_status status = splitter_run(b->splitter, text, n, encode_word, &r, err);
    free(r.nodes);
    free(r.heap);
    return status;
}
