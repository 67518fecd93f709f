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

hekla_status arch_find(
    const struct arch **out, const struct gguf *g, const char *file, struct hekla_error *err)
{
    struct gguf_string name;
    hekla_status status = gguf_get_string(g, "general.architecture", true, &name, err);
    if (status != HEKLA_OK)
        return status;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (gguf_string_is(name, table[i].text)) {
            *out = table[i].arch;
            return HEKLA_OK;
        }
    return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: architecture \"%.*s\" is not supported, only"
#define ARCH(id, text) " " text
#include "arch/arch.def"
#undef ARCH
        ,
        file, (int)(name.n < 60 ? name.n : 60), name.data);
}
