/* mpr/columns.h: along one axis: which voxels and weights make the value of each column or row. */
#ifndef RK_MPR_COLUMNS_H
#define RK_MPR_COLUMNS_H

#include "kernels/mpr_row.h"
#include "mpr/mpr.h"
#include "mpr/taps.h"

/*
 * Where a coordinate of one axis lies, as rk_mpr_place_of has it: false outside; *at is snapped and
 * clamped to the outermost centres.
 */
static inline bool rk_mpr_spot_of(double p, size_t side, double *at)
{
    double last = (double)(side - 1);
    if (!(p >= -0.5 - RK_MPR_SNAP && p < last + 0.5 - RK_MPR_SNAP))
        return false;
    double near = (double)(ptrdiff_t)(p + 0.5 + RK_MPR_SNAP); /* not negative, so this is floor */
    double apart = p > near ? p - near : near - p;
    p = apart < RK_MPR_SNAP ? near : p;
    *at = p < 0 ? 0 : p > last ? last : p;
    return true;
}

/* The same of a slice coordinate of the even grid. */
static inline bool rk_mpr_slice_spot_of(const rk_mpr_volume *v, double p, double *at)
{
    const double point[3] = {p, 0, 0};
    rk_mpr_place place;
    if (!v->position)
        return rk_mpr_spot_of(p, v->side[0], at);
    bool inside = rk_mpr_place_of(v, point, &place);
    *at = place.at[0];
    return inside;
}

/* Memory out of one block: with `base` NULL it only counts. */
typedef struct rk_mpr_layout {
    uint8_t *base;
    size_t used;
} rk_mpr_layout;

/* RK_MPR_ALIGN-aligned; NULL while counting. */
void *rk_mpr_take(rk_mpr_layout *layout, size_t bytes);

/* The voxels of one axis that a point takes, ascending, and their weights. */
typedef struct rk_mpr_knots {
    int count;
    size_t index[RK_MPR_TAPS];
    double weight[RK_MPR_TAPS];
} rk_mpr_knots;

/*
 * 0 <= at <= side - 1, snapped (rk_mpr_place). Not for RK_MPR_NEAREST. Voxels of no weight are left
 * out, but with `idle` those of more than two: whether one of them is padding counts.
 */
void rk_mpr_knots_of(rk_mpr_knots *knots, rk_mpr_kernel kernel, double at, size_t side, bool idle);

/* A fraction, 0 <= fraction < 1, of a scaled row's RK_ROW_ONE. */
int16_t rk_mpr_share(double fraction);

/* Of two voxels: how far it is to the second. */
int16_t rk_mpr_share_of(const rk_mpr_knots *knots);

/* Elements in front of the first voxel of a row in a buffer; they repeat it. */
enum { RK_MPR_MARGIN = 16 };

/*
 * The outputs of a row along the column axis of the volume. Buffers of rows hold voxels low ...
 * low + count - 1 behind RK_MPR_MARGIN elements, and repeat the last one up to `pitch` elements.
 */
typedef struct rk_mpr_columns {
    size_t first, end;        /* outputs inside of the volume */
    size_t low, count, pitch; /* voxels that any output of the grid takes */
    bool shifted;             /* all outputs have the weights of the first, and indices rise by 1 */
    rk_row_warp warp;         /* of outputs first ... end - 1, into a buffer */
    size_t room;              /* of rows of outputs: their number rounded up */
} rk_mpr_columns;

/*
 * For `outputs` columns of the job's grid from column `from` on; false if none of them is inside,
 * or if the memory only counts.
 */
bool rk_mpr_columns_plan(rk_mpr_columns *columns, const rk_mpr_job *job, size_t from,
                         size_t outputs, rk_mpr_layout *layout);

/* Whether scaled rows need not be moved: outputs lie on them side by side, from index[0] on. */
static inline bool rk_mpr_columns_still(const rk_mpr_columns *columns)
{
    return columns->shifted && columns->warp.share[0] == 0;
}

/* A scaled row, linear, at the outputs: `room` values in `buffer`, or in the row where they are. */
const int16_t *rk_mpr_columns_move(const rk_mpr_columns *columns, const rk_row_table *row,
                                   const int16_t *line, int16_t *buffer);

/* Whether a direction is along an axis, up to a ten-millionth of a voxel over `steps` steps. */
bool rk_mpr_along(const double direction[3], int axis, size_t steps);

#endif /* RK_MPR_COLUMNS_H */
