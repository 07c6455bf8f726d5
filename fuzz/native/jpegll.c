/* JPEG Lossless frames: every variant gives the samples and the status of the reference. */
#define _POSIX_C_SOURCE 200809L /* posix_memalign: the work area ends where it ends */

#include "kernels/cpu.h"
#include "kernels/jpegll.h"
#include "target.h"

#define OPTIONS 1 /* bit 0: lenient */
#define MOST_SAMPLES (1u << 18)

typedef struct outcome {
    rk_status status;
    rk_jpegll_result result;
    uint8_t *out;
} outcome;

static outcome decode(uint32_t cpu, const uint8_t *data, size_t size, const rk_jpegll_info *info,
                      size_t width, size_t work_size, bool strict)
{
    rk_jpegll_table table;
    size_t n = (size_t)info->rows * info->cols * info->components * width;
    void *work = NULL;
    outcome o = {.out = rk_fuzz_room(n)};
    memset(&o.result, 0, sizeof o.result);
    if (posix_memalign(&work, 64, work_size ? work_size : 64) != 0)
        abort();
    memset(work, 0x5A, work_size);
    rk_jpegll_table_fill(&table, cpu);
    o.status = rk_jpegll_decode(&table, &o.result, data, size, o.out, info->rows, info->cols,
                                info->components, width, work, strict);
    free(work);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < OPTIONS)
        return 0;
    size -= OPTIONS;
    bool strict = !(data[size] & 1);
    uint8_t *in = rk_fuzz_copy(data, size, 0);
    rk_jpegll_info info;
    memset(&info, 0, sizeof info);
    rk_status status = rk_jpegll_read_info(&info, in, size);
    RK_FUZZ_ASSERT(status.code != RK_INTERNAL);
    uint64_t samples = (uint64_t)info.rows * info.cols * info.components;
    size_t work_size = 0;
    if (status.code != RK_OK || samples == 0 || samples > MOST_SAMPLES ||
        !rk_jpegll_work_size(&work_size, info.cols, info.components)) {
        free(in);
        return 0;
    }
    size_t width = info.precision > 8 ? 2 : 1;
    outcome c = decode(0, in, size, &info, width, work_size, strict);
    outcome best = decode(rk_cpu_detect(), in, size, &info, width, work_size, strict);
    RK_FUZZ_ASSERT(c.status.code != RK_INTERNAL);
    RK_FUZZ_ASSERT(c.status.code == best.status.code && c.status.rule == best.status.rule);
    RK_FUZZ_ASSERT(c.result.sound <= samples && c.result.sound == best.result.sound);
    if (c.status.code == RK_OK || !strict)
        RK_FUZZ_ASSERT(memcmp(c.out, best.out, (size_t)samples * width) == 0);
    if (c.status.code == RK_OK)
        RK_FUZZ_ASSERT(c.result.sound == samples);
    free(c.out);
    free(best.out);
    free(in);
    return 0;
}
