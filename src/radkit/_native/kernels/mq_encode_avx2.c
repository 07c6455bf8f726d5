/*
 * kernels/mq_encode_avx2.c: MQ encoder on lists of symbols, without a jump that depends on them but those to
 * write 24 bits and for runs. Compilers make jumps of conditional expressions, hence the assembly.
 *
 * One list is one chain of about 14 cycles per symbol: the interval decides whether a context changes its
 * state, and many symbols are in the context of one just before. Three lists side by side take a quarter
 * less; two are slower than three, four no faster (CT slice, Zen 3, gcc 12 and clang 14, 2026-11-30). States
 * as addresses of wider steps save 12 of 37 instructions and are 4 % slower.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "mq_encode.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))
#define OUTLINE static __attribute__((noinline))
#define RARELY(x) __builtin_expect(x, 0)

/* By 4 * index + 2 * MPS + bit: Qe << 48, negative if the bit is the less probable symbol, Qe << 16, and
 * 2 * index + MPS of the state after renormalising. */
static const uint64_t steps[188] = {
    0x5601000056010002, 0xa9ff000056010003, 0xa9ff000056010002, 0x5601000056010003, 0x3401000034010004,
    0xcbff00003401000c, 0xcbff00003401000d, 0x3401000034010005, 0x1801000018010006, 0xe7ff000018010012,
    0xe7ff000018010013, 0x1801000018010007, 0x0ac100000ac10008, 0xf53f00000ac10018, 0xf53f00000ac10019,
    0x0ac100000ac10009, 0x052100000521000a, 0xfadf00000521003a, 0xfadf00000521003b, 0x052100000521000b,
    0x022100000221004c, 0xfddf000002210042, 0xfddf000002210043, 0x022100000221004d, 0x560100005601000e,
    0xa9ff00005601000d, 0xa9ff00005601000c, 0x560100005601000f, 0x5401000054010010, 0xabff00005401001c,
    0xabff00005401001d, 0x5401000054010011, 0x4801000048010012, 0xb7ff00004801001c, 0xb7ff00004801001d,
    0x4801000048010013, 0x3801000038010014, 0xc7ff00003801001c, 0xc7ff00003801001d, 0x3801000038010015,
    0x3001000030010016, 0xcfff000030010022, 0xcfff000030010023, 0x3001000030010017, 0x2401000024010018,
    0xdbff000024010024, 0xdbff000024010025, 0x2401000024010019, 0x1c0100001c01001a, 0xe3ff00001c010028,
    0xe3ff00001c010029, 0x1c0100001c01001b, 0x160100001601003a, 0xe9ff00001601002a, 0xe9ff00001601002b,
    0x160100001601003b, 0x560100005601001e, 0xa9ff00005601001d, 0xa9ff00005601001c, 0x560100005601001f,
    0x5401000054010020, 0xabff00005401001c, 0xabff00005401001d, 0x5401000054010021, 0x5101000051010022,
    0xaeff00005101001e, 0xaeff00005101001f, 0x5101000051010023, 0x4801000048010024, 0xb7ff000048010020,
    0xb7ff000048010021, 0x4801000048010025, 0x3801000038010026, 0xc7ff000038010022, 0xc7ff000038010023,
    0x3801000038010027, 0x3401000034010028, 0xcbff000034010024, 0xcbff000034010025, 0x3401000034010029,
    0x300100003001002a, 0xcfff000030010026, 0xcfff000030010027, 0x300100003001002b, 0x280100002801002c,
    0xd7ff000028010026, 0xd7ff000028010027, 0x280100002801002d, 0x240100002401002e, 0xdbff000024010028,
    0xdbff000024010029, 0x240100002401002f, 0x2201000022010030, 0xddff00002201002a, 0xddff00002201002b,
    0x2201000022010031, 0x1c0100001c010032, 0xe3ff00001c01002c, 0xe3ff00001c01002d, 0x1c0100001c010033,
    0x1801000018010034, 0xe7ff00001801002e, 0xe7ff00001801002f, 0x1801000018010035, 0x1601000016010036,
    0xe9ff000016010030, 0xe9ff000016010031, 0x1601000016010037, 0x1401000014010038, 0xebff000014010032,
    0xebff000014010033, 0x1401000014010039, 0x120100001201003a, 0xedff000012010034, 0xedff000012010035,
    0x120100001201003b, 0x110100001101003c, 0xeeff000011010036, 0xeeff000011010037, 0x110100001101003d,
    0x0ac100000ac1003e, 0xf53f00000ac10038, 0xf53f00000ac10039, 0x0ac100000ac1003f, 0x09c1000009c10040,
    0xf63f000009c1003a, 0xf63f000009c1003b, 0x09c1000009c10041, 0x08a1000008a10042, 0xf75f000008a1003c,
    0xf75f000008a1003d, 0x08a1000008a10043, 0x0521000005210044, 0xfadf00000521003e, 0xfadf00000521003f,
    0x0521000005210045, 0x0441000004410046, 0xfbbf000004410040, 0xfbbf000004410041, 0x0441000004410047,
    0x02a1000002a10048, 0xfd5f000002a10042, 0xfd5f000002a10043, 0x02a1000002a10049, 0x022100000221004a,
    0xfddf000002210044, 0xfddf000002210045, 0x022100000221004b, 0x014100000141004c, 0xfebf000001410046,
    0xfebf000001410047, 0x014100000141004d, 0x011100000111004e, 0xfeef000001110048, 0xfeef000001110049,
    0x011100000111004f, 0x0085000000850050, 0xff7b00000085004a, 0xff7b00000085004b, 0x0085000000850051,
    0x0049000000490052, 0xffb700000049004c, 0xffb700000049004d, 0x0049000000490053, 0x0025000000250054,
    0xffdb00000025004e, 0xffdb00000025004f, 0x0025000000250055, 0x0015000000150056, 0xffeb000000150050,
    0xffeb000000150051, 0x0015000000150057, 0x0009000000090058, 0xfff7000000090052, 0xfff7000000090053,
    0x0009000000090059, 0x000500000005005a, 0xfffb000000050054, 0xfffb000000050055, 0x000500000005005b,
    0x000100000001005a, 0xffff000000010056, 0xffff000000010057, 0x000100000001005b, 0x560100005601005c,
    0xa9ff00005601005c, 0xa9ff00005601005d, 0x560100005601005d,
};

