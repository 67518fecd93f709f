/* Nomic BERT: BERT with rotated positions and a gate. https://arxiv.org/abs/2402.01613 */
#include "arch/arch.h"

const struct arch arch_nomic_bert = {
    .blocks = BLOCK_BODY | BLOCK_ENCODER | BLOCK_FFN,
    .neox = true,
    .read = arch_read_encoder,
};
