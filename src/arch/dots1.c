/* dots.llm1: Qwen 3's attention, experts behind a dense layer. https://arxiv.org/abs/2506.05767 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_routed_experts(r, p, true);
}

const struct arch arch_dots1 = {
    .blocks = BLOCKS_LLAMA | BLOCK_HEAD_NORM, .neox = true, .read = read};
