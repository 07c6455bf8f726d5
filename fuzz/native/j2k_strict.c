/*
 * A codestream, strictly: both instruction sets, and one thread and several, agree in every byte
 * and every status, all samples are written, the lenient reading of a sound stream is the same picture, a part of it is
 * the part of the whole, and wherever it is cut it can still be read leniently.
 */
#include "j2k_run.h"
#include "kernels/cpu.h"
#include "target.h"

/* A strict picture counts only if nothing was missing; the binding refuses the others too. */
static bool is_sound(const rk_fuzz_j2k_picture *p)
{
    return p->status.code == RK_OK && p->decoded && p->sound >= 1.0;
}

static const uint8_t *sample(const rk_fuzz_j2k_picture *p, uint32_t k, bool together, uint32_t x,
                             uint32_t y)
{
    const rk_j2k_rect *r = &p->rects[k];
    size_t stride = together ? p->count : 1, bytes = p->bits / 8;
    size_t at = (size_t)(y - r->y0) * (r->x1 - r->x0) + (x - r->x0);
    return p->room[together ? 0 : k] + (at * stride + (together ? k : 0)) * bytes;
}

/* Reversible samples of a region are those of the whole picture. */
static void check_region(const uint8_t *data, size_t size, rk_fuzz_j2k_wish wish,
                         const rk_fuzz_j2k_picture *part, const rk_j2k_limits *limits)
{
    rk_fuzz_j2k_picture whole;
    wish.cropped = wish.together = false;
    rk_fuzz_j2k_decode(&whole, data, size, &wish, limits);
    for (uint32_t k = 0; is_sound(&whole) && k < part->count; k++) {
        const rk_j2k_rect *r = &part->rects[k];
        uint32_t j = 0;
        while (j < whole.count && whole.comps[j] != part->comps[k])
            j++;
        RK_FUZZ_ASSERT(j < whole.count);
        if (whole.bits != part->bits) /* a component that the region has no sample of is deeper */
            break;
        for (uint32_t y = r->y0; y < r->y1; y++)
            RK_FUZZ_ASSERT(memcmp(sample(part, k, false, r->x0, y),
                                  sample(&whole, j, false, r->x0, y),
                                  (size_t)(r->x1 - r->x0) * (part->bits / 8)) == 0);
    }
    rk_fuzz_j2k_free(&whole);
}

static void check_lenient(const uint8_t *data, size_t size, rk_fuzz_j2k_wish wish,
                          const rk_fuzz_j2k_picture *strict, const rk_j2k_limits *limits)
{
    rk_fuzz_j2k_picture p;
    wish.strict = false;
    rk_fuzz_j2k_decode(&p, data, size, &wish, limits);
    RK_FUZZ_ASSERT(rk_fuzz_j2k_same(strict, &p));
    RK_FUZZ_ASSERT(p.report.fault.code == RK_OK && p.sound >= 1.0);
    rk_fuzz_j2k_free(&p);
}

static void check_cut(const uint8_t *data, size_t size, rk_fuzz_j2k_wish wish,
                      const rk_j2k_limits *limits)
{
    rk_fuzz_j2k_picture p;
    wish.strict = false;
    rk_fuzz_j2k_decode(&p, data, size, &wish, limits);
    RK_FUZZ_ASSERT(p.status.code != RK_CORRUPT && p.status.code != RK_UNSUPPORTED);
    rk_fuzz_j2k_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < RK_FUZZ_J2K_OPTIONS)
        return 0;
    size -= RK_FUZZ_J2K_OPTIONS;
    const uint8_t *option = data + size;
    rk_fuzz_j2k_wish wish = rk_fuzz_j2k_options(option);
    rk_j2k_limits limits = rk_fuzz_j2k_small();
    rk_fuzz_j2k_picture a, b;
    wish.strict = true;
    wish.cpu = rk_cpu_detect();
    rk_fuzz_j2k_decode(&a, data, size, &wish, &limits);
    if (option[7] % 4 == 0) { /* the reference is slow */
        wish.cpu = 0;
        wish.threads = 1;
        wish.fill = 0xFF;
        rk_fuzz_j2k_decode(&b, data, size, &wish, &limits);
        RK_FUZZ_ASSERT(rk_fuzz_j2k_same(&a, &b));
        rk_fuzz_j2k_free(&b);
    }
    wish.cpu = rk_cpu_detect();
    wish.fill = 0x5A;
    if (is_sound(&a)) {
        check_lenient(data, size, wish, &a, &limits);
        if (wish.cropped && a.exact && !wish.together)
            check_region(data, size, wish, &a, &limits);
        check_cut(data, size * option[7] >> 8, wish, &limits);
    }
    rk_fuzz_j2k_free(&a);
    return 0;
}
