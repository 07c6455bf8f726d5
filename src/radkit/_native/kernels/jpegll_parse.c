/* Markers of JPEG Lossless (T.81 annex B). Every read is checked; nothing is kept by pointer. */
#include <string.h>

#include "jpegll.h"

enum {
    TEM = 0x01,
    SOF0 = 0xC0,
    SOF3 = 0xC3,
    DHT = 0xC4,
    JPG = 0xC8,
    DAC = 0xCC,
    SOF15 = 0xCF,
    RST0 = 0xD0,
    RST7 = 0xD7,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DRI = 0xDD,
    DHP = 0xDE,
    APP14 = 0xEE,
    SOF55 = 0xF7 /* JPEG-LS */
};

static rk_status fail(rk_code code, enum rk_jpegll_rule rule, size_t offset)
{
    return (rk_status){.code = code, .rule = (uint16_t)rule, .frame = 0, .offset = offset};
}

static rk_status fine(void)
{
    return fail(RK_OK, RK_JPEGLL_OK, 0);
}

static uint32_t read_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

void rk_jpegll_parser_start(rk_jpegll_parser *p, const uint8_t *data, size_t size)
{
    memset(p, 0, sizeof *p);
    p->data = data;
    p->size = size;
    p->info.adobe = -1;
}

/* B.2.2 */
static rk_status read_frame(rk_jpegll_parser *p, const uint8_t *q, size_t size, size_t offset)
{
    rk_jpegll_info *info = &p->info;
    if (p->framed)
        return fail(RK_CORRUPT, RK_JPEGLL_SECOND_FRAME, offset);
    if (size < 6 || size != 6 + 3 * (size_t)q[5])
        return fail(RK_CORRUPT, RK_JPEGLL_SEGMENT, offset);
    info->precision = q[0];
    info->rows = read_be16(q + 1);
    info->cols = read_be16(q + 3);
    info->components = q[5];
    if (info->rows == 0)
        return fail(RK_UNSUPPORTED, RK_JPEGLL_DNL, offset);
    if (info->precision < 2 || info->precision > 16 || info->cols == 0 || info->components == 0)
        return fail(RK_CORRUPT, RK_JPEGLL_FRAME, offset);
    if (info->components > RK_JPEGLL_MAX_COMPONENTS)
        return fail(RK_UNSUPPORTED, RK_JPEGLL_FRAME, offset);
    for (uint32_t k = 0; k < info->components; k++) {
        info->ids[k] = q[6 + 3 * k];
        if (q[7 + 3 * k] != 0x11)
            return fail(RK_UNSUPPORTED, RK_JPEGLL_SAMPLING, offset);
        for (uint32_t j = 0; j < k; j++)
            if (info->ids[j] == info->ids[k])
                return fail(RK_CORRUPT, RK_JPEGLL_FRAME, offset);
    }
    p->framed = true;
    return fine();
}

/* B.2.4.2. Tables of class 1 (AC) are stepped over, values above 16 fail when they are met. */
static rk_status read_tables(rk_jpegll_parser *p, const uint8_t *q, size_t size, size_t offset)
{
    while (size > 0) {
        size_t n = 0;
        if (size < 17)
            return fail(RK_CORRUPT, RK_JPEGLL_SEGMENT, offset);
        for (int l = 1; l <= 16; l++)
            n += q[l];
        if (n > 256)
            return fail(RK_CORRUPT, RK_JPEGLL_TABLE, offset);
        if (n > size - 17)
            return fail(RK_CORRUPT, RK_JPEGLL_SEGMENT, offset);
        uint32_t kind = q[0] >> 4, id = q[0] & 15;
        if (kind > 1 || id > 3)
            return fail(RK_CORRUPT, RK_JPEGLL_TABLE, offset);
        if (kind == 0) {
            memset(&p->tables[id], 0, sizeof p->tables[id]);
            memcpy(p->tables[id].counts, q + 1, 16);
            memcpy(p->tables[id].values, q + 17, n);
            p->defined |= 1u << id;
        }
        q += 17 + n;
        size -= 17 + n;
    }
    return fine();
}

/* B.2.3, with the meaning of table B.3 for lossless scans. */
static rk_status read_scan(rk_jpegll_parser *p, const uint8_t *q, size_t size, size_t offset)
{
    rk_jpegll_scan *scan = &p->scan;
    if (!p->framed)
        return fail(RK_CORRUPT, RK_JPEGLL_SCAN, offset);
    if (size < 4 || size != 4 + 2 * (size_t)q[0])
        return fail(RK_CORRUPT, RK_JPEGLL_SEGMENT, offset);
    memset(scan, 0, sizeof *scan);
    scan->components = q[0];
    if (scan->components == 0 || scan->components > p->info.components)
        return fail(RK_CORRUPT, RK_JPEGLL_SCAN, offset);
    for (uint32_t k = 0; k < scan->components; k++) {
        uint32_t place = 0;
        while (place < p->info.components && p->info.ids[place] != q[1 + 2 * k])
            place++;
        if (place == p->info.components)
            return fail(RK_CORRUPT, RK_JPEGLL_SCAN, offset);
        scan->place[k] = place;
        scan->table[k] = q[2 + 2 * k] >> 4;
        if (scan->table[k] > 3 || !(p->defined >> scan->table[k] & 1))
            return fail(RK_CORRUPT, RK_JPEGLL_NO_TABLE, offset);
    }
    q += 1 + 2 * scan->components;
    scan->predictor = q[0];
    scan->transform = q[2] & 15;
    if (scan->predictor < 1 || scan->predictor > 7)
        return fail(RK_CORRUPT, RK_JPEGLL_PREDICTOR, offset);
    if (scan->transform >= p->info.precision)
        return fail(RK_CORRUPT, RK_JPEGLL_TRANSFORM, offset);
    if (p->info.restart % p->info.cols != 0) /* H.1.1 */
        return fail(RK_CORRUPT, RK_JPEGLL_RESTART, offset);
    return fine();
}

