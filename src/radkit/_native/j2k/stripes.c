/* Strips of code-blocks, and the chain of wavelet levels that takes its rows from them (T.800 F.3). */
#include "stripes.h"

/* A strip is made of as many code-block rows as it takes to have so many blocks: the kernels
 * are faster on many. */
#define FEWEST_BLOCKS 32
/* 16 bits are given up at once if LL, where it is `doubtful`, has larger values: not much would be left
 * for the other bands. */
#define DOUBTFUL_LOW 12288

/* ---- memory of a chain ----------------------------------------------------------------------- */

/* Pieces of one allocation; without `base` they are only counted. */
typedef struct carver {
    uint8_t *base;
    size_t used;
    bool over;
} carver;

static void *carve(carver *c, size_t n, size_t size)
{
    void *p = c->base ? c->base + c->used : NULL;
    size_t bytes, used;
    c->over |= !rk_mul_size(&bytes, n, size) || bytes > SIZE_MAX - 64
               || !rk_add_size(&used, c->used, (bytes + 63) / 64 * 64);
    if (!c->over)
        c->used = used;
    return p;
}

static rk_dwt_filter filter_of(const rk_j2k_kernels *kernels, rk_dwt_type type)
{
    return type == RK_DWT_FLOAT ? rk_dwt97_inverse(&kernels->dwt97)
                                : rk_dwt53_inverse(&kernels->dwt53, type);
}

static rk_dwt_level level_of(const rk_j2k_window *w)
{
    return (rk_dwt_level){
        .x = {w->need.x0, w->need.x1},
        .y = {w->need.y0, w->need.y1},
        .cols = {w->want.x0, w->want.x1},
        .rows = {w->want.y0, w->want.y1},
    };
}

/* Code-block rows of the bands, and columns of all of them together. */
static void grid_of(const rk_j2k_strip *s, uint32_t *first, uint32_t *end, uint64_t *across)
{
    *first = UINT32_MAX;
    *end = 0;
    *across = 0;
    for (unsigned b = 0; b < s->res->band_count; b++) {
        rk_j2k_rect hold = s->window->bands[b].hold;
        if (rk_j2k_is_void(hold))
            continue;
        uint32_t y0 = hold.y0 >> s->res->ycb, y1 = rk_j2k_shrink(hold.y1, s->res->ycb);
        *first = y0 < *first ? y0 : *first;
        *end = y1 > *end ? y1 : *end;
        *across += rk_j2k_shrink(hold.x1, s->res->xcb) - (hold.x0 >> s->res->xcb);
    }
}

/* Strips of equal depth; strip->from and ->to before the first one. */
static void set_depth(rk_j2k_strip *s)
{
    uint32_t first;
    uint64_t across;
    grid_of(s, &first, &s->end, &across);
    s->from = s->to = first < s->end ? first : 0;
    s->depth = 1;
    if (first >= s->end)
        return;
    uint64_t depth = (FEWEST_BLOCKS + across - 1) / across, rows = s->end - first;
    uint64_t strips = (rows + depth - 1) / depth;
    s->depth = (uint32_t)((rows + strips - 1) / strips);
}

/* The rows of bands in a strip: of the widest band a multiple of 64 bytes, and an odd one, so
 * that rows of a block do not share cache sets. */
static void lay_bands(rk_j2k_strip *s, carver *c)
{
    size_t size = rk_j2k_size_of[s->type], width = 0;
    for (unsigned b = 0; b < s->res->band_count; b++) {
        rk_j2k_rect hold = s->window->bands[b].hold;
        if (!rk_j2k_is_void(hold) && hold.x1 - hold.x0 > width)
            width = hold.x1 - hold.x0;
    }
    s->stride = ((width * size + 63) / 64 | 1) * (64 / size);
    for (unsigned b = 0; b < s->res->band_count; b++) {
        rk_j2k_rect hold = s->window->bands[b].hold;
        uint64_t most = (uint64_t)s->depth << s->res->ycb;
        s->data[b] = NULL;
        if (rk_j2k_is_void(hold))
            continue;
        if (most > hold.y1 - hold.y0)
            most = hold.y1 - hold.y0;
        s->data[b] = carve(c, (size_t)most, s->stride * size);
        if (s->type != s->chain->type)
            s->low = carve(c, (size_t)most, s->stride * sizeof *s->low);
    }
}

/* All that the chain needs; called twice, first to count. */
static void lay(rk_j2k_chain *c, carver *carver)
{
    rk_dwt_filter filter = filter_of(c->hand->kernels, c->type);
    for (unsigned r = 0; r <= c->plane->comp->top; r++) {
        rk_j2k_strip *s = &c->strips[r];
        lay_bands(s, carver);
        if (r == 0)
            continue;
        rk_dwt_level level = level_of(s->window);
        size_t size;
        if (!rk_dwt_scratch(&size, &filter, &level)) {
            carver->over = true;
            return;
        }
        void *scratch = carve(carver, size, 1);
        if (carver->base)
            rk_idwt_begin(&s->level, &filter, &level, NULL, scratch);
    }
}

