/* The statistics of drivers under common names. */
#include "isa.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What drivers call it; several that one driver has are added up. */
static const struct column {
    const char *name;
    const char *drivers[6];
} columns[] = {
    {"registers", {"VGPRs", "Number of GPRs", "Max live registers"}},
    {"spills", {"Spilled VGPRs", "Spilled SGPRs", "Spills", "Spills to memory"}},
    {"scratch_bytes", {"Scratch size", "Scratch Memory Size"}},
    {"shared_bytes", {"LDS size", "Workgroup Memory Size", "SLM size"}},
    {"code_bytes", {"Code size"}},
    {"instructions", {"Instructions", "Instruction count"}},
    {"cycles", {"Inverse Throughput", "Cycles", "Static cycle count"}},
    {"waves", {"Subgroups per SIMD", "Max warps/SM"}},
};
enum { N_COLUMNS = sizeof(columns) / sizeof(columns[0]) };

void isa_print_header(void)
{
    printf("kernel,format,spec,subgroup");
    for (int i = 0; i < N_COLUMNS; i++)
        printf(",%s", columns[i].name);
    printf(",alu_per_weight,loads_per_32_weights,from\n");
}

static void print_column(const struct column *c, const struct gpu_statistics *s)
{
    double sum = 0;
    bool known = false;
    for (uint32_t i = 0; i < s->n; i++)
        for (int k = 0; k < 6 && c->drivers[k]; k++)
            if (strcmp(s->list[i].name, c->drivers[k]) == 0) {
                sum += s->list[i].value;
                known = true;
            }
    if (known)
        printf(",%.10g", sum);
    else
        printf(",");
}

/* Dot products say how many weights an iteration meets; without them it is one slot of 32 for each
 * of the rows that an invocation works on. */
static void print_loop(const struct op *op, const struct gpu_statistics *s)
{
    struct isa_loop loop;
    bool wanted =
        kernel_rows[op->kernel].base == K_matvec && quant_types[op->quant].class == QUANT_CLASS_INT;
    if (!wanted || !isa_find_loop(s->assembly, s->subgroup_size, &loop)) {
        printf(",,");
        return;
    }
    double weights = loop.dots > 0 ? 4 * loop.dots / op->spec[SPEC_COLS] : 32 * 4;
    printf(",%.2f,%.2f", loop.alu / weights, 32 * loop.loads / weights);
}

void isa_print_row(const struct op *op, const struct gpu_statistics *s, uint64_t from)
{
    printf(
        "%s,%s,", kernel_rows[op->kernel].name, op->quant < 0 ? "-" : quant_types[op->quant].name);
    for (uint32_t i = 0; i < SPEC_COUNT; i++)
        printf("%s%u", i ? "." : "", op->spec[i]);
    printf(",%u", s->subgroup_size);
    for (int i = 0; i < N_COLUMNS; i++)
        print_column(&columns[i], s);
    print_loop(op, s);
    printf(",%016" PRIx64 "\n", from);
}

void isa_print_raw(const struct op *op, const struct gpu_statistics *s)
{
    printf("== %s %s, subgroup %u\n", kernel_rows[op->kernel].name,
        op->quant < 0 ? "-" : quant_types[op->quant].name, s->subgroup_size);
    for (uint32_t i = 0; i < s->n; i++)
        printf("%s = %.10g\n", s->list[i].name, s->list[i].value);
    printf("%s\n", s->assembly ? s->assembly : "(no assembly)");
}
