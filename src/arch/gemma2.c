/* Gemma 2: soft caps, GELU, norms of what is added, and a window in every second layer.
 * https://arxiv.org/abs/2408.00118 */
#include "arch/arch.h"

#include <math.h>

static void read(struct arch_reader *r, struct model_params *p)
{
    p->act = GLU_GELU;
    p->embed_scale = sqrtf((float)p->n_embd);
    p->attention.softcap = arch_read_positive(r, "attn_logit_softcapping", 50, 1e6f);
    p->output_softcap = arch_read_positive(r, "final_logit_softcapping", 30, 1e6f);
    if (p->n_layer == 46) /* 27B: by the width of all, not of a head */
        p->attention.scale = 1 / sqrtf((float)(p->n_embd / p->head.n_head));
    arch_read_window(r, p, 2);
}

const struct arch arch_gemma2 = {
    .blocks = BLOCKS_LLAMA | BLOCK_POST_NORM, .neox = true, .read = read};
