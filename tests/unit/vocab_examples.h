/* One small vocabulary of each kind that is not byte-level, for tests and fuzzing. */
#ifndef TESTS_VOCAB_EXAMPLES_H
#define TESTS_VOCAB_EXAMPLES_H

#include "vocab_build.h"

#define SP "\xe2\x96\x81" /* U+2581 */

/* Ids of example_spm */
enum {
    SPM_UNK,
    SPM_BOS,
    SPM_EOS,
    SPM_SP,
    SPM_A,
    SPM_B,
    SPM_AB,
    SPM_SP_A,
    SPM_SP_AB,
    SPM_BA,
    SPM_SP_SP,
    SPM_TAG,
    SPM_ACUTE,
    SPM_SPARE,
    SPM_CD,
    SPM_AAA,
    SPM_AA,
    SPM_BYTES
};

static const struct pieces_spec example_spm = {
    .model = "llama",
    .bytes = true,
    .pieces = {{"<unk>", 2, 0}, {"<s>", 3, 0}, {"</s>", 3, 0}, {SP, 1, -1}, {"a", 1, -2},
        {"b", 1, -3}, {"ab", 1, -4}, {SP "a", 1, -5}, {SP "ab", 1, -6}, {"ba", 1, -4},
        {SP SP, 1, -7}, {"<tag>", 4, 0}, {"\xc3\xa9", 1, -9}, {"bb", 5, -1}, {"cd", 1, -8},
        {"aaa", 1, -3.5f}, {"aa", 1, -10}},
};

/* Ids of example_gemma4 */
enum {
    G4_BOS,
    G4_SP,
    G4_A,
    G4_B,
    G4_AB,
    G4_SP_A,
    G4_LF2,
    G4_LF,
    G4_SP_AB,
    G4_SP_SP,
    G4_LINE,
    G4_BYTES
};

static const struct pieces_spec example_gemma4 = {
    .model = "gemma4",
    .no_scores = true,
    .bytes = true,
    .pieces = {{"<bos>", 3, 0}, {SP, 1, 0}, {"a", 1, 0}, {"b", 1, 0}, {"ab", 1, 0}, {SP "a", 1, 0},
        {"\n\n", 1, 0}, {"\n", 1, 0}, {SP "ab", 1, 0}, {SP SP, 1, 0}, {"<line>", 4, 0}},
    .merges = {"a b", SP " a", SP " ab", SP "a b", SP " " SP},
    .keys = {{"bos_token_id", GGUF_U32, G4_BOS}},
};

/* Ids of example_bert */
enum {
    BERT_PAD,
    BERT_UNK,
    BERT_CLS,
    BERT_SEP,
    BERT_MASK,
    BERT_A,
    BERT_AB,
    BERT_XX_B,
    BERT_XX_BC,
    BERT_COMMA,
    BERT_DOT,
    BERT_NI,
    BERT_U,
    BERT_HAN_A,
    BERT_XX_HAN_AE,
    BERT_AFF,
    BERT_XX_ABLE,
    BERT_I_DOT
};

static const struct pieces_spec example_bert = {
    .model = "bert",
    .no_scores = true,
    .pieces = {{"[PAD]", 3, 0}, {"[UNK]", 3, 0}, {"[CLS]", 3, 0}, {"[SEP]", 3, 0}, {"[MASK]", 3, 0},
        {SP "a", 1, 0}, {SP "ab", 1, 0}, {"b", 1, 0}, {"bc", 1, 0}, {SP ",", 1, 0}, {SP ".", 1, 0},
        {SP "\xe4\xbd\xa0", 1, 0}, {SP "u", 1, 0}, {SP "\xe1\x84\x80", 1, 0},
        {"\xe1\x85\xa1", 1, 0}, {SP "aff", 1, 0}, {"able", 1, 0}, {SP "i", 1, 0}},
    .keys = {{"bos_token_id", GGUF_U32, BERT_CLS}, {"seperator_token_id", GGUF_U32, BERT_SEP},
        {"unknown_token_id", GGUF_U32, BERT_UNK}},
};

/* Ids of example_t5 */
enum { T5_PAD, T5_EOS, T5_UNK, T5_SP, T5_A, T5_B, T5_AB, T5_SP_A, T5_SP_AB, T5_F, T5_ABB, T5_X };

/* A map of one entry: U+FB00 becomes "ff". The root's base is 0x100, then one node for each byte
 * (0x100 ^ 0xef, and so on) with base 0x100 again, the last of them the end of an entry. */
static inline const uint8_t *example_map(uint8_t map[4 + 4 * 1024 + 3])
{
    static const uint8_t bytes[] = {0xef, 0xac, 0x80};
    uint32_t base[4] = {0x100, 0x200, 0x300, 0x3f0}, at = 0;
    memset(map, 0, 4 + 4 * 1024 + 3);
    memcpy(map + 4 + 4 * 1024, "ff", 3);
    map[1] = 4 * 1024 >> 8;
    for (int i = 0; i <= 3; i++) {
        uint32_t word = (base[i] ^ at) << 10;
        if (i)
            word = ((base[i] ^ at) << 10) | bytes[i - 1] | (i == 3 ? 0x100 : 0);
        for (int b = 0; b < 4; b++)
            map[4 + 4 * at + (uint32_t)b] = (uint8_t)(word >> 8 * b);
        at = base[i] ^ (i < 3 ? bytes[i] : 0);
    }
    map[4 + 4 * at + 3] = 0x80; /* the value: offset 0 */
    return map;
}

static const struct pieces_spec example_t5 = {
    .model = "t5",
    .pieces = {{"<pad>", 3, 0}, {"</s>", 3, 0}, {"<unk>", 2, 0}, {SP, 1, -2}, {"a", 1, -3},
        {"b", 1, -3.5f}, {"ab", 1, -5}, {SP "a", 1, -4.5f}, {SP "ab", 1, -6}, {"f", 1, -4},
        {"abb", 1, -9.5f}, {"<x>", 4, 0}},
    .keys = {{"add_space_prefix", GGUF_BOOL, 1}, {"remove_extra_whitespaces", GGUF_BOOL, 1}},
};

#endif
