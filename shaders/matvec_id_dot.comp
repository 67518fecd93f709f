#version 450
/* matvec_id by packed dot-product instructions. */
#extension GL_EXT_integer_dot_product : require
#extension GL_GOOGLE_include_directive : require
#define INT_DOT
#include "matvec_id.glsl"
