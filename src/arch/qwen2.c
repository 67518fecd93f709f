/* Qwen 2 and 2.5: a llama with biases on Q, K and V. https://arxiv.org/abs/2407.10671 */
#include "arch/arch.h"

const struct arch arch_qwen2 = {.blocks = BLOCKS_LLAMA, .neox = true};
