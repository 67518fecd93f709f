/* ERNIE 4.5, dense: a llama. https://huggingface.co/baidu/ERNIE-4.5-0.3B-PT */
#include "arch/arch.h"

const struct arch arch_ernie4_5 = {.blocks = BLOCKS_LLAMA};
