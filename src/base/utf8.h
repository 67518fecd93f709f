/* base/utf8: validation, decoding and encoding of UTF-8 (RFC 3629: no surrogates, no overlong
 * forms, at most U+10FFFF), and printable forms of untrusted bytes for error sentences. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offset of the first byte at which no valid sequence begins; n if all is valid. */
size_t utf8_check(const char *s, size_t n);

/* Decodes one sequence from n > 0 bytes. Returns
 *    1..4   its length, with *code set;
 *    0      all n bytes are the beginning of a sequence that more bytes could complete;
 *   -1..-3  that many bytes are not valid and count as one error (one U+FFFD). */
int utf8_decode(const char *s, size_t n, uint32_t *code);

/* Writes 1..4 bytes and returns their number; 0 for what is no Unicode scalar value. */
size_t utf8_encode(uint32_t code, char out[4]);

/* The White_Space property. */
bool utf8_is_space(uint32_t code);

/* Removes white space from both ends of valid UTF-8: moves *s and *n. */
void utf8_trim(const char **s, size_t *n);

/* The end of a string, at most n bytes of it and from a whole sequence on: of a long path the end
 * tells more. */
const char *utf8_tail(const char *s, size_t n);

/* A short printable form of bytes from outside: invalid and control bytes as \xNN, "..." where it
 * was cut. Use as utf8_label(s, n).text inside one call. */
struct utf8_label {
    char text[96];
};
struct utf8_label utf8_label(const char *s, size_t n);

#endif
