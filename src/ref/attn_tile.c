#include "ref/ref.h"

void ref_attn_tile(const struct op *op, void *const *b)
{
    ref_attention(op, b);
}
