/* BERT, and with other names and sizes MiniLM, BGE, E5 and XLM-RoBERTa: an encoder. Positions are
 * embedded, and all that leaves attention or feed-forward part is normed.
 * https://arxiv.org/abs/1810.04805 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_read_encoder(r, p);
    p->act = GLU_GELU;
    for (uint32_t i = 0; i < p->n_layer; i++)
        p->layers[i] |= LAYER_NO_ROPE;
}

const struct arch arch_bert = {
    .blocks = BLOCK_BODY | BLOCK_ENCODER | BLOCK_POSITIONS | BLOCK_FFN_PLAIN,
    .read = read,
};
