/* MiniMax M2: norms of Q and K whole, heads rotated in part, experts in all layers.
 * https://huggingface.co/MiniMaxAI/MiniMax-M2 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_routed_experts(r, p, true);
    p->experts.routing.renormed = true;
}

const struct arch arch_minimax_m2 = {
    .blocks = BLOCKS_LLAMA | BLOCK_WIDE_NORM, .neox = true, .read = read};
