/* Decoding of whole JPEG Lossless frames: scans, restart intervals, lines (T.81 annex H). */
#include <string.h>

#include "jpegll.h"

#define ALIGN 64
/* Most bytes of a difference: 31 bits. */
#define SYMBOL 4
/* Bytes that are unstuffed in one go, so that they are still in the cache when they are read. */
#define WINDOW ((size_t)1 << 15)

/* Where things lie in the caller's work memory. */
typedef struct workspace {
    rk_jpegll_lut *luts[RK_JPEGLL_MAX_COMPONENTS];
    uint8_t *window; /* unstuffed data */
    size_t window_size;
    uint16_t *diff; /* one batch of differences, of all components in turn */
    uint16_t *spare; /* differences decoded ahead */
    uint16_t *part[RK_JPEGLL_MAX_COMPONENTS]; /* the same, by component */
    uint16_t *rows[RK_JPEGLL_MAX_COMPONENTS][2];
} workspace;

typedef struct decoder {
    const rk_jpegll_table *t;
    rk_jpegll_parser p;
    workspace w;
    uint8_t *out;
    size_t stride_bytes; /* of a line */
    size_t width;
    uint64_t sound;
    bool strict;
    rk_status first; /* the first fault */
    const rk_jpegll_lut *tables[RK_JPEGLL_MAX_COMPONENTS]; /* of this scan */
    rk_jpegll_layout layout;
    bool in_order; /* the layout is that of all components in their order */
    uint32_t rate; /* of the differences of the last interval */
    uint16_t first_of_line[RK_JPEGLL_MAX_COMPONENTS]; /* what the next line begins from */
} decoder;

static rk_status fail(rk_code code, enum rk_jpegll_rule rule, size_t offset)
{
    return (rk_status){.code = code, .rule = (uint16_t)rule, .frame = 0, .offset = offset};
}

static size_t batch_lines(size_t line)
{
    return line < RK_JPEGLL_BATCH ? RK_JPEGLL_BATCH / line : 1;
}

