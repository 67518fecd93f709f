/*
 * What the kernels of matmul share: their buffers, and what becomes of a sum. y[t][row] = sum over
 * blocks of w[row] * x[t], for many tokens, in the order of matvec.glsl.
 */
layout(push_constant) uniform Args { matmul_args a; };
#include "weights.glsl"
layout(binding = 1) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) readonly buffer X2 { uvec2 x2[]; };
layout(binding = 1) readonly buffer X1 { uint x1[]; };
layout(binding = 2) buffer Y { float y[]; };
layout(binding = 3) readonly buffer B { float bias[]; };
layout(binding = 4) readonly buffer S { step_args step; };
#include "silu.glsl"
/* Of a quad. Loops over them are left for drivers to unroll: the SPIR-V optimizer forgets
 * NoContraction when it does. */
const uint ROWS = 4u;

uint count_cols()
{
    return a.n_cols == 0u ? step.n_tokens : a.n_cols;
}

void store_row(float sum, uint row, uint col)
{
    uint at = col * a.y_stride + a.y_first + row;
    if (row >= a.n_rows)
        return;
    if ((a.flags & MATVEC_BIAS) != 0u)
        sum = add(sum, bias[row]);
    if ((a.flags & MATVEC_ADD) != 0u)
        sum = add(sanitize(y[at]), sum);
    y[at] = sum;
}

/* A row of gate and the one of up that it goes with; row: of gate. */
void store_swiglu(float gate, float up, uint row, uint col)
{
    if (row < a.n_rows)
        y[col * a.y_stride + (a.y_first + row) / 8u * 4u + row % 4u] = silu_mul(gate, up);
}
