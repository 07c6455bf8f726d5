/* radkit/dicom/scan.c: see scan.h. PS3.5 7.1 (elements), 7.5 (sequences), 6.2.2 (UN), A.4 (fragments). */
#include "dicom/scan.h"

#define ITEM 0xFFFEE000u
#define ITEM_END 0xFFFEE00Du
#define SEQUENCE_END 0xFFFEE0DDu
#define UNDEFINED_32 0xFFFFFFFFu

static inline uint16_t read16(const uint8_t *p, bool big)
{
    return big ? (uint16_t)(p[0] << 8 | p[1]) : (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t read32(const uint8_t *p, bool big)
{
    return big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
               : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t read_tag(const uint8_t *p, bool big)
{
    return (uint32_t)read16(p, big) << 16 | read16(p + 2, big);
}

static bool is_capital(uint8_t c) { return c >= 'A' && c <= 'Z'; }

/* VRs with two reserved bytes and a 32-bit length (PS3.5 table 7.1-1). */
static bool has_long_length(uint16_t vr)
{
    switch (vr) {
    case RK_DCM_VR('O', 'B'): case RK_DCM_VR('O', 'W'): case RK_DCM_VR('S', 'Q'):
    case RK_DCM_VR('U', 'N'): case RK_DCM_VR('U', 'T'): case RK_DCM_VR('O', 'D'):
    case RK_DCM_VR('O', 'F'): case RK_DCM_VR('O', 'L'): case RK_DCM_VR('O', 'V'):
    case RK_DCM_VR('S', 'V'): case RK_DCM_VR('U', 'V'): case RK_DCM_VR('U', 'C'):
    case RK_DCM_VR('U', 'R'):
        return true;
    default:
        return false;
    }
}

bool rk_dcm_has_short_length(uint16_t vr)
{
    switch (vr) {
    case RK_DCM_VR('A', 'E'): case RK_DCM_VR('A', 'S'): case RK_DCM_VR('A', 'T'):
    case RK_DCM_VR('C', 'S'): case RK_DCM_VR('D', 'A'): case RK_DCM_VR('D', 'S'):
    case RK_DCM_VR('D', 'T'): case RK_DCM_VR('F', 'D'): case RK_DCM_VR('F', 'L'):
    case RK_DCM_VR('I', 'S'): case RK_DCM_VR('L', 'O'): case RK_DCM_VR('L', 'T'):
    case RK_DCM_VR('P', 'N'): case RK_DCM_VR('S', 'H'): case RK_DCM_VR('S', 'L'):
    case RK_DCM_VR('S', 'S'): case RK_DCM_VR('S', 'T'): case RK_DCM_VR('T', 'M'):
    case RK_DCM_VR('U', 'I'): case RK_DCM_VR('U', 'L'): case RK_DCM_VR('U', 'S'):
        return true;
    default:
        return false;
    }
}

static bool may_be_undefined(uint16_t vr)
{
    return vr == 0 || vr == RK_DCM_VR('S', 'Q') || vr == RK_DCM_VR('U', 'N') ||
           vr == RK_DCM_VR('O', 'B') || vr == RK_DCM_VR('O', 'W');
}

static bool is_pixel_data(uint32_t tag)
{
    return tag == 0x7FE00008u || tag == 0x7FE00009u || tag == 0x7FE00010u;
}

static rk_dcm_event bad(rk_status *status, rk_code code, rk_dcm_rule rule, uint64_t offset)
{
    status->code = code;
    status->rule = (uint16_t)rule;
    status->offset = offset;
    return RK_DCM_BAD;
}

/* Header at p (12 bytes there if `avail` says so). Returns its size, 0 = more bytes are needed. */
static size_t read_header(const uint8_t *p, uint64_t avail, uint64_t left, bool implicit, bool big,
                          uint16_t *vr, uint64_t *length)
{
    uint32_t stated;
    *vr = 0;
    /* Some writers put implicit elements into explicit data: the VR is then no pair of letters. */
    if (!implicit && is_capital(p[4]) && is_capital(p[5])) {
        *vr = RK_DCM_VR(p[4], p[5]);
        bool wide = has_long_length(*vr);
        if (!wide && !rk_dcm_has_short_length(*vr) && left >= 12) {
            if (avail < 12)
                return 0;
            /* A VR of the future has the long form (PS3.5 6.2, 7.1.2), if that is possible. */
            wide = p[6] == 0 && p[7] == 0 && read32(p + 8, big) <= left - 12;
        }
        if (wide) {
            if (avail < 12)
                return 0;
            stated = read32(p + 8, big);
            *length = stated == UNDEFINED_32 ? RK_DCM_UNDEFINED : stated;
            return 12;
        }
        *length = read16(p + 6, big);
        return 8;
    }
    stated = read32(p + 4, big);
    *length = stated == UNDEFINED_32 ? RK_DCM_UNDEFINED : stated;
    return 8;
}

/*
 * A delimiter or item header between the items of an open sequence. `row` gets
 * the item if it is one to be listed; *listed tells.
 */
static rk_dcm_event step_items(rk_dcm_scan *s, uint32_t tag, uint32_t length, rk_dcm_element *row,
                               bool *listed)
{
    bool top = s->items && s->depth == 1;
    if (tag == SEQUENCE_END) {
        s->pos += 8;
        s->depth--;
        s->in_item = true; /* back among the elements of the item that holds the sequence */
        if (s->implicit_depth > s->depth)
            s->implicit_depth = 0;
        s->closed = top;
        return RK_DCM_DONE;
    }
    if (tag != ITEM)
        return bad(&s->status, RK_CORRUPT, RK_DCM_RULE_NOT_ITEM, s->pos);
    if (top && s->count >= s->max_elements)
        return bad(&s->status, RK_LIMIT, RK_DCM_RULE_ITEMS, s->pos);
    *row = (rk_dcm_element){.tag = tag, .offset = s->pos, .value = s->pos + 8};
    if (length == UNDEFINED_32) {
        if (top && s->fragments)
            return bad(&s->status, RK_CORRUPT, RK_DCM_RULE_ITEM_LENGTH, s->pos);
        if (top) {
            row->nested = 1;
            s->open = *row;
        }
        s->pos += 8;
        s->in_item = true;
        return RK_DCM_DONE;
    }
    if (length > s->end - s->pos - 8)
        return bad(&s->status, RK_TRUNCATED, RK_DCM_RULE_ITEM_CUT, s->pos);
    if (length & 1)
        s->odd = true;
    s->pos += 8 + (uint64_t)length;
    row->length = length;
    row->end = s->pos;
    *listed = top;
    return RK_DCM_DONE;
}

static rk_dcm_event open_sequence(rk_dcm_scan *s, uint16_t vr, uint64_t value)
{
    if (!may_be_undefined(vr))
        return bad(&s->status, RK_CORRUPT, RK_DCM_RULE_UNDEFINED_LENGTH, s->pos);
    if (s->depth >= s->max_depth)
        return bad(&s->status, RK_LIMIT, RK_DCM_RULE_DEPTH, s->pos);
    s->depth++;
    s->in_item = false;
    if (vr == RK_DCM_VR('U', 'N') && s->implicit_depth == 0)
        s->implicit_depth = s->depth;
    s->pos = value;
    return RK_DCM_DONE;
}

static bool only_zeros(const uint8_t *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static void note_order(rk_dcm_scan *s, uint32_t tag)
{
    if (tag <= s->last_tag && s->last_tag != 0)
        s->unordered = true;
    s->last_tag = tag;
}

rk_dcm_event rk_dcm_scan_run(rk_dcm_scan *s, const uint8_t *window, uint64_t base, uint64_t size,
                             rk_dcm_element *out, size_t capacity, size_t *n)
{
    for (;;) {
        if (s->pos >= s->end) {
            bool between = s->items && s->depth == 1 && !s->in_item;
            if (s->depth > 0 && !between)
                return bad(&s->status, RK_TRUNCATED, RK_DCM_RULE_NOT_CLOSED, s->open.offset);
            return RK_DCM_DONE;
        }
        uint64_t left = s->end - s->pos;
        s->need = left < 12 ? left : 12;
        if (s->pos < base || s->pos - base >= size)
            return RK_DCM_MORE;
        const uint8_t *p = window + (s->pos - base);
        uint64_t avail = size - (s->pos - base);
        if (avail > left)
            avail = left;
        if (avail < 8) {
            if (avail < left)
                return RK_DCM_MORE;
            /* A pad byte or two at the very end are no element. */
            bool between = s->items && s->depth == 1 && !s->in_item;
            if ((s->depth == 0 || between) && only_zeros(p, left)) {
                s->pos = s->end;
                s->stray = true;
                return RK_DCM_DONE;
            }
            return bad(&s->status, RK_TRUNCATED, RK_DCM_RULE_HEADER_CUT, s->pos);
        }
        bool nested_implicit = s->implicit_depth != 0 && s->depth >= s->implicit_depth;
        bool big = s->big_endian && !nested_implicit;
        uint32_t tag = read_tag(p, big);

        if (s->depth > 0 && !s->in_item) {
            rk_dcm_element item;
            bool listed = false;
            rk_dcm_event event = step_items(s, tag, read32(p + 4, big), &item, &listed);
            if (event == RK_DCM_BAD || (s->items && s->depth == 0))
                return event;
            if (s->depth == 0) { /* the top-level element is complete */
                item = s->open;
                item.end = s->pos;
                listed = true;
            }
            if (listed) {
                s->count += s->items;
                out[(*n)++] = item;
                if (*n == capacity)
                    return RK_DCM_FULL;
            }
            continue;
        }
        if (tag >> 16 == 0xFFFE) {
            if (s->depth > 0 && tag == ITEM_END) {
                s->pos += 8;
                s->in_item = false;
                if (s->items && s->depth == 1) {
                    rk_dcm_element *row = &out[(*n)++];
                    *row = s->open;
                    row->length = s->pos - 8 - row->value;
                    row->end = s->pos;
                    s->count++;
                    if (*n == capacity)
                        return RK_DCM_FULL;
                }
                continue;
            }
            if (s->depth == 0 && tag != ITEM && read32(p + 4, big) == 0) {
                s->pos += 8; /* left over by a writer that mixed up lengths; holds nothing */
                s->stray = true;
                continue;
            }
            return bad(&s->status, RK_CORRUPT, RK_DCM_RULE_STRAY_DELIMITER, s->pos);
        }
        if (s->depth == 0 && s->stop_group >= 0 && (int32_t)(tag >> 16) != s->stop_group)
            return RK_DCM_OTHER;
        if (s->depth == 0 && s->count >= s->max_elements)
            return bad(&s->status, RK_LIMIT, RK_DCM_RULE_ELEMENTS, s->pos);

        rk_dcm_element e = {.tag = tag, .offset = s->pos};
        size_t header =
            read_header(p, avail, left, s->implicit || nested_implicit, big, &e.vr, &e.length);
        if (header == 0) {
            if (avail < left)
                return RK_DCM_MORE;
            return bad(&s->status, RK_TRUNCATED, RK_DCM_RULE_HEADER_CUT, s->pos);
        }
        e.value = s->pos + header;
        if (s->depth == 0) {
            s->count++;
            note_order(s, tag);
        }
        if (s->depth == 0 && s->stop_at_pixels && is_pixel_data(tag)) {
            e.end = RK_DCM_UNDEFINED;
            if (e.length != RK_DCM_UNDEFINED && e.length <= left - header)
                e.end = e.value + e.length;
            out[(*n)++] = e;
            s->stop_at_pixels = false;
            return RK_DCM_PIXELS;
        }
        if (e.length == RK_DCM_UNDEFINED) {
            rk_dcm_event event = open_sequence(s, e.vr, e.value);
            if (event == RK_DCM_BAD)
                return event;
            if (s->depth == 1 && !s->items) {
                e.nested = e.vr == RK_DCM_VR('U', 'N');
                s->open = e;
            }
            continue;
        }
        if (e.length > left - header)
            return bad(&s->status, RK_TRUNCATED, RK_DCM_RULE_VALUE_CUT, s->pos);
        if (e.length & 1)
            s->odd = true;
        s->pos = e.end = e.value + e.length;
        if (s->depth == 0) {
            out[(*n)++] = e;
            if (*n == capacity)
                return RK_DCM_FULL;
        }
    }
}
