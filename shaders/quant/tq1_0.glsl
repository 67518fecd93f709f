/* Stored as TQ2_0; see tq1_0.c. */
#include "quant/tq2_0.glsl"
