/* Hazards, decided in this one place: an op needs a barrier if it touches memory that an op since
 * the last barrier wrote, or writes memory that one read. */
#include "plan/plan.h"

static bool overlap(const struct gpu_view *a, const struct gpu_view *b)
{
    return a->buffer == b->buffer && a->offset < b->offset + b->size &&
           b->offset < a->offset + a->size;
}

static bool writes_any(const struct op *op, const struct gpu_view *view)
{
    for (uint32_t i = 0; i < op->n_views; i++)
        if (op->writes >> i & 1 && overlap(&op->views[i], view))
            return true;
    return false;
}

static bool conflict(const struct op *first, const struct op *second)
{
    for (uint32_t i = 0; i < first->n_views; i++)
        for (uint32_t k = 0; k < second->n_views; k++) {
            bool writes = first->writes >> i & 1 || second->writes >> k & 1;
            if (writes && overlap(&first->views[i], &second->views[k]))
                return true;
        }
    /* Group counts are read, too. */
    return (second->indirect.buffer && writes_any(first, &second->indirect)) ||
           (first->indirect.buffer && writes_any(second, &first->indirect));
}

void plan_find_barriers(const struct op *ops, uint32_t n, bool *before_op)
{
    uint32_t since = 0; /* first op after the last barrier */
    for (uint32_t i = 0; i < n; i++) {
        before_op[i] = false;
        for (uint32_t k = since; k < i && !before_op[i]; k++)
            before_op[i] = conflict(&ops[k], &ops[i]);
        if (before_op[i])
            since = i;
    }
}
