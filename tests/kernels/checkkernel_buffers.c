/* tests/kernels/checkkernel_buffers.c: random numbers, and the buffers of a case. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "checkkernel_run.h"

uint64_t ck_mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t ck_random(ck_run *run)
{
    return ck_mix(&run->state);
}

uint64_t ck_below(ck_run *run, uint64_t below)
{
    return below ? ck_random(run) % below : 0;
}

/* ---- buffers ----------------------------------------------------------------------- */

static void reserve(slot *s, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t need = (bytes + 2 * GUARD + ALIGNMENTS + page - 1) / page * page;
    if (need <= s->capacity)
        return;
    if (s->map)
        munmap(s->map - page, s->capacity + 2 * page);
    uint8_t *whole =
        mmap(NULL, need + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (whole == MAP_FAILED || mprotect(whole + page, need, PROT_READ | PROT_WRITE) != 0) {
        perror("checkkernel: mmap");
        exit(3);
    }
    s->map = whole + page;
    s->capacity = need;
}

static uint8_t guard_byte(const slot *s, const uint8_t *p)
{
    return (uint8_t)(0xA5u ^ (uint8_t)((size_t)(p - s->map) * 7u));
}

/* The guard zone on both sides, cut where the mapping ends. */
static void zone(const slot *s, uint8_t **low, uint8_t **high)
{
    uint8_t *end = s->map + s->capacity;
    *low = s->data - s->map > GUARD ? s->data - GUARD : s->map;
    *high = end - (s->data + s->bytes) > GUARD ? s->data + s->bytes + GUARD : end;
}

static slot *take(ck_run *run, size_t bytes)
{
    uint8_t *low, *high;
    if (run->used == SLOTS) {
        fprintf(stderr, "checkkernel: %s.%s takes too many buffers\n", run->stage, run->member);
        exit(3);
    }
    slot *s = &run->slots[run->used++];
    reserve(s, bytes);
    s->bytes = bytes;
    if (run->place == AT_END)
        s->data = s->map + s->capacity - bytes;
    else if (run->place == AT_START)
        s->data = s->map;
    else /* the buffers of a case differ in alignment */
        s->data = s->map + GUARD + (size_t)((run->place + 5 * (run->used - 1)) % ALIGNMENTS);
    zone(s, &low, &high);
    for (uint8_t *p = low; p < s->data; p++)
        *p = guard_byte(s, p);
    for (uint8_t *p = s->data + bytes; p < high; p++)
        *p = guard_byte(s, p);
    return s;
}

static void fill_random(uint64_t *state, uint8_t *p, size_t bytes)
{
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8) {
        uint64_t r = ck_mix(state);
        memcpy(p + i, &r, 8);
    }
    for (uint64_t r = ck_mix(state); i < bytes; i++, r >>= 8)
        p[i] = (uint8_t)r;
}

static void fill_pattern(ck_run *run, uint8_t *p, size_t bytes)
{
    static const uint8_t edges[8] = {0x00, 0xFF, 0x7F, 0x80, 0x01, 0xFE, 0x00, 0x80};
    uint64_t r;
    switch (run->pattern) {
    case ZERO:
        memset(p, 0, bytes);
        break;
    case ONES:
        memset(p, 0xFF, bytes);
        break;
    case ONE_BIT:
        memset(p, 0, bytes);
        if (bytes)
            p[ck_below(run, bytes)] = (uint8_t)(1u << ck_below(run, 8));
        break;
    case ALTERNATING:
        r = ck_random(run);
        for (size_t i = 0; i < bytes; i++)
            p[i] = (i >> (r & 1)) & 1 ? (uint8_t)~(r >> 8) : (uint8_t)(r >> 8);
        break;
    case EXTREMES:
        for (size_t i = 0; i < bytes; i++)
            p[i] = edges[ck_below(run, 8)];
        break;
    case SPARSE:
        fill_random(&run->state, p, bytes);
        for (size_t i = 0; i < bytes; i++)
            p[i] = p[i] & 0x80 ? 0 : p[i];
        break;
    default:
        fill_random(&run->state, p, bytes);
    }
}

static const void *keep(slot *s)
{
    s->kept = realloc(s->kept, s->bytes ? s->bytes : 1);
    if (!s->kept)
        exit(3);
    memcpy(s->kept, s->data, s->bytes);
    return s->data;
}

const void *ck_in(ck_run *run, size_t bytes)
{
    slot *s = take(run, bytes);
    fill_pattern(run, s->data, bytes);
    return keep(s);
}

const void *ck_in_from(ck_run *run, const void *from, size_t bytes)
{
    slot *s = take(run, bytes);
    if (bytes)
        memcpy(s->data, from, bytes);
    return keep(s);
}

void *ck_out(ck_run *run, size_t bytes)
{
    slot *s = take(run, bytes);
    uint64_t state = run->out_seed;
    fill_random(&state, s->data, bytes);
    return s->data;
}

void *ck_copy(ck_run *run, const void *from, size_t bytes)
{
    slot *s = take(run, bytes);
    if (bytes)
        memcpy(s->data, from, bytes);
    return s->data;
}

void ck_release(ck_run *run)
{
    for (int i = 0; i < run->used; i++) {
        slot *s = &run->slots[i];
        uint8_t *low, *high;
        zone(s, &low, &high);
        for (uint8_t *p = low; p < s->data; p++)
            if (*p != guard_byte(s, p))
                ck_fail(run, "a byte before a buffer was changed");
        for (uint8_t *p = s->data + s->bytes; p < high; p++)
            if (*p != guard_byte(s, p))
                ck_fail(run, "a byte behind a buffer was changed");
        if (s->kept && memcmp(s->kept, s->data, s->bytes) != 0)
            ck_fail(run, "an input was changed");
        free(s->kept);
        s->kept = NULL;
    }
    run->used = 0;
}
