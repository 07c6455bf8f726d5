#include "t1.h"
void rk_t1_decode_avx2(rk_t1_block *blocks, size_t n, void *work) { rk_t1_decode_c(blocks, n, work); }
