#version 450
/*
 * Chooses the next token: top-k, top-p, min-p, temperature (the order of llama.cpp's chain), then a
 * draw by the Gumbel-max method; ties at a cut are all kept. Writes it where the next step reads its
 * token, and advances the step. One workgroup; nothing is sorted: cuts are found digit by digit on
 * keys that order like the scores, with integer counts and masses, so that the order of additions
 * does not matter. https://arxiv.org/abs/1610.00978 (Gumbel-max), https://arxiv.org/abs/1904.09751
 * (top-p), https://arxiv.org/abs/2407.01082 (min-p).
 */
#include "common.glsl"
#include "philox.glsl"
layout(push_constant) uniform Args { sample_args a; };
layout(binding = 0) readonly buffer L { float scores[]; };
layout(binding = 1) buffer S { step_args step; };
layout(binding = 2) writeonly buffer H { uint history[]; };
layout(binding = 3) writeonly buffer R { uint ring[]; };
shared uint best_key[SAMPLE_SIZE];
shared uint best_id[SAMPLE_SIZE];
shared uint bin_hi[256];
shared uint bin_lo[256];
shared uint cut, left_hi, left_lo;

uint order_key(float x)
{
    uint u = bits(x);
    return (u & 0x80000000u) != 0u ? ~u : u | 0x80000000u;
}

float key_value(uint key)
{
    return from_bits((key & 0x80000000u) != 0u ? key & 0x7fffffffu : ~key);
}

/* The id of the largest key, the lowest id among equals; its key in best_key[0]. */
uint argmax(uint key, uint id)
{
    uint x = gl_LocalInvocationID.x;
    best_key[x] = key;
    best_id[x] = id;
    barrier();
    for (uint h = SAMPLE_SIZE / 2u; h > 0u; h >>= 1) {
        if (x < h) {
            uint k = best_key[x + h], i = best_id[x + h];
            if (k > best_key[x] || (k == best_key[x] && i < best_id[x])) {
                best_key[x] = k;
                best_id[x] = i;
            }
        }
        barrier();
    }
    return best_id[0];
}

/* exp(score - top) in units of 2^-24. */
uint mass(float score, float top)
{
    return uint(int(mul(exact_exp(sub(score, top)), 16777216.0)));
}

/* Sums are kept as hi * 4096 + lo with lo < 4096, in 32-bit words. */
void clear_bins()
{
    for (uint i = gl_LocalInvocationID.x; i < 256u; i += SAMPLE_SIZE) {
        bin_hi[i] = 0u;
        bin_lo[i] = 0u;
    }
    barrier();
}

void add_bin(uint i, uint amount)
{
    atomicAdd(bin_hi[i], amount >> 12);
    atomicAdd(bin_lo[i], amount & 4095u);
}

/* The largest key such that the keys from it up, among those >= floor, hold the amount in left_*
 * (counts if by_count, else masses). */
uint find_cut(uint least, bool by_count, float top)
{
    if (gl_LocalInvocationID.x == 0u)
        cut = 0u;
    for (int shift = 24; shift >= 0; shift -= 8) {
        clear_bins();
        uint prefix = cut;
        for (uint i = gl_LocalInvocationID.x; i < a.n_vocab; i += SAMPLE_SIZE) {
            uint key = order_key(scores[i]);
            bool in_prefix = shift == 24 || (key >> (shift + 8)) == (prefix >> (shift + 8));
            if (key >= least && in_prefix)
                add_bin((key >> shift) & 255u, by_count ? 1u : mass(scores[i], top));
        }
        barrier();
        if (gl_LocalInvocationID.x == 0u) {
            uint b = 255u;
            for (;; b--) {
                uint hi = bin_hi[b] + (bin_lo[b] >> 12), lo = bin_lo[b] & 4095u;
                if (b == 0u || hi > left_hi || (hi == left_hi && lo >= left_lo))
                    break;
                left_hi -= hi + (lo > left_lo ? 1u : 0u);
                left_lo = (left_lo - lo) & 4095u;
            }
            cut = prefix | (b << shift);
        }
        barrier();
    }
    return cut;
}

/* left = top_p of the mass of all keys >= least. */
void set_mass_target(uint least, float top)
{
    clear_bins();
    for (uint i = gl_LocalInvocationID.x; i < a.n_vocab; i += SAMPLE_SIZE)
        if (order_key(scores[i]) >= least)
            add_bin(0u, mass(scores[i], top));
    barrier();
    if (gl_LocalInvocationID.x == 0u) {
        uint p = uint(int(mul(step.top_p, 65536.0)));
        uint hi = bin_hi[0] + (bin_lo[0] >> 12), lo = bin_lo[0] & 4095u;
        uint high, low;
        umulExtended(hi, p, high, low);
        uint rest = ((low & 65535u) * 4096u + lo * p) >> 16;
        left_hi = (high << 16 | low >> 16) + (rest >> 12);
        left_lo = rest & 4095u;
        if (left_hi == 0u && left_lo == 0u)
            left_lo = 1u; /* a top_p below 2^-16 keeps the likeliest */
    }
    barrier();
}

float gumbel(uint id)
{
    uint r = philox(uvec4(id, step.pos + step.n_tokens, 0u, 0u), uvec2(step.seed_lo, step.seed_hi));
    float u = mul(add(float(int(r >> 9)), 0.5), 1.1920928955078125e-07);
    return sub(0.0, exact_log(sub(0.0, exact_log(u))));
}

uint draw(uint least, float top)
{
    uint limit = uint(int(mul(step.min_p, 16777216.0))), key = 0u, id = a.n_vocab;
    for (uint i = gl_LocalInvocationID.x; i < a.n_vocab; i += SAMPLE_SIZE)
        if (order_key(scores[i]) >= least && mass(scores[i], top) >= limit) {
            uint k = order_key(add(mul(sub(scores[i], top), step.inv_temp), gumbel(i)));
            if (k > key) {
                key = k;
                id = i;
            }
        }
    return argmax(key, id);
}

void main()
{
    uint x = gl_LocalInvocationID.x, key = 0u, id = a.n_vocab;
    for (uint i = x; i < a.n_vocab; i += SAMPLE_SIZE) {
        uint k = order_key(scores[i]);
        if (k > key) {
            key = k;
            id = i;
        }
    }
    id = argmax(key, id);
    if (step.inv_temp > 0.0) {
        float top = key_value(best_key[0]);
        uint least = 0u;
        barrier();
        if (step.top_k > 0u && step.top_k < a.n_vocab) {
            if (x == 0u) {
                left_hi = step.top_k >> 12;
                left_lo = step.top_k & 4095u;
            }
            least = find_cut(least, true, top);
        }
        barrier();
        if (step.top_p < 1.0) {
            set_mass_target(least, top);
            least = max(least, find_cut(least, false, top));
        }
        id = draw(least, top);
    }
    if (x != 0u)
        return;
    uint pos = step.pos + step.n_tokens;
    history[pos] = id;
    ring[step.count % RING_SIZE] = id;
    step.pos = pos;
    step.n_tokens = 1u;
    step.count = step.count + 1u;
    step.chunks_x = (pos + ATTN_CHUNK) / ATTN_CHUNK;
}
