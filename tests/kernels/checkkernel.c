/* tests/kernels/checkkernel.c: the frame of checkkernel; see checkkernel.h. */
#define _GNU_SOURCE
#include "checkkernel.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "checkkernel_run.h"
#include "kernels/cpu.h"

#if RK_ARCH_X86
#include <x86intrin.h>
#endif

static const char *const PATTERN_NAMES[PATTERNS] = {"random",      "zero",     "ones", "one bit",
                                                    "alternating", "extremes", "sparse"};

static const struct {
    const char *name;
    uint32_t bit;
} ISAS[] = {{"avx2", RK_CPU_AVX2}, {"avx512", RK_CPU_AVX512}, {"neon", RK_CPU_NEON}};
enum { ISA_COUNT = sizeof(ISAS) / sizeof(ISAS[0]), MAX_MEMBERS = 64 };

static ck_stage *stages;
static ck_run run_state; /* one, so that the signal handler can name the case */

void ck_register(ck_stage *stage)
{
    ck_stage **at = &stages;
    while (*at && strcmp((*at)->name, stage->name) < 0)
        at = &(*at)->next;
    stage->next = *at;
    *at = stage;
}

/* ---- failures ---------------------------------------------------------------------- */

static void describe(char *text, size_t size, const ck_run *run)
{
    char place[32];
    if (run->place == AT_END)
        snprintf(place, sizeof place, "end at fence");
    else if (run->place == AT_START)
        snprintf(place, sizeof place, "start at fence");
    else
        snprintf(place, sizeof place, "alignment %d", run->place);
    snprintf(text, size, "%s.%s %s: n=%zu, %s, %s (--seed %llu --only %s.%s)", run->stage,
             run->member, run->isa, run->n, place, PATTERN_NAMES[run->pattern],
             (unsigned long long)run->seed, run->stage, run->member);
}

static void fail(ck_run *run, const char *what, const char *format, va_list args)
{
    char text[256];
    if (run->failed)
        return; /* the first one tells */
    run->failed = true;
    describe(text, sizeof text, run);
    printf("FAIL %s\n     %s", text, what);
    if (format) {
        printf("; ");
        vprintf(format, args);
    }
    printf("\n");
}

void ck_fail(ck_run *run, const char *what, ...)
{
    va_list none;
    va_start(none, what);
    fail(run, what, NULL, none);
    va_end(none);
}

void ck_equal(ck_run *run, const void *expected, const void *got, size_t bytes,
              const char *format, ...)
{
    const uint8_t *a = expected, *b = got;
    char what[96];
    va_list args;
    if (bytes == 0 || memcmp(a, b, bytes) == 0)
        return;
    size_t i = 0;
    while (a[i] == b[i])
        i++;
    snprintf(what, sizeof what, "byte %zu of %zu: expected %02x, got %02x", i, bytes, a[i], b[i]);
    va_start(args, format);
    fail(run, what, format, args);
    va_end(args);
}

void ck_true(ck_run *run, bool holds, const char *format, ...)
{
    va_list args;
    if (holds)
        return;
    va_start(args, format);
    fail(run, "does not hold", format, args);
    va_end(args);
}

static void on_crash(int number)
{
    char text[320];
    describe(text, sizeof text, &run_state);
    fflush(stdout);
    printf("FAIL %s\n     signal %d: memory outside of the buffers was touched\n", text, number);
    fflush(stdout);
    _exit(2);
}

/* ---- cases ------------------------------------------------------------------------- */

static void one_case(ck_run *run, const ck_member *member, ck_fn *reference, ck_fn *variant,
                     size_t n, int place, int pattern)
{
    run->n = n;
    run->place = place;
    run->pattern = pattern;
    run->out_seed = ck_random(run);
    member->check(run, reference, variant, n);
    ck_release(run);
}

static void check_member(ck_run *run, const ck_member *member, ck_fn *reference, ck_fn *variant)
{
    static const size_t large[] = {255, 256, 257, 511, 1000, 2049, 4099, 70001};
    uint64_t name_hash = 0;
    for (const char *c = run->member; *c; c++)
        name_hash = name_hash * 131 + (uint8_t)*c;
    run->state = run->seed ^ name_hash; /* --only repeats the same cases */
    run->failed = false;
    for (size_t n = 0; n <= 130; n++)
        for (int place = 0; place < PLACES; place++)
            for (int pattern = 0; pattern < PATTERNS && !run->failed; pattern++)
                if (run->full || n < 34 || pattern == RANDOM ||
                    (n + (size_t)place) % PATTERNS == (size_t)pattern)
                    one_case(run, member, reference, variant, n, place, pattern);
    for (size_t i = 0; i < sizeof large / sizeof large[0] && !run->failed; i++)
        for (int place = AT_END - 1; place < PLACES && !run->failed; place++)
            for (int pattern = 0; pattern < PATTERNS; pattern++)
                one_case(run, member, reference, variant, large[i], place, pattern);
}

/* ---- timing ------------------------------------------------------------------------ */

