/* 32 floats -> 8 bits each: d = max|x| / 127, q = round(x / d), and the sums of both halves, two
 * signed halves of a word. */
struct q8_block {
    uint q[8];
    float d;
    uint sums;
};

float largest(vec4 v)
{
    vec4 a = abs(v);
    return max(max(a.x, a.y), max(a.z, a.w));
}

/* For values of magnitude at most `most`: 127 / most, or 0. */
float q8_inverse(float most)
{
    return most != 0.0 ? mul(127.0, recip(most)) : 0.0;
}

float q8_scale(float most)
{
    return mul(most, 0.007874015718698501587);
}

uint q8_word(vec4 v, float inv, inout int sum)
{
    uint word = 0u;
    for (uint k = 0u; k < 4u; k++) {
        int n = clamp(round_away(mul(v[k], inv)), -127, 127);
        word |= (uint(n) & 255u) << (8u * k);
        sum += n;
    }
    return word;
}

uint q8_sums(int lo, int hi)
{
    return (uint(lo) & 0xffffu) | (uint(hi) << 16);
}

/* v is sanitised. */
q8_block quantize_block(vec4 v[8])
{
    q8_block b;
    float most = 0.0;
    for (uint i = 0u; i < 8u; i++)
        most = max(most, largest(v[i]));
    float inv = q8_inverse(most);
    int lo = 0, hi = 0;
    for (uint i = 0u; i < 4u; i++) {
        b.q[i] = q8_word(v[i], inv, lo);
        b.q[4u + i] = q8_word(v[4u + i], inv, hi);
    }
    b.d = q8_scale(most);
    b.sums = q8_sums(lo, hi);
    return b;
}
