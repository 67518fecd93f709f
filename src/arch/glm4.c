/* GLM-4 (0414): heads rotated in part, norms of what is added, gate and up in one tensor. */
#include "arch/arch.h"

const struct arch arch_glm4 = {.blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN |
                                         BLOCK_FFN_FUSED | BLOCK_FFN_NORM | BLOCK_POST_NORM};
