/* EXAONE 3: a llama. https://arxiv.org/abs/2408.03541 */
#include "arch/arch.h"

const struct arch arch_exaone = {.blocks = BLOCKS_LLAMA, .neox = true};
