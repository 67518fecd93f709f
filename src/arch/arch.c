#include "arch/arch.h"

#include <string.h>

static const struct {
    const char *text;
    const struct arch *arch;
} table[] = {
#define ARCH(name, text) {text, &arch_##name},
#include "arch/arch.def"
#undef ARCH
};

hekla_status arch_find(const struct arch **out, const char **text, const struct gguf *g,
    const char *file, struct hekla_error *err)
{
    struct gguf_string name;
    hekla_status status = gguf_get_string(g, "general.architecture", true, &name, err);
    if (status != HEKLA_OK)
        return status;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (gguf_string_is(name, table[i].text)) {
            *out = table[i].arch;
            *text = table[i].text;
            return HEKLA_OK;
        }
    return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: architecture \"%.*s\" is not supported, only"
#define ARCH(id, text) " " text
#include "arch/arch.def"
#undef ARCH
        ,
        file, (int)(name.n < 60 ? name.n : 60), name.data);
}

bool arch_needs(const struct model_params *p, enum kernel base)
{
    switch (base) {
    case K_route:
    case K_pairs:
    case K_mix:
        return p->experts.n > 0;
    case K_matvec_id:
        return p->experts.n > 0 || p->latent.rank > 0;
    case K_glu:
        return p->experts.n > 0 || p->act != GLU_SILU || p->n_layer_input > 0 ||
               p->state.n_head > 0 || p->blocks & (BLOCK_FFN_PLAIN | BLOCK_ATTN_GATED);
    case K_norm_rows:
        return p->layer_norm || p->n_layer_input > 0 || p->state.n_head > 0 || p->latent.rank > 0 ||
               p->blocks &
                   (BLOCK_POST_NORM | BLOCK_HEAD_NORM | BLOCK_MAYBE_HEAD_NORM | BLOCK_WIDE_NORM);
    case K_conv:
        return p->state.taps > 0;
    case K_delta:
        return p->state.n_head > 0;
    case K_softcap:
        return p->output_softcap > 0;
    default:
        return true;
    }
}
