#include "quant/quant.h"

#include "base/exact.h"

#include <string.h>

#define READ(name) NULL
#define WRITE(name) quant_##name##_quantize
const struct quant_type quant_types[QT_COUNT] = {
#define QUANT(name, cls, label, id, elements, bytes, u4, word, half, super, files)                 \
    {#name, label, QUANT_CLASS_##cls, id, elements, bytes, u4, word, half, super,                  \
        quant_##name##_slot, quant_##name##_load, quant_##name##_term, files(name)},
#include "quant/quants.def"
#undef QUANT
};
#undef WRITE
#undef READ

const struct quant_type *quant_find(uint32_t file_id)
{
    for (int i = 0; i < QT_COUNT; i++)
        if (quant_types[i].file_id == file_id)
            return &quant_types[i];
    return NULL;
}

const char *quant_file_type_name(uint32_t file_id)
{
    static const char *const names[] = {"F32", "F16", "Q4_0", "Q4_1", NULL, NULL, "Q5_0", "Q5_1",
        "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS",
        "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64",
        "IQ1_M", "BF16", NULL, NULL, NULL, "TQ1_0", "TQ2_0", NULL, NULL, NULL, "MXFP4", "NVFP4"};
    return file_id < sizeof(names) / sizeof(names[0]) ? names[file_id] : NULL;
}

const char *quant_supported(void)
{
    static const char all[] = ""
#define QUANT(name, cls, label, ...) " " label
#include "quant/quants.def"
#undef QUANT
        ;
    return all + 1;
}

float quant_limit(const struct quant_type *type)
{
    if (type == &quant_types[QT_bf16])
        return 0x1.fep127f;
    return type == &quant_types[QT_mxfp4] ? 0x1p127f : 65504.0f;
}

bool quant_file_bytes(uint32_t file_id, uint64_t row, uint64_t n_rows, uint64_t *bytes)
{
    const struct quant_type *t = quant_find(file_id);
    if (!t || row % t->block_elements)
        return false;
    uint64_t row_bytes;
    return !__builtin_mul_overflow(row / t->block_elements, (uint64_t)t->block_bytes, &row_bytes) &&
           !__builtin_mul_overflow(row_bytes, n_rows, bytes);
}

void quant_spread(struct quant_layout *layout, uint32_t n_blocks)
{
    layout->n_blocks = n_blocks;
    layout->steps = (n_blocks + 31) / 32;
    layout->lanes = (n_blocks + layout->steps - 1) / layout->steps;
    layout->slots = layout->steps * layout->lanes;
}

struct quant_layout quant_layout_of(const struct quant_type *type, uint32_t n)
{
    struct quant_layout l = {.n = n};
    quant_spread(&l, (n + 31) / 32);
    l.quad_u4 = l.slots * (4 * type->n_u4 + type->n_word) + type->n_half * ((l.slots + 1) / 2) +
                type->n_super * ((l.n_blocks + 7) / 8);
    return l;
}

uint32_t quant_slot_of(const struct quant_layout *layout, uint32_t block)
{
    return block % layout->steps * layout->lanes + block / layout->steps;
}

/* Where a quad's planes begin: words. */
struct planes {
    size_t word, half, super;
};

static struct planes planes_of(const struct quant_type *type, const struct quant_layout *layout)
{
    struct planes p;
    p.word = (size_t)16 * type->n_u4 * layout->slots;
    p.half = p.word + (size_t)4 * type->n_word * layout->slots;
    p.super = p.half + (size_t)4 * type->n_half * ((layout->slots + 1) / 2);
    return p;
}

/* Row r of a quad that holds 0. */
static void pack_row(const struct quant_type *type, const struct quant_layout *layout,
    const uint8_t *row, uint32_t r, uint32_t *quad)
{
    const uint32_t slots = layout->slots;
    struct planes planes = planes_of(type, layout);
    for (uint32_t b = 0; b < layout->n_blocks; b++) {
        struct quant_slot s;
        uint32_t at = quant_slot_of(layout, b), rest = layout->n - b * 32;
        type->slot(row, b, rest < 32 ? rest : 32, &s);
        for (uint32_t p = 0; p < type->n_u4; p++)
            memcpy(quad + 4 * ((size_t)(r * type->n_u4 + p) * slots + at), s.u4[p], 16);
        for (uint32_t p = 0; p < type->n_word; p++)
            quad[planes.word + 4 * ((size_t)p * slots + at) + r] = s.word[p];
        if (type->n_half)
            quad[planes.half + 2 * at + r / 2] |= (s.half & 0xffff) << r % 2 * 16;
        for (uint32_t p = 0; p < type->n_super; p++)
            quad[planes.super + 4 * (b / 8 * type->n_super + p) + r] |= s.super[p];
    }
}

void quant_pack_rows(const struct quant_type *type, const struct quant_layout *layout,
    const uint8_t *file, uint64_t row_bytes, uint32_t n_rows, uint32_t *out)
{
    memset(out, 0, quant_rows_bytes(layout, n_rows));
    for (uint32_t r = 0; r < n_rows; r++)
        pack_row(
            type, layout, file + r * row_bytes, r % 4, out + (size_t)(r / 4) * layout->quad_u4 * 4);
}

void quant_unpack_block(const struct quant_type *type, const struct quant_layout *layout,
    const uint32_t *quads, uint32_t row, uint32_t b, struct quant_block *out)
{
    const uint32_t slots = layout->slots, at = quant_slot_of(layout, b), r = row % 4;
    const uint32_t *quad = quads + (size_t)(row / 4) * layout->quad_u4 * 4;
    struct planes planes = planes_of(type, layout);
    struct quant_slot s = {0};
    for (uint32_t p = 0; p < type->n_u4; p++)
        memcpy(s.u4[p], quad + 4 * ((size_t)(r * type->n_u4 + p) * slots + at), 16);
    for (uint32_t p = 0; p < type->n_word; p++)
        s.word[p] = quad[planes.word + 4 * ((size_t)p * slots + at) + r];
    if (type->n_half)
        s.half = quad[planes.half + 2 * at + r / 2] >> r % 2 * 16 & 0xffff;
    for (uint32_t p = 0; p < type->n_super; p++)
        s.super[p] = quad[planes.super + 4 * (b / 8 * type->n_super + p) + r];
    s.eighth = b % 8;
    type->load(&s, out);
}

float quant_element(const struct quant_type *type, const struct quant_layout *layout,
    const uint32_t *quads, uint32_t row, uint32_t e)
{
    struct quant_block b;
    quant_unpack_block(type, layout, quads, row, e / 32, &b);
    uint32_t i = e % 32;
    if (type->class == QUANT_CLASS_FLOAT)
        return b.f[i];
    /* An element is the value of a block whose activation is 1 there and 0 elsewhere. */
    return i < 16 ? type->term(&b, b.q[i], 0, 1, 0) : type->term(&b, 0, b.q[i], 0, 1);
}

uint32_t quant_finite_half(const uint8_t *p)
{
    uint32_t h = quant_read16(p);
    return (h & 0x7c00) == 0x7c00 ? (h & 0x8000) | 0x7bff : h;
}

uint32_t quant_read_half(const uint8_t *p)
{
    return exact_bits(exact_half_to_float(quant_read16(p)));
}

uint32_t quant_read_magnitude(const uint8_t *p, int32_t *sign)
{
    float d = exact_half_to_float(quant_read16(p));
    *sign = d > 0 ? 1 : d < 0 ? -1 : 0;
    return d == 0.0f ? 0 : ((exact_bits(d) & 0x7fffffffu) - (UINT32_C(103) << 23)) >> 13;
}

void quant_pack_nibbles(const uint8_t value[32], uint32_t out[4])
{
    for (int w = 0; w < 4; w++) {
        out[w] = 0;
        for (int k = 0; k < 4; k++)
            out[w] |= (uint32_t)((value[4 * w + k] & 15) | (value[16 + 4 * w + k] & 15) << 4)
                      << 8 * k;
    }
}

void quant_unpack_nibbles(const uint32_t in[4], int8_t value[32])
{
    for (int w = 0; w < 4; w++)
        for (int k = 0; k < 4; k++) {
            value[4 * w + k] = (int8_t)(in[w] >> 8 * k & 15);
            value[16 + 4 * w + k] = (int8_t)(in[w] >> (8 * k + 4) & 15);
        }
}

/* Where quant_pack_pairs puts value i of 16, and quant_pack_bits value i of 32. */
static uint32_t pair_at(uint32_t i)
{
    return i % 4 * 8 + i / 4 * 2;
}

static uint32_t bit_at(uint32_t i)
{
    return i % 4 * 8 + i / 4;
}

void quant_pack_pairs(const uint8_t value[32], uint32_t at, uint32_t out[2])
{
    out[0] = out[1] = 0;
    for (uint32_t i = 0; i < 32; i++)
        out[i / 16] |= (value[i] >> at & 3u) << pair_at(i % 16);
}

void quant_unpack_pairs(const uint32_t in[2], uint32_t at, int8_t value[32])
{
    for (uint32_t i = 0; i < 32; i++)
        value[i] |= (int8_t)((in[i / 16] >> pair_at(i % 16) & 3) << at);
}

uint32_t quant_pack_bits(const uint8_t value[32], uint32_t at)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < 32; i++)
        out |= (value[i] >> at & 1u) << bit_at(i);
    return out;
}

