/* RLE frames: every variant gives the bytes, the status and the count of the reference. */
#include "kernels/cpu.h"
#include "kernels/rle.h"
#include "target.h"

#define OPTIONS 3 /* cells (16 bit), samples and width (4 bit each) */

typedef struct outcome {
    rk_status status;
    size_t sound;
    uint8_t *out;
} outcome;

static outcome decode(uint32_t cpu, const uint8_t *data, size_t size, size_t cells, size_t samples,
                      size_t width)
{
    rk_rle_table table;
    size_t n = cells * samples * width;
    uint8_t *scratch = rk_fuzz_room(n);
    outcome o = {.sound = 0, .out = rk_fuzz_room(n)};
    rk_rle_table_fill(&table, cpu);
    o.status = rk_rle_decode(&table, data, size, o.out, scratch, cells, samples, width, &o.sound);
    free(scratch);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < OPTIONS)
        return 0;
    size -= OPTIONS;
    const uint8_t *option = data + size;
    size_t cells = ((size_t)option[0] | (size_t)option[1] << 8) % 5000 + 1;
    size_t samples = option[2] % 4 + 1;
    static const size_t widths[] = {1, 2, 4, 8};
    size_t width = widths[(option[2] >> 4) % 4];
    if (samples * width > RK_RLE_MAX_SEGMENTS)
        return 0; /* the binding refuses it: no header could say so */
    uint8_t *in = rk_fuzz_copy(data, size, 0);

    outcome c = decode(0, in, size, cells, samples, width);
    outcome best = decode(rk_cpu_detect(), in, size, cells, samples, width);
    RK_FUZZ_ASSERT(c.status.code != RK_INTERNAL);
    RK_FUZZ_ASSERT(c.status.code == best.status.code && c.status.rule == best.status.rule);
    if (c.status.code == RK_OK || c.status.code == RK_TRUNCATED) {
        RK_FUZZ_ASSERT(c.sound == best.sound && c.sound <= cells * samples * width);
        RK_FUZZ_ASSERT(memcmp(c.out, best.out, cells * samples * width) == 0);
    }
    free(c.out);
    free(best.out);
    free(in);
    return 0;
}
