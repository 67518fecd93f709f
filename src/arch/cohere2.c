/* Command R7B and A: as Command R, with windows in three layers of four; the others do not mark
 * positions. https://arxiv.org/abs/2504.00698 */
#include "arch/internal.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_read_command_r(r, p);
    arch_read_window(r, p, 4);
    arch_global_unmarked(p);
}

const struct arch arch_cohere2 = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN | BLOCK_FFN, .read = read};
