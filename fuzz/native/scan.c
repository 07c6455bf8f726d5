/* The element walk: the same table and verdict in one window as in many small ones. */
#include "dicom/scan.h"
#include "target.h"

#define OPTIONS 2 /* flags; size of the small windows */
#define MOST 4096 /* rows that are compared */

typedef struct outcome {
    rk_dcm_scan scan;
    rk_dcm_event event;
    size_t rows;
    rk_dcm_element row[MOST];
} outcome;

static void walk(outcome *o, const uint8_t *data, size_t size, uint8_t flags, size_t window)
{
    rk_dcm_scan *s = &o->scan;
    memset(o, 0, sizeof *o);
    s->end = size;
    s->max_elements = MOST;
    s->max_depth = 8;
    s->implicit = flags & 1;
    s->big_endian = (flags & 2) && !s->implicit;
    s->stop_at_pixels = flags & 4;
    s->items = flags & 8;
    s->fragments = (flags & 24) == 24;
    s->depth = s->items ? 1 : 0;
    s->stop_group = flags & 32 ? 2 : -1;
    for (size_t turns = 0;; turns++) {
        RK_FUZZ_ASSERT(turns <= 2 * size + 16 + MOST); /* each call moves on */
        RK_FUZZ_ASSERT(s->pos <= size);
        uint64_t base = s->pos, want = s->need > window ? s->need : window;
        uint64_t got = want < size - base ? want : size - base;
        uint8_t *piece = rk_fuzz_copy(data + base, got, 0);
        size_t room = MOST - o->rows < 7 ? MOST - o->rows : 7; /* a small table, filled in turns */
        if (room == 0) {
            free(piece);
            o->event = RK_DCM_FULL;
            return;
        }
        size_t n = 0;
        rk_dcm_element *out = rk_fuzz_room(room * sizeof *out);
        o->event = rk_dcm_scan_run(s, piece, base, got, out, room, &n);
        RK_FUZZ_ASSERT(n <= room);
        memcpy(o->row + o->rows, out, n * sizeof *out);
        o->rows += n;
        free(out);
        free(piece);
        if (o->event == RK_DCM_MORE)
            RK_FUZZ_ASSERT(s->pos > base || base + got < size); /* else it asks for ever */
        else if (o->event != RK_DCM_FULL)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < OPTIONS)
        return 0;
    size -= OPTIONS;
    uint8_t flags = data[size];
    size_t window = 16 + data[size + 1];
    static outcome whole, pieces;
    walk(&whole, data, size, flags, size);
    walk(&pieces, data, size, flags, window);
    RK_FUZZ_ASSERT(whole.event == pieces.event && whole.rows == pieces.rows);
    if (whole.event == RK_DCM_BAD) {
        RK_FUZZ_ASSERT(whole.scan.status.code != RK_INTERNAL);
        RK_FUZZ_ASSERT(whole.scan.status.code == pieces.scan.status.code);
        RK_FUZZ_ASSERT(whole.scan.status.rule == pieces.scan.status.rule);
    }
    for (size_t i = 0; i < whole.rows; i++) {
        const rk_dcm_element *a = whole.row + i, *b = pieces.row + i;
        RK_FUZZ_ASSERT(a->tag == b->tag && a->vr == b->vr && a->offset == b->offset);
        RK_FUZZ_ASSERT(a->value == b->value && a->length == b->length && a->end == b->end);
        RK_FUZZ_ASSERT(a->offset < a->value && a->value <= size);
        if (a->end != RK_DCM_UNDEFINED)
            RK_FUZZ_ASSERT(a->end >= a->value && a->end <= size);
    }
    return 0;
}
