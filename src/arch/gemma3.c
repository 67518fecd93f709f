/* Gemma 3: Q and K are normed, and five layers of six see a window and rotate by another base.
 * https://arxiv.org/abs/2503.19786 */
#include "arch/arch.h"

#include <math.h>

static void read(struct arch_reader *r, struct model_params *p)
{
    p->act = GLU_GELU;
    p->embed_scale = sqrtf((float)p->n_embd);
    p->output_softcap = arch_read_f32(r, "final_logit_softcapping", 0);
    if (p->n_layer == 62) /* 27B: by the width of all, not of a head */
        p->attention.scale = 1 / sqrtf((float)(p->n_embd / p->head.n_head));
    arch_read_window(r, p, 6);
    p->rope_local = (struct model_rope){
        .base = arch_read_positive(r, "rope.freq_base_swa", 10000, 1e12f),
        .n_rot = p->head.n_rot,
        .factor = 1,
        .original_ctx = p->rope.original_ctx,
        .attn_factor = 1,
    };
}

const struct arch arch_gemma3 = {
    .blocks = BLOCKS_LLAMA | BLOCK_POST_NORM | BLOCK_HEAD_NORM, .neox = true, .read = read};
