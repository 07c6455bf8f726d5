/* Values out of the head of an object: spans lie in it, and a shorter head tells the same or nothing. */
#include "dicom/pick.h"
#include "target.h"

#define OPTIONS 2 /* how much of the head is there; whether the size of the object is known */
#define N 12

static const uint32_t TAGS[N] = {0x00020010, 0x00080008, 0x00080018, 0x00180050,
                                 0x00200013, 0x00200032, 0x00200037, 0x00280010,
                                 0x00280030, 0x00281052, 0x00281053, 0x7FE00001};

static void numbers_of(const uint8_t *head, const rk_dcm_span *span)
{
    double values[4] = {-1, -1, -1, -1};
    uint8_t *text = rk_fuzz_copy(head + span->offset, span->length, 0);
    int count = rk_dcm_decimals(text, span->length, values, 3);
    RK_FUZZ_ASSERT(count >= -1 && (uint32_t)(count + 1) <= span->length + 1);
    RK_FUZZ_ASSERT(values[3] == -1); /* no more than was asked for */
    for (int i = 0; i < count && i < 3; i++)
        RK_FUZZ_ASSERT(values[i] - values[i] == 0); /* finite */
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < OPTIONS)
        return 0;
    size -= OPTIONS;
    rk_dcm_span whole[N], less[N], few[N];
    rk_dcm_element pixels, sooner;
    uint8_t *head = rk_fuzz_copy(data, size, 0);
    rk_dcm_picked all = rk_dcm_pick(head, size, size, TAGS, N, whole, &pixels);
    rk_dcm_picked some = rk_dcm_pick(head, size, size, TAGS, N, few, NULL);
    if (all == RK_DCM_PICKED) {
        RK_FUZZ_ASSERT(some == RK_DCM_PICKED); /* finding pixel data asks for more, not less */
        RK_FUZZ_ASSERT(pixels.tag == 0 || (pixels.tag >> 16) == 0x7FE0);
        RK_FUZZ_ASSERT(pixels.tag == 0 || pixels.value <= size);
        for (size_t i = 0; i < N; i++) {
            RK_FUZZ_ASSERT(whole[i].found == few[i].found);
            if (!whole[i].found)
                continue;
            RK_FUZZ_ASSERT(whole[i].offset <= size && whole[i].length <= size - whole[i].offset);
            RK_FUZZ_ASSERT(whole[i].offset == few[i].offset && whole[i].length == few[i].length);
            numbers_of(head, &whole[i]);
        }
    }
    free(head);
    size_t there = size * data[size] / 255;
    head = rk_fuzz_copy(data, there, 0);
    uint64_t stated = data[size + 1] & 1 ? size : UINT64_MAX;
    if (rk_dcm_pick(head, there, stated, TAGS, N, less, &sooner) == RK_DCM_PICKED &&
        all == RK_DCM_PICKED) {
        RK_FUZZ_ASSERT(sooner.tag == pixels.tag && sooner.value == pixels.value);
        for (size_t i = 0; i < N; i++)
            RK_FUZZ_ASSERT(less[i].found == whole[i].found && less[i].length == whole[i].length);
    }
    free(head);
    return 0;
}
