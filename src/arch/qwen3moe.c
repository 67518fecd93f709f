/* Qwen 3 with experts. https://arxiv.org/abs/2505.09388 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_experts(r, p);
}

const struct arch arch_qwen3moe = {
    .blocks = BLOCKS_LLAMA | BLOCK_HEAD_NORM, .neox = true, .read = read};