static size_t round_up(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* Lays the workspace out from `at`; with `w` NULL it only counts. cols <= 65535. */
static size_t lay_out(workspace *w, uint8_t *at, size_t cols, size_t components)
{
    size_t line = cols * components;
    size_t batch = round_up((batch_lines(line) * line + RK_JPEGLL_SLACK) * sizeof(uint16_t));
    size_t row = round_up((cols + RK_JPEGLL_SLACK) * sizeof(uint16_t));
    size_t lut = round_up(sizeof(rk_jpegll_lut)), used = 0;
    for (size_t k = 0; k < components; k++, used += lut)
        if (w)
            w->luts[k] = (rk_jpegll_lut *)(void *)(at + used);
    if (w)
        w->diff = (uint16_t *)(void *)(at + used);
    used += batch;
    if (w)
        w->spare = (uint16_t *)(void *)(at + used);
    used += batch;
    for (size_t k = 0; k < components; k++, used += batch)
        if (w)
            w->part[k] = (uint16_t *)(void *)(at + used);
    for (size_t k = 0; k < 2 * components; k++, used += row)
        if (w)
            w->rows[k / 2][k % 2] = (uint16_t *)(void *)(at + used);
    size_t window = batch_lines(line) * line * SYMBOL + WINDOW;
    if (w) {
        w->window = at + used;
        w->window_size = window;
    }
    return used + round_up(window + RK_PAD);
}

bool rk_jpegll_work_size(size_t *work, size_t cols, size_t components)
{
    if (cols == 0 || cols > 65535 || components == 0 || components > RK_JPEGLL_MAX_COMPONENTS)
        return false;
    *work = lay_out(NULL, NULL, cols, components);
    return true;
}

/* Remembers the first fault; true if decoding goes on behind it. */
static bool tolerate(decoder *d, rk_status status)
{
    if (status.code != RK_OK && d->first.code == RK_OK)
        d->first = status;
    return status.code == RK_OK || !d->strict;
}

static rk_status build_tables(decoder *d)
{
    const rk_jpegll_scan *scan = &d->p.scan;
    bool alone = true;
    for (uint32_t k = 1; k < scan->components; k++)
        alone &= scan->table[k] == scan->table[0];
    for (uint32_t k = 0; k < scan->components; k++) {
        d->tables[k] = NULL;
        for (uint32_t j = 0; j < k; j++)
            if (scan->table[j] == scan->table[k])
                d->tables[k] = d->tables[j];
        if (d->tables[k])
            continue;
        if (!rk_huff_build(&d->w.luts[k]->canon, &d->p.tables[scan->table[k]]))
            return fail(RK_CORRUPT, RK_JPEGLL_TABLE, d->p.at);
        d->t->prepare(d->w.luts[k], alone);
        d->tables[k] = d->w.luts[k];
    }
    return fail(RK_OK, RK_JPEGLL_OK, 0);
}

/* As `rebuild`, by predictor 1 into a layout of all components in their order. */
static void rebuild_left(decoder *d, size_t first, size_t y, size_t lines)
{
    size_t line = d->p.info.cols * d->p.scan.components;
    for (size_t k = 0; y == 0 && k < d->p.scan.components; k++)
        d->first_of_line[k] = (uint16_t)(1u << (d->p.info.precision - 1));
    for (size_t l = 0; l < lines; l++)
        d->t->line(d->out + (first + y + l) * d->stride_bytes, d->w.diff + l * line,
                   d->p.info.cols, d->first_of_line, &d->layout);
}

/* Rebuilds and stores `lines` lines from the batch of differences; `y` counts in the interval. */
static void rebuild(decoder *d, size_t first, size_t y, size_t lines)
{
    const rk_jpegll_scan *scan = &d->p.scan;
    size_t cols = d->p.info.cols, n = scan->components;
    unsigned top = d->p.info.precision - scan->transform - 1;
    const uint16_t *rows[RK_JPEGLL_MAX_COMPONENTS];

    if (scan->predictor == 1 && d->in_order) {
        rebuild_left(d, first, y, lines);
        return;
    }
    if (n > 1)
        d->t->split(d->w.part, d->w.diff, lines * cols, n);
    for (size_t l = 0; l < lines; l++) {
        for (size_t k = 0; k < n; k++) {
            const uint16_t *diff = (n > 1 ? d->w.part[k] : d->w.diff) + l * cols;
            uint16_t *row = d->w.rows[k][(y + l) & 1], *above = d->w.rows[k][~(y + l) & 1];
            bool start = y + l == 0; /* of the scan or of a restart interval, H.1.2.1 */
            d->t->predict(row, above, diff, cols, start ? 1 : scan->predictor,
                          start ? (uint16_t)(1u << top) : above[0]);
            rows[k] = row;
        }
        d->t->store(d->out + (first + y + l) * d->stride_bytes, rows, cols, &d->layout);
    }
}

/* Samples of a batch that are not there are 0: overwrites what was rebuilt without data. */
static void clear_rest(decoder *d, size_t line, size_t lines, size_t had)
{
    size_t cols = d->p.info.cols, n = d->p.scan.components;
    for (size_t l = had / (cols * n); l < lines; l++) {
        size_t skip = had > l * cols * n ? had - l * cols * n : 0;
        uint8_t *out = d->out + (line + l) * d->stride_bytes;
        for (size_t i = skip; i < cols * n; i++)
            memset(out + (i / n * d->layout.stride + d->layout.place[i % n]) * d->width, 0,
                   d->width);
    }
}

/* Makes sure that `want` differences lie in the window, or all that are left of them. */
static void fill_window(decoder *d, rk_jpegll_bits *b, size_t want, bool *ended, size_t *gone)
{
    size_t used = b->at >> 3;
    if (*ended || b->size - used >= want * SYMBOL)
        return;
    memmove(d->w.window, d->w.window + used, b->size - used);
    *gone += used;
    b->size -= used;
    b->at &= 7;
    b->size += rk_jpegll_unstuff(&d->p, d->w.window + b->size, d->w.window_size - b->size, ended);
}

/* Steps over what an interval holds behind its samples. */
static void skip_window(decoder *d, bool ended)
{
    while (!ended)
        rk_jpegll_unstuff(&d->p, d->w.window, d->w.window_size, &ended);
}

/* One restart interval of `lines` lines, from line `first` of the image. */
static rk_status decode_interval(decoder *d, size_t first, size_t lines)
{
    size_t cols = d->p.info.cols, n = d->p.scan.components, from = d->p.at, gone = 0;
    bool ended = false;
    rk_jpegll_bits bits = {
        .data = d->w.window, .code = RK_OK, .spare = d->w.spare, .rate = d->rate};
    for (size_t y = 0; y < lines;) {
        size_t batch = batch_lines(cols * n);
        batch = batch < lines - y ? batch : lines - y;
        size_t want = batch * cols * n;
        fill_window(d, &bits, want, &ended, &gone);
        size_t had = d->t->diff(&bits, d->w.diff, want, d->tables, n);
        d->sound += had;
        if (had < want) {
            memset(d->w.diff + had, 0, (want - had) * sizeof *d->w.diff);
            size_t whole = had / (cols * n) + (had % (cols * n) != 0);
            rebuild(d, first, y, whole);
            clear_rest(d, first + y, batch, had);
            if (batch < lines - y)
                clear_rest(d, first + y + batch, lines - y - batch, 0);
            skip_window(d, ended);
            return bits.code == RK_TRUNCATED
                       ? fail(RK_TRUNCATED, (enum rk_jpegll_rule)bits.rule, d->p.at)
                       : fail(bits.code, (enum rk_jpegll_rule)bits.rule, from + gone + bits.at / 8);
        }
        rebuild(d, first, y, batch);
        y += batch;
    }
    d->rate = bits.rate;
    skip_window(d, ended);
    return fail(RK_OK, RK_JPEGLL_OK, 0);
}

/* Steps over the restart marker `index`; the parser stands on a marker or at the end. */
static rk_status read_restart(decoder *d, size_t index)
{
    rk_jpegll_parser *p = &d->p;
    if (p->size - p->at < 2)
        return fail(RK_TRUNCATED, RK_JPEGLL_DATA_ENDS, p->size);
    uint8_t marker = p->data[p->at + 1];
    if ((marker & 0xF8) != 0xD0)
        return fail(RK_TRUNCATED, RK_JPEGLL_DATA_ENDS, p->at);
    if ((marker & 7) != (index & 7))
        return fail(RK_CORRUPT, RK_JPEGLL_MARKER, p->at);
    p->at += 2;
    return fail(RK_OK, RK_JPEGLL_OK, 0);
}

static void lay_samples(decoder *d)
{
    const rk_jpegll_scan *scan = &d->p.scan;
    rk_jpegll_layout *to = &d->layout;
    memset(to, 0, sizeof *to);
    to->components = scan->components;
    to->stride = d->p.info.components;
    to->width = d->width;
    to->transform = scan->transform;
    to->mask = (uint16_t)((1u << d->p.info.precision) - 1);
    d->in_order = to->components == to->stride;
    for (uint32_t k = 0; k < scan->components; k++) {
        to->place[k] = scan->place[k];
        d->in_order &= scan->place[k] == k;
    }
}

/* All intervals of a scan. False if the decoding must end. */
static bool decode_scan(decoder *d)
{
    size_t rows = d->p.info.rows, cols = d->p.info.cols, y = 0;
    size_t interval = d->p.info.restart ? d->p.info.restart / cols : rows;
    lay_samples(d);
    rk_status status = build_tables(d);
    bool go_on = tolerate(d, status) && status.code == RK_OK;
    for (size_t index = 0; go_on && y < rows; index++) {
        size_t lines = interval < rows - y ? interval : rows - y;
        go_on = tolerate(d, decode_interval(d, y, lines));
        y += lines;
        if (go_on && y < rows) {
            status = read_restart(d, index);
            go_on = tolerate(d, status) && status.code == RK_OK;
        }
    }
    if (y < rows && !d->strict)
        clear_rest(d, y, rows - y, 0);
    return d->strict ? go_on : status.code != RK_CORRUPT;
}

/* True if the scan names a component that an earlier one has, or one twice. */
static bool repeats(const rk_jpegll_scan *scan, uint32_t *seen)
{
    for (uint32_t k = 0; k < scan->components; k++) {
        if (*seen >> scan->place[k] & 1)
            return true;
        *seen |= 1u << scan->place[k];
    }
    return false;
}

/* Components of which no scan came are 0. */
static void clear_unseen(decoder *d, uint32_t seen)
{
    d->p.scan.components = 1;
    for (uint32_t k = 0; k < d->p.info.components; k++) {
        if (seen >> k & 1)
            continue;
        d->p.scan.place[0] = k;
        lay_samples(d);
        clear_rest(d, 0, d->p.info.rows, 0);
    }
}

static void decode_scans(decoder *d, size_t rows, size_t cols, size_t components)
{
    uint32_t seen = 0, all = (1u << components) - 1;
    while (seen != all) {
        rk_status status = rk_jpegll_next_scan(&d->p);
        const rk_jpegll_info *info = &d->p.info;
        if (status.code == RK_OK && d->p.ended)
            status = fail(RK_TRUNCATED, RK_JPEGLL_COMPONENTS, d->p.at);
        else if (status.code == RK_OK &&
                 (info->rows != rows || info->cols != cols || info->components != components ||
                  d->width != (info->precision > 8 ? 2u : 1u)))
            status = fail(RK_CORRUPT, RK_JPEGLL_CHANGED, d->p.at);
        else if (status.code == RK_OK && repeats(&d->p.scan, &seen))
            status = fail(RK_CORRUPT, RK_JPEGLL_SCAN, d->p.at);
        if (status.code != RK_OK) {
            tolerate(d, status);
            break;
        }
        if (!decode_scan(d))
            break;
    }
    if (d->first.code != RK_OK && d->sound && seen != all)
        clear_unseen(d, seen);
}

rk_status rk_jpegll_decode(const rk_jpegll_table *t, rk_jpegll_result *result,
                           const uint8_t *data, size_t size, uint8_t *out, size_t rows,
                           size_t cols, size_t components, size_t width, uint8_t *work,
                           bool strict)
{
    decoder d;
    memset(&d, 0, sizeof d);
    d.t = t;
    d.out = out;
    d.width = width;
    d.stride_bytes = cols * components * width;
    d.strict = strict;
    rk_jpegll_parser_start(&d.p, data, size);
    lay_out(&d.w, work, cols, components);
    decode_scans(&d, rows, cols, components);
    result->sound = d.sound;
    result->no_eoi = false;
    if (d.first.code == RK_OK) {
        rk_status end = rk_jpegll_next_scan(&d.p);
        result->no_eoi = !d.p.ended || end.code != RK_OK;
    }
    return d.first;
}