/* ---- strips ---------------------------------------------------------------------------------- */

static bool stopped(const rk_j2k_hand *h)
{
    return h->wide || h->status.code != RK_OK;
}

/* Goes on to the next code-block rows and asks for their blocks. */
static rk_status advance(rk_j2k_strip *s)
{
    const rk_j2k_res *res = s->res;
    s->from = s->to;
    s->to = s->end - s->to > s->depth ? s->to + s->depth : s->end;
    for (unsigned b = 0; b < res->band_count; b++) {
        uint64_t y = (uint64_t)s->from << res->ycb;
        uint32_t y0 = s->window->bands[b].hold.y0;
        s->y0[b] = y > y0 ? (uint32_t)y : y0;
    }
    return rk_j2k_batch_add(s->chain->hand, s);
}

/* Whether 16 bits hold every sum that the level makes of what was decoded so far, and of what the
 * component transform makes of its rows: of RCT, R is at most 2.5 times the largest of Y, U, V. */
static bool fits(const rk_j2k_strip *s)
{
    const rk_j2k_chain *c = s->chain;
    bool last = s->r == c->plane->comp->top;
    uint64_t more = c->transformed && last ? 3 : 1;
    if (s->r == 0)
        return !last || s->peaks[0] * more < 32768;
    uint64_t low = s->r == 1 && !s[-1].low ? s[-1].peaks[0] : s[s->r == 1 ? -1 : 0].low_peak;
    return rk_dwt53_fits(16, low * more, s->peaks[0] * more, s->peaks[1] * more,
                         s->peaks[2] * more);
}

static void check_width(rk_j2k_strip *s)
{
    if (s->chain->type == RK_DWT_INT16 && !fits(s))
        s->chain->hand->wide = true;
}

/* The rows of LL in 16 bits, with the offset. */
static void narrow_low(rk_j2k_strip *s)
{
    rk_j2k_rect hold = s->window->bands[0].hold;
    uint64_t end = (uint64_t)s->to << s->res->ycb;
    uint32_t y1 = end < hold.y1 ? (uint32_t)end : hold.y1;
    for (size_t y = 0; s->y0[0] + y < y1; y++) {
        const int32_t *src = (const int32_t *)s->data[0] + y * s->stride;
        int16_t *out = s->low + y * s->stride;
        for (size_t x = 0; x < hold.x1 - hold.x0; x++) {
            int64_t value = (int64_t)src[x] + s->chain->plane->offset;
            uint64_t size = (uint64_t)(value < 0 ? -value : value);
            s->low_peak = size > s->low_peak ? size : s->low_peak;
            out[x] = (int16_t)value;
        }
    }
    if (s->low_peak > DOUBTFUL_LOW)
        s->chain->hand->wide = true;
}

/* What was decoded counts, if it need not be decoded again. */
static void keep(rk_j2k_strip *s)
{
    for (unsigned b = 0; b < s->res->band_count; b++)
        s->judged[b] = s->to > s->judged[b] ? s->to : s->judged[b];
}

static void settle(rk_j2k_hand *h, rk_status status)
{
    if (status.code != RK_OK)
        h->status = status;
    if (!stopped(h))
        rk_j2k_verdict_add(&h->verdict, &h->new);
    h->new = (rk_j2k_verdict){.damaged = 0};
    h->t1_count = h->ht_count = 0;
}

/* Decodes strips of n chains that have just gone on, from resolution `from` to `to`. */
static void decode(rk_j2k_hand *h, rk_j2k_chain *chains, size_t n, unsigned from, unsigned to)
{
    rk_status status = h->wide ? rk_j2k_fine() : rk_j2k_batch_flush(h);
    settle(h, status);
    for (size_t k = 0; k < n && !stopped(h); k++)
        for (unsigned r = from; r <= to && r <= chains[k].plane->comp->top; r++)
            keep(&chains[k].strips[r]);
    for (size_t k = 0; k < n && !stopped(h); k++)
        for (unsigned r = from; r <= to && r <= chains[k].plane->comp->top; r++) {
            if (chains[k].strips[r].low)
                narrow_low(&chains[k].strips[r]);
            check_width(&chains[k].strips[r]);
        }
}

/* Goes on with resolutions `from` to `to` of n chains. */
static void go_on(rk_j2k_hand *h, rk_j2k_chain *chains, size_t n, unsigned from, unsigned to)
{
    for (size_t k = 0; k < n; k++)
        for (unsigned r = from; r <= to && r <= chains[k].plane->comp->top; r++) {
            rk_status status = advance(&chains[k].strips[r]);
            if (status.code != RK_OK) {
                settle(h, status);
                return;
            }
        }
    decode(h, chains, n, from, to);
}

