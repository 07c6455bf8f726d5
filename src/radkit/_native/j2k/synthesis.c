/*
 * The inverse wavelet transform of a tile-component, resolution by resolution (T.800 F.3).
 *
 * All levels but the last become planes; the last gives rows, which are stored at once. 16 bits
 * are used as long as the largest coefficients prove that every sum fits; what is left is
 * widened where they do not.
 */
#include <string.h>

#include "decode.h"

/* A plane that has become the LL band of the next level. */
typedef struct low_plane {
    void *data;
    size_t stride;
    uint32_t width, height;
    uint64_t peak;
    size_t bytes; /* 0 if it is a band */
} low_plane;

static rk_dwt_filter filter_of(const rk_j2k_kernels *kernels, rk_dwt_type type)
{
    return type == RK_DWT_FLOAT ? rk_dwt97_inverse(&kernels->dwt97)
                                : rk_dwt53_inverse(&kernels->dwt53, type);
}

static rk_dwt_band band_of(const rk_j2k_band *band, rk_dwt_type type)
{
    if (rk_j2k_is_void(band->need) || !band->coefs)
        return (rk_dwt_band){NULL, 0};
    size_t at = (size_t)(band->need.y0 - band->hold.y0) * band->stride
                + (band->need.x0 - band->hold.x0);
    return (rk_dwt_band){(uint8_t *)band->coefs + at * rk_j2k_size_of[type], band->stride};
}

static rk_dwt_level level_of(const rk_j2k_res *res, const low_plane *low, rk_dwt_type type)
{
    return (rk_dwt_level){
        .x = {res->need.x0, res->need.x1},
        .y = {res->need.y0, res->need.y1},
        .cols = {res->want.x0, res->want.x1},
        .rows = {res->want.y0, res->want.y1},
        .ll = {low->data, low->stride},
        .hl = band_of(&res->bands[0], type),
        .lh = band_of(&res->bands[1], type),
        .hh = band_of(&res->bands[2], type),
    };
}

static rk_status take_plane(rk_j2k_tile *t, low_plane *p, rk_j2k_rect r, rk_dwt_type type)
{
    size_t unit = 64 / rk_j2k_size_of[type], bytes;
    p->width = r.x1 - r.x0;
    p->height = r.y1 - r.y0;
    p->stride = ((size_t)p->width + unit - 1) / unit * unit;
    if (!rk_mul_size(&bytes, p->stride * rk_j2k_size_of[type], p->height))
        bytes = SIZE_MAX;
    p->bytes = bytes;
    return rk_j2k_take_raw(&t->arena, &p->data, bytes, 1);
}

static rk_status take_scratch(rk_j2k_tile *t, const rk_dwt_filter *f, const rk_dwt_level *level,
                              void **scratch)
{
    size_t size;
    if (!rk_dwt_scratch(&size, f, level))
        size = SIZE_MAX / 2;
    return rk_j2k_take_raw(&t->arena, scratch, (uint64_t)(size < 4096 ? 4096 : size), 1);
}

/* 16 bits into 32, for a plane. */
static rk_status widen(rk_j2k_tile *t, const rk_j2k_kernels *kernels, void **data, size_t *stride,
                       size_t *bytes, uint32_t width, uint32_t height)
{
    low_plane wide;
    RK_TRY(take_plane(t, &wide, (rk_j2k_rect){0, 0, width, height}, RK_DWT_INT32));
    for (uint32_t y = 0; y < height; y++)
        kernels->dwt53.widen((const int16_t *)*data + y * *stride,
                             (int32_t *)wide.data + y * wide.stride, width);
    rk_j2k_give_back(&t->arena, *data, *bytes);
    *data = wide.data;
    *stride = wide.stride;
    *bytes = wide.bytes;
    return rk_j2k_fine();
}

