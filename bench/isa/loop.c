/* The inner loop in the text of a GPU's instructions: AMD (labels BB12:), Intel (LABEL12:, while)
 * and NVIDIA by NAK (block 12 L34 ... {). */
#include "isa.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum dialect { AMD, INTEL, NAK };
enum class { ALU, FUSED, DOT, LOAD, OTHER };

struct line {
    enum class class;
    uint32_t width; /* lanes that the instruction works on, 0: all */
    long jumps_to;  /* a label's number, or -1 */
    long label;     /* of what follows, or -1 */
};

struct text {
    struct line *lines;
    size_t n;
};

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static bool begins_any(const char *s, const char *const *list)
{
    while (*list && !begins(s, *list))
        list++;
    return *list != NULL;
}

static const char *skip_blanks(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

/* The number behind the last `word` of a line, or -1. */
static long number_after(const char *line, const char *word)
{
    const char *found = NULL;
    for (const char *p = line; (p = strstr(p, word)); p += strlen(word))
        if (isdigit((unsigned char)p[strlen(word)]))
            found = p + strlen(word);
    return found ? strtol(found, NULL, 10) : -1;
}

static struct line read_amd(const char *s)
{
    static const char *const loads[] = {"buffer_load", "global_load", "flat_load", NULL};
    static const char *const fused[] = {
        "v_fma", "v_pk_fma", "v_dual_fma", "v_mad_f32", "v_mac_f32", NULL};
    struct line out = {OTHER, 0, -1, -1};
    s = skip_blanks(s);
    if (begins(s, "BB"))
        out.label = number_after(s, "BB");
    else if (begins(s, "v_dot"))
        out.class = DOT;
    else if (begins_any(s, fused))
        out.class = FUSED;
    else if (begins(s, "v_"))
        out.class = ALU;
    else if (begins_any(s, loads))
        out.class = LOAD;
    else if (begins(s, "s_branch") || begins(s, "s_cbranch"))
        out.jumps_to = number_after(s, "BB");
    return out;
}

static struct line read_intel(const char *s)
{
    static const char *const others[] = {
        "sync", "nop", "if", "else", "endif", "break", "cont", "halt", "jmpi", "wait", NULL};
    struct line out = {OTHER, 0, -1, -1};
    if (begins(s, "LABEL"))
        out.label = number_after(s, "LABEL");
    if (*s == '(' && strchr(s, ')')) /* a predicate */
        s = skip_blanks(strchr(s, ')') + 1);
    size_t n = strcspn(s, "( ");
    if (!islower((unsigned char)*s) || s[n] != '(')
        return out;
    out.width = (uint32_t)strtoul(s + n + 1, NULL, 10);
    if (begins(s, "while"))
        out.jumps_to = number_after(s, "JIP:  LABEL");
    else if (begins(s, "send"))
        out.class = LOAD;
    else if (begins(s, "dp4a"))
        out.class = DOT;
    else if (begins(s, "mad"))
        out.class = FUSED;
    else if (!begins_any(s, others))
        out.class = ALU;
    return out;
}

static struct line read_nak(const char *s)
{
    static const char *const others[] = {"ldc", "st.", "bssy", "bsync", "bclear", "break", "exit",
        "nop", "bar", "membar", "warpsync", "}", NULL};
    struct line out = {OTHER, 0, -1, -1};
    if (begins(s, "block")) {
        out.label = number_after(s, " L");
        return out;
    }
    s = skip_blanks(s);
    if (*s == '@')
        s = skip_blanks(s + strcspn(s, " "));
    bool uniform = begins(s, "ur") || begins(s, "up"); /* once for all lanes, beside the others */
    const char *equals = strstr(s, " = ");
    s = skip_blanks(equals ? equals + 3 : s);
    if (begins(s, "bra"))
        out.jumps_to = number_after(s, " L");
    else if (begins(s, "ld."))
        out.class = LOAD;
    else if (begins(s, "idp4"))
        out.class = DOT;
    else if (begins(s, "ffma"))
        out.class = FUSED;
    else if (islower((unsigned char)*s) && !uniform && !begins_any(s, others))
        out.class = ALU;
    return out;
}

static bool find_dialect(const char *assembly, enum dialect *out)
{
    *out = begins(assembly, "block") || strstr(assembly, "\nblock") ? NAK
           : strstr(assembly, "BB0:")                               ? AMD
                                                                    : INTEL;
    return *out != INTEL || strstr(assembly, "align1") || strstr(assembly, "align16");
}

static bool read_text(const char *assembly, struct text *out)
{
    enum dialect dialect;
    size_t n = 1;
    for (const char *p = assembly; *p; p++)
        n += *p == '\n';
    *out = (struct text){0};
    if (!find_dialect(assembly, &dialect) || !(out->lines = malloc(n * sizeof(*out->lines))))
        return false;
    for (const char *p = assembly; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        char line[400];
        size_t length = strcspn(p, "\n");
        length = length < sizeof(line) ? length : sizeof(line) - 1;
        memcpy(line, p, length);
        line[length] = 0;
        out->lines[out->n++] = dialect == AMD     ? read_amd(line)
                               : dialect == INTEL ? read_intel(line)
                                                  : read_nak(line);
    }
    return true;
}

/* Where the loop begins that line i jumps back to; n: it does not jump back. */
static size_t find_begin(const struct text *t, size_t i)
{
    for (size_t k = 0; t->lines[i].jumps_to >= 0 && k < i; k++)
        if (t->lines[k].label == t->lines[i].jumps_to)
            return k;
    return t->n;
}

static struct isa_loop count(const struct text *t, size_t begin, size_t end, uint32_t subgroup)
{
    struct isa_loop loop = {0};
    for (size_t i = begin; i < end; i++) {
        const struct line *l = &t->lines[i];
        double part = l->width && subgroup ? (double)l->width / subgroup : 1;
        loop.alu += l->class <= DOT ? part : 0;
        loop.fused += l->class == FUSED ? part : 0;
        loop.dots += l->class == DOT ? part : 0;
        loop.loads += l->class == LOAD;
    }
    return loop;
}

static bool multiplies_more(const struct isa_loop *a, const struct isa_loop *b)
{
    if (a->dots > 0 || b->dots > 0)
        return a->dots > b->dots;
    return a->fused != b->fused ? a->fused > b->fused : a->loads >= b->loads;
}

bool isa_find_loop(const char *assembly, uint32_t subgroup_size, struct isa_loop *out)
{
    struct text t;
    bool found = false;
    if (!assembly || !read_text(assembly, &t))
        return false;
    *out = (struct isa_loop){0};
    for (size_t end = 0; end < t.n; end++) {
        size_t begin = find_begin(&t, end), last = begin;
        if (begin == t.n)
            continue;
        for (size_t i = begin; i < end; i++) /* a loop in it, other than itself? */
            if (find_begin(&t, i) < t.n && find_begin(&t, i) > begin)
                last = i;
        struct isa_loop loop = count(&t, begin, end, subgroup_size);
        if (last != begin || !loop.loads || (found && !multiplies_more(&loop, out)))
            continue;
        *out = loop;
        found = true;
    }
    free(t.lines);
    return found;
}
