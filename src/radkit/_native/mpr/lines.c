/* mpr/lines.c: see lines.h. */
#include "mpr/lines.h"

#include <math.h>
#include <string.h>

#include "kernels/words.h"
#include "mpr/element.h"

enum { LINE_MOST = 2048 }; /* bytes of a row that are asked for early; the rest comes by itself */

bool rk_mpr_is_short(rk_mpr_type type)
{
    return type == RK_MPR_U8 || type == RK_MPR_I8 || type == RK_MPR_U16 || type == RK_MPR_I16;
}

bool rk_mpr_lines_direct(const rk_mpr_volume *volume)
{
    return !volume->has_padding && (volume->type == RK_MPR_I16 || volume->type == RK_MPR_U16);
}

/* Voxels that samples touch along an axis, as a power of two. */
static size_t reach_along(const rk_mpr_job *job, int axis)
{
    size_t taps = job->kernel == RK_MPR_LANCZOS ? 6 : job->kernel == RK_MPR_CUBIC ? 4 : 2, reach = 2;
    double span = (double)taps + fabs(job->grid.into[axis]) * (double)(job->grid.depth - 1);
    while (reach < 32 && (double)reach < span)
        reach *= 2;
    return reach;
}

rk_mpr_reach rk_mpr_reach_of(const rk_mpr_job *job)
{
    rk_mpr_reach reach = {reach_along(job, 0), reach_along(job, 1)};
    while (reach.z * reach.y > RK_MPR_LINES)
        *(reach.z > reach.y ? &reach.z : &reach.y) /= 2;
    return reach;
}

void rk_mpr_lines_plan(rk_mpr_lines *lines, const rk_mpr_volume *volume, const rk_row_table *row,
                       const rk_mpr_columns *columns, rk_mpr_reach reach, bool moved,
                       rk_mpr_layout *layout)
{
    size_t cell = moved && columns->room > columns->pitch ? columns->room : columns->pitch;
    size_t slots = reach.z * reach.y, cells = slots * cell;
    bool shorts = rk_mpr_is_short(volume->type), inside = columns->first < columns->end;
    bool still = layout->base && inside && rk_mpr_columns_still(columns);
    *lines = (rk_mpr_lines){.volume = volume, .row = row, .moved = moved && !still ? columns : NULL,
                            .skip = moved && still ? (size_t)columns->warp.index[0] : 0,
                            .reach = reach, .low = columns->low, .count = columns->count,
                            .pitch = columns->pitch, .cell = cell};
    lines->scaled_slot = rk_mpr_take(layout, slots * sizeof(rk_mpr_line_slot));
    lines->wide_slot = rk_mpr_take(layout, slots * sizeof(rk_mpr_line_slot));
    lines->asked = rk_mpr_take(layout, 2 * slots * sizeof *lines->asked);
    lines->wide = rk_mpr_take(layout, rk_mpr_lines_direct(volume) ? 0 : cells * sizeof(float));
    lines->scaled = rk_mpr_take(layout, shorts ? cells * sizeof(int16_t) : 0);
    lines->widened = rk_mpr_take(layout, shorts ? columns->pitch * sizeof(uint16_t) : 0);
    lines->unmoved = rk_mpr_take(layout, moved ? columns->pitch * sizeof(int16_t) : 0);
    if (volume->has_padding) {
        lines->held = rk_mpr_take(layout, shorts ? cells * sizeof(int16_t) : 0);
        lines->wide_held = rk_mpr_take(layout, cells * sizeof(int16_t));
    }
    if (layout->base) {
        memset(lines->scaled_slot, 0, slots * sizeof(rk_mpr_line_slot));
        memset(lines->wide_slot, 0, slots * sizeof(rk_mpr_line_slot));
        memset(lines->asked, 0xFF, 2 * slots * sizeof *lines->asked); /* nowhere */
    }
}

size_t rk_mpr_lines_slot(const rk_mpr_lines *lines, size_t z, size_t y)
{
    return (z & (lines->reach.z - 1)) * lines->reach.y + (y & (lines->reach.y - 1));
}

static ptrdiff_t start_of(const rk_mpr_lines *lines, size_t z, size_t y)
{
    const rk_mpr_volume *v = lines->volume;
    return (ptrdiff_t)z * v->stride[0] + (ptrdiff_t)y * v->stride[1] + (ptrdiff_t)lines->low;
}

