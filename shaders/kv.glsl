/* Where the KV cache keeps an element. K: [kv head][pos / K_TILE][dim / 4][pos % K_TILE][4], so that
 * neighbouring positions are neighbours in memory; V: [kv head][pos][dim]. */
uint k_index(uint head, uint pos, uint dim, uint head_dim, uint n_ctx)
{
    return head * n_ctx * head_dim + pos / K_TILE * K_TILE * head_dim + dim / 4u * (4u * K_TILE)
        + pos % K_TILE * 4u + dim % 4u;
}

uint v_index(uint head, uint pos, uint dim, uint head_dim, uint n_ctx)
{
    return (head * n_ctx + pos) * head_dim + dim;
}

/* Quantised, words of elements have the order that elements have otherwise: KV_WORD dims a word in
 * place of 4 in K, and of 1 in V. The scales follow them, one for each 32 dims. */
const uint KV_WORD = KV == KV_TYPE_Q4_0 ? 8u : 4u;

uint k_order(uint head, uint pos, uint i, uint n, uint n_ctx)
{
    return head * n_ctx * n + pos / K_TILE * K_TILE * n + i * K_TILE + pos % K_TILE;
}

uint k_word(uint head, uint pos, uint dim, uint head_dim, uint n_ctx)
{
    return k_order(head, pos, dim / KV_WORD, head_dim / KV_WORD, n_ctx);
}

uint v_word(uint head, uint pos, uint dim, uint head_dim, uint n_ctx)
{
    return ((head * n_ctx + pos) * head_dim + dim) / KV_WORD;
}

uint k_scale(uint head, uint pos, uint dim, uint head_dim, uint n_ctx, uint n_head_kv)
{
    return n_head_kv * n_ctx * (head_dim / KV_WORD)
        + k_order(head, pos, dim / 32u, head_dim / 32u, n_ctx);
}

uint v_scale(uint head, uint pos, uint dim, uint head_dim, uint n_ctx, uint n_head_kv)
{
    return n_head_kv * n_ctx * (head_dim / KV_WORD) + ((head * n_ctx + pos) * head_dim + dim) / 32u;
}
