/* SmolLM 3: a llama in which each fourth layer does not mark positions. */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    (void)r;
    for (uint32_t i = 3; i < p->n_layer; i += 4)
        p->layers[i] |= LAYER_NO_ROPE;
}

const struct arch arch_smollm3 = {.blocks = BLOCKS_LLAMA, .read = read};
