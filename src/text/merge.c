/* Merging: a piece of text begins as bytes or characters, and again and again the two neighbours
 * that join first become one token. Whatever decides about joining (a list of merges, a score for
 * each token) is the caller's. */
#include "text/internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Tokens of the piece being merged, as a list linked through the offset of their first byte. */
struct node {
    uint32_t token; /* GONE: merged into an earlier one */
    uint32_t prev, next;
    struct joined with_next;
};

#define GONE UINT32_MAX

/* Words come again and again: the tokens of the newest one in each slot. */
enum { MEMO_SLOTS = 4096, MEMO_BYTES = 22, MEMO_TOKENS = 9, MEMO_WORTH = 4096 };

struct memo {
    struct {
        uint8_t n_bytes, n_tokens;
        char bytes[MEMO_BYTES];
        hekla_token tokens[MEMO_TOKENS];
    } slots[MEMO_SLOTS];
};

void encoding_begin(struct encoding *e, size_t n)
{
    e->last = NO_TOKEN;
    if (n >= MEMO_WORTH)
        e->memo = calloc(1, sizeof(*e->memo)); /* without it it is slower, that is all */
}

void encoding_clear(struct encoding *e)
{
    free(e->nodes);
    free(e->heap);
    free(e->memo);
    free(e->steps);
    free(e->text);
}

hekla_status encoding_reserve(struct encoding *e, size_t n)
{
    if (n <= e->n_text)
        return HEKLA_OK;
    size_t room = n < 256 ? 256 : n + n / 2;
    free(e->text);
    e->text = malloc(room);
    e->n_text = e->text ? room : 0;
    return e->text ? HEKLA_OK
                   : hekla_fail(e->err, HEKLA_MEMORY, "no memory to encode %llu bytes", (ull)n);
}

static hekla_status reserve_nodes(struct encoding *e, size_t n)
{
    if (n <= e->cap)
        return HEKLA_OK;
    size_t cap = n < 256 ? 256 : n + n / 2;
    free(e->nodes);
    free(e->heap);
    e->nodes = calloc(cap, sizeof(*e->nodes));
    e->heap = calloc(cap, 2 * sizeof(*e->heap));
    e->cap = e->nodes && e->heap ? cap : 0;
    return e->cap ? HEKLA_OK
                  : hekla_fail(
                        e->err, HEKLA_MEMORY, "no memory to encode a word of %llu bytes", (ull)n);
}

/* ---- the queue of joins -----------------------------------------------------------------------
 */

static void heap_push(struct encoding *e, uint64_t value)
{
    size_t i = e->n_heap++;
    for (; i && e->heap[(i - 1) / 2] > value; i = (i - 1) / 2)
        e->heap[i] = e->heap[(i - 1) / 2];
    e->heap[i] = value;
}

static uint64_t heap_pop(struct encoding *e)
{
    uint64_t top = e->heap[0], value = e->heap[--e->n_heap];
    size_t i = 0, n = e->n_heap;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && e->heap[child + 1] < e->heap[child])
            child++;
        if (e->heap[child] >= value)
            break;
        e->heap[i] = e->heap[child];
    }
    e->heap[i] = value;
    return top;
}

/* Looks up the join of a node with the next one and queues it. n: end of the list. */
static void find_join(
    struct encoding *e, const struct merge_rules *r, const char *text, uint32_t i, uint32_t n)
{
    struct node *node = &e->nodes[i];
    node->with_next.rank = NO_RANK;
    if (node->next < n) {
        const struct node *next = &e->nodes[node->next];
        node->with_next = r->join(r, node->token, next->token, text + i, next->next - i);
    }
    if (node->with_next.rank != NO_RANK)
        heap_push(e, (uint64_t)node->with_next.rank << 32 | i);
}

/* The queue keeps entries of pairs that are gone: a pair is there if its rank is still the node's.
 * Each join queues at most two and takes one away, so 2 * n entries are enough. */
static void merge_nodes(
    struct encoding *e, const struct merge_rules *r, const char *text, uint32_t n)
{
    e->n_heap = 0;
    for (uint32_t i = 0; i < n; i = e->nodes[i].next)
        find_join(e, r, text, i, n);
    while (e->n_heap) {
        uint64_t top = heap_pop(e);
        uint32_t i = (uint32_t)top;
        struct node *node = &e->nodes[i];
        if (node->token == GONE || node->with_next.rank != top >> 32)
            continue;
        struct node *next = &e->nodes[node->next];
        node->token = node->with_next.token;
        node->next = next->next;
        next->token = GONE;
        if (node->next < n)
            e->nodes[node->next].prev = i;
        find_join(e, r, text, i, n);
        if (i)
            find_join(e, r, text, node->prev, n);
    }
}

static void fill_nodes(
    struct encoding *e, const struct merge_rules *r, const char *text, uint32_t n)
{
    const struct vocab *v = r->vocab;
    uint32_t prev = 0;
    for (uint32_t i = 0, length = 1; i < n; i += length) {
        hekla_token token = v->byte_token[(unsigned char)text[i]];
        if (!r->by_bytes) {
            uint32_t code;
            length = (uint32_t)utf8_decode(text + i, n - i, &code);
            token = vocab_find(v, text + i, length);
        }
        e->nodes[i] = (struct node){
            token == NO_TOKEN ? NO_UNIT : (uint32_t)token, prev, i + length, {NO_RANK, 0}};
        prev = i;
    }
}

