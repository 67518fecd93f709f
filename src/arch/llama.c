/* Llama 2, 3, 3.1, 3.2, Mistral 7B, and Mixtral, which has experts.
 * https://arxiv.org/abs/2302.13971, 2407.21783, 2310.06825, 2401.04088 */
#include "arch/arch.h"

const struct arch arch_llama = {.blocks = BLOCKS_LLAMA, .read = arch_read_experts};
