#include "kernels/jpegscan.h"

#include <string.h>

typedef struct reader {
    const uint8_t *data;
    size_t size, at;
    uint64_t bits; /* top-aligned */
    int count;     /* true bits in it */
} reader;

bool rk_jpegscan_table(rk_jpegscan_huff *t, const uint8_t counts[16], const uint8_t *symbols,
                       size_t size)
{
    uint32_t code = 0, index = 0;
    memset(t, 0, sizeof *t);
    for (int length = 1; length <= 16; length++) {
        uint32_t n = counts[length - 1];
        if (index + n > 256 || index + n > size || code + n > (1u << length))
            return false;
        t->shift[length] = (int32_t)index - (int32_t)code;
        for (uint32_t i = 0; i < n; i++, index++, code++) {
            t->symbols[index] = symbols[index];
            if (length > RK_JPEGSCAN_LOOK)
                continue;
            uint32_t first = code << (RK_JPEGSCAN_LOOK - length);
            uint32_t last = first + (1u << (RK_JPEGSCAN_LOOK - length));
            for (uint32_t k = first; k < last; k++)
                t->look[k] = (uint16_t)(length << 8 | symbols[index]);
        }
        t->limit[length] = (int32_t)code;
        code <<= 1;
    }
    t->count = index;
    return true;
}

void rk_jpegscan_leap(rk_jpegscan_leaps *leaps, const rk_jpegscan_huff *ac)
{
    const unsigned bits = RK_JPEGSCAN_LEAP, mask = (1u << RK_JPEGSCAN_LEAP) - 1;
    for (unsigned v = 0; v <= mask; v++) {
        unsigned at = 0, passed = 0, end = 0;
        while (at < bits && passed < 64 && !end) {
            unsigned entry = ac->look[(v << at & mask) >> (bits - RK_JPEGSCAN_LOOK)];
            unsigned length = entry >> 8, run = entry >> 4 & 15, extra = entry & 15;
            if (length == 0 || length > bits - at)
                break;
            end = extra == 0 && run != 15;
            passed += end ? 0 : run + 1;
            at += length + extra; /* the bits of the last one may lie beyond, up to 13 + 15 */
        }
        leaps->look[v] = (uint16_t)(end << 15 | passed << 5 | at);
    }
}

static inline uint64_t load_be64(const uint8_t *p)
{
    uint64_t word = 0;
    for (int k = 0; k < 8; k++)
        word = word << 8 | p[k];
    return word;
}

/* Fill up to at least 48 true bits, or to the end of the data or a marker. */
static void fill(reader *r)
{
    if (r->size - r->at >= 8) {
        uint64_t word = load_be64(r->data + r->at), turned = ~word;
        if (!((turned - 0x0101010101010101u) & word & 0x8080808080808080u)) { /* no FF */
            r->bits |= word >> r->count;
            r->at += (size_t)(63 - r->count) >> 3;
            r->count |= 56;
            return; /* bits below the true ones are those of the byte that comes next */
        }
    }
    while (r->count <= 48 && r->at < r->size) {
        uint8_t byte = r->data[r->at];
        if (byte == 0xFF) {
            if (r->at + 1 >= r->size || r->data[r->at + 1] != 0)
                return;
            r->at++;
        }
        r->at++;
        r->bits |= (uint64_t)byte << (56 - r->count);
        r->count += 8;
    }
}

static inline void drop(reader *r, int n)
{
    r->bits <<= n;
    r->count -= n;
}

/* The next symbol, -1 where the data end, -2 where there is no such code. */
static inline int symbol(reader *r, const rk_jpegscan_huff *t)
{
    if (r->count < 32)
        fill(r);
    uint32_t entry = t->look[r->bits >> (64 - RK_JPEGSCAN_LOOK)];
    if (entry) {
        int length = (int)(entry >> 8);
        if (length > r->count)
            return -1;
        drop(r, length);
        return (int)(entry & 0xFF);
    }
    for (int length = RK_JPEGSCAN_LOOK + 1; length <= 16; length++) {
        int32_t code = (int32_t)(r->bits >> (64 - length));
        if (code < t->limit[length]) {
            if (length > r->count)
                return -1;
            drop(r, length);
            return t->symbols[(uint32_t)(code + t->shift[length]) & 0xFF];
        }
    }
    return r->count < 16 ? -1 : -2;
}