void rk_j2k_chains_fill(rk_j2k_hand *h, rk_j2k_chain *chains, size_t n)
{
    bool doubtful = false;
    for (size_t k = 0; k < n; k++)
        doubtful |= chains[k].strips[0].low != NULL;
    if (doubtful)
        go_on(h, chains, n, 0, 0);
    if (!stopped(h))
        go_on(h, chains, n, doubtful, UINT8_MAX);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Row `index` of the window of a band. The bands of a strip are used up together: their code-blocks
 * lie on grids of one height, and row k of HL is asked for before row k of LH and HH. */
static const void *band_row(rk_j2k_strip *s, unsigned band, size_t index)
{
    rk_j2k_rect need = s->window->bands[band].need, hold = s->window->bands[band].hold;
    uint32_t y = need.y0 + (uint32_t)index;
    if (rk_j2k_is_void(hold))
        return NULL;
    while (y >> s->res->ycb >= s->to && !stopped(s->chain->hand))
        go_on(s->chain->hand, s->chain, 1, s->r, s->r);
    if (stopped(s->chain->hand))
        return s->data[band]; /* any row */
    size_t at = (size_t)(y - s->y0[band]) * s->stride + (need.x0 - hold.x0);
    if (s->low)
        return s->low + at;
    return (const uint8_t *)s->data[band] + at * rk_j2k_size_of[s->type];
}

/* The next row of LL, from the level below. */
static const void *low_row(rk_j2k_strip *s, size_t index)
{
    rk_j2k_strip *lower = s - 1;
    rk_j2k_hand *h = s->chain->hand;
    if (lower->r == 0)
        return band_row(lower, 0, index);
    const void *row = rk_idwt_next(&lower->level);
    if (s->chain->type == RK_DWT_INT16 && row && !stopped(h)) {
        size_t width = lower->window->want.x1 - lower->window->want.x0;
        uint64_t peak = h->kernels->dwt53.peak_i16(row, width);
        if (peak > s->low_peak) {
            s->low_peak = peak;
            check_width(s);
        }
    }
    return row;
}

static const void *fetch(void *context, unsigned band, size_t index)
{
    rk_j2k_strip *s = context;
    return band ? band_row(s, band - 1, index) : low_row(s, index);
}

const void *rk_j2k_chain_next(rk_j2k_chain *c)
{
    unsigned top = c->plane->comp->top;
    return top ? rk_idwt_next(&c->strips[top].level) : band_row(&c->strips[0], 0, c->next++);
}

/* ---- chains ---------------------------------------------------------------------------------- */

static void set_windows(rk_j2k_chain *c, uint32_t y0, uint32_t y1)
{
    rk_j2k_rect want = c->plane->comp->windows[c->plane->comp->top].want;
    want.y0 = y0;
    want.y1 = y1;
    rk_j2k_windows(c->plane->comp, want, c->windows);
}

rk_status rk_j2k_chain_open(rk_j2k_chain *c, uint32_t y0, uint32_t y1)
{
    const rk_j2k_tilecomp *comp = c->plane->comp;
    rk_j2k_arena *a = &c->hand->arena;
    RK_TRY(rk_j2k_take(a, (void **)&c->windows, comp->top + 1u, sizeof *c->windows));
    RK_TRY(rk_j2k_take(a, (void **)&c->strips, comp->top + 1u, sizeof *c->strips));
    for (unsigned r = 0; r <= comp->top; r++) {
        c->strips[r].chain = c;
        c->strips[r].r = r;
        c->strips[r].res = &comp->res[r];
        c->strips[r].window = &c->windows[r];
    }
    set_windows(c, y0, y1);
    return rk_j2k_fine();
}

rk_status rk_j2k_chain_begin(rk_j2k_chain *c, uint32_t y0, uint32_t y1)
{
    unsigned top = c->plane->comp->top;
    carver count = {NULL, 0, false}, place = {NULL, 0, false};
    set_windows(c, y0, y1);
    for (unsigned r = 0; r <= top; r++) {
        rk_j2k_strip *s = &c->strips[r];
        s->peaks[0] = s->peaks[1] = s->peaks[2] = s->low_peak = 0;
        s->low = NULL;
        s->type = r == 0 && c->plane->doubtful && c->type == RK_DWT_INT16 ? RK_DWT_INT32 : c->type;
        set_depth(s);
    }
    lay(c, &count);
    RK_TRY(rk_j2k_take_raw(&c->hand->rows, (void **)&place.base,
                           count.over ? UINT64_MAX : (uint64_t)count.used + 4096, 1));
    lay(c, &place);
    for (unsigned r = 1; r <= top; r++)
        rk_idwt_fetch(&c->strips[r].level, fetch, &c->strips[r]);
    c->next = 0;
    return rk_j2k_fine();
}
