/*
 * fuzz/native/target.h: what the targets share.
 *
 * An input is the data, then option bytes at its end, so that a mutation of the
 * tail changes how the entry point is driven. Everything is copied into a buffer
 * of its exact size: one byte too far is seen.
 */
#ifndef RK_FUZZ_TARGET_H
#define RK_FUZZ_TARGET_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property was broken: as bad as a crash. */
#define RK_FUZZ_ASSERT(x)                                               \
    do {                                                                \
        if (!(x)) {                                                     \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
            __builtin_trap();                                           \
        }                                                               \
    } while (0)

static inline uint8_t *rk_fuzz_copy(const uint8_t *data, size_t size, size_t pad)
{
    uint8_t *copy = malloc(size + pad ? size + pad : 1);
    if (copy == NULL)
        abort();
    if (size)
        memcpy(copy, data, size);
    memset(copy + size, 0, pad);
    return copy;
}

static inline void *rk_fuzz_room(size_t size)
{
    void *room = malloc(size ? size : 1);
    if (room == NULL)
        abort();
    memset(room, 0xA5, size ? size : 1);
    return room;
}

#endif /* RK_FUZZ_TARGET_H */
