#include "ht.h"
void rk_ht_decode_avx2(rk_ht_block *blocks, size_t n, void *work) { rk_ht_decode_c(blocks, n, work); }