void quant_unpack_bits(uint32_t in, uint32_t at, int8_t value[32])
{
    for (uint32_t i = 0; i < 32; i++)
        value[i] |= (int8_t)((in >> bit_at(i) & 1) << at);
}

/* The first four are whole bytes, the others share upper bits. */
void quant_scale_min(const uint8_t *s, uint32_t j, uint32_t *scale, uint32_t *minimum)
{
    if (j < 4) {
        *scale = s[j] & 63u;
        *minimum = s[j + 4] & 63u;
    } else {
        *scale = (s[j + 4] & 15u) | (uint32_t)(s[j - 4] >> 6) << 4;
        *minimum = (uint32_t)(s[j + 4] >> 4) | (uint32_t)(s[j] >> 6) << 4;
    }
}

void quant_put_scale_min(const uint8_t scale[8], const uint8_t minimum[8], uint8_t out[12])
{
    for (int j = 0; j < 4; j++) {
        out[j] = (uint8_t)(scale[j] | scale[j + 4] >> 4 << 6);
        out[j + 4] = (uint8_t)(minimum[j] | minimum[j + 4] >> 4 << 6);
        out[j + 8] = (uint8_t)((scale[j + 4] & 15) | (minimum[j + 4] & 15) << 4);
    }
}

const int8_t quant_iq4_values[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
const int8_t quant_e2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

void quant_lookup(const uint32_t in[4], const int8_t values[16], int8_t value[32])
{
    quant_unpack_nibbles(in, value);
    for (int i = 0; i < 32; i++)
        value[i] = values[value[i]];
}
