/*
 * Codestreams as a whole, cut at every place, and with every byte changed, by both instruction
 * sets: `sweep whole|prefixes|flips|options FILE...`, raw or in a JP2 or JPH file. For
 * tools/sanitize.sh; a broken promise traps, and what could not be read ends it with 1.
 */
#include <stdio.h>

#include "j2k_run.h"
#include "kernels/cpu.h"
#include "target.h"

typedef struct input {
    const char *name;
    uint8_t *data; /* the codestream */
    size_t size;
    uint8_t *file;
} input;

static uint64_t decodings, pictures, refusals;

static rk_j2k_limits limits_of_files(void)
{
    return (rk_j2k_limits){.pixels = 1u << 24,
                           .tiles = 65535,
                           .blocks = 1u << 22,
                           .packets = 1u << 22,
                           .memory = 1u << 30};
}

static rk_code decode(rk_fuzz_j2k_picture *p, const input *in, size_t size,
                      const rk_fuzz_j2k_wish *wish)
{
    rk_j2k_limits limits = limits_of_files();
    rk_fuzz_j2k_decode(p, in->data, size, wish, &limits);
    decodings++;
    if (p->status.code == RK_OK)
        pictures++;
    else
        refusals++;
    return p->status.code;
}

/* Strictly by the portable code in one thread, and by the best one as asked for. */
static void whole_as(const input *in, rk_fuzz_j2k_wish wish, bool must)
{
    rk_fuzz_j2k_picture a, b;
    unsigned threads = wish.threads;
    wish.strict = true;
    wish.cpu = 0;
    wish.fill = 0x00;
    wish.threads = 1;
    decode(&a, in, in->size, &wish);
    wish.threads = threads;
    wish.cpu = rk_cpu_detect();
    wish.fill = 0xFF;
    decode(&b, in, in->size, &wish);
    if (must && a.status.code != RK_OK) {
        printf("%s: code %d, rule %u, offset %llu\n", in->name, (int)a.status.code,
               a.status.rule, (unsigned long long)a.status.offset);
        RK_FUZZ_ASSERT(a.status.code == RK_UNSUPPORTED); /* a wavelet of Part 2 */
    }
    RK_FUZZ_ASSERT(rk_fuzz_j2k_same(&a, &b));
    rk_fuzz_j2k_free(&a);
    rk_fuzz_j2k_free(&b);
}

static void whole(const input *in)
{
    whole_as(in, (rk_fuzz_j2k_wish){.layers = 65535, .threads = 4}, true);
}

/* Reduced, in part, by layers, side by side, with threads. */
static void options(const input *in)
{
    whole(in);
    for (unsigned reduce = 1; reduce < 4; reduce++)
        whole_as(in, (rk_fuzz_j2k_wish){.reduce = reduce, .layers = 1, .threads = 3}, true);
    for (unsigned k = 0; k < 4; k++) {
        rk_fuzz_j2k_wish wish = {.layers = 65535, .cropped = true, .threads = 1u << k};
        const uint8_t crop[4] = {(uint8_t)(40 * k), (uint8_t)(25 * k), (uint8_t)(256 - 50 * k), 131};
        memcpy(wish.crop, crop, sizeof crop);
        wish.together = k & 1;
        wish.raw = k & 2;
        whole_as(in, wish, true);
    }
}

/* Strictly a typed error; leniently a picture, or an error before the first tile-part. */
static void prefixes(const input *in)
{
    for (size_t size = 0; size < in->size; size++)
        for (unsigned turn = 0; turn < 4; turn++) {
            rk_fuzz_j2k_wish wish = {.layers = 65535,
                                     .threads = 1,
                                     .strict = turn & 1,
                                     .cpu = turn & 2 ? rk_cpu_detect() : 0};
            rk_fuzz_j2k_picture p;
            rk_code code = decode(&p, in, size, &wish);
            bool complete = code == RK_OK && p.sound >= 1.0;
            /* A strict picture may miss nothing but EOC, or half of it. */
            bool kept = wish.strict && complete ? p.end + 1 >= size
                                                : code == RK_OK || code == RK_TRUNCATED;
            if (!kept)
                printf("%s cut to %zu, strict %d: code %d, rule %u\n", in->name, size,
                       wish.strict, (int)code, p.status.rule);
            RK_FUZZ_ASSERT(kept);
            rk_fuzz_j2k_free(&p);
        }
}

/* Each byte in turn: one bit, all bits, 0 and FF; what comes is the same for both sets. */
static void flips(const input *in)
{
    for (size_t at = 0; at < in->size; at++) {
        uint8_t old = in->data[at];
        const uint8_t values[4] = {(uint8_t)(old ^ 1u << at % 8), (uint8_t)~old, 0x00, 0xFF};
        for (unsigned k = 0; k < 4; k++) {
            rk_fuzz_j2k_wish wish = {.layers = 65535, .threads = 1, .strict = k & 1};
            rk_fuzz_j2k_picture a, b;
            in->data[at] = values[k];
            decode(&a, in, in->size, &wish);
            wish.cpu = rk_cpu_detect();
            decode(&b, in, in->size, &wish);
            RK_FUZZ_ASSERT(rk_fuzz_j2k_same(&a, &b));
            rk_fuzz_j2k_free(&a);
            rk_fuzz_j2k_free(&b);
        }
        in->data[at] = old;
    }
}

static bool open_input(input *in, const char *name)
{
    FILE *file = fopen(name, "rb");
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size < 4) {
        perror(name);
        return false;
    }
    rewind(file);
    in->file = rk_fuzz_room((size_t)size);
    bool read = fread(in->file, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    size_t start = rk_fuzz_j2k_start(in->file, (size_t)size);
    in->name = name;
    in->data = in->file + start;
    in->size = (size_t)size - start;
    return read;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const input *);
    } modes[] = {{"whole", whole}, {"options", options}, {"prefixes", prefixes}, {"flips", flips}};
    void (*run)(const input *) = NULL;
    for (size_t k = 0; argc > 1 && k < sizeof modes / sizeof *modes; k++)
        if (strcmp(argv[1], modes[k].name) == 0)
            run = modes[k].run;
    setvbuf(stdout, NULL, _IOLBF, 0); /* what is told before a trap must be seen */
    if (run == NULL || argc < 3) {
        fprintf(stderr, "sweep whole|options|prefixes|flips FILE...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        input in;
        if (!open_input(&in, argv[i]))
            return 1;
        run(&in);
        free(in.file);
    }
    printf("%s: %d streams, %llu decodings, %llu pictures, %llu refusals\n", argv[1], argc - 2,
           (unsigned long long)decodings, (unsigned long long)pictures,
           (unsigned long long)refusals);
    return 0;
}
