/* kernels/dwt.c: the way of the rows through the wavelet filters. */
#include "kernels/dwt.h"

#include <string.h>

rk_span rk_span_window(rk_span want, rk_span all, unsigned reach)
{
    /* An even sample depends on one neighbour less than an odd one. */
    uint32_t before, behind;
    if (want.start >= want.stop)
        return (rk_span){want.start, want.start};
    before = reach - 1 + (want.start & 1);
    behind = reach - 1 + ((want.stop - 1) & 1);
    if (before > want.start - all.start)
        before = want.start - all.start;
    if (behind > all.stop - want.stop)
        behind = all.stop - want.stop;
    return (rk_span){want.start - before, want.stop + behind};
}

/* ---- the rows that are being lifted --------------------------------------------------------- */

/* Rows in the ring: the steps reach over steps + 2 of them; a power of two. */
static size_t ring_rows(const rk_dwt_filter *f)
{
    return f->steps == 2 ? 4 : 8;
}

/* Bytes between rows: aligned, and not a power of two, so that rows do not share cache sets. */
static bool ring_pitch(size_t *pitch, const rk_dwt_filter *f, const rk_dwt_level *level)
{
    if (!rk_mul_size(pitch, rk_span_size(level->x), f->size) || *pitch > SIZE_MAX - 191)
        return false;
    *pitch = (*pitch + 63) / 64 * 64 + 64;
    return true;
}

bool rk_dwt_scratch(size_t *size, const rk_dwt_filter *f, const rk_dwt_level *level)
{
    size_t pitch;
    return ring_pitch(&pitch, f, level) && rk_mul_size(size, pitch, ring_rows(f));
}

static rk_dwt_ring ring_make(const rk_dwt_filter *f, const rk_dwt_level *level, void *scratch)
{
    rk_dwt_ring r = {.rows = scratch,
                     .mask = ring_rows(f) - 1,
                     .start = level->y.start,
                     .stop = level->y.stop,
                     .width = rk_span_size(level->x)};
    if (!ring_pitch(&r.pitch, f, level))
        r.pitch = 0; /* rk_dwt_scratch has refused it */
    return r;
}

static void *ring_row(const rk_dwt_ring *r, uint64_t y)
{
    return r->rows + ((size_t)(y - r->start) & r->mask) * r->pitch;
}

static void *lifted_row(const rk_dwt_ring *r, const rk_dwt_filter *f, uint64_t y)
{
    return (uint8_t *)ring_row(r, y) + r->column * f->size;
}

/* Step k of row y, with the symmetric extension of F.3.7 at the ends of the window. */
static void one_step(const rk_dwt_ring *r, const rk_dwt_filter *f, unsigned k, uint64_t y)
{
    uint64_t above = y > r->start ? y - 1 : y + 1;
    uint64_t below = y + 1 < r->stop ? y + 1 : y - 1;
    f->step[k](lifted_row(r, f, y), lifted_row(r, f, above), lifted_row(r, f, below), r->width);
}

/*
 * Row y has arrived, one that step 0 does not change (or it would be the row behind the last
 * one): all steps that are possible now, step k of row y - 1 - k. The rows that are finished
 * then end before the result.
 */
static uint64_t lift_rows(const rk_dwt_ring *r, const rk_dwt_filter *f, uint64_t y)
{
    void *rows[6];
    uint64_t done = y + 2 - f->steps;
    if (y < r->stop && y - r->start > f->steps) {
        for (unsigned k = 0; k < f->steps + 2u; k++)
            rows[k] = lifted_row(r, f, y - k);
        f->lift(rows, r->width);
        return done;
    }
    for (unsigned k = 0; k < f->steps; k++)
        if (y >= r->start + 1 + k && y - 1 - k < r->stop)
            one_step(r, f, k, y - 1 - k);
    if (y + 2 < r->start + f->steps)
        return r->start;
    return done < r->stop ? done : r->stop;
}

/* ---- gains ---------------------------------------------------------------------------------- */

/* Factors of low and high samples along one dimension; a single sample is not filtered. */
static void gains_along(double gain[2], const rk_dwt_filter *f, rk_span s)
{
    bool single = rk_span_size(s) == 1;
    gain[0] = single ? 1 : f->low;
    gain[1] = single ? f->odd : f->high;
}

static void gains_of(float gain[2][2], const rk_dwt_filter *f, const rk_dwt_level *level)
{
    double x[2], y[2];
    gains_along(x, f, level->x);
    gains_along(y, f, level->y);
    for (int row = 0; row < 2; row++)
        for (int column = 0; column < 2; column++)
            gain[row][column] = (float)(y[row] * x[column]);
}

/* ---- inverse -------------------------------------------------------------------------------- */

/* Row `index` of a band; `any` for a band without samples, which is never read or written. */
static void *band_row(const rk_dwt_band *band, size_t index, size_t size, void *any)
{
    return band->data ? (uint8_t *)band->data + index * band->stride * size : any;
}

void rk_idwt_begin(rk_idwt *d, const rk_dwt_filter *f, const rk_dwt_level *level, rk_idwt *lower,
                   void *scratch)
{
    *d = (rk_idwt){.f = *f, .level = *level, .lower = lower};
    d->ring = ring_make(f, level, scratch);
    d->ring.column = level->cols.start - level->x.start;
    d->ring.width = rk_span_size(level->cols);
    gains_of(d->gain, f, level);
    d->arrived = level->y.start;
    d->done = level->y.start;
    d->next = level->rows.start;
}

