#version 450
/* The baseline: bytes are taken apart by shifts. */
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#include "matmul_tile.glsl"
