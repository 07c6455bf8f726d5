/*
 * kernels/window_fit.c: constants of the fast window kernels (window.h).
 *
 * A table that rises in one ramp is clamp(floor(a * t + b)) for some a and b. For a given `a`
 * each step of the table bounds b from both sides, so b is found exactly, not guessed. What is
 * left to rounding is caught at the end: the kernel itself runs over all stored values.
 */
#include <math.h>
#include <string.h>

#include "kernels/window.h"

/* The steps of a rising table: at t = at[i] it goes up to grey[i], counted from the base. */
typedef struct steps {
    unsigned count;
    uint32_t at[256];
    uint8_t grey[256];
} steps;

/* False if the table falls anywhere. Taken relative to the last entry of the first run. */
static bool find_steps(steps *s, rk_window_fast *f, const uint8_t *table, size_t entries)
{
    size_t anchor = 0;
    uint8_t now = table[0] ^ f->complement;
    s->count = 0;
    f->base = now;
    for (size_t i = 1; i < entries; i++) {
        uint8_t next = table[i] ^ f->complement;
        if (next == now)
            continue;
        if (next < now)
            return false;
        if (s->count == 0)
            anchor = i - 1;
        s->at[s->count] = (uint32_t)(i - anchor);
        s->grey[s->count++] = (uint8_t)(next - f->base);
        now = next;
    }
    f->top = now;
    f->low = (uint16_t)(f->low + anchor);
    f->span = (uint16_t)(s->count ? s->at[s->count - 1] : 0);
    return true;
}

/* Bounds of b: low <= b < high. */
static void bounds(const steps *s, double a, double *low, double *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    for (unsigned i = 0; i < s->count; i++) {
        double at_least = s->grey[i] - a * s->at[i];
        double below = (i ? s->grey[i - 1] : 0) + 1 - a * (s->at[i] - 1.0);
        *low = at_least > *low ? at_least : *low;
        *high = below < *high ? below : *high;
    }
}

static bool equals_table(const rk_window_fast *f, rk_window_fast_fn *kernel,
                         const uint8_t *table, size_t entries, unsigned start)
{
    enum { CHUNK = 1024 };
    uint16_t stored[CHUNK];
    uint8_t grey[CHUNK];
    for (size_t done = 0; done < entries; done += CHUNK) {
        size_t n = entries - done < CHUNK ? entries - done : CHUNK;
        for (size_t i = 0; i < n; i++)
            stored[i] = (uint16_t)((start + done + i) ^ f->flip);
        kernel(f, stored, grey, n);
        if (memcmp(grey, table + done, n) != 0)
            return false;
    }
    return true;
}

/* The offset in whole units of the product, or false. The largest sum must stay below 2^16. */
static bool fit_offset(rk_window_fast *f, const steps *s)
{
    double unit = ldexp(f->factor, -(16 + f->down)), low, high;
    bounds(s, unit * f->times, &low, &high);
    low = ceil(low / unit);
    high = ceil(high / unit) - 1;
    double room = 65535.0 - f->span * f->times, offset = floor((low + high) / 2);
    if (offset > room)
        offset = room;
    if (!(low <= high) || offset < low || offset < -65535)
        return false;
    f->plus = (uint16_t)(offset > 0 ? offset : 0);
    f->minus = (uint16_t)(offset < 0 ? -offset : 0);
    return true;
}

/*
 * A factor of 16 bits alone is good for windows of a few hundred values. But any t * times that
 * fits 16 bits will do, and each has its own best factor: some come out almost whole.
 */
static bool fit_integer(rk_window_fast *f, const steps *s, double grey)
{
    enum { TIMES = 64, TRIES = 12 };
    double low, high, error[TIMES];
    bounds(s, grey, &low, &high);
    double most = floor(65535 / (f->span + (low > 0 ? low / grey : 0)));
    unsigned count = 0;
    uint16_t factor[TIMES];
    uint8_t down[TIMES];
    for (double times = most; count < TIMES && times >= 1 && times > most / 2; times--, count++) {
        int shift = 15;
        while (shift > 1 && ldexp(grey / times, 16 + shift) >= 65535)
            shift--;
        double exact = ldexp(grey / times, 16 + shift), whole = floor(exact + 0.5);
        bool fits = whole >= 1 && whole <= 65535;
        error[count] = fits ? fabs(whole - exact) / exact : INFINITY;
        factor[count] = (uint16_t)(fits ? whole : 0);
        down[count] = (uint8_t)shift;
    }
    for (int i = 0; i < TRIES; i++) {
        unsigned best = 0;
        for (unsigned j = 1; j < count; j++)
            best = error[j] < error[best] ? j : best;
        if (count == 0 || error[best] == INFINITY)
            return false;
        f->times = (uint16_t)(most - best);
        f->factor = factor[best];
        f->down = down[best];
        if (fit_offset(f, s))
            return true;
        error[best] = INFINITY;
    }
    return false;
}

static bool fit_real(rk_window_fast *f, const steps *s, double grey)
{
    double low, high;
    f->scale = (float)grey;
    bounds(s, f->scale, &low, &high);
    if (!(low < high) || fabs(low) > 1e6 || fabs(high) > 1e6)
        return false;
    f->bias = (float)((low + high) / 2);
    return true;
}

rk_window_path rk_window_fit(rk_window_fast *f, const rk_window_table *t, const uint8_t *table,
                             unsigned bits, bool is_signed, double grey)
{
    const size_t entries = (size_t)1 << bits;
    const unsigned start = is_signed ? 32768u - (1u << (bits - 1)) : 0;
    steps s;
    memset(f, 0, sizeof *f);
    f->flip = is_signed ? 0x8000 : 0;
    f->complement = table[0] > table[entries - 1] ? 0xFF : 0;
    f->low = (uint16_t)start;
    f->down = 1;
    if (!find_steps(&s, f, table, entries))
        return RK_WINDOW_BY_TABLE;
    if (s.count == 0)
        return RK_WINDOW_BY_INTEGER; /* all the same: the base */
    if (f->span == 1)
        grey = s.grey[0]; /* a threshold, whatever the ramp was */
    if (!(grey > 0) || grey > 255)
        return RK_WINDOW_BY_TABLE;
    if (fit_integer(f, &s, grey) && equals_table(f, t->integer, table, entries, start))
        return RK_WINDOW_BY_INTEGER;
    if (fit_real(f, &s, grey) && equals_table(f, t->real, table, entries, start))
        return RK_WINDOW_BY_REAL;
    return RK_WINDOW_BY_TABLE;
}
