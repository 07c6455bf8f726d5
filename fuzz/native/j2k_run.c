/* Runs the decoder for the j2k targets and for sweep.c. */
#include "j2k_run.h"

#include "target.h"

rk_j2k_limits rk_fuzz_j2k_small(void)
{
    return (rk_j2k_limits){.pixels = 1u << 15,
                           .tiles = 2048,
                           .blocks = 1u << 14,
                           .packets = 1u << 15,
                           .memory = 48u << 20};
}

rk_fuzz_j2k_wish rk_fuzz_j2k_options(const uint8_t *option)
{
    rk_fuzz_j2k_wish wish = {
        .reduce = option[0] & 7,
        .layers = option[0] >> 3 ? option[0] >> 3 : 65535,
        .raw = option[1] & 1,
        .together = option[1] & 2,
        .cropped = option[1] & 4,
        .spare = option[1] >> 3 & 3,
        .threads = 1u << (option[1] >> 5 & 3),
        .comps = option[2],
    };
    for (int k = 0; k < 4; k++)
        wish.crop[k] = option[3 + k];
    return wish;
}

/* The area of the wish, never empty. */
static rk_j2k_rect choose_area(const rk_j2k_stream *s, const rk_fuzz_j2k_wish *wish)
{
    rk_j2k_rect all = {s->x0, s->y0, s->x1, s->y1};
    uint64_t width = all.x1 - all.x0, height = all.y1 - all.y0;
    if (!wish->cropped)
        return all;
    uint8_t left = wish->crop[0], right = wish->crop[2], top = wish->crop[1], low = wish->crop[3];
    uint32_t x0 = (uint32_t)(width * (left < right ? left : right) >> 8);
    uint32_t x1 = (uint32_t)(width * (left < right ? right : left) >> 8);
    uint32_t y0 = (uint32_t)(height * (top < low ? top : low) >> 8);
    uint32_t y1 = (uint32_t)(height * (top < low ? low : top) >> 8);
    return (rk_j2k_rect){all.x0 + x0, all.y0 + y0, all.x0 + (x1 > x0 ? x1 : x0 + 1),
                         all.y0 + (y1 > y0 ? y1 : y0 + 1)};
}

/* Components that are asked for and have samples, and the bits that hold all of them. */
static void choose_comps(rk_fuzz_j2k_picture *p, const rk_j2k_stream *s,
                         const rk_j2k_request *request, const rk_fuzz_j2k_wish *wish)
{
    unsigned depth = 1;
    bool any = false;
    for (uint32_t k = 0; k < s->count && k < 64; k++)
        any |= wish->comps >> k & 1;
    for (uint32_t k = 0; k < s->count && p->count < RK_FUZZ_J2K_COMPS; k++) {
        bool asked = !any || (k < 64 && (wish->comps >> k & 1));
        rk_j2k_rect rect = rk_j2k_output_rect(s, k, request);
        if (!asked || rk_j2k_is_void(rect) || s->comps[k].depth > 32)
            continue;
        depth = s->comps[k].depth > depth ? s->comps[k].depth : depth;
        p->comps[p->count] = k;
        p->rects[p->count++] = rect;
    }
    p->bits = depth <= 8 ? 8 : depth <= 16 ? 16 : 32;
    for (unsigned k = 0; k < wish->spare && p->bits < 32; k++)
        p->bits *= 2;
}

static bool one_grid(const rk_fuzz_j2k_picture *p)
{
    for (uint32_t k = 1; k < p->count; k++)
        if (memcmp(&p->rects[k], &p->rects[0], sizeof p->rects[0]) != 0)
            return false;
    return p->count > 1;
}

static bool too_large(const rk_fuzz_j2k_picture *p, const rk_j2k_limits *limits)
{
    uint64_t total = 0;
    for (uint32_t k = 0; k < p->count; k++) {
        const rk_j2k_rect *r = &p->rects[k];
        total += (uint64_t)(r->x1 - r->x0) * (r->y1 - r->y0) * (p->bits / 8);
    }
    return total > limits->memory;
}

