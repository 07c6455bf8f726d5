/*
 * kernels/words.h: words at any address.
 *
 * Pixel data lie where the file put them, so a 16 bit cell may have an odd address. Behind
 * these types a plain C access is defined for every address and effective type, costs nothing
 * on the machines in question, and is still vectorised by compilers.
 */
#ifndef RK_KERNELS_WORDS_H
#define RK_KERNELS_WORDS_H

#include <stdint.h>

#define RK_ANYWHERE __attribute__((aligned(1), may_alias))

typedef uint8_t rk_u8;
typedef int8_t rk_i8;
typedef uint16_t RK_ANYWHERE rk_u16;
typedef int16_t RK_ANYWHERE rk_i16;
typedef uint32_t RK_ANYWHERE rk_u32;
typedef int32_t RK_ANYWHERE rk_i32;
typedef uint64_t RK_ANYWHERE rk_u64;
typedef float RK_ANYWHERE rk_f32;
typedef double RK_ANYWHERE rk_f64;

#endif /* RK_KERNELS_WORDS_H */
