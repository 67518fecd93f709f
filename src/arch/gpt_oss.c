/* gpt-oss: experts with biases and a clamped gate, a further score in each head, and a window in
 * every second layer. https://arxiv.org/abs/2508.10925 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_experts(r, p);
    arch_read_window(r, p, 2);
    p->act = GLU_OAI;
}

const struct arch arch_gpt_oss = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN | BLOCK_ATTN_NORM_IS_FFN | BLOCK_SINKS,
    .neox = true,
    .read = read,
};
