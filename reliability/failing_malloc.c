/*
 * Allocations that fail on demand, by LD_PRELOAD: those that radkit's own libraries ask for.
 * Counted from 1; the n-th fails, or all from the n-th on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Atomic long at, count, fired;
static _Atomic int persistent, armed;
static _Thread_local int inside; /* dladdr may allocate */
static const char word[] = "/radkit/_native/"; /* NumPy does not survive all of its own */

static int is_concerned(const void *caller)
{
    Dl_info info;
    int found = 0;
    inside = 1;
    if (dladdr(caller, &info) && info.dli_fname)
        found = strstr(info.dli_fname, word) != NULL;
    inside = 0;
    return found;
}

static int fails(const void *caller)
{
    if (!armed || inside || !is_concerned(caller))
        return 0;
    long n = ++count;
    if (at == 0 || !(n == at || (persistent && n > at)))
        return 0;
    fired++;
    errno = ENOMEM;
    return 1;
}

/* From here on the n-th allocation fails; 0: all are only counted. */
void rk_fail_from(long n, int all_later)
{
    at = n;
    persistent = all_later;
    count = fired = 0;
    armed = 1;
}

/* Stops that; returns how many failed. */
long rk_fail_no_more(void)
{
    armed = 0;
    return fired;
}

long rk_fail_count(void)
{
    return count;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (fails(__builtin_return_address(0)))
        return ENOMEM;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}