static rk_status read_segment(rk_jpegll_parser *p, uint8_t marker, const uint8_t *q, size_t size,
                              size_t offset)
{
    if (marker == SOF3)
        return read_frame(p, q, size, offset);
    if (marker == DHT)
        return read_tables(p, q, size, offset);
    if (marker == SOS)
        return read_scan(p, q, size, offset);
    if (marker == DRI) {
        if (size != 2)
            return fail(RK_CORRUPT, RK_JPEGLL_SEGMENT, offset);
        p->info.restart = read_be16(q);
    } else if (marker == APP14) {
        if (size >= 12 && memcmp(q, "Adobe", 5) == 0)
            p->info.adobe = q[11];
    } else if (marker == DHP || marker == 0xC7 || marker == 0xC5 || marker == 0xC6)
        return fail(RK_UNSUPPORTED, RK_JPEGLL_HIERARCHICAL, offset);
    else if (marker == DAC || (marker > JPG && marker <= SOF15))
        return fail(RK_UNSUPPORTED, RK_JPEGLL_ARITHMETIC, offset);
    else if ((marker >= SOF0 && marker < SOF3) || marker == SOF55)
        return fail(RK_UNSUPPORTED, RK_JPEGLL_PROCESS, offset);
    return fine(); /* APPn, COM, DQT, DNL with a height that SOF3 has told */
}

/* The next marker; bytes that are none are stepped over, as all decoders do. */
static bool next_marker(rk_jpegll_parser *p, uint8_t *marker)
{
    while (p->at < p->size) {
        const uint8_t *ff = memchr(p->data + p->at, 0xFF, p->size - p->at);
        if (!ff)
            break;
        p->at = (size_t)(ff - p->data) + 1;
        while (p->at < p->size && p->data[p->at] == 0xFF) /* fill bytes, B.1.1.2 */
            p->at++;
        if (p->at < p->size && p->data[p->at++] != 0) {
            *marker = p->data[p->at - 1];
            return true;
        }
    }
    p->at = p->size;
    return false;
}

rk_status rk_jpegll_next_scan(rk_jpegll_parser *p)
{
    uint8_t marker;
    if (p->at == 0) {
        if (p->size < 2)
            return fail(RK_TRUNCATED, RK_JPEGLL_ENDS, p->size);
        if (p->data[0] != 0xFF || p->data[1] != SOI)
            return fail(RK_CORRUPT, RK_JPEGLL_NO_SOI, 0);
        p->at = 2;
    }
    while (next_marker(p, &marker)) {
        size_t offset = p->at - 2;
        if (marker == TEM || (marker >= RST0 && marker <= RST7))
            continue;
        if (marker == EOI) {
            p->ended = true;
            return fine();
        }
        if (marker == SOI)
            return fail(RK_CORRUPT, RK_JPEGLL_SECOND_FRAME, offset);
        if (p->size - p->at < 2)
            return fail(RK_TRUNCATED, RK_JPEGLL_ENDS, p->size);
        size_t length = read_be16(p->data + p->at);
        if (length < 2)
            return fail(RK_CORRUPT, RK_JPEGLL_SEGMENT, offset);
        if (length > p->size - p->at)
            return fail(RK_TRUNCATED, RK_JPEGLL_ENDS, p->size);
        rk_status status = read_segment(p, marker, p->data + p->at + 2, length - 2, offset);
        if (status.code != RK_OK)
            return status;
        p->at += length;
        if (marker == SOS)
            return fine();
    }
    return fail(RK_TRUNCATED, RK_JPEGLL_ENDS, p->size);
}

size_t rk_jpegll_unstuff(rk_jpegll_parser *p, uint8_t *dst, size_t room, bool *ended)
{
    size_t i = p->at, o = 0;
    *ended = false;
    while (o < room) {
        size_t left = p->size - i;
        size_t most = left < room - o ? left : room - o;
        const uint8_t *ff = memchr(p->data + i, 0xFF, most);
        size_t n = ff ? (size_t)(ff - p->data) - i : most;
        memcpy(dst + o, p->data + i, n);
        o += n;
        i += n;
        if (!ff && n < left)
            continue; /* the room is used up */
        if (p->size - i < 2) {
            i = p->size; /* a lone FF at the end is no data */
            *ended = true;
            break;
        }
        if (p->data[i + 1] == 0) {
            dst[o++] = 0xFF;
            i += 2;
        } else if (p->data[i + 1] == 0xFF)
            i++;
        else {
            *ended = true;
            break;
        }
    }
    memset(dst + o, 0, RK_PAD);
    p->at = i;
    return o;
}

rk_status rk_jpegll_read_info(rk_jpegll_info *info, const uint8_t *data, size_t size)
{
    rk_jpegll_parser p;
    rk_jpegll_parser_start(&p, data, size);
    rk_status status = rk_jpegll_next_scan(&p);
    if (status.code == RK_OK && p.ended)
        status = fail(RK_TRUNCATED, RK_JPEGLL_ENDS, p.at);
    p.info.predictor = p.scan.predictor;
    p.info.transform = p.scan.transform;
    *info = p.info;
    return status;
}
