/* kernels/mpr_row_plane_avx2.c: AVX2 variants of mpr_row.h that make a row of a plane at once. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>
#include <string.h>

#include "kernels/mpr_row_variants.h"
#include "kernels/words.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#include "kernels/mpr_row_avx2.h"

/* ---- thin planes ----------------------------------------------------------------------------- */

typedef struct thin {
    const int16_t *a, *b, *c, *d;
    __m256i x, y, z, base;
} thin;

static inline __m256i blend_of(const thin *t, size_t i, bool y, bool z)
{
    __m256i above = load(t->a + i), below;
    if (y)
        above = lerp(above, load(t->b + i), t->y);
    if (!z)
        return above;
    below = load(t->c + i);
    if (y)
        below = lerp(below, load(t->d + i), t->y);
    return lerp(above, below, t->z);
}

/* The elements one further on, of those and the next. */
static inline __m256i moved_on(__m256i here, __m256i next)
{
    return _mm256_alignr_epi8(_mm256_permute2x128_si256(here, next, 0x21), here, 2);
}

/* A share of 0 leaves what it is applied to: `x`, `y`, `z` say which are not. */
static inline void thin_run(const thin *t, size_t n, rk_u16 *to, bool x, bool y, bool z)
{
    __m256i next = blend_of(t, 0, y, z);
    for (size_t i = 0; i < n; i += 16) {
        __m256i here = next;
        next = blend_of(t, i + 16, y, z);
        __m256i found = unscaled(x ? lerp(here, moved_on(here, next), t->x) : here, t->base);
        if (i + 16 <= n)
            store(to + i, found);
        else {
            uint16_t rest[16];
            store(rest, found);
            memcpy(to + i, rest, (n - i) * sizeof *rest);
        }
    }
}

void rk_row_thin_avx2(const int16_t *const row[4], const rk_row_shares *share, uint16_t base,
                      size_t n, void *out)
{
    const thin t = {row[0], row[1], row[2], row[3], _mm256_set1_epi16(share->x),
                    _mm256_set1_epi16(share->y), _mm256_set1_epi16(share->z),
                    _mm256_set1_epi16((short)base)};
    switch ((share->x ? 4 : 0) | (share->y ? 2 : 0) | (share->z ? 1 : 0)) {
    case 0: thin_run(&t, n, out, false, false, false); break;
    case 1: thin_run(&t, n, out, false, false, true); break;
    case 2: thin_run(&t, n, out, false, true, false); break;
    case 3: thin_run(&t, n, out, false, true, true); break;
    case 4: thin_run(&t, n, out, true, false, false); break;
    case 5: thin_run(&t, n, out, true, false, true); break;
    case 6: thin_run(&t, n, out, true, true, false); break;
    default: thin_run(&t, n, out, true, true, true); break;
    }
}

/* ---- slabs ----------------------------------------------------------------------------------- */

enum { WIDTH = 4 }; /* vectors that are carried through the samples */

static inline __m256i fan_sample(const int16_t *const *row, __m256i y, __m256i z, size_t i)
{
    return lerp(lerp(load(row[0] + i), load(row[1] + i), y),
                lerp(load(row[2] + i), load(row[3] + i), y), z);
}

#define RK_ROW_FAN(name, better)                                                         \
    static inline void name##_run(const rk_row_fan *fan, size_t i, size_t vectors, int16_t *to) \
    {                                                                                    \
        __m256i most[WIDTH];                                                             \
        for (size_t j = 0; j < vectors; j++)                                             \
            most[j] = load(to + i + 16 * j);                                             \
        for (size_t k = 0; k < fan->samples; k++) {                                      \
            const int16_t *const *row = fan->row + 4 * k;                                \
            __m256i y = _mm256_set1_epi16(fan->y[k]), z = _mm256_set1_epi16(fan->z[k]);  \
            for (size_t j = 0; j < vectors; j++)                                         \
                most[j] = better(most[j], fan_sample(row, y, z, i + 16 * j));            \
        }                                                                                \
        for (size_t j = 0; j < vectors; j++)                                             \
            store(to + i + 16 * j, most[j]);                                             \
    }                                                                                    \
    static inline void name##_rest(const rk_row_fan *fan, size_t i, size_t n, int16_t *to) \
    {                                                                                    \
        for (size_t k = 0; k < fan->samples; k++) { /* one sample at a time, moved on */ \
            const int16_t *const *row = fan->row + 4 * k;                                \
            const int16_t *const moved[4] = {row[0] + i, row[1] + i, row[2] + i, row[3] + i}; \
            const rk_row_fan one = {moved, fan->y + k, fan->z + k, 1};                   \
            rk_row_##name##_c(&one, n - i, to + i);                                      \
        }                                                                                \
    }                                                                                    \
    void rk_row_##name##_avx2(const rk_row_fan *fan, size_t n, int16_t *to)              \
    {                                                                                    \
        size_t i = 0;                                                                    \
        for (; i + 16 * WIDTH <= n; i += 16 * WIDTH)                                     \
            name##_run(fan, i, WIDTH, to);                                               \
        for (; i + 16 <= n; i += 16)                                                     \
            name##_run(fan, i, 1, to);                                                   \
        if (i < n)                                                                       \
            name##_rest(fan, i, n, to);                                                  \
    }

RK_ROW_FAN(fan_max, _mm256_max_epi16)
RK_ROW_FAN(fan_min, _mm256_min_epi16)

RK_TARGET_END

#endif /* RK_ARCH_X86 */
