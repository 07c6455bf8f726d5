/*
 * Samples to a codestream and back: whatever the layout, both instruction sets write the same
 * bytes, with coefficients kept from a run before or not; a codestream takes the bytes that it says
 * and fits no room that is smaller; it is sound, and decodes to the samples, or near them if a
 * quantiser was asked for. An input is the options, then samples, which begin anew when they end.
 */
#define _POSIX_C_SOURCE 200809L /* posix_memalign */

#include "j2k/encode.h"

#include <math.h>

#include "blocks.h"
#include "j2k_run.h"
#include "kernels/cpu.h"

enum { COMPS = 4, LAYERS = 4, TILES = 16 };

typedef struct job {
    rk_j2k_task task;
    rk_j2k_source sources[COMPS];
    uint64_t targets[LAYERS];
    uint64_t wanted;    /* bytes that a step is sought for; 0: none */
    double step;        /* of the run */
    double before;      /* step of a run before that one; below 0: none */
    bool cut, twice;    /* twice: before that, to half of the bytes */
    uint32_t width, height;
    int64_t *samples;   /* of component after component, row by row */
    uint8_t *array;     /* the same as the encoder gets them */
} job;

typedef struct stream {
    rk_status status;
    uint8_t *data;
    size_t size;
} stream;

/* ---- What an input asks for ------------------------------------------------------------------ */

static void describe_size(rk_fuzz_bytes *in, job *j)
{
    rk_j2k_layout *l = &j->task.layout;
    rk_fuzz_shape(in, &j->width, &j->height);
    uint8_t comps = rk_fuzz_next(in), tw = rk_fuzz_next(in), th = rk_fuzz_next(in);
    l->comps = (uint16_t)(comps < 128 ? 1 : 1 + comps % COMPS);
    l->image = (rk_j2k_rect){0, 0, j->width, j->height};
    l->tw = tw < 100 ? j->width : 1u + tw % 64;
    l->th = th < 100 ? j->height : 1u + th % 64;
    while (((j->width - 1) / l->tw + 1) * ((j->height - 1) / l->th + 1) > TILES) {
        l->tw *= 2;
        l->th *= 2;
    }
}

static void describe_depth(rk_fuzz_bytes *in, job *j)
{
    rk_j2k_task *t = &j->task;
    uint8_t depth = rk_fuzz_next(in), form = rk_fuzz_next(in);
    t->layout.depth = (uint8_t)(1 + depth % 32);
    t->layout.sign = form & 1;
    t->sign = form & 2 ? !t->layout.sign : t->layout.sign;
    t->bits = t->layout.depth <= 8 ? 8 : t->layout.depth <= 16 ? 16 : 32;
    if (form & 4 && t->bits < 32)
        t->bits *= 2;
}

static void describe_coding(rk_fuzz_bytes *in, job *j)
{
    rk_j2k_layout *l = &j->task.layout;
    uint8_t levels = rk_fuzz_next(in), block = rk_fuzz_next(in), flags = rk_fuzz_next(in);
    uint8_t more = rk_fuzz_next(in), precinct = rk_fuzz_next(in);
    l->style.levels = levels < 224 ? levels % 8 : levels % 33;
    if (l->style.levels > 8) { /* many tiles of many empty resolutions only cost time */
        l->tw = j->width;
        l->th = j->height;
    }
    l->style.xcb = (uint8_t)(2 + (block & 15) % 9);
    l->style.ycb = (uint8_t)(2 + (block >> 4) % 9);
    while (l->style.xcb + l->style.ycb > 12)
        *(l->style.xcb > l->style.ycb ? &l->style.xcb : &l->style.ycb) -= 1;
    l->style.flags = flags & 1 ? RK_J2K_HT : 0;
    l->mct = l->comps >= 3 && flags & 2;
    l->split = flags & 4, l->tlm = flags & 8, l->plt = flags & 16;
    l->sop = flags & 32, l->eph = flags & 64;
    l->order = more % 5;
    l->layers = (uint16_t)(1 + more / 5 % LAYERS);
    l->comment = flags & 128 ? "made" : NULL;
    l->precincts = precinct & 1;
    for (unsigned k = 0; k <= RK_J2K_LEVELS_MAX; k++)
        l->style.precincts[k] = !l->precincts ? 0xFF : k ? precinct | 0x11 : precinct & 0xEE;
}

static void describe_run(rk_fuzz_bytes *in, job *j)
{
    uint8_t flags = rk_fuzz_next(in), step = rk_fuzz_next(in), size = rk_fuzz_next(in);
    uint8_t memory = rk_fuzz_next(in), before = rk_fuzz_next(in);
    j->task.keep = flags & 2;
    j->task.rated = !(j->task.layout.style.flags & RK_J2K_HT) && flags & 4;
    j->task.memory = memory < 240 ? (size_t)1 << 28 : (size_t)(memory - 239) << 13;
    j->step = flags & 1 ? 0 : ldexp(1 + step / 256.0, step % 25 - 5);
    j->before = !j->task.keep || before < 128 ? -1 : before < 160 ? 0 : ldexp(1, before % 24 - 4);
    j->wanted = j->task.keep && flags & 8 ? 1 + 64u * size : 0;
    j->twice = flags & 16;
    j->cut = j->task.rated && (flags & 32 || j->task.layout.layers > 1);
    uint64_t target = 0;
    for (unsigned k = 0; k < j->task.layout.layers; k++) {
        uint8_t more = rk_fuzz_next(in);
        target += (uint64_t)more * more / 8;
        j->targets[k] = more == 255 || target == UINT64_MAX ? UINT64_MAX : target;
        target = j->targets[k];
    }
}

