#include "text/unicode.h"

#include <stddef.h>

struct span {
    uint32_t first, last;
};

/* Every step-th code from first to last becomes itself + delta. */
struct run {
    uint32_t first, last, step;
    int32_t delta;
};

struct long_base {
    uint32_t code, base[3];
};

#include "text/unicode_tables.inc"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool in_spans(const struct span *spans, size_t n, uint32_t code)
{
    size_t lo = 0;
    while (lo < n) {
        size_t middle = lo + (n - lo) / 2;
        if (spans[middle].last < code)
            lo = middle + 1;
        else if (spans[middle].first > code)
            n = middle;
        else
            return true;
    }
    return false;
}

bool unicode_is_punctuation(uint32_t code)
{
    return in_spans(punctuation, COUNT(punctuation), code);
}

bool unicode_is_nonspacing(uint32_t code)
{
    return in_spans(nonspacing, COUNT(nonspacing), code);
}

bool unicode_is_control(uint32_t code)
{
    return in_spans(control, COUNT(control), code);
}

/* Runs may interlock (every second code), so those that begin before a code are looked at from the
 * nearest on; more than two never overlap. */
static uint32_t map(const struct run *runs, size_t n, uint32_t code)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (runs[middle].first <= code)
            lo = middle + 1;
        else
            hi = middle;
    }
    for (size_t i = lo; i-- > 0 && lo - i <= 2;)
        if (code <= runs[i].last && (code - runs[i].first) % runs[i].step == 0)
            return (uint32_t)((int32_t)code + runs[i].delta);
    return code;
}

uint32_t unicode_lower(uint32_t code)
{
    return map(lower, COUNT(lower), code);
}

int unicode_base(uint32_t code, uint32_t out[3])
{
    if (code >= 0xac00 && code <= 0xd7a3) { /* Hangul syllables are made of two or three letters */
        uint32_t i = code - 0xac00;
        out[0] = 0x1100 + i / 588;
        out[1] = 0x1161 + i % 588 / 28;
        out[2] = 0x11a7 + i % 28;
        return i % 28 ? 3 : 2;
    }
    for (size_t i = 0; i < COUNT(long_bases); i++)
        if (long_bases[i].code == code) {
            int n = 0;
            while (n < 3 && long_bases[i].base[n]) {
                out[n] = long_bases[i].base[n];
                n++;
            }
            return n;
        }
    out[0] = map(bases, COUNT(bases), code);
    return 1;
}