uint64_t ck_ticks(void)
{
#if RK_ARCH_X86
    return __rdtsc();
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

void ck_time_begin(ck_run *run, size_t n)
{
    run->time_n = n;
    run->rounds = 0;
    run->total = 0;
    run->best = UINT64_MAX;
}

bool ck_time_next(ck_run *run)
{
    uint64_t now = ck_ticks();
    if (run->rounds) {
        uint64_t spent = now - run->round_start;
        run->total += spent;
        if (spent < run->best)
            run->best = spent;
    }
    if (run->rounds++ >= 7 && run->total > 100000000u)
        return false;
    run->round_start = ck_ticks();
    return true;
}

static void bench_member(ck_run *run, const ck_member *member, ck_fn *fn, double *base)
{
    static const size_t sizes[] = {1000, 262144};
    double at[2];
    run->place = 0;
    run->pattern = RANDOM;
    for (int i = 0; i < 2; i++) {
        run->n = sizes[i];
        run->best = 0;
        member->bench(run, fn, sizes[i]);
        at[i] = (double)run->best / (double)sizes[i];
        ck_release(run);
    }
    printf("%-12s %-16s %-6s %8.3f %8.3f", run->stage, run->member, run->isa, at[0], at[1]);
    if (base[0] > 0)
        printf("   %5.2fx %5.2fx", base[0] / at[0], base[1] / at[1]);
    else
        memcpy(base, at, sizeof at);
    printf("\n");
}

/* ---- the program ------------------------------------------------------------------- */

typedef struct options {
    bool list, bench;
    const char *only;
} options;

static bool wanted(const options *o, const ck_stage *stage, const ck_member *member)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", stage->name, member->name);
    return !o->only || strcmp(o->only, stage->name) == 0 || strcmp(o->only, name) == 0;
}

/* One member in all variants of this machine; false if one failed. */
static bool do_member(ck_run *run, const options *o, ck_stage *stage, size_t index)
{
    ck_fn *table[MAX_MEMBERS], *best[MAX_MEMBERS];
    const ck_member *member = &stage->members[index];
    uint32_t cpu = rk_cpu_detect();
    double base[2] = {0, 0};
    bool good = true;
    run->stage = stage->name;
    run->member = member->name;
    for (int isa = -1; isa < ISA_COUNT; isa++) {
        if (isa >= 0 && !(cpu & ISAS[isa].bit))
            continue;
        stage->fill(table, 0);
        stage->fill(best, isa < 0 ? 0 : ISAS[isa].bit);
        if (isa >= 0 && table[index] == best[index])
            continue; /* no variant of its own */
        run->isa = isa < 0 ? "c" : ISAS[isa].name;
        if (o->list) {
            printf("%s.%s %s\n", stage->name, member->name, run->isa);
        } else if (o->bench) {
            if (member->bench)
                bench_member(run, member, best[index], base);
        } else if (!member->check) {
            printf("FAIL %s.%s %s: no test reaches it\n", stage->name, member->name, run->isa);
            good = false;
        } else {
            check_member(run, member, table[index], best[index]);
            printf("%s %s.%s %s\n", run->failed ? "FAIL" : "ok  ", stage->name, member->name,
                   run->isa);
            good = good && !run->failed;
        }
    }
    return good;
}

static bool do_stage(ck_run *run, const options *o, ck_stage *stage, int *seen)
{
    bool good = true;
    if (stage->table_size != stage->count * sizeof(ck_fn *) || stage->count > MAX_MEMBERS) {
        printf("FAIL %s: the table has %zu pointers, the test %zu members\n", stage->name,
               stage->table_size / sizeof(ck_fn *), stage->count);
        return false;
    }
    for (size_t i = 0; i < stage->count; i++) {
        if (!wanted(o, stage, &stage->members[i]))
            continue;
        (*seen)++;
        good = do_member(run, o, stage, i) && good;
        fflush(stdout);
    }
    return good;
}

int main(int argc, char **argv)
{
    options o = {false, false, NULL};
    ck_run *run = &run_state;
    struct timespec now;
    int seen = 0;
    bool good = true;

    clock_gettime(CLOCK_REALTIME, &now);
    run->seed = (uint64_t)now.tv_nsec ^ ((uint64_t)now.tv_sec << 20);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            o.list = true;
        } else if (strcmp(argv[i], "--bench") == 0) {
            o.bench = true;
        } else if (strcmp(argv[i], "--full") == 0) {
            run->full = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            run->seed = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            o.only = argv[++i];
        } else {
            fprintf(stderr, "usage: checkkernel [--list | --bench] [--full] [--seed N] "
                            "[--only STAGE[.MEMBER]]\n");
            return 3;
        }
    }
    if (o.bench)
        printf("ticks per element at n = 1000 and 262144, gain over c\n");
    else if (!o.list)
        printf("seed %llu\n", (unsigned long long)run->seed);
#if !defined(__SANITIZE_ADDRESS__)
    signal(SIGSEGV, on_crash);
    signal(SIGBUS, on_crash);
    signal(SIGILL, on_crash);
#else
    (void)on_crash;
#endif
    for (ck_stage *stage = stages; stage; stage = stage->next)
        good = do_stage(run, &o, stage, &seen) && good;
    if (seen == 0) {
        printf("FAIL nothing of that name\n");
        good = false;
    }
    return good ? 0 : 1;
}