static void take_outputs(rk_fuzz_j2k_picture *p, const rk_fuzz_j2k_wish *wish,
                         rk_j2k_output *outputs)
{
    size_t bytes = p->bits / 8;
    bool together = wish->together && one_grid(p);
    for (uint32_t k = 0; k < p->count; k++) {
        const rk_j2k_rect *r = &p->rects[k];
        size_t n = (size_t)(r->x1 - r->x0) * (r->y1 - r->y0) * bytes;
        size_t stride = together ? p->count : 1;
        if (k == 0 || !together) {
            p->size[k] = n * stride;
            p->room[k] = rk_fuzz_room(p->size[k]);
            memset(p->room[k], wish->fill, p->size[k]);
        }
        outputs[k] = (rk_j2k_output){.comp = p->comps[k],
                                     .data = together ? p->room[0] + k * bytes : p->room[k],
                                     .pitch = (size_t)(r->x1 - r->x0) * stride * bytes,
                                     .stride = stride};
    }
}

static void check_report(const rk_fuzz_j2k_picture *p, bool strict)
{
    const rk_j2k_report *r = &p->report;
    RK_FUZZ_ASSERT(p->status.code != RK_INTERNAL);
    if (p->status.code != RK_OK)
        return;
    RK_FUZZ_ASSERT(r->damaged <= r->blocks && r->missing <= r->packets);
    RK_FUZZ_ASSERT(r->fault.code == RK_OK || !strict);
    RK_FUZZ_ASSERT(!strict || (r->damaged == 0 && r->missing == 0) || p->sound < 1.0);
}

static void decode_opened(rk_fuzz_j2k_picture *p, rk_j2k_stream *s, const rk_fuzz_j2k_wish *wish,
                          const rk_j2k_limits *limits)
{
    rk_j2k_output outputs[RK_FUZZ_J2K_COMPS];
    rk_j2k_request request = {.reduce = wish->reduce % (s->least_levels + 1u),
                              .layers = wish->layers,
                              .area = choose_area(s, wish),
                              .transform = !wish->raw,
                              .outputs = outputs,
                              .threads = wish->threads};
    choose_comps(p, s, &request, wish);
    if (p->count == 0 || too_large(p, limits)) {
        p->count = 0;
        return;
    }
    take_outputs(p, wish, outputs);
    request.bits = p->bits;
    request.count = p->count;
    p->reduce = request.reduce;
    p->decoded = true;
    p->status = rk_j2k_decode(s, &request, &p->report, wish->cpu);
    check_report(p, wish->strict);
}

void rk_fuzz_j2k_decode(rk_fuzz_j2k_picture *p, const uint8_t *data, size_t size,
                        const rk_fuzz_j2k_wish *wish, const rk_j2k_limits *limits)
{
    rk_j2k_stream s;
    uint8_t *copy = rk_fuzz_copy(data, size, 0);
    memset(p, 0, sizeof *p);
    p->status = rk_j2k_stream_read(&s, copy, 0, size, limits, wish->strict);
    RK_FUZZ_ASSERT(p->status.code != RK_INTERNAL);
    if (p->status.code == RK_OK) {
        p->exact = !s.irreversible_seen;
        p->sound = s.sound;
        p->end = s.end;
        p->x0 = s.x0, p->y0 = s.y0, p->x1 = s.x1, p->y1 = s.y1;
        RK_FUZZ_ASSERT(s.end <= size && s.sound >= 0.0 && s.sound <= 1.0);
        decode_opened(p, &s, wish, limits);
    }
    rk_j2k_stream_end(&s);
    free(copy);
}

void rk_fuzz_j2k_free(rk_fuzz_j2k_picture *p)
{
    for (uint32_t k = 0; k < RK_FUZZ_J2K_COMPS; k++)
        free(p->room[k]);
}

static bool same_status(const rk_status *a, const rk_status *b)
{
    return a->code == b->code && a->rule == b->rule && a->offset == b->offset;
}

bool rk_fuzz_j2k_same(const rk_fuzz_j2k_picture *a, const rk_fuzz_j2k_picture *b)
{
    if (!same_status(&a->status, &b->status) || a->count != b->count)
        return false;
    if (a->status.code != RK_OK)
        return true;
    if (a->report.blocks != b->report.blocks || a->report.damaged != b->report.damaged ||
        a->report.packets != b->report.packets || a->report.missing != b->report.missing)
        return false;
    for (uint32_t k = 0; k < a->count; k++)
        if (a->size[k] != b->size[k] ||
            (a->size[k] && memcmp(a->room[k], b->room[k], a->size[k]) != 0))
            return false;
    return true;
}

size_t rk_fuzz_j2k_start(const uint8_t *data, size_t size)
{
    static const uint8_t soc_siz[] = {0xFF, 0x4F, 0xFF, 0x51};
    for (size_t at = 0; size >= 4 && at <= size - 4; at++)
        if (memcmp(data + at, soc_siz, 4) == 0)
            return at;
    return 0;
}
