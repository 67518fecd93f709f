/* Qwen 3: Q and K are normed by heads. https://arxiv.org/abs/2505.09388 */
#include "arch/arch.h"

const struct arch arch_qwen3 = {.blocks = BLOCKS_LLAMA | BLOCK_HEAD_NORM, .neox = true};
