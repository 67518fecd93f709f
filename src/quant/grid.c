/* The codebooks: one copy for the C reference, and what is stored behind the rows of a matrix. */
#include "quant/grid.h"

#include "quant/quant.h"

const uint32_t quant_grid_iq1[1024] = {
#include "quant/iq1_grid.h"
};

const uint32_t quant_grid_iq2_xxs[128] = {
#include "quant/iq2_xxs_grid.h"
};

const uint32_t quant_grid_iq2_xs[256] = {
#include "quant/iq2_xs_grid.h"
};

const uint32_t quant_grid_iq2_s[512] = {
#include "quant/iq2_s_grid.h"
};

const uint32_t quant_grid_iq3_xxs[128] = {
#include "quant/iq3_xxs_grid.h"
};

const uint32_t quant_grid_iq3_s[256] = {
#include "quant/iq3_s_grid.h"
};

const uint32_t *quant_table(const struct quant_type *type, uint64_t *bytes)
{
#define TABLE(type, grid) [QT_##type] = { quant_grid_##grid, sizeof(quant_grid_##grid) }
    static const struct {
        const uint32_t *words;
        uint64_t bytes;
    } tables[QT_COUNT] = {TABLE(iq1_s, iq1), TABLE(iq1_m, iq1), TABLE(iq2_xxs, iq2_xxs),
        TABLE(iq2_xs, iq2_xs), TABLE(iq2_s, iq2_s), TABLE(iq3_xxs, iq3_xxs), TABLE(iq3_s, iq3_s)};
#undef TABLE
    *bytes = tables[type - quant_types].bytes;
    return tables[type - quant_types].words;
}