void encoding_add(struct encoding *e, hekla_token token)
{
    if (token != e->unknown || token != e->last) {
        if (e->sink.count < e->sink.cap)
            e->sink.tokens[e->sink.count] = token;
        e->sink.count++;
    }
    e->last = token;
}

/* A character without a token: its bytes, or what stands for the unknown. */
static void add_bytes(struct encoding *e, const struct vocab *v, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hekla_token byte = v->byte_token[(unsigned char)text[i]];
        if (byte != NO_TOKEN)
            encoding_add(e, byte);
        else if (e->unknown != NO_TOKEN)
            encoding_add(e, e->unknown);
    }
}

static hekla_status merge_piece(
    struct encoding *e, const struct merge_rules *r, const char *text, size_t n)
{
    if (r->piece)
        return r->piece(e, r, text, n);
    hekla_status status = reserve_nodes(e, n);
    if (status)
        return status;
    fill_nodes(e, r, text, (uint32_t)n);
    merge_nodes(e, r, text, (uint32_t)n);
    for (uint32_t i = 0; i < n; i = e->nodes[i].next) {
        if (e->nodes[i].token == NO_UNIT)
            add_bytes(e, r->vocab, text + i, e->nodes[i].next - i);
        else
            encoding_add(e, (hekla_token)e->nodes[i].token);
    }
    return HEKLA_OK;
}

/* ---- words seen before ------------------------------------------------------------------------
 */

static hekla_status merge_or_remember(
    struct encoding *e, const struct merge_rules *r, const char *text, size_t n)
{
    if (!e->memo || n > MEMO_BYTES)
        return merge_piece(e, r, text, n);
    size_t slot = hash_bytes(text, n) % MEMO_SLOTS;
    if (e->memo->slots[slot].n_bytes == n && !memcmp(e->memo->slots[slot].bytes, text, n)) {
        for (uint32_t i = 0; i < e->memo->slots[slot].n_tokens; i++)
            encoding_add(e, e->memo->slots[slot].tokens[i]);
        return HEKLA_OK;
    }
    hekla_token tokens[MEMO_BYTES];
    struct token_sink sink = e->sink;
    hekla_token last = e->last;
    e->sink = (struct token_sink){tokens, MEMO_BYTES, 0};
    e->last = NO_TOKEN;
    hekla_status status = merge_piece(e, r, text, n);
    size_t count = e->sink.count;
    e->sink = sink;
    e->last = last;
    for (size_t i = 0; i < count; i++)
        encoding_add(e, tokens[i]);
    if (!status && count <= MEMO_TOKENS) {
        e->memo->slots[slot].n_bytes = (uint8_t)n;
        e->memo->slots[slot].n_tokens = (uint8_t)count;
        memcpy(e->memo->slots[slot].bytes, text, n);
        memcpy(e->memo->slots[slot].tokens, tokens, count * sizeof(tokens[0]));
    }
    return status;
}

/* ---- long pieces ------------------------------------------------------------------------------
 * Where two characters meet that meet in no token, nothing joins: what lies on either side is
 * merged alone, which is the same and faster. A table of hashes may see meetings that are none. */

enum { MEETING_BITS = 21 };

static uint64_t *meeting(uint64_t *table, uint32_t left, uint32_t right, uint64_t *bit)
{
    uint64_t hash = hash_u64((uint64_t)left << 32 | right) >> (64 - MEETING_BITS);
    *bit = 1ull << (hash & 63);
    return &table[hash >> 6];
}

hekla_status merge_find_meetings(struct merge_rules *r)
{
    const struct vocab *v = r->vocab;
    r->meetings = calloc((1u << MEETING_BITS) / 64, sizeof(*r->meetings));
    if (!r->meetings)
        return HEKLA_MEMORY;
    for (uint32_t i = 0; i < v->n; i++) {
        size_t n, length = 0;
        const char *bytes = vocab_bytes(v, i, &n);
        if (v->type[i] == TOKEN_BYTE) /* one byte, perhaps not UTF-8 */
            continue;
        uint32_t left = 0, right;
        for (size_t at = 0; at < n; at += length, left = right) {
            uint64_t bit;
            length = (size_t)utf8_decode(bytes + at, n - at, &right);
            if (at)
                *meeting(r->meetings, left, right, &bit) |= bit;
        }
    }
    return HEKLA_OK;
}

hekla_status merge_text(struct encoding *e, const struct merge_rules *r, const char *text, size_t n)
{
    if (!r->meetings)
        return merge_or_remember(e, r, text, n);
    size_t begin = 0;
    uint32_t left = 0, right;
    for (size_t at = 0, length; at < n; at += length, left = right) {
        uint64_t bit;
        length = (size_t)utf8_decode(text + at, n - at, &right);
        if (at == begin || *meeting(r->meetings, left, right, &bit) & bit)
            continue;
        hekla_status status = merge_or_remember(e, r, text + begin, at - begin);
        if (status)
            return status;
        begin = at;
    }
    return merge_or_remember(e, r, text + begin, n - begin);
}