void rk_idwt_fetch(rk_idwt *d, rk_dwt_fetch_fn *fetch, void *context)
{
    d->fetch = fetch;
    d->context = context;
}

/* Takes the next row out of the bands. */
static void synthesise_row(rk_idwt *d, uint64_t y)
{
    const rk_dwt_level *v = &d->level;
    size_t size = d->f.size, n = rk_span_size(v->x);
    void *out = ring_row(&d->ring, y);
    const void *low, *high;
    if (d->fetch) {
        unsigned odd = y & 1;
        size_t index = odd ? d->highs++ : d->lows++;
        low = d->fetch(d->context, 2 * odd, index);
        high = d->fetch(d->context, 2 * odd + 1, index);
        low = low ? low : out;
        high = high ? high : out;
    } else if (y & 1) {
        low = band_row(&v->lh, d->highs, size, out);
        high = band_row(&v->hh, d->highs++, size, out);
    } else {
        low = d->lower ? rk_idwt_next(d->lower) : band_row(&v->ll, d->lows, size, out);
        high = band_row(&v->hl, d->lows++, size, out);
    }
    d->f.join(out, low, high, n, v->x.start & 1, d->gain[y & 1]);
}

static void next_arrival(rk_idwt *d)
{
    uint64_t y = d->arrived++;
    if (y < d->ring.stop)
        synthesise_row(d, y);
    if (d->ring.stop - d->ring.start == 1) {
        if ((y & 1) && d->f.single)
            d->f.single(lifted_row(&d->ring, &d->f, y), d->ring.width);
        d->done = d->ring.stop;
    } else if (y & 1) {
        d->done = lift_rows(&d->ring, &d->f, y);
    }
}

void *rk_idwt_next(rk_idwt *d)
{
    if (d->next >= d->level.rows.stop)
        return NULL;
    while (d->done <= d->next)
        next_arrival(d);
    return lifted_row(&d->ring, &d->f, d->next++);
}

static bool same_span(rk_span a, rk_span b)
{
    return a.start == b.start && a.stop == b.stop;
}

void rk_idwt_plane(const rk_dwt_filter *f, const rk_dwt_level *level, void *out, size_t stride,
                   void *scratch)
{
    rk_idwt d;
    size_t width = rk_span_size(level->cols) * f->size, pitch = stride * f->size;
    const void *row;
    if (rk_span_size(level->cols) == 0 || rk_span_size(level->rows) == 0)
        return;
    rk_idwt_begin(&d, f, level, NULL, scratch);
    if (same_span(level->x, level->cols) && same_span(level->y, level->rows)) {
        /* All rows have a place in the output: they are lifted there. */
        d.ring.rows = out;
        d.ring.pitch = pitch;
        d.ring.mask = SIZE_MAX;
        while (rk_idwt_next(&d))
            ;
        return;
    }
    for (uint8_t *to = out; (row = rk_idwt_next(&d)) != NULL; to += pitch)
        memcpy(to, row, width);
}

/* ---- forward -------------------------------------------------------------------------------- */

void rk_fdwt_begin(rk_fdwt *d, const rk_dwt_filter *f, const rk_dwt_level *level, rk_fdwt *lower,
                   void *scratch)
{
    *d = (rk_fdwt){.f = *f, .level = *level, .lower = lower, .mask = SIZE_MAX};
    d->ring = ring_make(f, level, scratch);
    gains_of(d->gain, f, level);
    d->arrived = d->done = d->written = level->y.start;
}

void *rk_fdwt_place(const rk_fdwt *d)
{
    return ring_row(&d->ring, d->arrived);
}

void rk_fdwt_push(rk_fdwt *d)
{
    uint64_t y = d->arrived++;
    if (d->ring.stop - d->ring.start == 1) {
        if ((y & 1) && d->f.single)
            d->f.single(ring_row(&d->ring, y), d->ring.width);
        d->done = d->ring.stop;
        return;
    }
    if (!(y & 1))
        d->done = lift_rows(&d->ring, &d->f, y);
    /* Behind the last row the steps go on until all rows are lifted. */
    for (y++; d->arrived == d->ring.stop && d->done < d->ring.stop; y++)
        if (!(y & 1))
            d->done = lift_rows(&d->ring, &d->f, y);
}

bool rk_fdwt_write(rk_fdwt *d)
{
    if (d->written >= d->done)
        return false;
    const rk_dwt_level *v = &d->level;
    uint64_t y = d->written++;
    bool odd = y & 1;
    size_t index = odd ? d->highs++ : d->lows++, at = (d->first[odd] + index) & d->mask;
    void *src = ring_row(&d->ring, y), *low;
    void *high = band_row(odd ? &v->hh : &v->hl, at, d->f.size, src);
    if (!odd && d->lower)
        low = rk_fdwt_place(d->lower);
    else
        low = band_row(odd ? &v->lh : &v->ll, at, d->f.size, src);
    d->low = !odd;
    d->f.split(low, high, src, rk_span_size(v->x), v->x.start & 1, d->gain[odd]);
    return true;
}

void rk_fdwt_plane(const rk_dwt_filter *f, const rk_dwt_level *level, const void *src,
                   size_t stride, void *scratch)
{
    rk_fdwt d;
    size_t width = rk_span_size(level->x) * f->size, pitch = stride * f->size;
    if (width == 0)
        return;
    rk_fdwt_begin(&d, f, level, NULL, scratch);
    for (const uint8_t *from = src; d.arrived < d.ring.stop; from += pitch) {
        memcpy(rk_fdwt_place(&d), from, width);
        rk_fdwt_push(&d);
        while (rk_fdwt_write(&d))
            ;
    }
}
