/* InternLM 2: a llama. https://arxiv.org/abs/2403.17297 */
#include "arch/arch.h"

const struct arch arch_internlm2 = {.blocks = BLOCKS_LLAMA};
