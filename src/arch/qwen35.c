/* Qwen 3.5: gated delta nets, and in each fourth layer attention whose output is gated.
 * https://arxiv.org/abs/2412.06464 */
#include "arch/internal.h"

void arch_read_qwen35(struct arch_reader *r, struct model_params *p)
{
    struct model_state *s = &p->state;
    s->taps = arch_need_u32(r, "ssm.conv_kernel", 2, MAX_TAPS);
    s->dim = arch_need_u32(r, "ssm.state_size", 1, MAX_HEAD_DIM);
    s->n_head = arch_need_u32(r, "ssm.time_step_rank", 1, 1024);
    s->n_group = arch_need_u32(r, "ssm.group_count", 1, s->n_head);
    uint32_t inner = arch_need_u32(r, "ssm.inner_size", 1, 1u << 20);
    if (r->status == HEKLA_OK &&
        (inner != s->n_head * s->dim || s->dim % 32 || s->n_head % s->n_group))
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: a state of %u heads of %u in %u groups and %u values is not supported, only heads "
            "of a multiple of 32 that make up the values, and equal groups",
            r->file, s->n_head, s->dim, s->n_group, inner);
    s->channels = (2 * s->n_group + s->n_head) * s->dim;
    arch_read_states(r, p);
}

const struct arch arch_qwen35 = {.blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN_GATED |
                                           BLOCK_HEAD_NORM | BLOCK_ATTN_NORM_IS_FFN | BLOCK_FFN,
    .state_blocks =
        BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_DELTA_NET | BLOCK_ATTN_NORM_IS_FFN | BLOCK_FFN,
    .neox = true,
    .read = arch_read_qwen35};
