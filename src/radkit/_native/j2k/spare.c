/*
 * Memory that is kept between decodings. Fresh memory costs a fault and a cleared page for each 4 KB
 * of it, which for small frames is more than to decode them; so a few pieces stay.
 */
#include <stdlib.h>

#include "arena.h"

/* Sizes that are kept, and how many pieces of the process. */
#define LEAST ((size_t)1 << 16)
#define MOST ((size_t)1 << 20)
#define PIECES 4

/* Sanitizers are to see each piece freed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(_WIN32)
#define RK_KEEP 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) \
    || __has_feature(thread_sanitizer)
#define RK_KEEP 0
#endif
#endif
#ifndef RK_KEEP
#define RK_KEEP 1
#endif

#if RK_KEEP

#include <stdatomic.h>

static _Atomic(size_t *) pieces[PIECES]; /* each begins with its size */

void *rk_j2k_spare_take(size_t *size)
{
    for (int k = 0; k < PIECES && *size >= LEAST && *size <= MOST; k++) {
        size_t *p = atomic_exchange(&pieces[k], NULL);
        if (p && *p >= *size && *p / 4 <= *size) {
            *size = *p;
            return p;
        }
        if (p)
            rk_j2k_spare_give(p, *p);
    }
    return malloc(*size);
}

void rk_j2k_spare_give(void *memory, size_t size)
{
    size_t *p = memory;
    for (int k = 0; k < PIECES && size >= LEAST && size <= MOST; k++) {
        size_t *none = NULL;
        *p = size;
        if (atomic_compare_exchange_strong(&pieces[k], &none, p))
            return;
    }
    free(memory);
}

#else

void *rk_j2k_spare_take(size_t *size)
{
    return malloc(*size);
}

void rk_j2k_spare_give(void *memory, size_t size)
{
    (void)size;
    free(memory);
}

#endif
