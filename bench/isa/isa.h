/* Rows of isa_stats. */
#ifndef BENCH_ISA_H
#define BENCH_ISA_H

#include "kernels/op.h"

/* Rows of a former run's CSV, by the hash in their last column. */
struct isa_known;
/* NULL: none can be read. */
struct isa_known *isa_known_read(const char *path);
void isa_known_free(struct isa_known *k);
/* Prints the row of that hash; false: there is none. */
bool isa_known_print(const struct isa_known *k, uint64_t from);

void isa_print_header(void);
/* from: a hash of all that the driver's compiler was given. */
void isa_print_row(const struct op *op, const struct gpu_statistics *s, uint64_t from);
void isa_print_raw(const struct op *op, const struct gpu_statistics *s);

/* The inner loop that multiplies: the one with most dot products, else most fused multiply-adds,
 * else most loads. Counted per invocation. */
struct isa_loop {
    double alu, loads; /* instructions of one iteration */
    double dots;       /* of them, four products each */
    double fused;
};
/* False: no text, or a form of it that is not known, or no loop. */
bool isa_find_loop(const char *assembly, uint32_t subgroup_size, struct isa_loop *out);

#endif
