/* Gemma: GELU and a scaled embedding. https://arxiv.org/abs/2403.08295 */
#include "arch/arch.h"

#include <math.h>

static void read(struct arch_reader *r, struct model_params *p)
{
    (void)r;
    p->act = GLU_GELU;
    p->embed_scale = sqrtf((float)p->n_embd);
}

const struct arch arch_gemma = {.blocks = BLOCKS_LLAMA, .neox = true, .read = read};