/* The voxels as 16-bit words: where they lie, or a widened copy. */
static const void *shorts_of(const rk_mpr_lines *lines, ptrdiff_t start)
{
    const rk_mpr_volume *v = lines->volume;
    if (rk_mpr_bytes(v->type) == 2)
        return (const rk_u16 *)v->data + start;
    for (size_t i = 0; i < lines->count; i++)
        lines->widened[i] = v->type == RK_MPR_U8
                                ? ((const uint8_t *)v->data)[start + (ptrdiff_t)i]
                                : (uint16_t)((const int8_t *)v->data)[start + (ptrdiff_t)i];
    return lines->widened;
}

const void *rk_mpr_lines_words(const rk_mpr_lines *lines, size_t z, size_t y)
{
    return shorts_of(lines, start_of(lines, z, y));
}

bool rk_mpr_lines_meet(const rk_mpr_lines *lines, size_t z, size_t y, uint16_t word)
{
    const rk_u16 *src = rk_mpr_lines_words(lines, z, y);
    uint16_t met = 0;
    for (size_t i = 0; i < lines->count; i++)
        met |= src[i] == word;
    return met;
}

/* The first element goes in front of a row, the last one behind it. */
#define RK_MPR_REPEAT(T, name)                                                           \
    static void repeat_##name(const rk_mpr_lines *lines, T *row)                         \
    {                                                                                    \
        size_t end = RK_MPR_MARGIN + lines->count;                                       \
        T first = row[RK_MPR_MARGIN], last = row[end - 1];                               \
        for (size_t i = 0; i < RK_MPR_MARGIN; i++)                                       \
            row[i] = first;                                                              \
        for (size_t i = end; i < lines->pitch; i++)                                      \
            row[i] = last;                                                               \
    }

RK_MPR_REPEAT(int16_t, short)
RK_MPR_REPEAT(float, float)

void rk_mpr_lines_repeat(const rk_mpr_lines *lines, float *row)
{
    repeat_float(lines, row);
}

static bool any_held(const int16_t *held, size_t n)
{
    int16_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= held[i];
    return any != 0;
}

/* Whether a slot is to be filled anew. */
static bool enter(rk_mpr_line_slot *slot, size_t z, size_t y, unsigned age)
{
    if (slot->age == age && slot->z == z && slot->y == y)
        return false;
    *slot = (rk_mpr_line_slot){z, y, age, false, true};
    return true;
}

/* A row as scaled values; false if it does not fit. */
static bool scale(const rk_mpr_lines *lines, size_t z, size_t y, int16_t *mask, int16_t *row)
{
    const void *src = rk_mpr_lines_words(lines, z, y);
    uint16_t padding = (uint16_t)(int32_t)lines->volume->padding;
    uint16_t seen = lines->row->scale(src, lines->count, lines->base, padding,
                                      mask ? mask + RK_MPR_MARGIN : NULL, row + RK_MPR_MARGIN);
    repeat_short(lines, row);
    if (mask)
        repeat_short(lines, mask);
    return seen < RK_ROW_RANGE;
}

const int16_t *rk_mpr_lines_scaled(rk_mpr_lines *lines, size_t z, size_t y, const int16_t **held)
{
    size_t place = rk_mpr_lines_slot(lines, z, y);
    rk_mpr_line_slot *slot = lines->scaled_slot + place;
    int16_t *row = lines->scaled + place * lines->cell;
    int16_t *mask = lines->held ? lines->held + place * lines->pitch : NULL;
    *held = NULL;
    if (lines->age == 0)
        return NULL;
    if (enter(slot, z, y, lines->age)) {
        slot->fits = scale(lines, z, y, mask, lines->moved ? lines->unmoved : row);
        if (lines->moved)
            (void)rk_mpr_columns_move(lines->moved, lines->row, lines->unmoved, row);
        if (mask)
            slot->held = any_held(mask + RK_MPR_MARGIN, lines->count);
    }
    *held = slot->held ? mask : NULL;
    return slot->fits ? row + lines->skip : NULL;
}

void rk_mpr_lines_expect(rk_mpr_lines *lines, size_t z, size_t y)
{
    const rk_mpr_volume *v = lines->volume;
    size_t *asked = lines->asked + 2 * rk_mpr_lines_slot(lines, z, y);
    size_t bytes = lines->count * rk_mpr_bytes(v->type);
    if (asked[0] == z && asked[1] == y)
        return;
    asked[0] = z;
    asked[1] = y;
    const uint8_t *src = (const uint8_t *)v->data +
                         start_of(lines, z, y) * (ptrdiff_t)rk_mpr_bytes(v->type);
    for (size_t i = 0; i < bytes && i < LINE_MOST; i += RK_MPR_ALIGN)
        __builtin_prefetch(src + i);
}

