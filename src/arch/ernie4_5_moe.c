/* ERNIE 4.5 with experts in all layers behind the first ones.
 * https://huggingface.co/baidu/ERNIE-4.5-21B-A3B-PT */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_routed_experts(r, p, false);
    arch_read_u32(r, "interleave_moe_layer_step", 1, 1, 1); /* no dense layers between */
    p->experts.routing = (struct routing){.renormed = true, .scale = 1};
}

const struct arch arch_ernie4_5_moe = {.blocks = BLOCKS_LLAMA, .read = read};