/* The LL plane and the bands of resolution r and above into 32 bits. */
static rk_status widen_from(rk_j2k_tile *t, const rk_j2k_kernels *kernels, rk_j2k_plane *plane,
                            low_plane *low, unsigned r)
{
    RK_TRY(widen(t, kernels, &low->data, &low->stride, &low->bytes, low->width, low->height));
    for (; r <= plane->comp->top; r++)
        for (unsigned n = 0; r && n < plane->comp->res[r].band_count; n++) {
            rk_j2k_band *band = &plane->comp->res[r].bands[n];
            if (band->coefs)
                RK_TRY(widen(t, kernels, &band->coefs, &band->stride, &band->bytes,
                             band->hold.x1 - band->hold.x0, band->hold.y1 - band->hold.y0));
        }
    plane->type = RK_DWT_INT32;
    return rk_j2k_fine();
}

static bool fits(const low_plane *low, const rk_j2k_res *res,
                 bool transformed)
{
    uint64_t more = transformed ? 3 : 1; /* RCT: |R| is at most 2.5 times the largest of Y, U, V */
    return rk_dwt53_fits(16, low->peak * more, res->bands[0].peak * more,
                         res->bands[1].peak * more, res->bands[2].peak * more);
}

/* A resolution that has become part of a plane is needed no more. */
static void give_back_bands(rk_j2k_tile *t, rk_j2k_res *res)
{
    for (unsigned n = 0; n < res->band_count; n++) {
        rk_j2k_give_back(&t->arena, res->bands[n].coefs, res->bands[n].bytes);
        res->bands[n].coefs = NULL;
    }
}

rk_status rk_j2k_begin_rows(rk_j2k_tile *t, const rk_j2k_kernels *kernels, rk_j2k_plane *plane,
                            bool transformed)
{
    rk_j2k_tilecomp *c = plane->comp;
    rk_j2k_res *res = &c->res[0];
    rk_dwt_band first = band_of(&res->bands[0], plane->type);
    low_plane low = {first.data, first.stride, res->need.x1 - res->need.x0,
                     res->need.y1 - res->need.y0, res->bands[0].peak, 0};
    void *scratch;
    for (unsigned r = 1; r <= c->top; r++) {
        res = &c->res[r];
        if (plane->type == RK_DWT_INT16 && !fits(&low, res, transformed && r == c->top))
            RK_TRY(widen_from(t, kernels, plane, &low, r));
        rk_dwt_filter filter = filter_of(kernels, plane->type);
        rk_dwt_level level = level_of(res, &low, plane->type);
        RK_TRY(take_scratch(t, &filter, &level, &scratch));
        if (r == c->top) {
            rk_idwt_begin(&plane->top, &filter, &level, NULL, scratch);
            return rk_j2k_fine();
        }
        low_plane old = low;
        RK_TRY(take_plane(t, &low, res->want, plane->type));
        rk_idwt_plane(&filter, &level, low.data, low.stride, scratch);
        rk_j2k_give_back(&t->arena, old.data, old.bytes);
        give_back_bands(t, res);
        low.peak = 0;
        for (uint32_t y = 0; plane->type == RK_DWT_INT16 && y < low.height; y++) {
            uint64_t peak = kernels->dwt53.peak_i16((int16_t *)low.data + y * low.stride, low.width);
            low.peak = peak > low.peak ? peak : low.peak;
        }
    }
    /* No level at all: the LL band is the image. */
    if (plane->type == RK_DWT_INT16 && transformed && low.peak >= 8192)
        RK_TRY(widen_from(t, kernels, plane, &low, 0));
    memset(&plane->top, 0, sizeof plane->top);
    plane->top.level.ll = (rk_dwt_band){low.data, low.stride};
    return rk_j2k_fine();
}

void *rk_j2k_next_row(rk_j2k_plane *plane)
{
    if (plane->comp->top)
        return rk_idwt_next(&plane->top);
    rk_dwt_band *ll = &plane->top.level.ll;
    uint8_t *row = ll->data;
    ll->data = row + ll->stride * rk_j2k_size_of[plane->type];
    return row;
}
