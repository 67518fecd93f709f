/* The tensors of all architectures: a rule applies to models that have one of its blocks. A bias
 * comes after its matrix. */
#include "arch/arch.h"

#include <stddef.h>

#define TOP(field) offsetof(struct model_weights, field)
#define LAYER(field) offsetof(struct model_layer, field)
#define MATRIX WEIGHT_MATRIX
#define TURNS WEIGHT_TURNS
#define VECTOR WEIGHT_VECTOR
#define BIAS WEIGHT_BIAS
#define OPT RULE_OPTIONAL
#define EACH RULE_LAYER
#define ROT RULE_ROTATED
#define XP RULE_EXPERTS
#define HEADS RULE_HEADS
#define ATTENTION (BLOCK_ATTN | BLOCK_ATTN_MAYBE_V | BLOCK_ATTN_FUSED | BLOCK_ATTN_GATED)

/* clang-format off */
static const struct weight_rule rules[] = {
    {"token_embd.weight", MATRIX, DIM_EMBD, DIM_VOCAB, 0, BLOCK_BODY, TOP(token_embd), 0, 0},
    {"output.weight", MATRIX, DIM_EMBD, DIM_VOCAB, OPT, BLOCK_BODY, TOP(output), 0, 0},
    {"output_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, 0, BLOCK_OUTPUT_NORM, TOP(output_norm), 0, 0},
    {"token_embd_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, 0, BLOCK_EMBD_NORM, TOP(output_norm), 0, 0},
    {"output_norm.bias", VECTOR, DIM_EMBD, DIM_ONE, 0, BLOCK_LAYER_NORM, TOP(output_norm_bias), 0, 0},
    {"token_types.weight", MATRIX, DIM_EMBD, DIM_TOKEN_TYPES, OPT, BLOCK_ENCODER, TOP(type_embd), 0, 0},
    {"position_embd.weight", MATRIX, DIM_EMBD, DIM_CTX, 0, BLOCK_POSITIONS, TOP(position_embd), 0, 0},
    {"token_embd_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, 0, BLOCK_ENCODER, TOP(embd_norm), 0, 0},
    {"token_embd_norm.bias", VECTOR, DIM_EMBD, DIM_ONE, 0, BLOCK_ENCODER, TOP(embd_norm_bias), 0, 0},
    /* Of a head that ranks: left out. */
    {"cls.weight", MATRIX, DIM_EMBD, DIM_NONE, OPT, BLOCK_ENCODER, TOP(output), 0, 0},
    {"cls.bias", VECTOR, DIM_EMBD, DIM_NONE, OPT, BLOCK_ENCODER, TOP(output), 0, 0},
    {"cls.output.weight", MATRIX, DIM_EMBD, DIM_NONE, OPT, BLOCK_ENCODER, TOP(output), 0, 0},
    {"cls.output.bias", VECTOR, DIM_EMBD, DIM_NONE, OPT, BLOCK_ENCODER, TOP(output), 0, 0},
    {"rope_freqs.weight", VECTOR, DIM_ROT_HALF, DIM_ONE, OPT, BLOCK_BODY, TOP(rope_freqs), 0, 0},
    {"rope_factors_long.weight", VECTOR, DIM_ROT_HALF, DIM_ONE, 0, BLOCK_LONG_ROPE, TOP(rope_freqs), 0, 0},
    {"rope_factors_short.weight", VECTOR, DIM_ROT_HALF, DIM_ONE, 0, BLOCK_LONG_ROPE, TOP(rope_freqs_short), 0, 0},

    {"per_layer_token_embd.weight", MATRIX, DIM_LAYER_INPUTS, DIM_VOCAB, 0, BLOCK_LAYER_INPUT, TOP(layer_embd), 0, 0},
    {"per_layer_model_proj.weight", MATRIX, DIM_EMBD, DIM_LAYER_INPUTS, 0, BLOCK_LAYER_INPUT, TOP(layer_proj), 0, 0},
    {"per_layer_proj_norm.weight", VECTOR, DIM_LAYER_INPUT, DIM_ONE, 0, BLOCK_LAYER_INPUT, TOP(layer_norm), 0, 0},

    {"blk.%u.attn_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_ATTN_NORM, LAYER(attn_norm), 0, 0},
    {"blk.%u.attn_norm.bias", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_LAYER_NORM, LAYER(attn_norm_bias), 0, 0},
    {"blk.%u.attn_q.weight", MATRIX, DIM_EMBD, DIM_Q, EACH | ROT, BLOCK_ATTN | BLOCK_ATTN_MAYBE_V, LAYER(q), LAYER(qkv), 0},
    {"blk.%u.attn_q.weight", MATRIX, DIM_EMBD, DIM_Q, EACH | ROT, BLOCK_ATTN_GATED, LAYER(q), LAYER(qkv), SLICE_HEADS_Q},
    {"blk.%u.attn_q.weight", MATRIX, DIM_EMBD, DIM_Q, EACH, BLOCK_ATTN_GATED, LAYER(mix_gate), 0, SLICE_HEADS_GATE},
    {"blk.%u.attn_k.weight", MATRIX, DIM_EMBD, DIM_KV, EACH | ROT, BLOCK_ATTN | BLOCK_ATTN_MAYBE_V | BLOCK_ATTN_GATED, LAYER(k), LAYER(qkv), 0},
    {"blk.%u.attn_v.weight", MATRIX, DIM_EMBD, DIM_KV, EACH, BLOCK_ATTN | BLOCK_ATTN_GATED, LAYER(v), LAYER(qkv), 0},
    {"blk.%u.attn_v.weight", MATRIX, DIM_EMBD, DIM_KV, EACH | OPT, BLOCK_ATTN_MAYBE_V, LAYER(v), LAYER(qkv), 0},
    {"blk.%u.attn_k.weight", MATRIX, DIM_EMBD, DIM_KV, EACH | RULE_INSTEAD, BLOCK_ATTN_MAYBE_V, LAYER(v), LAYER(qkv), 0},
    {"blk.%u.attn_q.bias", BIAS, DIM_ONE, DIM_Q, EACH | ROT | OPT, BLOCK_ATTN, LAYER(q), 0, 0},
    {"blk.%u.attn_k.bias", BIAS, DIM_ONE, DIM_KV, EACH | ROT | OPT, BLOCK_ATTN, LAYER(k), 0, 0},
    {"blk.%u.attn_v.bias", BIAS, DIM_ONE, DIM_KV, EACH | OPT, BLOCK_ATTN, LAYER(v), 0, 0},
    {"blk.%u.attn_qkv.weight", MATRIX, DIM_EMBD, DIM_Q, EACH | ROT, BLOCK_ATTN_FUSED, LAYER(q), LAYER(qkv), SLICE_Q},
    {"blk.%u.attn_qkv.weight", MATRIX, DIM_EMBD, DIM_KV, EACH | ROT, BLOCK_ATTN_FUSED, LAYER(k), LAYER(qkv), SLICE_K},
    {"blk.%u.attn_qkv.weight", MATRIX, DIM_EMBD, DIM_KV, EACH, BLOCK_ATTN_FUSED, LAYER(v), LAYER(qkv), SLICE_V},
    {"blk.%u.attn_qkv.bias", BIAS, DIM_ONE, DIM_Q, EACH | ROT | OPT, BLOCK_ATTN_FUSED, LAYER(q), 0, SLICE_Q},
    {"blk.%u.attn_qkv.bias", BIAS, DIM_ONE, DIM_KV, EACH | ROT | OPT, BLOCK_ATTN_FUSED, LAYER(k), 0, SLICE_K},
    {"blk.%u.attn_qkv.bias", BIAS, DIM_ONE, DIM_KV, EACH | OPT, BLOCK_ATTN_FUSED, LAYER(v), 0, SLICE_V},
    {"blk.%u.attn_q_norm.weight", WEIGHT_HEADS, DIM_HEAD, DIM_HEADS, EACH, BLOCK_HEAD_NORM, LAYER(head_norm), 0, 0},
    {"blk.%u.attn_k_norm.weight", WEIGHT_HEADS, DIM_HEAD, DIM_HEADS_KV, EACH, BLOCK_HEAD_NORM, LAYER(head_norm), 0, 0},
    {"blk.%u.attn_q_norm.weight", WEIGHT_HEADS, DIM_HEAD, DIM_HEADS, EACH | OPT, BLOCK_MAYBE_HEAD_NORM, LAYER(head_norm), 0, 0},
    {"blk.%u.attn_k_norm.weight", WEIGHT_HEADS, DIM_HEAD, DIM_HEADS_KV, EACH | OPT, BLOCK_MAYBE_HEAD_NORM, LAYER(head_norm), 0, 0},
    {"blk.%u.attn_q_norm.weight", WEIGHT_HEADS, DIM_Q, DIM_HEADS, EACH, BLOCK_WIDE_NORM, LAYER(head_norm), 0, 0},
    {"blk.%u.attn_k_norm.weight", WEIGHT_HEADS, DIM_KV, DIM_HEADS_KV, EACH, BLOCK_WIDE_NORM, LAYER(head_norm), 0, 0},
    {"blk.%u.attn_sinks.weight", VECTOR, DIM_HEADS, DIM_ONE, EACH, BLOCK_SINKS, LAYER(sinks), 0, 0},
    {"blk.%u.attn_q.weight", MATRIX, DIM_LATENT_Q, DIM_LATENT_PLAIN, EACH, BLOCK_LATENT_Q, LAYER(q_plain), 0, SLICE_PLAIN},
    {"blk.%u.attn_q.weight", MATRIX, DIM_LATENT_Q, DIM_LATENT_ROTATED, EACH | HEADS, BLOCK_LATENT_Q, LAYER(q_rotated), 0, SLICE_ROTATED},
    {"blk.%u.attn_q_a.weight", MATRIX, DIM_EMBD, DIM_LATENT_Q, EACH, BLOCK_LATENT_Q_A, LAYER(q_a), 0, 0},
    {"blk.%u.attn_q_a_norm.weight", VECTOR, DIM_LATENT_Q, DIM_ONE, EACH, BLOCK_LATENT_Q_A, LAYER(q_a_norm), 0, 0},
    {"blk.%u.attn_q_b.weight", MATRIX, DIM_LATENT_Q, DIM_LATENT_PLAIN, EACH, BLOCK_LATENT_Q_A, LAYER(q_plain), 0, SLICE_PLAIN},
    {"blk.%u.attn_q_b.weight", MATRIX, DIM_LATENT_Q, DIM_LATENT_ROTATED, EACH | HEADS, BLOCK_LATENT_Q_A, LAYER(q_rotated), 0, SLICE_ROTATED},
    {"blk.%u.attn_kv_a_mqa.weight", MATRIX, DIM_EMBD, DIM_ROT, EACH, BLOCK_LATENT, LAYER(k_rotated), LAYER(kv_a), SLICE_LATENT_ROTATED},
    {"blk.%u.attn_kv_a_mqa.weight", MATRIX, DIM_EMBD, DIM_LATENT, EACH, BLOCK_LATENT, LAYER(kv_latent), LAYER(kv_a), SLICE_LATENT},
    {"blk.%u.attn_kv_a_norm.weight", VECTOR, DIM_LATENT, DIM_ONE, EACH, BLOCK_LATENT, LAYER(kv_a_norm), 0, 0},
    {"blk.%u.attn_k_b.weight", MATRIX, DIM_LATENT_HEAD, DIM_LATENT, EACH | HEADS, BLOCK_LATENT, LAYER(k_b), 0, 0},
    {"blk.%u.attn_v_b.weight", MATRIX, DIM_LATENT, DIM_LATENT_VALUE, EACH | HEADS, BLOCK_LATENT, LAYER(v_b), 0, 0},
    {"blk.%u.attn_output.weight", MATRIX, DIM_LATENT_VALUES, DIM_EMBD, EACH, BLOCK_LATENT, LAYER(attn_out), 0, 0},
    {"blk.%u.attn_output.weight", MATRIX, DIM_Q, DIM_EMBD, EACH, ATTENTION, LAYER(attn_out), 0, 0},
    {"blk.%u.attn_output.bias", BIAS, DIM_ONE, DIM_EMBD, EACH | OPT, ATTENTION, LAYER(attn_out), 0, 0},
    {"blk.%u.attn_output_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_ENCODER, LAYER(attn_sum_norm), 0, 0},
    {"blk.%u.attn_output_norm.bias", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_ENCODER, LAYER(attn_sum_norm_bias), 0, 0},
    {"blk.%u.post_attention_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_POST_NORM, LAYER(attn_post_norm), 0, 0},
    {"blk.%u.post_attention_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_ATTN_NORM_IS_FFN, LAYER(ffn_norm), 0, 0},

    {"blk.%u.shortconv.in_proj.weight", MATRIX, DIM_EMBD, DIM_GATED, EACH, BLOCK_SHORT_CONV, LAYER(state_in), 0, 0},
    {"blk.%u.shortconv.conv.weight", VECTOR, DIM_TAPS, DIM_CHANNELS, EACH, BLOCK_SHORT_CONV, LAYER(conv), 0, 0},
    {"blk.%u.shortconv.out_proj.weight", MATRIX, DIM_EMBD, DIM_EMBD, EACH, BLOCK_SHORT_CONV, LAYER(attn_out), 0, 0},
    {"blk.%u.attn_qkv.weight", MATRIX, DIM_EMBD, DIM_CHANNELS, EACH, BLOCK_DELTA_NET, LAYER(state_in), 0, 0},
    {"blk.%u.attn_gate.weight", MATRIX, DIM_EMBD, DIM_STATE_OUT, EACH, BLOCK_DELTA_NET, LAYER(mix_gate), 0, 0},
    {"blk.%u.ssm_conv1d.weight", VECTOR, DIM_TAPS, DIM_CHANNELS, EACH, BLOCK_DELTA_NET, LAYER(conv), 0, 0},
    {"blk.%u.ssm_alpha.weight", MATRIX, DIM_EMBD, DIM_STATE_HEADS, EACH, BLOCK_DELTA_NET, LAYER(alpha), 0, 0},
    {"blk.%u.ssm_beta.weight", MATRIX, DIM_EMBD, DIM_STATE_HEADS, EACH, BLOCK_DELTA_NET, LAYER(beta), 0, 0},
    {"blk.%u.ssm_dt.bias", VECTOR, DIM_STATE_HEADS, DIM_ONE, EACH, BLOCK_DELTA_NET, LAYER(state_dt), 0, 0},
    {"blk.%u.ssm_a", VECTOR, DIM_STATE_HEADS, DIM_ONE, EACH, BLOCK_DELTA_NET, LAYER(state_a), 0, 0},
    {"blk.%u.ssm_norm.weight", VECTOR, DIM_STATE_HEAD, DIM_ONE, EACH, BLOCK_DELTA_NET, LAYER(state_norm), 0, 0},
    {"blk.%u.ssm_out.weight", MATRIX, DIM_STATE_OUT, DIM_EMBD, EACH, BLOCK_DELTA_NET, LAYER(attn_out), 0, 0},

    {"blk.%u.ffn_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_FFN_NORM, LAYER(ffn_norm), 0, 0},
    {"blk.%u.ffn_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH | OPT, BLOCK_MAYBE_FFN_NORM, LAYER(ffn_norm), 0, 0},
    {"blk.%u.ffn_norm.bias", VECTOR, DIM_EMBD, DIM_ONE, EACH | OPT, BLOCK_LAYER_NORM, LAYER(ffn_norm_bias), 0, 0},
    {"blk.%u.ffn_gate.weight", TURNS, DIM_EMBD, DIM_FF, EACH, BLOCK_FFN, LAYER(gate), LAYER(gate_up), 0},
    {"blk.%u.ffn_up.weight", TURNS, DIM_EMBD, DIM_FF, EACH, BLOCK_FFN, LAYER(up), LAYER(gate_up), 0},
    {"blk.%u.ffn_up.weight", TURNS, DIM_EMBD, DIM_FF, EACH, BLOCK_FFN_FUSED, LAYER(gate), LAYER(gate_up), SLICE_GATE},
    {"blk.%u.ffn_up.weight", TURNS, DIM_EMBD, DIM_FF, EACH, BLOCK_FFN_FUSED, LAYER(up), LAYER(gate_up), SLICE_UP},
    {"blk.%u.ffn_up.weight", MATRIX, DIM_EMBD, DIM_FF, EACH, BLOCK_FFN_PLAIN, LAYER(up), 0, 0},
    {"blk.%u.ffn_down.weight", MATRIX, DIM_FF, DIM_EMBD, EACH, BLOCK_FFN | BLOCK_FFN_FUSED | BLOCK_FFN_PLAIN, LAYER(down), 0, 0},
    {"blk.%u.ffn_gate.bias", BIAS, DIM_ONE, DIM_FF, EACH | OPT, BLOCK_FFN, LAYER(gate), 0, 0},
    {"blk.%u.ffn_up.bias", BIAS, DIM_ONE, DIM_FF, EACH | OPT, BLOCK_FFN | BLOCK_FFN_PLAIN, LAYER(up), 0, 0},
    {"blk.%u.ffn_down.bias", BIAS, DIM_ONE, DIM_EMBD, EACH | OPT, BLOCK_FFN | BLOCK_FFN_FUSED | BLOCK_FFN_PLAIN, LAYER(down), 0, 0},
    {"blk.%u.layer_output_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_ENCODER, LAYER(ffn_sum_norm), 0, 0},
    {"blk.%u.layer_output_norm.bias", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_ENCODER, LAYER(ffn_sum_norm_bias), 0, 0},
    {"blk.%u.post_ffw_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_POST_NORM, LAYER(ffn_post_norm), 0, 0},

    {"blk.%u.inp_gate.weight", MATRIX, DIM_EMBD, DIM_LAYER_INPUT, EACH, BLOCK_LAYER_INPUT, LAYER(input_gate), 0, 0},
    {"blk.%u.proj.weight", MATRIX, DIM_LAYER_INPUT, DIM_EMBD, EACH, BLOCK_LAYER_INPUT, LAYER(input_proj), 0, 0},
    {"blk.%u.post_norm.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_LAYER_INPUT, LAYER(input_post_norm), 0, 0},
    {"blk.%u.layer_output_scale.weight", WEIGHT_SCALAR, DIM_ONE, DIM_ONE, EACH | OPT, BLOCK_OUTPUT_SCALE, LAYER(output_scale), 0, 0},

    {"blk.%u.ffn_gate_inp.weight", MATRIX, DIM_EMBD, DIM_EXPERTS, EACH, BLOCK_EXPERTS | BLOCK_EXPERTS_FUSED, LAYER(router), 0, 0},
    {"blk.%u.ffn_gate_inp.bias", BIAS, DIM_ONE, DIM_EXPERTS, EACH | OPT, BLOCK_EXPERTS | BLOCK_EXPERTS_FUSED, LAYER(router), 0, 0},
    {"blk.%u.exp_probs_b.bias", VECTOR, DIM_EXPERTS, DIM_ONE, EACH | OPT, BLOCK_CHOICE_BIAS, LAYER(choice_bias), 0, 0},
    {"blk.%u.ffn_gate_exps.weight", TURNS, DIM_EMBD, DIM_FF_EXPERT, EACH | XP, BLOCK_EXPERTS, LAYER(experts_gate), LAYER(experts_both), 0},
    {"blk.%u.ffn_up_exps.weight", TURNS, DIM_EMBD, DIM_FF_EXPERT, EACH | XP, BLOCK_EXPERTS, LAYER(experts_up), LAYER(experts_both), 0},
    {"blk.%u.ffn_down_exps.weight", MATRIX, DIM_FF_EXPERT, DIM_EMBD, EACH | XP, BLOCK_EXPERTS | BLOCK_EXPERTS_FUSED, LAYER(experts_down), 0, 0},
    {"blk.%u.ffn_gate_exps.bias", BIAS, DIM_ONE, DIM_FF_EXPERT, EACH | XP | OPT, BLOCK_EXPERTS, LAYER(experts_gate), 0, 0},
    {"blk.%u.ffn_up_exps.bias", BIAS, DIM_ONE, DIM_FF_EXPERT, EACH | XP | OPT, BLOCK_EXPERTS, LAYER(experts_up), 0, 0},
    {"blk.%u.ffn_down_exps.bias", BIAS, DIM_ONE, DIM_EMBD, EACH | XP | OPT, BLOCK_EXPERTS | BLOCK_EXPERTS_FUSED, LAYER(experts_down), 0, 0},
    {"blk.%u.ffn_gate_up_exps.weight", MATRIX, DIM_EMBD, DIM_FF_EXPERT_BOTH, EACH | XP, BLOCK_EXPERTS_FUSED, LAYER(experts_fused), 0, 0},
    {"blk.%u.ffn_gate_inp.scale", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_EXPERTS_BESIDE, LAYER(router_norm), 0, 0},
    {"blk.%u.ffn_down_exps.scale", VECTOR, DIM_EXPERTS, DIM_ONE, EACH | OPT, BLOCK_EXPERTS_BESIDE, LAYER(experts_scales), 0, 0},
    {"blk.%u.pre_ffw_norm_2.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_EXPERTS_BESIDE, LAYER(experts_norm), 0, 0},
    {"blk.%u.post_ffw_norm_1.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_EXPERTS_BESIDE, LAYER(dense_post_norm), 0, 0},
    {"blk.%u.post_ffw_norm_2.weight", VECTOR, DIM_EMBD, DIM_ONE, EACH, BLOCK_EXPERTS_BESIDE, LAYER(experts_post_norm), 0, 0},
    {"blk.%u.ffn_gate_inp_shexp.weight", MATRIX, DIM_EMBD, DIM_ONE, EACH, BLOCK_SHARED_GATE, LAYER(shared_gate), 0, 0},
    {"blk.%u.ffn_gate_shexp.weight", TURNS, DIM_EMBD, DIM_FF_SHARED, EACH, BLOCK_SHARED, LAYER(gate), LAYER(gate_up), 0},
    {"blk.%u.ffn_up_shexp.weight", TURNS, DIM_EMBD, DIM_FF_SHARED, EACH, BLOCK_SHARED, LAYER(up), LAYER(gate_up), 0},
    {"blk.%u.ffn_down_shexp.weight", MATRIX, DIM_FF_SHARED, DIM_EMBD, EACH, BLOCK_SHARED, LAYER(down), 0, 0},
};
/* clang-format on */

const struct weight_rule *arch_rules(size_t *n)
{
    *n = sizeof(rules) / sizeof(rules[0]);
    return rules;
}
