/* Huffman tables (huff.h). Not on the path of a sample, so there is one version. */
#include "huff.h"

#include <string.h>

bool rk_huff_build(rk_huff_canon *canon, const rk_huff_spec *spec)
{
    uint32_t code = 0, index = 0;
    memset(canon, 0, sizeof *canon);
    for (uint32_t l = 1; l <= 16; l++) {
        uint32_t count = spec->counts[l - 1], room = (1u << l) - code;
        if (index + count > 256)
            return false;
        canon->first[l] = code;
        canon->index[l] = index;
        index += count;
        if (count > room) {
            if (l < 16 || count > room + 1)
                return false;
            count = room;
        }
        canon->count[l] = count;
        code = (code + count) << 1;
    }
    memcpy(canon->values, spec->values, index);
    return index > 0;
}

/* Index of the least frequency above 0, the largest index of equals; -1 if none. */
static int least(const uint64_t *frequency, int n, int but)
{
    int best = -1;
    for (int i = 0; i < n; i++)
        if (frequency[i] && i != but && (best < 0 || frequency[i] <= frequency[best]))
            best = i;
    return best;
}

/* Figure K.3: no code longer than 16 bits, prefix-free as before. */
static void limit_lengths(uint32_t *bits)
{
    for (int i = 256; i > 16; i--) {
        while (bits[i] > 0) {
            int j = i - 2;
            while (bits[j] == 0)
                j--;
            bits[i] -= 2;
            bits[i - 1] += 1;
            bits[j + 1] += 2;
            bits[j] -= 1;
        }
    }
}

void rk_huff_optimal(rk_huff_spec *spec, const uint64_t *frequency, size_t n)
{
    uint64_t left[257] = {0};
    int size[257] = {0}, other[257];
    uint32_t bits[258] = {0};
    int count = (int)(n < 256 ? n : 256);

    memcpy(left, frequency, (size_t)count * sizeof *left);
    left[count] = 1; /* holds the place of the code of all ones */
    for (int i = 0; i <= count; i++)
        other[i] = -1;
    for (;;) { /* figure K.1 */
        int a = least(left, count + 1, -1), b = least(left, count + 1, a);
        if (b < 0)
            break;
        left[a] += left[b];
        left[b] = 0;
        for (size[a]++; other[a] >= 0; size[a]++)
            a = other[a];
        other[a] = b;
        for (size[b]++; other[b] >= 0; size[b]++)
            b = other[b];
    }
    for (int i = 0; i <= count; i++)
        if (size[i])
            bits[size[i]]++;
    limit_lengths(bits);
    for (int l = 16; l > 0; l--) {
        if (bits[l]) {
            bits[l]--;
            break;
        }
    }
    memset(spec, 0, sizeof *spec);
    for (int l = 1; l <= 16; l++)
        spec->counts[l - 1] = (uint8_t)bits[l];
    size_t k = 0;
    for (int l = 1; l <= 256; l++)
        for (int i = 0; i < count; i++)
            if (size[i] == l)
                spec->values[k++] = (uint8_t)i;
}