static enum rk_jpegscan_rule block(reader *r, const rk_jpegscan_huff *dc,
                                   const rk_jpegscan_huff *ac, const rk_jpegscan_leaps *leaps)
{
    if (r->count < 32)
        fill(r);
    uint32_t entry = dc->look[r->bits >> (64 - RK_JPEGSCAN_LOOK)];
    int s = (int)(entry & 0xFF), whole = (int)(entry >> 8) + s;
    if (entry && s <= 16 && whole <= r->count)
        drop(r, whole);
    else {
        s = symbol(r, dc);
        if (s < 0)
            return s == -1 ? RK_JPEGSCAN_SHORT : RK_JPEGSCAN_CODE;
        if (s > 16)
            return RK_JPEGSCAN_CODE;
        if (r->count < s)
            fill(r);
        if (r->count < s)
            return RK_JPEGSCAN_SHORT;
        drop(r, s);
    }
    for (int k = 1; k < 64; k++) {
        if (leaps) {
            if (r->count < 32)
                fill(r);
            unsigned leap = leaps->look[r->bits >> (64 - RK_JPEGSCAN_LEAP)];
            int used = (int)(leap & 31), passed = (int)(leap >> 5 & 127);
            /* A block that is full has no symbol for its end: the last one goes alone. */
            if (used && k + passed < 64 && used <= r->count) {
                drop(r, used);
                if (leap >> 15)
                    break;
                k += passed - 1;
                continue;
            }
        }
        int rs = symbol(r, ac);
        if (rs < 0)
            return rs == -1 ? RK_JPEGSCAN_SHORT : RK_JPEGSCAN_CODE;
        int run = rs >> 4;
        s = rs & 15;
        if (s == 0) {
            if (run != 15)
                break;
            k += 15;
            continue;
        }
        k += run;
        if (k > 63)
            return RK_JPEGSCAN_RUN;
        if (r->count < s)
            fill(r);
        if (r->count < s)
            return RK_JPEGSCAN_SHORT;
        drop(r, s);
    }
    return RK_JPEGSCAN_FINE;
}

/* Go to the marker that ends an interval, counting whole bytes passed over. */
static uint64_t to_marker(reader *r)
{
    uint64_t spare = (uint64_t)(r->count / 8);
    r->bits = 0;
    r->count = 0;
    while (r->at < r->size) {
        if (r->data[r->at] == 0xFF && r->at + 1 < r->size && r->data[r->at + 1] != 0 &&
            r->data[r->at + 1] != 0xFF)
            break;
        r->at++;
        spare++;
    }
    return spare;
}

rk_status rk_jpegscan_walk(const rk_jpegscan_plan *plan, const uint8_t *data, size_t size,
                           uint64_t *whole, uint64_t *spare)
{
    reader r = {data, size, 0, 0, 0};
    rk_status status = {RK_OK, RK_JPEGSCAN_FINE, 0, 0};
    enum rk_jpegscan_rule rule = RK_JPEGSCAN_FINE;
    uint32_t left = plan->restart, due = 0;
    *whole = *spare = 0;
    for (uint64_t mcu = 0; mcu < plan->mcus && rule == RK_JPEGSCAN_FINE; mcu++) {
        if (plan->restart && left == 0) {
            *spare += to_marker(&r);
            if (r.at + 1 >= size) {
                rule = RK_JPEGSCAN_SHORT;
                break;
            }
            if (data[r.at + 1] != (0xD0 | due)) {
                rule = RK_JPEGSCAN_RESTART;
                break;
            }
            r.at += 2;
            due = (due + 1) & 7;
            left = plan->restart;
        }
        for (uint32_t i = 0; i < plan->blocks && rule == RK_JPEGSCAN_FINE; i++)
            rule = block(&r, plan->dc[i], plan->ac[i], plan->leaps[i]);
        if (rule != RK_JPEGSCAN_FINE)
            break;
        left--;
        *whole = mcu + 1;
    }
    if (rule == RK_JPEGSCAN_FINE) {
        *spare += to_marker(&r);
        *spare += size - r.at;
        return status;
    }
    status.rule = (uint16_t)rule;
    /* Broken at a restart marker in the middle means that an interval was too short. */
    status.code = rule == RK_JPEGSCAN_SHORT && r.at + 1 >= size ? RK_TRUNCATED : RK_CORRUPT;
    status.offset = r.at;
    return status;
}

size_t rk_jpegscan_marker(const uint8_t *data, size_t size, size_t from, bool jpegls)
{
    while (from < size) {
        const uint8_t *found = memchr(data + from, 0xFF, size - from);
        if (!found)
            break;
        size_t first = (size_t)(found - data), at = first + 1;
        while (at < size && data[at] == 0xFF)
            at++;
        if (at == size)
            break;
        uint8_t code = data[at];
        bool stuffed = jpegls ? code < 0x80 : code == 0;
        if (!stuffed && (code & 0xF8) != 0xD0)
            return first;
        from = at + 1;
    }
    return size;
}
