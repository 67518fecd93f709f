/* Shared by the files of the program that all architectures have. */
#ifndef ARCH_INTERNAL_H
#define ARCH_INTERNAL_H

#include "arch/arch.h"

/* A step that is being appended. */
struct build {
    const struct model *m;
    const struct model_params *p;
    const struct arch_scratch *s;
    struct op_list *list;
};

/* Makes the 8-bit form of x where a matrix needs it. */
struct matvec_input arch_input_for(const struct build *b, struct rows x, struct rows_q8 q8,
    const struct matrix *const *matrices, uint32_t n_matrices, uint32_t n_cols);
/* s->norm = the model's kind of norm of s->x; s->x itself where there is no norm. */
struct rows arch_norm(const struct build *b, struct gpu_view g, struct gpu_view bias, bool last);
/* s->x += w in, by way of a norm if there is one; scale: as of op_norm_rows, with a norm. */
void arch_add(const struct build *b, const struct matrix *w, const struct matvec_input *in,
    struct gpu_view post_norm, float scale);
/* y (+)= the RMS norm of x; scale: as of op_norm_rows. */
void arch_norm_to(
    const struct build *b, struct rows y, struct rows x, struct gpu_view g, bool add, float scale);
/* The first n elements of rows that wider layers have, too. */
void arch_narrow(struct rows *x, struct rows_q8 *q8, uint32_t n);
/* ffn.c: y = act(gate) * up as the matrix `to` wants it; x: both, in `rows` rows a token. */
struct matvec_input arch_glu(const struct build *b, struct rows y, struct rows_q8 q8, struct rows x,
    const struct matrix *to, const struct glu *p);
/* Where the input of attn_out goes: as wide as it is. */
struct matvec_input arch_attention_output(const struct build *b, const struct model_layer *l);
/* n floats a token behind the gate in s->mixed; and those times act(the gate), as attn_out wants
 * them. */
struct rows arch_mixed(const struct build *b, uint32_t n);
struct matvec_input arch_gate_mixed(
    const struct build *b, const struct model_layer *l, uint32_t act);
/* state.c: what a layer with a recurrent state has in place of attention, up to attn_out. */
struct matvec_input arch_build_state(const struct build *b, uint32_t layer);
/* latent.c: attention over a latent, up to attn_out. */
struct matvec_input arch_build_latent(const struct build *b, uint32_t layer);
/* ffn.c: the feed-forward part of a layer; s->norm: its input, if the model has no norm for it. */
void arch_build_ffn(const struct build *b, const struct model_layer *l);

/* granite.c: what its models with experts have, too. */
void arch_read_granite(struct arch_reader *r, struct model_params *p);
/* qwen35.c: likewise. */
void arch_read_qwen35(struct arch_reader *r, struct model_params *p);

/* command_r.c: what its models with windows have, too. */
void arch_read_command_r(struct arch_reader *r, struct model_params *p);

#endif