static void widen(const rk_mpr_lines *lines, ptrdiff_t start, float *out)
{
    const rk_mpr_volume *v = lines->volume;
    size_t n = lines->count;
    if (v->type == RK_MPR_I16)
        lines->row->widen_i16((const rk_i16 *)v->data + start, n, out);
    else if (v->type == RK_MPR_U16)
        lines->row->widen_u16((const rk_u16 *)v->data + start, n, out);
    else if (v->type == RK_MPR_F32)
        memcpy(out, (const rk_f32 *)v->data + start, n * sizeof *out);
    else
        lines->row->widen_i16(shorts_of(lines, start), n, out);
}

const float *rk_mpr_lines_wide(rk_mpr_lines *lines, size_t z, size_t y, const int16_t **held)
{
    size_t place = rk_mpr_lines_slot(lines, z, y);
    rk_mpr_line_slot *slot = lines->wide_slot + place;
    float *row = lines->wide + place * lines->cell;
    int16_t *mask = lines->wide_held ? lines->wide_held + place * lines->pitch : NULL;
    if (enter(slot, z, y, 1)) {
        widen(lines, start_of(lines, z, y), row + RK_MPR_MARGIN);
        if (mask) {
            float padding = (float)lines->volume->padding;
            for (size_t i = RK_MPR_MARGIN; i < RK_MPR_MARGIN + lines->count; i++)
                mask[i] = row[i] == padding ? -1 : 0;
            slot->held = any_held(mask + RK_MPR_MARGIN, lines->count);
            repeat_short(lines, mask);
        }
        repeat_float(lines, row);
    }
    *held = slot->held ? mask : NULL;
    return row;
}

void rk_mpr_lines_span(const rk_mpr_lines *lines, size_t z, size_t y, uint32_t *lowest,
                       uint32_t *highest)
{
    const rk_mpr_volume *v = lines->volume;
    bool is_signed = v->type == RK_MPR_I16 || v->type == RK_MPR_I8;
    const rk_u16 *src = rk_mpr_lines_words(lines, z, y);
    uint16_t flip = is_signed ? 0 : 0x8000, padding = (uint16_t)(int32_t)v->padding;
    int16_t low = INT16_MAX, high = INT16_MIN; /* signed: what SSE2 compares */
    for (size_t i = 0; !v->has_padding && i < lines->count; i++) {
        int16_t x = (int16_t)(src[i] ^ flip);
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    for (size_t i = 0; v->has_padding && i < lines->count; i++) {
        int16_t x = (int16_t)(src[i] ^ flip);
        low = x < low && src[i] != padding ? x : low;
        high = x > high && src[i] != padding ? x : high;
    }
    if (low > high) /* all of it is padding */
        return;
    *lowest = (uint32_t)(low + 32768) < *lowest ? (uint32_t)(low + 32768) : *lowest;
    *highest = (uint32_t)(high + 32768) > *highest ? (uint32_t)(high + 32768) : *highest;
}

bool rk_mpr_lines_rebase(rk_mpr_lines *lines, uint32_t lowest, uint32_t highest)
{
    rk_mpr_type type = lines->volume->type;
    uint16_t flip = type == RK_MPR_I16 || type == RK_MPR_I8 ? 0x8000 : 0;
    if (lowest > highest) /* nothing but padding */
        lowest = highest = lines->age ? lines->lowest : 0;
    if (highest - lowest >= RK_ROW_RANGE)
        return false;
    if (lines->age) {
        uint32_t low = lines->lowest < lowest ? lines->lowest : lowest;
        uint32_t high = lines->highest > highest ? lines->highest : highest;
        if (high - low < RK_ROW_RANGE) {
            lowest = low;
            highest = high;
        }
    }
    /* Room on both sides, for what is still to come; the window itself does not wrap. */
    uint32_t spare = (RK_ROW_RANGE - 1 - (highest - lowest)) / 2;
    uint32_t most = UINT16_MAX + 1 - RK_ROW_RANGE;
    uint32_t base = lowest > spare ? lowest - spare : 0;
    lines->base = (uint16_t)((base < most ? base : most) ^ flip);
    lines->lowest = lowest;
    lines->highest = highest;
    lines->age = lines->age == UINT32_MAX ? 1 : lines->age + 1;
    return true;
}
