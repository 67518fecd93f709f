#include "base/checksum.h"

#include "base/le.h"

#include <string.h>

/* Four words side by side: their multiplications do not wait for each other. */
static void add_block(uint64_t lanes[4], const uint8_t *p)
{
    for (int i = 0; i < 4; i++) {
        uint64_t x = (lanes[i] ^ le_u64(p + 8 * i)) * UINT64_C(0x9e3779b97f4a7c15);
        lanes[i] = x << 31 | x >> 33;
    }
}

void checksum_add(struct checksum *c, const void *data, size_t n)
{
    const uint8_t *p = data;
    size_t held = c->n % sizeof(c->rest);
    c->n += n;
    if (held) {
        size_t more = sizeof(c->rest) - held < n ? sizeof(c->rest) - held : n;
        memcpy(c->rest + held, p, more);
        p += more;
        n -= more;
        if (held + more < sizeof(c->rest))
            return;
        add_block(c->lanes, c->rest);
    }
    for (; n >= sizeof(c->rest); n -= sizeof(c->rest), p += sizeof(c->rest))
        add_block(c->lanes, p);
    if (n)
        memcpy(c->rest, p, n);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

uint64_t checksum_of(const struct checksum *c)
{
    uint64_t lanes[4], sum = mix(c->n);
    uint8_t last[sizeof(c->rest)] = {0};
    memcpy(last, c->rest, c->n % sizeof(last));
    memcpy(lanes, c->lanes, sizeof(lanes));
    add_block(lanes, last);
    for (int i = 0; i < 4; i++)
        sum = mix(sum ^ lanes[i]);
    return sum;
}
