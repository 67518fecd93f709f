/* Qwen 3.5 with experts, and one that all tokens use, as far as a gate of its own says. */
#include "arch/internal.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_read_qwen35(r, p);
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_experts(r, p);
    p->experts.n_ff_shared = arch_need_u32(r, "expert_shared_feed_forward_length", 1, 1u << 20);
}

#define BLOCKS                                                                                     \
    (BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN_NORM_IS_FFN | BLOCK_SHARED | BLOCK_SHARED_GATE)
const struct arch arch_qwen35moe = {.blocks = BLOCKS | BLOCK_ATTN_GATED | BLOCK_HEAD_NORM,
    .state_blocks = BLOCKS | BLOCK_DELTA_NET,
    .neox = true,
    .read = read};
