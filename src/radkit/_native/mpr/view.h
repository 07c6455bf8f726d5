/*
 * mpr/view.h: a job as the fast kernels see it: the axis with neighbouring voxels comes last, sizes
 * and steps fit 32 bits. Slices, rows and columns may trade places, for interpolation treats them alike.
 */
#ifndef RK_MPR_VIEW_H
#define RK_MPR_VIEW_H

#include "mpr/element.h"

typedef struct rk_mpr_view {
    const void *data;
    rk_mpr_type type;
    int axis[3];       /* of the volume, in the order z, y, x of the view */
    int32_t side[3];   /* x: at least 2 */
    int32_t stride[3]; /* elements; x: 1; 0 where the side is 1 */
    bool has_padding;  /* and `padding` is a value of the type */
    double padding;
} rk_mpr_view;

/* False if the volume is not of that kind: colour, uneven, no two voxels side by side, too large. */
bool rk_mpr_view_of(rk_mpr_view *view, const rk_mpr_volume *volume);

/* Row `row` of the k-th plane of a slab, in the order of axes of the view. */
static inline rk_mpr_line rk_mpr_view_line(const rk_mpr_view *view, const rk_mpr_grid *grid,
                                           size_t row, size_t k)
{
    rk_mpr_line line = rk_mpr_line_of(grid, row, k), turned;
    for (int i = 0; i < 3; i++) {
        turned.start[i] = line.start[view->axis[i]];
        turned.step[i] = line.step[view->axis[i]];
    }
    return turned;
}

/* True if no coordinate of the grid can leave 32 bits where it is inside or near. */
bool rk_mpr_view_holds(const rk_mpr_grid *grid);

/* Columns from `first` to `end` - 1; none if first == end. */
typedef struct rk_mpr_span {
    size_t first, end;
} rk_mpr_span;

/*
 * The columns 0 ... cols - 1 of a line for which low <= start + column * step < high on each axis,
 * computed just so, in double. They are neighbours, since the coordinates are monotone.
 */
rk_mpr_span rk_mpr_span_of(const rk_mpr_line *line, const double low[3], const double high[3],
                           size_t cols);

/* Those inside of the volume, as rk_mpr_place_of has it. */
rk_mpr_span rk_mpr_span_inside(const rk_mpr_view *view, const rk_mpr_line *line, size_t cols);

/*
 * The columns with before <= coordinate < side - behind on each axis that has more than one voxel
 * (and inside on the others), less those so near to a border that rounding might bridge it.
 */
rk_mpr_span rk_mpr_span_within(const rk_mpr_view *view, const rk_mpr_line *line, size_t cols,
                               double before, double behind);

#endif /* RK_MPR_VIEW_H */
