/* Ministral 3: a llama whose scores grow with the position, beyond the context it was made for. */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    p->rope.log_multiplier = arch_read_f32(r, "rope.scaling.yarn_log_multiplier", 0);
    p->attention.temperature = arch_read_f32(r, "attention.temperature_scale", 0);
    p->attention.temperature_span = p->rope.original_ctx;
    arch_read_experts(r, p);
}

const struct arch arch_mistral3 = {.blocks = BLOCKS_LLAMA, .read = read};
