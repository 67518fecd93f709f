/* base/checksum: a 64-bit checksum of a stream of bytes. Stable: files hold it. Each step is a
 * bijection, so a stream in which one word was changed never has the sum it had. Not for security.
 */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

struct checksum { /* zeros: of no bytes */
    uint64_t lanes[4], n;
    uint8_t rest[32]; /* n % 32 bytes that fill no lane yet */
};

void checksum_add(struct checksum *c, const void *data, size_t n);
/* The sum of all that was added; more may follow. */
uint64_t checksum_of(const struct checksum *c);

#endif