/* ---- Samples --------------------------------------------------------------------------------- */

/* Values of all kinds of statistics: noise of some bits, two extremes, or eight bits made wide. */
static int64_t sample_of(uint32_t word, uint8_t mode, int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)(high - low) + 1;
    switch (mode & 3) {
    case 0: return low + (int64_t)(word % span);
    case 1: return low + (int64_t)((span / 2 + word % (1u << (mode >> 2 & 7))) % span);
    case 2: return word & 1 ? high : low;
    default: return low + (int64_t)((word & 255) * span >> 8);
    }
}

static void put_sample(const job *j, unsigned comp, size_t at, int64_t value)
{
    const rk_j2k_source *s = &j->sources[comp];
    uint64_t bits = (uint64_t)value;
    size_t bytes = j->task.bits / 8;
    uint8_t *to = j->array + (s->data - j->array) + at / j->width * s->pitch
                  + at % j->width * s->stride * bytes;
    switch (j->task.bits) {
    case 8: *to = (uint8_t)bits; break;
    case 16: memcpy(to, &(uint16_t){(uint16_t)bits}, 2); break;
    default: memcpy(to, &(uint32_t){(uint32_t)bits}, 4);
    }
}

/* Samples side by side, or plane by plane, with a gap behind each row but the last. */
static void place_sources(job *j, bool together)
{
    size_t comps = j->task.layout.comps, bytes = j->task.bits / 8;
    size_t row = j->width * bytes * (together ? comps : 1), pitch = row + (together ? 0 : 3 * bytes);
    size_t plane = pitch * (j->height - 1) + row;
    j->array = rk_fuzz_room(together ? plane : plane * comps);
    for (size_t k = 0; k < comps; k++)
        j->sources[k] = (rk_j2k_source){.data = j->array + (together ? k * bytes : k * plane),
                                        .pitch = pitch,
                                        .stride = together ? comps : 1};
    j->task.sources = j->sources;
}

static void fill(rk_fuzz_bytes *in, job *j)
{
    rk_j2k_task *t = &j->task;
    uint8_t mode = rk_fuzz_next(in), wide = rk_fuzz_next(in);
    int64_t low = t->layout.sign ? -((int64_t)1 << (t->layout.depth - 1)) : 0;
    int64_t high = low + ((int64_t)1 << t->layout.depth) - 1;
    if (t->sign != t->layout.sign) { /* values that both kinds of element hold */
        low = 0;
        if (t->sign && high > ((int64_t)1 << (t->bits - 1)) - 1)
            high = ((int64_t)1 << (t->bits - 1)) - 1;
    }
    size_t area = (size_t)j->width * j->height, left = (size_t)(in->end - in->at), n = 0;
    j->samples = rk_fuzz_room(area * t->layout.comps * sizeof *j->samples);
    place_sources(j, wide & 1);
    t->low = high, t->high = low;
    for (unsigned k = 0; k < t->layout.comps; k++)
        for (size_t at = 0; at < area; at++) {
            uint32_t word = 0;
            for (int b = 0; left && b < (wide & 2 ? 1 : 4); b++)
                word = word << 8 | in->at[n++ % left];
            int64_t value = sample_of(word, mode, low, high);
            j->samples[k * area + at] = value;
            put_sample(j, k, at, value);
            t->low = value < t->low ? value : t->low;
            t->high = value > t->high ? value : t->high;
        }
}

/* ---- Coding ---------------------------------------------------------------------------------- */

/* Writes into room that is too small, then into what it takes. */
static void write_stream(rk_j2k_encoder *e, stream *s, unsigned share)
{
    rk_j2k_sink sink = {0};
    s->status = rk_j2k_write(&e->writing, &sink);
    if (s->status.code != RK_LIMIT) {
        RK_FUZZ_ASSERT(s->status.code == RK_UNSUPPORTED);
        return;
    }
    s->size = sink.size;
    const size_t rooms[] = {1, s->size * share >> 8, s->size - 1, s->size};
    for (int k = 0; k < 4; k++) {
        free(s->data);
        s->data = rk_fuzz_room(rooms[k]);
        sink = (rk_j2k_sink){rooms[k] ? s->data : NULL, rooms[k], 0};
        s->status = rk_j2k_write(&e->writing, &sink);
        RK_FUZZ_ASSERT(sink.size == s->size);
        RK_FUZZ_ASSERT(s->status.code == (k < 3 ? RK_LIMIT : RK_OK));
    }
}

