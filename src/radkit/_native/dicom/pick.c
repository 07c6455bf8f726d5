/* radkit/dicom/pick.c: see pick.h. */
#include "dicom/pick.h"

#include <string.h>

#define ROWS 64
#define META_MAX 65536
#define TRANSFER_SYNTAX 0x00020010u

/* Transfer syntaxes under 1.2.840.10008.1.2 whose data set is not plain explicit little endian. */
static const char *const NOT_PLAIN[] = {".1.99", ".2", ".4.95", ".4.205", ".6.1", ".6.2"};
static const char PREFIX[] = "1.2.840.10008.1.2";

bool rk_dcm_plain_syntax(const uint8_t *uid, uint64_t length)
{
    while (length > 0 && (uid[length - 1] == 0 || uid[length - 1] == ' '))
        length--;
    size_t head = sizeof PREFIX - 1;
    if (length <= head || memcmp(uid, PREFIX, head) != 0)
        return false;
    for (size_t i = 0; i < sizeof NOT_PLAIN / sizeof *NOT_PLAIN; i++) {
        size_t n = strlen(NOT_PLAIN[i]);
        if (length - head == n && memcmp(uid + head, NOT_PLAIN[i], n) == 0)
            return false;
    }
    return true;
}

/* Merges rows with the tags that are still wanted. False: a value is not in the bytes at hand. */
static bool merge(const rk_dcm_element *rows, size_t count, uint64_t avail, const uint32_t *tags,
                  size_t n, size_t *next, rk_dcm_span *spans)
{
    for (size_t i = 0; i < count; i++) {
        while (*next < n && tags[*next] < rows[i].tag)
            (*next)++;
        if (*next == n)
            return true;
        if (tags[*next] != rows[i].tag)
            continue;
        if (rows[i].length > UINT32_MAX || rows[i].end > avail)
            return false;
        spans[*next] = (rk_dcm_span){rows[i].value, (uint32_t)rows[i].length, rows[i].vr, true};
        (*next)++;
    }
    return true;
}

/* Walks group 2, picking what is wanted of it. Returns where the data set begins, 0 = not plain. */
static uint64_t after_meta(const uint8_t *head, uint64_t avail, uint64_t size,
                           const uint32_t *tags, size_t n_tags, size_t *next, rk_dcm_span *spans)
{
    rk_dcm_element rows[ROWS];
    size_t n = 0;
    bool plain = false;
    rk_dcm_scan s = {.pos = 132, .max_elements = ROWS - 1, .max_depth = 1, .stop_group = 2};
    s.end = size - 132 < META_MAX ? size : 132 + META_MAX;
    if (rk_dcm_scan_run(&s, head, 0, avail, rows, ROWS, &n) != RK_DCM_OTHER || s.unordered)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i].tag == TRANSFER_SYNTAX && rows[i].end <= avail)
            plain = rk_dcm_plain_syntax(head + rows[i].value, rows[i].length);
    return plain && merge(rows, n, avail, tags, n_tags, next, spans) ? s.pos : 0;
}

bool rk_dcm_looks_explicit(const uint8_t *p)
{
    return p[1] == 0 && p[0] > 2 && p[4] >= 'A' && p[4] <= 'Z' && p[5] >= 'A' && p[5] <= 'Z';
}

rk_dcm_picked rk_dcm_pick(const uint8_t *head, uint64_t avail, uint64_t size,
                          const uint32_t *tags, size_t n, rk_dcm_span *spans,
                          rk_dcm_element *pixels)
{
    size_t next = 0;
    memset(spans, 0, n * sizeof *spans);
    if (pixels != NULL)
        *pixels = (rk_dcm_element){0};
    if (avail < 160 || memcmp(head + 128, "DICM", 4) != 0)
        return RK_DCM_NOT_PLAIN;
    uint64_t start = after_meta(head, avail, size, tags, n, &next, spans);
    if (start == 0 || avail - start < 8 || !rk_dcm_looks_explicit(head + start))
        return RK_DCM_NOT_PLAIN;
    rk_dcm_scan s = {.pos = start, .end = size, .max_elements = 1 << 16, .max_depth = 32,
                     .stop_group = -1, .stop_at_pixels = true};
    for (;;) {
        rk_dcm_element rows[ROWS];
        size_t count = 0;
        rk_dcm_event event = rk_dcm_scan_run(&s, head, 0, avail, rows, ROWS, &count);
        if (event == RK_DCM_BAD || s.unordered)
            return RK_DCM_NOT_PLAIN;
        if (event == RK_DCM_PIXELS) {
            count--; /* never a value to pick */
            if (pixels != NULL)
                *pixels = rows[count];
        }
        if (!merge(rows, count, avail, tags, n, &next, spans))
            return RK_DCM_HEAD_SHORT;
        if (event == RK_DCM_DONE || event == RK_DCM_PIXELS || (next == n && pixels == NULL))
            return RK_DCM_PICKED;
        if (event != RK_DCM_MORE)
            continue;
        /* The bytes end, but the walk may have come far enough to know. */
        bool enough = n == 0 || (s.depth == 0 && s.last_tag >= tags[n - 1]);
        return enough && pixels == NULL ? RK_DCM_PICKED : RK_DCM_HEAD_SHORT;
    }
}

static bool is_blank(uint8_t c) { return c == ' ' || c == 0 || c == '\r' || c == '\n' || c == '\t'; }

/* One number without blanks around it. */
static bool decimal(const uint8_t *p, size_t n, double *out)
{
    static const double TENS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const uint8_t *end = p + n;
    bool negative = false, digits = false;
    uint64_t mantissa = 0;
    int power = 0, used = 0, stated = 0;
    if (p < end && (*p == '+' || *p == '-'))
        negative = *p++ == '-';
    for (bool fraction = false; p < end; p++) {
        if (*p == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (*p < '0' || *p > '9')
            break;
        digits = true;
        used += mantissa != 0 || *p != '0';
        if (used > 15 || power < -1000)
            return false;
        mantissa = mantissa * 10 + (uint64_t)(*p - '0');
        power -= fraction;
    }
    if (!digits)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool minus = false;
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            minus = *p++ == '-';
        if (p == end || end - p > 3)
            return false;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            stated = stated * 10 + (*p - '0');
        power += minus ? -stated : stated;
    }
    if (p != end || power < -22 || power > 22)
        return false;
    /* Both are exact in double, so that one rounding is the right one. */
    double value = power < 0 ? (double)mantissa / TENS[-power] : (double)mantissa * TENS[power];
    *out = negative ? -value : value;
    return true;
}

int rk_dcm_decimals(const uint8_t *text, size_t n, double *out, int max)
{
    int count = 0;
    for (size_t start = 0; start <= n;) {
        size_t stop = start;
        while (stop < n && text[stop] != '\\')
            stop++;
        size_t first = start, last = stop;
        while (first < last && is_blank(text[first]))
            first++;
        while (last > first && is_blank(text[last - 1]))
            last--;
        if (first == last)
            return start == 0 && stop == n ? 0 : -1;
        double value;
        if (!decimal(text + first, last - first, &value))
            return -1;
        if (count < max)
            out[count++] = value;
        start = stop + 1;
    }
    return count;
}
