#version 450
/* The baseline: bytes are taken apart by shifts. */
#extension GL_GOOGLE_include_directive : require
#include "matvec_id.glsl"
