/* Memory of one decoding, counted against a cap. */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "rules.h"

/* Chunks of small things double up to CHUNK: a small frame takes little, and zeroes only what
 * it takes. Larger things than SINGLE have a chunk of their own. */
#define CHUNK_FIRST ((size_t)1 << 13)
#define CHUNK ((size_t)1 << 16)
#define SINGLE (CHUNK / 4)
#define HEAD ((sizeof(rk_j2k_chunk) + 63) / 64 * 64)

/* Large chunks start at a multiple of 64; calloc leaves untouched pages to the system. */
static rk_j2k_chunk *chunk_new(size_t size, bool zeroed)
{
    size_t taken = size + HEAD + 64;
    char *raw = zeroed ? calloc(1, taken) : rk_j2k_spare_take(&taken);
    if (!raw)
        return NULL;
    char *head = raw + (64 - (uintptr_t)raw % 64);
    head[-1] = (char)(head - raw); /* 1 to 64 */
    rk_j2k_chunk *chunk = (rk_j2k_chunk *)(void *)head;
    chunk->taken = taken;
    return chunk;
}

static void chunk_free(rk_j2k_chunk *chunk)
{
    char *head = (char *)chunk;
    rk_j2k_spare_give(head - head[-1], chunk->taken);
}

static rk_status take(rk_j2k_arena *a, void **p, uint64_t n, size_t size, bool zeroed)
{
    size_t want;
    *p = NULL;
    if (n > SIZE_MAX / 2 || !rk_mul_size(&want, (size_t)n, size) || want > SIZE_MAX / 2) {
        a->budget->asked = UINT64_MAX;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
    }
    bool single = want > SINGLE;
    size_t align = want >= 4096 ? 64 : 16;
    rk_j2k_chunk *top = a->top;
    size_t at = top ? (top->used + align - 1) / align * align : 0;
    if (!top || single || at > top->size || want > top->size - at) {
        size_t room = !top ? CHUNK_FIRST : top->size < CHUNK / 2 ? 2 * top->size : CHUNK;
        room = single || room < want ? want : room;
        if (room + HEAD + 64 > a->budget->left) {
            a->budget->asked = room + HEAD + 64;
            return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
        }
        rk_j2k_chunk *chunk = chunk_new(room, zeroed && single);
        if (!chunk)
            return rk_j2k_fail(RK_NO_MEMORY, RK_J2K_MEMORY, 0);
        a->budget->left -= room + HEAD + 64;
        chunk->size = room;
        chunk->used = 0;
        if (single && top) { /* a large one goes below, the open one stays */
            chunk->used = want;
            chunk->next = top->next;
            top->next = chunk;
            *p = (char *)chunk + HEAD;
            return rk_j2k_fine();
        }
        chunk->next = top;
        a->top = top = chunk;
        at = 0;
    }
    top->used = at + want;
    *p = (char *)top + HEAD + at;
    if (zeroed && !single)
        memset(*p, 0, want);
    return rk_j2k_fine();
}

rk_status rk_j2k_take(rk_j2k_arena *a, void **p, uint64_t n, size_t size)
{
    return take(a, p, n, size, true);
}

rk_status rk_j2k_take_raw(rk_j2k_arena *a, void **p, uint64_t n, size_t size)
{
    return take(a, p, n, size, false);
}

static void free_from(rk_j2k_arena *a, rk_j2k_chunk *chunk)
{
    while (chunk) {
        rk_j2k_chunk *next = chunk->next;
        a->budget->left += chunk->size + HEAD + 64;
        chunk_free(chunk);
        chunk = next;
    }
}

void rk_j2k_rewind(rk_j2k_arena *a)
{
    if (!a->top)
        return;
    free_from(a, a->top->next);
    a->top->next = NULL;
    a->top->used = 0;
}

void rk_j2k_release(rk_j2k_arena *a)
{
    free_from(a, a->top);
    a->top = NULL;
}
