#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

int utf8_decode(const char *s, size_t n, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *)s;
    uint32_t c = p[0];
    if (c < 0x80) {
        *code = c;
        return 1;
    }
    if (c < 0xc2 || c > 0xf4)
        return -1;
    int length = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    /* The second byte alone decides about overlong forms, surrogates and the upper end. */
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    c &= 0xffu >> (length + 1);
    for (int i = 1; i < length; i++) {
        if ((size_t)i == n)
            return 0;
        if (p[i] < low || p[i] > high)
            return -i;
        c = c << 6 | (p[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    *code = c;
    return length;
}

size_t utf8_check(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t word;
        if (n - i >= sizeof(word)) {
            memcpy(&word, s + i, sizeof(word));
            if (!(word & 0x8080808080808080u)) {
                i += sizeof(word);
                continue;
            }
        }
        uint32_t code;
        int length = utf8_decode(s + i, n - i, &code);
        if (length <= 0)
            return i;
        i += (size_t)length;
    }
    return n;
}

size_t utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

bool utf8_is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

void utf8_trim(const char **s, size_t *n)
{
    uint32_t code;
    int length;
    while (*n && (length = utf8_decode(*s, *n, &code)) > 0 && utf8_is_space(code)) {
        *s += length;
        *n -= (size_t)length;
    }
    while (*n) {
        size_t begin = *n - 1;
        while (begin && ((*s)[begin] & 0xc0) == 0x80)
            begin--;
        if (utf8_decode(*s + begin, *n - begin, &code) <= 0 || !utf8_is_space(code))
            break;
        *n = begin;
    }
}

const char *utf8_tail(const char *s, size_t n)
{
    size_t length = strlen(s);
    if (length <= n)
        return s;
    s += length - n;
    while (((unsigned char)*s & 0xc0) == 0x80)
        s++;
    return s;
}

struct utf8_label utf8_label(const char *s, size_t n)
{
    struct utf8_label label;
    size_t used = 0;
    const size_t room = sizeof(label.text) - sizeof("...");
    for (size_t i = 0; i < n;) {
        char piece[8];
        size_t piece_n;
        uint32_t code;
        int length = utf8_decode(s + i, n - i, &code);
        if (length > 0 && code >= 0x20 && (code < 0x7f || code >= 0xa0)) {
            piece_n = (size_t)length;
            memcpy(piece, s + i, piece_n);
        } else {
            length = 1;
            piece_n = (size_t)snprintf(piece, sizeof(piece), "\\x%02x", (unsigned char)s[i]);
        }
        if (used + piece_n > room) {
            memcpy(label.text + used, "...", 3);
            used += 3;
            break;
        }
        memcpy(label.text + used, piece, piece_n);
        used += piece_n;
        i += (size_t)length;
    }
    label.text[used] = 0;
    return label;
}
