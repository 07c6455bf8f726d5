/*
 * tests/kernels/checkkernel.h: compares every variant of every kernel with its C reference.
 *
 * One file per stage, check_<stage>.c, describes the stage's table as a list of members and
 * registers it with CK_STAGE; the frame does the rest: sizes, alignments, patterns, fences,
 * guard bytes, seeds, reports. A new stage needs no change here: kernelbuild.py compiles all
 * check*.c together with all of _native/kernels/.
 */
#ifndef CHECKKERNEL_H
#define CHECKKERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void ck_fn(void); /* any kernel; the member casts it to its own type */
typedef struct ck_run ck_run;

/*
 * One pointer of a stage's table.
 *
 * `check` is called once per case: it takes inputs and outputs from the run, calls the
 * reference and the variant with the same parameters (on outputs of their own) and compares
 * with ck_equal. It is also called with the reference as variant, so that bounds and, if the
 * member has an oracle of its own, values of the reference are tested as well.
 * `bench` sets up buffers of n elements and runs CK_TIME. A member without variants may leave
 * it NULL. `check` may not be NULL.
 */
typedef struct ck_member {
    const char *name;
    void (*check)(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n);
    void (*bench)(ck_run *run, ck_fn *fn, size_t n);
} ck_member;

/* A stage: its table holds nothing but function pointers, in the order of `members`. */
typedef struct ck_stage {
    const char *name;
    void (*fill)(void *table, uint32_t cpu);
    size_t table_size;
    const ck_member *members;
    size_t count;
    struct ck_stage *next; /* for the frame */
} ck_stage;

void ck_register(ck_stage *stage);

#define CK_STAGE(stage_name, table_type, fill_fn, member_list)                           \
    static void ck_fill_##stage_name(void *table, uint32_t cpu)                          \
    {                                                                                    \
        fill_fn((table_type *)table, cpu);                                               \
    }                                                                                    \
    static ck_stage ck_stage_##stage_name = {                                            \
        #stage_name, ck_fill_##stage_name, sizeof(table_type), member_list,              \
        sizeof(member_list) / sizeof((member_list)[0]), NULL};                           \
    __attribute__((constructor)) static void ck_register_##stage_name(void)              \
    {                                                                                    \
        ck_register(&ck_stage_##stage_name);                                             \
    }

/* Random numbers of the case; `below` may be 0 (then 0). */
uint64_t ck_random(ck_run *run);
uint64_t ck_below(ck_run *run, uint64_t below);

/*
 * Buffers of the case, at most 16, valid until `check` returns, placed as the case says: at
 * one of 32 alignments between guard bytes, or so that the last byte is the last before an
 * unmapped page, or so that the first is the first after one.
 * An input is filled with the pattern of the case and must not change. An output starts with
 * the same random bytes for every call of the case (`ck_out`) or as a copy of `from`
 * (`ck_copy`, for work in place). Guards and inputs are verified after `check`.
 */
const void *ck_in(ck_run *run, size_t bytes);
const void *ck_in_from(ck_run *run, const void *from, size_t bytes);
void *ck_out(ck_run *run, size_t bytes);
void *ck_copy(ck_run *run, const void *from, size_t bytes);

/* Records a failure with the first difference, and what `format` says of the parameters. */
void ck_equal(ck_run *run, const void *expected, const void *got, size_t bytes,
              const char *format, ...) __attribute__((format(printf, 5, 6)));
void ck_true(ck_run *run, bool holds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Timing: the best of many rounds, printed per element. */
uint64_t ck_ticks(void);
void ck_time_begin(ck_run *run, size_t n);
bool ck_time_next(ck_run *run);

#define CK_TIME(run, n, call)                                                            \
    do {                                                                                 \
        ck_time_begin(run, n);                                                           \
        while (ck_time_next(run)) {                                                      \
            call;                                                                        \
        }                                                                                \
    } while (0)

#endif /* CHECKKERNEL_H */
