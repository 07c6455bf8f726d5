/* radkit/dicom/splice.c: see splice.h. PS3.10 7.1 (meta header), PS3.5 7.1 (order), A.4 (pixel items). */
#include "dicom/splice.h"

#include <string.h>

#include "dicom/pick.h"

#define ROWS 64
#define META_MAX 65536
#define META_START 132
#define LARGEST_ITEM 0xFFFFFFFEu
#define TRAILING_PADDING 0xFFFCFFFCu

enum { GROUP_LENGTH = 0x00020000, META_VERSION = 0x00020001, SOP_CLASS = 0x00020002,
       SOP_INSTANCE = 0x00020003, SYNTAX = 0x00020010, MAKER = 0x00020012, MAKER_NAME = 0x00020013 };

static void write16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void write32(uint8_t *p, uint32_t v)
{
    write16(p, v);
    write16(p + 2, v >> 16);
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void write_header(uint8_t *p, uint32_t tag, const char *vr, uint16_t length)
{
    write16(p, tag >> 16);
    write16(p + 2, tag);
    memcpy(p + 4, vr, 2);
    write16(p + 6, length);
}

/* ---- the meta header ---- */

typedef struct meta_rows {
    rk_dcm_element row[RK_DCM_META_ROWS];
    size_t n;
} meta_rows;

/* Its bytes are those that the general way would write: known form, even, nothing reserved set. */
static bool carried_as_it_is(const rk_dcm_element *e, const uint8_t *head)
{
    if (e->length == RK_DCM_UNDEFINED || e->vr == 0)
        return false;
    if (e->value - e->offset == 8)
        return rk_dcm_has_short_length(e->vr);
    return head[e->offset + 6] == 0 && head[e->offset + 7] == 0;
}

/* Walks group 2. Returns where the data set begins; 0 = not plain. */
static uint64_t walk_meta(const uint8_t *head, uint64_t avail, uint64_t size, meta_rows *meta)
{
    rk_dcm_scan s = {.pos = META_START, .max_elements = RK_DCM_META_ROWS - 1, .max_depth = 1,
                     .stop_group = 2};
    bool plain = false;
    if (size < META_START + 28 || avail < META_START + 28 || memcmp(head + 128, "DICM", 4) != 0)
        return 0;
    s.end = size - META_START < META_MAX ? size : META_START + META_MAX;
    meta->n = 0;
    if (rk_dcm_scan_run(&s, head, 0, avail, meta->row, RK_DCM_META_ROWS, &meta->n) !=
            RK_DCM_OTHER || s.unordered || s.stray || s.odd || s.pos > avail || meta->n == 0)
        return 0;
    for (size_t i = 0; i < meta->n; i++) {
        const rk_dcm_element *e = &meta->row[i];
        if (!carried_as_it_is(e, head))
            return 0;
        if (e->tag == SYNTAX)
            plain = rk_dcm_plain_syntax(head + e->value, e->length);
    }
    const rk_dcm_element *first = &meta->row[0];
    if (first->tag != GROUP_LENGTH || first->length != 4 || first->vr != RK_DCM_VR('U', 'L') ||
        read32(head + first->value) != s.pos - first->end)
        return 0;
    return plain ? s.pos : 0;
}

static bool put(rk_dcm_splice *s, const uint8_t *bytes, uint64_t size)
{
    if (size > RK_DCM_META_ROOM - s->meta_size)
        return false;
    if (size > 0)
        memcpy(s->meta + s->meta_size, bytes, size);
    s->meta_size += (size_t)size;
    return true;
}

static const rk_dcm_element *row_of(const meta_rows *meta, uint32_t tag)
{
    for (size_t i = 0; i < meta->n; i++)
        if (meta->row[i].tag == tag)
            return &meta->row[i];
    return NULL;
}

/* (0002,0002) or (0002,0003): by the data set, else as it was. */
static bool put_uid(rk_dcm_splice *s, const meta_rows *meta, uint32_t tag, const uint8_t *head)
{
    const rk_dcm_element *e = &s->sop[tag - SOP_CLASS];
    uint8_t header[8];
    if (e->length == 0)
        e = row_of(meta, tag);
    if (e == NULL || e->length == 0)
        return true;
    if (e->length > RK_DCM_META_ROOM)
        return false;
    write_header(header, tag, "UI", (uint16_t)e->length);
    return put(s, header, 8) && put(s, head + e->value, e->length);
}

static bool put_renewed(rk_dcm_splice *s, const meta_rows *meta, uint32_t tag, const uint8_t *head)
{
    static const uint8_t VERSION[14] = {2, 0, 1, 0, 'O', 'B', 0, 0, 2, 0, 0, 0, 0, 1};
    const rk_dcm_element *e = row_of(meta, tag);
    switch (tag) {
    case META_VERSION:
        return e != NULL ? put(s, head + e->offset, e->end - e->offset)
                         : put(s, VERSION, sizeof VERSION);
    case SOP_INSTANCE:
        if (s->instance != NULL)
            return put(s, s->instance, s->instance_size);
        return put_uid(s, meta, tag, head);
    case SOP_CLASS:
        return put_uid(s, meta, tag, head);
    case SYNTAX:
        return put(s, s->syntax, s->syntax_size);
    default: /* MAKER: the element of its name follows in the same bytes */
        return put(s, s->maker, s->maker_size);
    }
}

/* Writes preamble, prefix and group 2; the offsets of a preamble would be wrong now: zeros. */
static bool write_meta(rk_dcm_splice *s, const meta_rows *meta, const uint8_t *head)
{
    static const uint32_t RENEWED[] = {META_VERSION, SOP_CLASS, SOP_INSTANCE, SYNTAX, MAKER};
    const size_t n = sizeof RENEWED / sizeof *RENEWED;
    size_t next = 0;
    memset(s->meta, 0, META_START + 12);
    memcpy(s->meta + 128, "DICM", 4);
    write_header(s->meta + META_START, GROUP_LENGTH, "UL", 4);
    s->meta_size = META_START + 12;
    for (size_t i = 0; i <= meta->n; i++) {
        const rk_dcm_element *e = i < meta->n ? &meta->row[i] : NULL;
        while (next < n && (e == NULL || RENEWED[next] <= e->tag))
            if (!put_renewed(s, meta, RENEWED[next++], head))
                return false;
        if (e == NULL || e->tag == GROUP_LENGTH || e->tag == MAKER_NAME)
            continue;
        if ((next == 0 || RENEWED[next - 1] != e->tag) &&
            !put(s, head + e->offset, e->end - e->offset))
            return false;
    }
    write32(s->meta + META_START + 8, (uint32_t)(s->meta_size - META_START - 12));
    return true;
}

/* ---- the data set ---- */

static bool add(rk_dcm_splice *s, const uint8_t *bytes, uint64_t offset, uint64_t size)
{
    size_t first = s->pixels.tag != 0 ? s->before : 0;
    if (size == 0)
        return true;
    s->size += size;
    if (bytes == NULL && s->n > first) {
        rk_dcm_piece *last = &s->pieces[s->n - 1];
        if (last->bytes == NULL && last->offset + last->size == offset) {
            last->size += size;
            return true;
        }
    }
    if (s->n == RK_DCM_PIECES)
        return false;
    s->pieces[s->n++] = (rk_dcm_piece){bytes, offset, size};
    return true;
}

/* Puts in what stands at or before a tag; *owned: the tag itself is among it. */
static bool insert_to(rk_dcm_splice *s, uint32_t tag, bool *owned)
{
    for (; s->next_edit < s->n_edits && s->edits[s->next_edit].tag <= tag; s->next_edit++) {
        const rk_dcm_edit *edit = &s->edits[s->next_edit];
        *owned |= edit->tag == tag;
        if (edit->bytes != NULL && !add(s, edit->bytes, 0, edit->size))
            return false;
    }
    return true;
}

static bool is_refused(rk_dcm_splice *s, uint32_t tag)
{
    while (s->next_refused < s->n_refused && s->refused[s->next_refused] < tag)
        s->next_refused++;
    return s->next_refused < s->n_refused && s->refused[s->next_refused] == tag;
}

static bool lay_row(rk_dcm_splice *s, const rk_dcm_element *e)
{
    bool owned = false;
    if (is_refused(s, e->tag) || !insert_to(s, e->tag, &owned))
        return false;
    if (e->tag == 0x00080016 || e->tag == 0x00080018)
        s->sop[(e->tag & 0xF) / 8] = *e;
    if (owned || (e->tag & 0xFFFF) == 0 || e->tag == TRAILING_PADDING)
        return true;
    return add(s, NULL, e->offset, e->end - e->offset);
}

/* Walks on. RK_DCM_LAID_HEAD: pixel data are reached; RK_DCM_LAID: the data set is over. */
static rk_dcm_laid lay_rows(rk_dcm_splice *s, const uint8_t *window, uint64_t base, uint64_t avail)
{
    for (;;) {
        rk_dcm_element rows[ROWS];
        size_t n = 0;
        rk_dcm_event event = rk_dcm_scan_run(&s->scan, window, base, avail, rows, ROWS, &n);
        if (event == RK_DCM_BAD || s->scan.unordered || s->scan.stray || s->scan.odd)
            return RK_DCM_LAID_NOT;
        size_t count = n - (event == RK_DCM_PIXELS);
        for (size_t i = 0; i < count; i++)
            if (!lay_row(s, &rows[i]))
                return RK_DCM_LAID_NOT;
        if (event == RK_DCM_PIXELS) {
            bool owned = false;
            if (is_refused(s, rows[count].tag) || !insert_to(s, rows[count].tag, &owned))
                return RK_DCM_LAID_NOT;
            s->before = s->n;
            s->pixels = rows[count];
            return RK_DCM_LAID_HEAD;
        }
        if (event == RK_DCM_MORE)
            return RK_DCM_LAID_SHORT;
        if (event == RK_DCM_DONE)
            return RK_DCM_LAID;
    }
}

static bool in_reach(const rk_dcm_element *e, uint64_t avail)
{
    return e->length != RK_DCM_UNDEFINED && e->end <= avail;
}

rk_dcm_laid rk_dcm_splice_head(rk_dcm_splice *s, const uint8_t *head, uint64_t avail, uint64_t size)
{
    meta_rows meta;
    bool owned = false;
    uint64_t start = walk_meta(head, avail, size, &meta);
    if (start == 0 || avail - start < 8 || !rk_dcm_looks_explicit(head + start))
        return RK_DCM_LAID_NOT;
    s->scan = (rk_dcm_scan){.pos = start, .end = size, .max_elements = s->max_elements,
                            .max_depth = s->max_depth, .stop_group = -1, .stop_at_pixels = true};
    rk_dcm_laid laid = lay_rows(s, head, 0, avail);
    if (laid == RK_DCM_LAID_NOT || laid == RK_DCM_LAID_SHORT)
        return laid;
    for (int i = 0; i < 2; i++)
        if (!in_reach(&s->sop[i], avail))
            return RK_DCM_LAID_SHORT;
    if (!write_meta(s, &meta, head))
        return RK_DCM_LAID_NOT;
    if (laid == RK_DCM_LAID_HEAD) /* a value that is cut has no end */
        return s->pixels.length != RK_DCM_UNDEFINED && s->pixels.end == RK_DCM_UNDEFINED
                   ? RK_DCM_LAID_NOT : RK_DCM_LAID_HEAD;
    if (!insert_to(s, UINT32_MAX, &owned))
        return RK_DCM_LAID_NOT;
    s->before = s->n;
    return RK_DCM_LAID;
}

/* Finds the end of pixel data without a length. */
static rk_dcm_laid end_of_items(rk_dcm_splice *s, const uint8_t *window, uint64_t base,
                                uint64_t avail)
{
    rk_dcm_scan items = {.pos = s->pixels.value, .end = s->scan.end, .max_depth = 1, .depth = 1,
                         .max_elements = s->max_elements, .stop_group = -1, .items = true,
                         .fragments = true};
    bool any = false;
    for (;;) {
        rk_dcm_element rows[ROWS];
        size_t n = 0;
        rk_dcm_event event = rk_dcm_scan_run(&items, window, base, avail, rows, ROWS, &n);
        any |= n > 0;
        if (event == RK_DCM_FULL)
            continue;
        if (event == RK_DCM_MORE)
            return RK_DCM_LAID_SHORT;
        if (event != RK_DCM_DONE || !items.closed || !any)
            return RK_DCM_LAID_NOT;
        s->pixels.end = items.pos;
        return RK_DCM_LAID;
    }
}

rk_dcm_laid rk_dcm_splice_tail(rk_dcm_splice *s, const uint8_t *window, uint64_t base,
                               uint64_t avail)
{
    bool owned = false;
    rk_dcm_laid laid = RK_DCM_LAID;
    if (s->pixels.end == RK_DCM_UNDEFINED)
        laid = end_of_items(s, window, base, avail);
    if (laid != RK_DCM_LAID)
        return laid;
    s->scan.pos = s->pixels.end;
    laid = lay_rows(s, window, base, avail);
    if (laid != RK_DCM_LAID)
        return laid;
    return insert_to(s, UINT32_MAX, &owned) ? RK_DCM_LAID : RK_DCM_LAID_NOT;
}

/* ---- the pixel element ---- */

uint64_t rk_dcm_encapsulated_size(const uint64_t *sizes, size_t n)
{
    uint64_t items = 0;
    for (size_t i = 0; i < n; i++) {
        if (sizes[i] > LARGEST_ITEM || items > UINT32_MAX)
            return 0;
        items += 8 + sizes[i] + (sizes[i] & 1);
    }
    return n > LARGEST_ITEM / 4 ? 0 : 20 + 4 * (uint64_t)n + items + 8;
}

void rk_dcm_item_head(uint64_t size, uint8_t out[8])
{
    write32(out, 0xE000FFFEu);
    write32(out + 4, (uint32_t)(size + (size & 1)));
}

size_t rk_dcm_encapsulated_head(const uint64_t *sizes, size_t n, uint8_t *out)
{
    static const uint8_t HEADER[12] = {0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF};
    uint64_t at = 0;
    memcpy(out, HEADER, sizeof HEADER);
    rk_dcm_item_head(4 * (uint64_t)n, out + 12);
    for (size_t i = 0; i < n; i++) {
        write32(out + 20 + 4 * i, (uint32_t)at);
        at += 8 + sizes[i] + (sizes[i] & 1);
    }
    return 20 + 4 * n;
}