/* What changes with each symbol: `a` has A in its upper half, `free` is pending - RK_MQ_WRITE. */
typedef struct registers {
    uint64_t c;
    uint32_t a;
    int32_t free;
} registers;

INLINE registers open_registers(const rk_mq_encoder *m)
{
    return (registers){m->c, m->a << 16, (int32_t)m->pending - RK_MQ_WRITE};
}

INLINE void close_registers(rk_mq_encoder *m, registers r)
{
    m->c = r.c;
    m->a = r.a >> 16;
    m->pending = (uint32_t)(r.free + RK_MQ_WRITE);
}

/* Adds one to the bits before m->at. */
OUTLINE void carry(rk_mq_encoder *m)
{
    uint8_t *p = m->at;
    while (p > m->string && ++*--p == 0)
        ;
}

/* Writes all whole bytes but one of what is pending, which is at most RK_MQ_WRITE + 14 bits. */
INLINE registers write_some(rk_mq_encoder *m, registers r)
{
    uint32_t pending = (uint32_t)(r.free + RK_MQ_WRITE), bytes = pending < 16 ? 0 : (pending - 8) / 8;
    uint32_t stay = pending - 8 * bytes + 15;
    uint64_t bits = r.c >> stay;
    uint32_t big = __builtin_bswap32((uint32_t)(bits << (32 - 8 * bytes)));
    uint8_t *at = m->at;
    r.c = _bzhi_u64(r.c, stay);
    r.free -= 8 * (int32_t)bytes;
    if (RARELY(bits >> (8 * bytes)))
        carry(m);
    memcpy(at, &big, 4);
    m->at = m->limit - at > 4 ? at + bytes : m->limit;
    return r;
}

OUTLINE registers write_bits(rk_mq_encoder *m, registers r)
{
    return write_some(m, r);
}

/*
 * ENCODE. With q = Qe for the more probable symbol (CODEMPS) A becomes q if A - q < q, and A - q otherwise;
 * for the other (CODELPS) it is just the reverse. Where A - q stays, C moves up by q. Complements turn
 * one comparison into the other: ~(A - q) < -q is A - q >= q. At most 15 bits more are pending then, so
 * `free` must be negative before.
 */