/* A step that makes about as many bytes as are wanted, as the callers ask for it. */
static rk_status seek_step(rk_j2k_encoder *e, job *j)
{
    double bytes = 0;
    rk_status status = rk_j2k_encoder_step_for(e, j->wanted, &j->step);
    if (status.code != RK_OK)
        return status;
    RK_FUZZ_ASSERT(j->step >= 0 && j->step < 1e30);
    j->step = j->step > 0.05 ? j->step : 0.05;
    status = rk_j2k_encoder_bytes_at(e, j->step, &bytes);
    RK_FUZZ_ASSERT(status.code != RK_OK || (bytes >= 0 && bytes < 1e9));
    return status;
}

static rk_status cut(rk_j2k_encoder *e, const job *j)
{
    uint64_t half[LAYERS];
    for (unsigned k = 0; k < LAYERS; k++)
        half[k] = j->targets[k] == UINT64_MAX ? UINT64_MAX : j->targets[k] / 2;
    rk_status status = rk_j2k_fine();
    if (j->twice)
        status = rk_j2k_cut_layers(e, half);
    return status.code == RK_OK ? rk_j2k_cut_layers(e, j->targets) : status;
}

static rk_status run(rk_j2k_encoder *e, job *j)
{
    rk_status status = rk_j2k_encoder_open(e, &j->task);
    if (status.code == RK_OK && j->before >= 0)
        status = rk_j2k_encoder_run(e, j->before);
    if (status.code == RK_OK && j->wanted)
        status = seek_step(e, j);
    if (status.code == RK_OK)
        status = rk_j2k_encoder_run(e, j->step);
    if (status.code == RK_OK && j->cut)
        status = cut(e, j);
    return status;
}

static stream encode(job *j, uint32_t cpu, unsigned share)
{
    static rk_j2k_encoder e;
    stream s = {0};
    j->task.cpu = cpu;
    s.status = run(&e, j);
    if (s.status.code == RK_OK)
        write_stream(&e, &s, share);
    RK_FUZZ_ASSERT(s.status.code != RK_INTERNAL && s.status.code != RK_CORRUPT);
    rk_j2k_encoder_close(&e);
    return s;
}

/* ---- And back -------------------------------------------------------------------------------- */

static int64_t decoded(const rk_fuzz_j2k_picture *p, unsigned comp, size_t at, bool sign)
{
    const uint8_t *from = p->room[comp] + at * (p->bits / 8);
    uint32_t word = 0;
    memcpy(&word, from, p->bits / 8);
    if (!sign)
        return word;
    return p->bits == 8 ? (int8_t)word : p->bits == 16 ? (int16_t)word : (int32_t)word;
}

/* The most that a sample may be off: of a quantiser, a sum over all levels and components. */
static double slack(const job *j)
{
    return j->step == 0 ? 0 : 4 + 200 * j->step;
}

static bool is_whole(const job *j)
{
    return !j->cut || j->targets[j->task.layout.layers - 1] == UINT64_MAX;
}

static void decode(const job *j, const stream *s)
{
    rk_fuzz_j2k_wish wish = {.layers = 65535, .threads = 1, .strict = true, .cpu = rk_cpu_detect()};
    rk_j2k_limits limits = {.pixels = 1u << 20,
                            .tiles = 65535,
                            .blocks = 1u << 22,
                            .packets = 1u << 22,
                            .memory = (size_t)1 << 30};
    rk_fuzz_j2k_picture p;
    size_t area = (size_t)j->width * j->height;
    rk_fuzz_j2k_decode(&p, s->data, s->size, &wish, &limits);
    RK_FUZZ_ASSERT(p.status.code == RK_OK && p.decoded && p.sound == 1.0 && p.end == s->size);
    RK_FUZZ_ASSERT(p.count == j->task.layout.comps && p.exact == (j->step == 0));
    for (unsigned k = 0; k < p.count && is_whole(j); k++)
        for (size_t at = 0; at < area; at++) {
            int64_t value = decoded(&p, k, at, j->task.layout.sign);
            RK_FUZZ_ASSERT(fabs((double)(value - j->samples[k * area + at])) <= slack(j));
        }
    rk_fuzz_j2k_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rk_fuzz_bytes in = {data, data + size};
    job j = {0};
    describe_size(&in, &j);
    describe_depth(&in, &j);
    describe_coding(&in, &j);
    describe_run(&in, &j);
    uint8_t share = rk_fuzz_next(&in);
    fill(&in, &j);
    stream a = encode(&j, rk_cpu_detect(), share);
    j.task.keep = j.wanted > 0;
    j.before = -1;
    j.twice = false;
    j.task.memory = (size_t)1 << 30;
    if (a.status.code == RK_OK) {
        stream b = encode(&j, 0, share);
        RK_FUZZ_ASSERT(b.status.code == RK_OK && a.size == b.size);
        RK_FUZZ_ASSERT(memcmp(a.data, b.data, a.size) == 0);
        free(b.data);
        decode(&j, &a);
    }
    free(a.data);
    free(j.array);
    free(j.samples);
    return 0;
}
