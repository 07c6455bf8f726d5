/*
 * j2k/arena.h: memory of one decoding, counted against a cap.
 *
 * An arena is a stack of chunks; memory comes zeroed and goes all at once. Several arenas
 * share a budget, which also counts steps of work.
 */
#ifndef RK_J2K_ARENA_H
#define RK_J2K_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "radkit/status.h"

typedef struct rk_j2k_budget {
    size_t left;    /* bytes that may still be taken */
    uint64_t asked; /* the count that went beyond a limit, for the message */
    uint64_t steps; /* of work that are left, see rk_j2k_step */
} rk_j2k_budget;

typedef struct rk_j2k_chunk {
    struct rk_j2k_chunk *next;
    size_t size, used; /* of what follows the head */
    size_t taken;      /* from the system */
} rk_j2k_chunk;

typedef struct rk_j2k_arena {
    rk_j2k_budget *budget;
    rk_j2k_chunk *top;
} rk_j2k_arena;

/* Sets *p to n zeroed things of `size` bytes, at an address that is a multiple of 64 for large
 * ones and of 16 for others. */
RK_MUST_CHECK rk_status rk_j2k_take(rk_j2k_arena *a, void **p, uint64_t n, size_t size);

/* The same for memory that the caller fills himself: it is not zeroed. */
RK_MUST_CHECK rk_status rk_j2k_take_raw(rk_j2k_arena *a, void **p, uint64_t n, size_t size);

/* Gives all back, but keeps some memory for what is taken next: a loop then costs no calls of the
 * system. */
void rk_j2k_rewind(rk_j2k_arena *a);

/* Gives all back. */
void rk_j2k_release(rk_j2k_arena *a);

/* spare.c: at least *size bytes of malloc, or kept from before: then *size is set to what they are.
 * NULL if there are none. */
void *rk_j2k_spare_take(size_t *size);
/* Takes them back; `size` is what rk_j2k_spare_take or calloc gave. */
void rk_j2k_spare_give(void *memory, size_t size);

/* Counts n steps; false if the budget is used up: a limit, not a fault of the machine. */
static inline bool rk_j2k_step(rk_j2k_budget *b, uint64_t n)
{
    if (b->steps < n)
        return false;
    b->steps -= n;
    return true;
}

#endif /* RK_J2K_ARENA_H */