INLINE void encode(rk_mq_encoder *m, registers *r, uint32_t context, uint32_t bit)
{
    uint32_t state = m->state[context], n;
    uint64_t step = steps[2 * state + bit];
    uint32_t q = (uint32_t)step & 0xFFFF0000u, signed_q = (uint32_t)(step >> 32), next = (uint32_t)step;
    uint32_t a = r->a - q, other = a ^ (uint32_t)((int64_t)step >> 63);
    __asm__("cmp %[signed_q], %[other]\n\t"
            "cmovb %[q], %[a]\n\t"
            "sbb %[other], %[other]\n\t"
            "lzcnt %[a], %[n]\n\t"
            "cmovz %[state], %[next]" /* no renormalising */
            : [a] "+&r"(a), [other] "+&r"(other), [next] "+&r"(next), [n] "=&r"(n)
            : [signed_q] "r"(signed_q), [q] "r"(q), [state] "r"(state)
            : "cc");
    m->state[context] = (uint8_t)next;
    r->a = a << n;
    r->c = (r->c + ((q & ~other) >> 16)) << n;
    r->free += (int32_t)n;
}

INLINE void encode_and_write(rk_mq_encoder *m, registers *r, uint32_t context, uint32_t bit)
{
    encode(m, r, context, bit);
    if (RARELY(r->free >= 0))
        *r = write_bits(m, *r);
}

OUTLINE registers end_run(rk_mq_encoder *m, registers r, uint32_t row)
{
    encode_and_write(m, &r, RK_MQ_RUN, 1);
    encode_and_write(m, &r, RK_MQ_UNIFORM, row >> 1);
    encode_and_write(m, &r, RK_MQ_UNIFORM, row & 1);
    return r;
}

/* n zeros in RK_MQ_RUN: as many at once as A allows without renormalising. */
OUTLINE registers runs(rk_mq_encoder *m, registers r, uint32_t n)
{
    while (n > 0) {
        uint64_t step = steps[2 * m->state[RK_MQ_RUN]];
        if ((int64_t)step > 0) { /* the more probable symbol */
            uint32_t q = (uint32_t)step & 0xFFFF0000u, most = (r.a - 0x80000000u) / q, now = most < n ? most : n;
            r.a -= now * q;
            r.c += (uint64_t)now * (q >> 16);
            n -= now;
            if (n == 0)
                break;
        }
        encode_and_write(m, &r, RK_MQ_RUN, 0);
        n--;
    }
    return r;
}

OUTLINE registers put_several(rk_mq_encoder *m, registers r, uint32_t symbol)
{
    return symbol >= RK_MQ_RUNS ? runs(m, r, symbol - RK_MQ_RUNS) : end_run(m, r, symbol - RK_MQ_HIT);
}

INLINE void put(rk_mq_encoder *m, registers *r, uint32_t symbol)
{
    if (RARELY(symbol >= RK_MQ_HIT))
        *r = put_several(m, *r, symbol);
    else
        encode(m, r, symbol >> 1, symbol & 1);
}

void rk_mq_encode_list_avx2(rk_mq_encoder *m, const uint8_t *list, size_t n)
{
    registers r = open_registers(m);
    for (size_t i = 0; i < n; i++) {
        put(m, &r, list[i]);
        if (RARELY(r.free >= 0))
            r = write_bits(m, r);
    }
    close_registers(m, r);
}

void rk_mq_encode_lists_avx2(rk_mq_encoder *const m[RK_MQ_LISTS], const uint8_t *const lists[RK_MQ_LISTS],
                             size_t n)
{
    rk_mq_encoder *m0 = m[0], *m1 = m[1], *m2 = m[2];
    const uint8_t *l0 = lists[0], *l1 = lists[1], *l2 = lists[2];
    registers r0 = open_registers(m0), r1 = open_registers(m1), r2 = open_registers(m2);
    for (size_t i = 0; i < n; i++) {
        put(m0, &r0, l0[i]);
        put(m1, &r1, l1[i]);
        put(m2, &r2, l2[i]);
        if (RARELY((r0.free & r1.free & r2.free) >= 0)) { /* one jump that is hard to foresee, for all */
            r0 = write_some(m0, r0);
            r1 = write_some(m1, r1);
            r2 = write_some(m2, r2);
        }
    }
    close_registers(m0, r0);
    close_registers(m1, r1);
    close_registers(m2, r2);
}

RK_TARGET_END
