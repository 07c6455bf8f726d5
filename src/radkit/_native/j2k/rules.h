/* j2k/rules.h: what can be wrong with a codestream. */
#ifndef RK_J2K_RULES_H
#define RK_J2K_RULES_H

#include "radkit/status.h"

/* Index into the table of paragraphs of the binding (_j2k.pyx). */
enum rk_j2k_rule {
    RK_J2K_OK,
    RK_J2K_NO_SOC,
    RK_J2K_NO_SIZ,           /* SIZ does not follow SOC */
    RK_J2K_HEADER_ENDS,      /* the data end within the main header */
    RK_J2K_NO_MARKER,        /* no marker where one must be */
    RK_J2K_MAIN_MARKER,      /* a marker that may not stand in the main header */
    RK_J2K_LENGTH,           /* of a marker segment */
    RK_J2K_TWICE,            /* a segment that may stand once */
    RK_J2K_COMPONENTS,       /* Csiz */
    RK_J2K_AREA,             /* image area empty */
    RK_J2K_TILE_GRID,
    RK_J2K_TILES,            /* more than 65535 */
    RK_J2K_DEPTH,
    RK_J2K_SUBSAMPLING,
    RK_J2K_COD,              /* order, layers or component transform */
    RK_J2K_LEVELS,
    RK_J2K_BLOCK_SIZE,
    RK_J2K_WAVELET,          /* one of Part 2 */
    RK_J2K_EXTENSIONS,       /* of Part 2 are needed */
    RK_J2K_PRECINCT,
    RK_J2K_COMPONENT,        /* index of COC, QCC, RGN beyond Csiz */
    RK_J2K_QUANT_STYLE,
    RK_J2K_QUANT_STEPS,      /* too few or too many of them */
    RK_J2K_QUANT_KIND,       /* does not go with the wavelet */
    RK_J2K_ROI,
    RK_J2K_POC,
    RK_J2K_POC_COUNT,
    RK_J2K_PACKED,           /* PPM or PPT */
    RK_J2K_TLM,
    RK_J2K_CRG,
    RK_J2K_NO_COD,           /* COD or QCD missing */
    RK_J2K_MCT,
    RK_J2K_NO_SOT,
    RK_J2K_SOT,              /* length */
    RK_J2K_SOT_TILE,
    RK_J2K_SOT_ORDER,
    RK_J2K_PSOT,
    RK_J2K_TILE_MARKER,      /* a marker that may not stand in the header of a tile-part */
    RK_J2K_TILE_HEADER_ENDS,
    RK_J2K_STYLE,            /* code-block style of no known kind */
    RK_J2K_PLANES,           /* more bit-planes than can be */
    RK_J2K_PACKET_ENDS,      /* packets run out */
    RK_J2K_PACKET_HEADER,    /* ends within */
    RK_J2K_PACKET_BODY,      /* ends within */
    RK_J2K_ZERO_PLANES,      /* more than the band has */
    RK_J2K_PASSES,
    RK_J2K_LBLOCK,
    RK_J2K_HT_LENGTH,
    RK_J2K_BLOCK,            /* the bytes of a code-block contradict themselves */
    RK_J2K_MAX_PIXELS,       /* limits */
    RK_J2K_MAX_TILES,
    RK_J2K_MAX_BLOCKS,
    RK_J2K_MAX_PACKETS,
    RK_J2K_MAX_WORK,
    RK_J2K_MAX_MEMORY,
    RK_J2K_ENOUGH, /* an encoder was told to stop here */
    RK_J2K_MAX_SECONDS,
    RK_J2K_MEMORY,
    RK_J2K_IMPOSSIBLE
};

static inline rk_status rk_j2k_fail(rk_code code, enum rk_j2k_rule rule, uint64_t offset)
{
    return (rk_status){.code = code, .rule = (uint16_t)rule, .frame = 0, .offset = offset};
}

static inline rk_status rk_j2k_fine(void)
{
    return rk_j2k_fail(RK_OK, RK_J2K_OK, 0);
}

/* Leaves the function with the status of a call if it is a fault. */
#define RK_TRY(call) \
    do { \
        rk_status status_ = (call); \
        if (status_.code != RK_OK) \
            return status_; \
    } while (0)

#endif /* RK_J2K_RULES_H */
