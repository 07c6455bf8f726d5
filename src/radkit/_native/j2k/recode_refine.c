/* SigProp and MagRef of HT code-blocks, coefficients to bytes (T.814 7.4, 7.5). */
#include <string.h>

#include "recode.h"

/* Samples of a block with a border around them; 4 x 1024 has the most. */
#define BORDERED ((1024 + 2) * (4 + 2))

/* Bits, least significant first, into bytes in whose place a stuffed bit may stand. */
typedef struct sink {
    uint8_t *out;
    size_t size;
    unsigned byte, used;
    uint8_t before;
} sink;

/* SigProp: behind a byte FF comes one of 7 bits. */
static void put_up(sink *s, unsigned bit)
{
    s->byte |= bit << s->used;
    if (++s->used < (s->before == 0xFF ? 7u : 8u))
        return;
    s->before = s->out[s->size++] = (uint8_t)s->byte;
    s->byte = s->used = 0;
}

static void end_up(sink *s)
{
    if (s->used)
        s->out[s->size++] = s->before = (uint8_t)s->byte;
    if (s->size && s->before == 0xFF) /* no segment ends so, and no byte above 8F follows */
        s->out[s->size++] = 0;
}

/* MagRef, which is read from its end: 7F behind a byte above 8F leaves the top bit out. */
static void put_down(sink *s, unsigned bit)
{
    s->byte |= bit << s->used;
    s->used++;
    bool seven = s->used == 7 && s->byte == 0x7F && s->before > 0x8F;
    if (!seven && s->used < 8)
        return;
    s->before = s->out[s->size++] = (uint8_t)s->byte;
    s->byte = s->used = 0;
}

static void end_down(sink *s)
{
    if (s->used)
        s->out[s->size++] = (uint8_t)s->byte;
}

typedef struct block {
    const rk_j2k_recode_job *job;
    uint8_t significant[BORDERED]; /* (height + 2) x (width + 2) */
} block;

static int32_t value_at(const rk_j2k_recode_job *job, uint32_t x, uint32_t y)
{
    size_t at = (size_t)y * job->width + x;
    return job->format == RK_COEF_INT16 ? ((const int16_t *)job->values)[at]
                                        : ((const int32_t *)job->values)[at];
}

static uint32_t size_at(const rk_j2k_recode_job *job, uint32_t x, uint32_t y)
{
    int32_t v = value_at(job, x, y);
    return v < 0 ? 0u - (uint32_t)v : (uint32_t)v;
}

static uint8_t *state_at(block *b, uint32_t x, uint32_t y)
{
    return &b->significant[(size_t)(y + 1) * (b->job->width + 2) + x + 1];
}

static void set_significance(block *b)
{
    const rk_j2k_recode_job *job = b->job;
    memset(b->significant, 0, (size_t)(job->height + 2) * (job->width + 2));
    for (uint32_t y = 0; y < job->height; y++)
        for (uint32_t x = 0; x < job->width; x++)
            *state_at(b, x, y) = size_at(job, x, y) >> job->plane != 0;
}

/* A significant neighbour; those of the next stripe do not count if the block is causal. */
static bool has_neighbour(block *b, uint32_t x, uint32_t y, bool causal)
{
    const uint8_t *own = state_at(b, x, y);
    const uint8_t *up = own - (b->job->width + 2), *down = own + (b->job->width + 2);
    unsigned any = own[-1] | own[1] | up[-1] | up[0] | up[1];
    if (!causal || y % 4 != 3)
        any |= down[-1] | down[0] | down[1];
    return any;
}

/* One group of four columns of a stripe: significance bits, then the signs of those found. */
static void propagate_group(block *b, uint32_t x0, uint32_t y0, bool causal, sink *s)
{
    const rk_j2k_recode_job *job = b->job;
    uint8_t negative[16];
    unsigned found = 0;
    for (uint32_t x = x0; x < x0 + 4 && x < job->width; x++)
        for (uint32_t y = y0; y < y0 + 4 && y < job->height; y++) {
            uint8_t *state = state_at(b, x, y);
            if (*state || !has_neighbour(b, x, y, causal))
                continue;
            unsigned bit = size_at(job, x, y) >> (job->plane - 1) & 1;
            put_up(s, bit);
            *state = (uint8_t)bit;
            if (bit)
                negative[found++] = value_at(job, x, y) < 0;
        }
    for (unsigned k = 0; k < found; k++)
        put_up(s, negative[k]);
}

static void refine(block *b, sink *s)
{
    const rk_j2k_recode_job *job = b->job;
    for (uint32_t y0 = 0; y0 < job->height; y0 += 4)
        for (uint32_t x = 0; x < job->width; x++)
            for (uint32_t y = y0; y < y0 + 4 && y < job->height; y++) {
                uint32_t size = size_at(job, x, y);
                if (size >> job->plane)
                    put_down(s, size >> (job->plane - 1) & 1);
            }
}

size_t rk_j2k_recode_refine(const rk_j2k_recode_job *job, bool causal, uint8_t *out)
{
    uint8_t backward[RK_J2K_REFINE_ROOM];
    block b = {.job = job};
    sink up = {.out = out}, down = {.out = backward, .before = 0xFF};
    set_significance(&b);
    for (uint32_t y = 0; y < job->height; y += 4)
        for (uint32_t x = 0; x < job->width; x += 4)
            propagate_group(&b, x, y, causal, &up);
    end_up(&up);
    if (job->refines > 1) {
        refine(&b, &down);
        end_down(&down);
    }
    for (size_t k = 0; k < down.size; k++)
        out[up.size + k] = backward[down.size - 1 - k];
    return up.size + down.size;
}
