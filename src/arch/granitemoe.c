/* Granite 3 with experts, and one that all tokens use. */
#include "arch/internal.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_read_granite(r, p);
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_experts(r, p);
    p->experts.n_ff_shared = arch_read_u32(r, "expert_shared_feed_forward_length", 0, 0, 1u << 22);
    p->blocks |= p->experts.n_ff_shared ? BLOCK_SHARED : 0;
}

const struct arch arch_granitemoe = {.blocks = BLOCKS_LLAMA, .read = read};
