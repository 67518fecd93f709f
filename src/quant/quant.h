/*
 * quant/: the weight formats. quants.def lists them; each has one C file here and one GLSL file in
 * shaders/quant/. Knows file blocks, and how they are stored on a device; owns no memory.
 *
 * On the device a matrix row is n_blocks blocks of 32 elements spread over at most 32 virtual
 * lanes, `steps` consecutive blocks a lane, stored in slot order (slot = step * lanes + lane) so
 * that neighbouring lanes read neighbouring memory:
 * Four rows make a quad, so that one load serves them all:
 *     u4 planes    [4 rows][u4][slots] of 16 bytes
 *     word planes  [word][slots][4 rows] of 4 bytes
 *     half planes  [half][slots][4 rows] of 2 bytes, padded to 16
 *     super words  [n_blocks / 8 rounded up][super][4 rows] of 4 bytes: shared by 8 consecutive
 *                  blocks
 * A slot that no block uses is 0, and so are rows that fill up the last quad. A shard of a matrix
 * is its quads, then the format's table (quant_table) if it has one.
 */
#ifndef QUANT_QUANT_H
#define QUANT_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quant {
#define QUANT(name, ...) QT_##name,
#include "quant/quants.def"
#undef QUANT
    QT_COUNT,
};

enum quant_class { QUANT_CLASS_INT, QUANT_CLASS_FLOAT };

/* One slot's share of each plane. */
struct quant_slot {
    uint32_t u4[8][4];
    uint32_t word[3];
    uint32_t half;
    uint32_t super[3]; /* of the 256 elements that the block belongs to */
    uint32_t eighth;   /* load: which of their 8 blocks it is */
};

/* 32 elements, taken apart. INT: bytes q and the format's scales; FLOAT: f. */
struct quant_block {
    int8_t q[32];
    float f[32];
    float d, dmin; /* dmin: or the scale of the second half */
    int32_t scale[2];
};

struct quant_type {
    const char *name;  /* in the table and in file names */
    const char *label; /* as people write it */
    enum quant_class class;
    uint32_t file_id; /* GGUF type number */
    uint32_t block_elements, block_bytes;
    uint32_t n_u4, n_word, n_half, n_super;
    /* File row -> slot of block b (32 elements, n of them in the row; the rest count as 0). Sets
     * what the format stores; the super words of 8 blocks are or-ed together. */
    void (*slot)(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out);
    void (*load)(const struct quant_slot *slot, struct quant_block *out);
    /* INT: the block's value from products and sums of its two halves of 16; see weights.glsl. */
    float (*term)(
        const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi);
    /* block_elements finite floats of magnitudes up to quant_limit -> a file block, the same bytes
     * on every machine. NULL: such files are only read. */
    void (*quantize)(const float *x, uint8_t *block);
};

extern const struct quant_type quant_types[QT_COUNT];

/* The type with this GGUF number, or NULL. */
const struct quant_type *quant_find(uint32_t file_id);
/* The name of any GGUF type number, also of ones not supported here; NULL if there is none. */
const char *quant_file_type_name(uint32_t file_id);
/* "F32 F16 ...": the supported types, for messages. */
const char *quant_supported(void);
/* The largest magnitude that can be quantised: what the type, or the half that scales it, holds. */
float quant_limit(const struct quant_type *type);
/* Bytes of n_rows rows of `row` elements; false: unknown type, a row that is not a whole number of
 * blocks, or more than 64 bits. (A gguf_type_bytes_fn.) */
bool quant_file_bytes(uint32_t file_id, uint64_t row, uint64_t n_rows, uint64_t *bytes);

struct quant_layout {
    uint32_t n;        /* elements of a row */
    uint32_t n_blocks; /* of 32, rounded up */
    uint32_t steps, lanes, slots;
    uint32_t quad_u4; /* 16-byte units of four rows */
};

/* n >= 1 and at most 2^24. */
struct quant_layout quant_layout_of(const struct quant_type *type, uint32_t n);
/* Spreads n_blocks over lanes: fills n_blocks, steps, lanes, slots. */
void quant_spread(struct quant_layout *layout, uint32_t n_blocks);
uint32_t quant_slot_of(const struct quant_layout *layout, uint32_t block);

