/* radkit/status.h: what native code reports, and arithmetic that cannot wrap. */
#ifndef RK_STATUS_H
#define RK_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum rk_code {
    RK_OK,
    RK_TRUNCATED,
    RK_CORRUPT,
    RK_UNSUPPORTED,
    RK_LIMIT,
    RK_NO_MEMORY,
    RK_INTERNAL
} rk_code;

/* `rule` is an index into the table of paragraphs of the room that reports. */
typedef struct rk_status {
    rk_code code;
    uint16_t rule;
    uint32_t frame;
    uint64_t offset; /* byte where it was noticed */
} rk_status;

/* Bytes that a caller provides behind the input of an entropy decoder (zeroed). */
#define RK_PAD 32

#define RK_MUST_CHECK __attribute__((warn_unused_result))

/* True and *r = a * b, or false and *r untouched. */
static inline bool rk_mul_size(size_t *r, size_t a, size_t b)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *r = a * b;
    return true;
}

/* True and *r = a + b, or false and *r untouched. */
static inline bool rk_add_size(size_t *r, size_t a, size_t b)
{
    if (a > SIZE_MAX - b)
        return false;
    *r = a + b;
    return true;
}

#endif /* RK_STATUS_H */
