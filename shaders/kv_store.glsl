/* Quantises 32 neighbouring elements of a head for the caches kc and vc; `a` are the kernel's
 * arguments, v is sanitised. */
struct kv_block {
    uint word[8];
    float d;
};

/* The extreme becomes -8. */
kv_block kv_nibbles(vec4 v[8])
{
    kv_block b;
    float m = 0.0;
    for (uint i = 0u; i < 32u; i++)
        m = abs(v[i / 4u][i % 4u]) > abs(m) ? v[i / 4u][i % 4u] : m;
    float inv = m != 0.0 ? mul(m > 0.0 ? -8.0 : 8.0, recip(abs(m))) : 0.0;
    for (uint w = 0u; w < 4u; w++) {
        b.word[w] = 0u;
        for (uint k = 0u; k < 8u; k++) {
            float x = v[2u * w + k / 4u][k % 4u];
            int n = clamp(int(add(mul(x, inv), 8.5)), 0, 15) - 8;
            b.word[w] |= (uint(n) & 15u) << (4u * k);
        }
    }
    b.d = mul(m, -0.125);
    return b;
}

kv_block kv_quantize(vec4 v[8])
{
    kv_block b;
    if (KV == KV_TYPE_Q4_0)
        return kv_nibbles(v);
    q8_block q = quantize_block(v);
    for (uint i = 0u; i < 8u; i++)
        b.word[i] = q.q[i];
    b.d = q.d;
    return b;
}

void kv_store(bool is_v, uint head, uint pos, uint dim, vec4 v[8])
{
    kv_block b = kv_quantize(v);
    pos %= a.n_ctx; /* the cache of a window is a ring */
    for (uint i = 0u; i < 32u / KV_WORD; i++) {
        uint d = dim + i * KV_WORD;
        if (is_v)
            vc[v_word(head, pos, d, a.head_dim, a.n_ctx)] = b.word[i];
        else
            kc[k_word(head, pos, d, a.head_dim, a.n_ctx)] = b.word[i];
    }
    if (is_v)
        vc[v_scale(head, pos, dim, a.head_dim, a.n_ctx, a.n_head_kv)] = bits(b.d);
    else
        kc[k_scale(head, pos, dim, a.head_dim, a.n_ctx, a.n_head_kv)] = bits(b.d);
}
