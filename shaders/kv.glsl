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
