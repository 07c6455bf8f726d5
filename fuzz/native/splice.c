/* Plain objects laid out anew: pieces lie in the source and ascend, the meta header is whole, and a
 * source in two windows gives the same layout as in one. */
#include "dicom/splice.h"
#include "target.h"

#define OPTIONS 4 /* edits; refused or not; how much of the head is there; new UID or not */
#define N 5

static const uint32_t TAGS[N] = {0x00080005, 0x00100010, 0x00280004, 0x7FE00001, 0x7FE20010};
static const uint32_t REFUSED[2] = {0x60000010, 0xFFFAFFFA};
static const uint8_t UID[12] = {2, 0, 16, 0, 'U', 'I', 4, 0, '1', '.', '2', 0};

static void set_up(rk_dcm_splice *s, rk_dcm_edit *edits, const uint8_t *element, const uint8_t *options)
{
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < N; i++)
        if (options[0] >> i & 1)
            edits[s->n_edits++] = options[0] & 32 ? (rk_dcm_edit){TAGS[i], NULL, 0}
                                                  : (rk_dcm_edit){TAGS[i], element, 12};
    s->edits = edits;
    s->refused = REFUSED;
    s->n_refused = options[1] & 1 ? 2 : 0;
    s->syntax = s->maker = UID;
    s->syntax_size = s->maker_size = sizeof UID;
    s->instance = options[3] & 1 ? UID : NULL;
    s->instance_size = s->instance != NULL ? sizeof UID : 0;
    s->max_elements = 512;
    s->max_depth = 6;
}

static void check_layout(const rk_dcm_splice *s, uint64_t size)
{
    uint64_t total = 0, last = 0;
    RK_FUZZ_ASSERT(s->before <= s->n && s->n <= RK_DCM_PIECES);
    RK_FUZZ_ASSERT(s->meta_size >= 144 && s->meta_size <= RK_DCM_META_ROOM);
    RK_FUZZ_ASSERT(memcmp(s->meta + 128, "DICM", 4) == 0);
    uint32_t stated = (uint32_t)s->meta[143] << 24 | (uint32_t)s->meta[142] << 16 |
                      (uint32_t)s->meta[141] << 8 | s->meta[140];
    RK_FUZZ_ASSERT(stated == s->meta_size - 144);
    for (size_t i = 0; i < s->n; i++) {
        const rk_dcm_piece *p = &s->pieces[i];
        RK_FUZZ_ASSERT(p->size > 0);
        total += p->size;
        if (p->bytes != NULL)
            continue;
        RK_FUZZ_ASSERT(p->offset >= last && p->offset <= size && p->size <= size - p->offset);
        last = p->offset + p->size;
        RK_FUZZ_ASSERT(s->pixels.tag == 0 || i >= s->before || last <= s->pixels.offset);
        RK_FUZZ_ASSERT(i < s->before || p->offset >= s->pixels.end);
    }
    RK_FUZZ_ASSERT(total == s->size);
}

static void check_same(const rk_dcm_splice *a, const rk_dcm_splice *b)
{
    RK_FUZZ_ASSERT(a->n == b->n && a->before == b->before && a->size == b->size);
    RK_FUZZ_ASSERT(a->meta_size == b->meta_size && memcmp(a->meta, b->meta, a->meta_size) == 0);
    for (size_t i = 0; i < a->n; i++)
        RK_FUZZ_ASSERT(a->pieces[i].offset == b->pieces[i].offset &&
                       a->pieces[i].bytes == b->pieces[i].bytes &&
                       a->pieces[i].size == b->pieces[i].size);
}

/* The same with less of the head, and a tail of its own. */
static rk_dcm_laid in_two(rk_dcm_splice *s, const uint8_t *data, size_t size, size_t there)
{
    uint8_t *head = rk_fuzz_copy(data, there, 0);
    rk_dcm_laid laid = rk_dcm_splice_head(s, head, there, size);
    free(head);
    if (laid != RK_DCM_LAID_HEAD)
        return laid;
    uint64_t base = s->pixels.end == RK_DCM_UNDEFINED ? s->pixels.value : s->pixels.end;
    RK_FUZZ_ASSERT(base <= size);
    uint8_t *tail = rk_fuzz_copy(data + base, size - base, 0);
    laid = rk_dcm_splice_tail(s, tail, base, size - base);
    free(tail);
    return laid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < OPTIONS)
        return 0;
    size -= OPTIONS;
    static const uint8_t element[12] = {8, 0, 5, 0, 'C', 'S', 4, 0, 'A', 'B', 'C', 'D'};
    const uint8_t *options = data + size;
    rk_dcm_edit edits[N];
    rk_dcm_splice *whole = rk_fuzz_room(sizeof *whole), *parts = rk_fuzz_room(sizeof *parts);
    uint8_t *source = rk_fuzz_copy(data, size, 0);
    set_up(whole, edits, element, options);
    rk_dcm_laid laid = rk_dcm_splice_head(whole, source, size, size);
    RK_FUZZ_ASSERT(laid != RK_DCM_LAID_HEAD || whole->pixels.tag != 0);
    if (laid == RK_DCM_LAID_HEAD)
        laid = rk_dcm_splice_tail(whole, source, 0, size);
    RK_FUZZ_ASSERT(laid != RK_DCM_LAID_HEAD);
    if (laid == RK_DCM_LAID)
        check_layout(whole, size);
    set_up(parts, edits, element, options);
    if (in_two(parts, source, size, size * options[2] / 255) == RK_DCM_LAID) {
        RK_FUZZ_ASSERT(laid == RK_DCM_LAID);
        check_same(whole, parts);
    }
    free(source);
    free(parts);
    free(whole);
    return 0;
}