/* Bytes of n_rows rows on the device. */
static inline uint64_t quant_rows_bytes(const struct quant_layout *layout, uint32_t n_rows)
{
    return (n_rows + UINT64_C(3)) / 4 * layout->quad_u4 * 16;
}
/* n_rows file rows of row_bytes -> quads: quant_rows_bytes of them. */
void quant_pack_rows(const struct quant_type *type, const struct quant_layout *layout,
    const uint8_t *file, uint64_t row_bytes, uint32_t n_rows, uint32_t *out);
/* Block b of a row; quads: where row 0 is. */
void quant_unpack_block(const struct quant_type *type, const struct quant_layout *layout,
    const uint32_t *quads, uint32_t row, uint32_t b, struct quant_block *out);
/* Element e of a row. */
float quant_element(const struct quant_type *type, const struct quant_layout *layout,
    const uint32_t *quads, uint32_t row, uint32_t e);

/* What follows the rows of a shard on the device, the same for each of the type: its codebook, a
 * multiple of 16 bytes. NULL and 0 bytes: nothing. */
const uint32_t *quant_table(const struct quant_type *type, uint64_t *bytes);

#define QUANT(name, ...)                                                                           \
    void quant_##name##_slot(const uint8_t *, uint32_t, uint32_t, struct quant_slot *);            \
    void quant_##name##_load(const struct quant_slot *, struct quant_block *);                     \
    float quant_##name##_term(const struct quant_block *, int32_t, int32_t, int32_t, int32_t);     \
    void quant_##name##_quantize(const float *, uint8_t *);
#include "quant/quants.def"
#undef QUANT

/* Shared by the type files. */
static inline uint32_t quant_read16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}
static inline uint32_t quant_read32(const uint8_t *p)
{
    return quant_read16(p) | quant_read16(p + 2) << 16;
}
/* A half; infinities and NaN become +-65504. */
uint32_t quant_finite_half(const uint8_t *p);
/* A half as the bits of an f32. */
uint32_t quant_read_half(const uint8_t *p);
/* A half's magnitude in 16 bits without a special case: 6 bits of exponent, 10 of fraction. *sign:
 * -1, 0 or 1. */
uint32_t quant_read_magnitude(const uint8_t *p, int32_t *sign);
static inline uint32_t quant_magnitude_bits(uint32_t m)
{
    return (m << 13) + (UINT32_C(103) << 23);
}
static inline void quant_write16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
/* The low 4 bits of 32 values -> 16 bytes: low nibbles 0..15, high nibbles 16..31; and back. */
void quant_pack_nibbles(const uint8_t value[32], uint32_t out[4]);
void quant_unpack_nibbles(const uint32_t in[4], int8_t value[32]);
/* Bits `at` and `at + 1` of 32 values -> 2 words: those of value 16 w + 4 i + k at bit 2 i of
 * byte k of word w, so that a shift and a mask spread four of them over four bytes. Back: or-ed
 * in. */
void quant_pack_pairs(const uint8_t value[32], uint32_t at, uint32_t out[2]);
void quant_unpack_pairs(const uint32_t in[2], uint32_t at, int8_t value[32]);
/* Bit `at` of 32 values -> a word: that of value 4 i + k at bit i of byte k. Back: or-ed in. */
uint32_t quant_pack_bits(const uint8_t value[32], uint32_t at);
void quant_unpack_bits(uint32_t in, uint32_t at, int8_t value[32]);
/* Nibbles as quant_unpack_nibbles, looked up in a table. */
void quant_lookup(const uint32_t in[4], const int8_t values[16], int8_t value[32]);
extern const int8_t quant_iq4_values[16]; /* IQ4_NL, IQ4_XS */
extern const int8_t quant_e2m1[16];       /* MXFP4, NVFP4: twice the values of E2M1 */
/* Q4_K, Q5_K: 6-bit scale and minimum j of 8 from 12 bytes. */
void quant_scale_min(const uint8_t *s, uint32_t j, uint32_t *scale, uint32_t *minimum);
void quant_put_scale_min(const uint8_t scale[8], const uint8_t minimum[8], uint8_t out[12]);

#endif
