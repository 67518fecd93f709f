/*
 * hash: FNV-1a with 64 bits, over bytes. Words are hashed as little-endian bytes, so that a hash
 * is the same on every machine, and that of logits equals the hash of the --logits-out file.
 */
#ifndef CLI_HASH_H
#define CLI_HASH_H

#include <stddef.h>
#include <stdint.h>

#define CLI_HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t cli_hash_bytes(uint64_t hash, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static inline void cli_store_le32(unsigned char bytes[4], uint32_t word)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(word >> (8 * i));
}

#endif
