/* Seed-OSS: a llama with biases. https://huggingface.co/ByteDance-Seed/Seed-OSS-36B-Instruct */
#include "arch/arch.h"

const struct arch arch_seed_oss = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN | BLOCK_ATTN_NORM_IS_FFN | BLOCK_FFN,
    .neox = true,
};
