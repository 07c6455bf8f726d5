/* mpr/view.c: what the fast kernels can do, and which columns of a row lie inside. */
#include "mpr/view.h"

static const double LARGEST_STEP = 1 << 10;

bool rk_mpr_view_of(rk_mpr_view *view, const rk_mpr_volume *volume)
{
    const double low[] = {0, INT8_MIN, 0, INT16_MIN}, high[] = {255, 127, 65535, 32767};
    int x = 2;
    double reach = 0;
    while (x >= 0 && !(volume->stride[x] == 1 && volume->side[x] > 1))
        x--;
    if (x < 0 || volume->samples != 1 || volume->position)
        return false;
    view->data = volume->data;
    view->type = volume->type;
    view->axis[0] = x == 0 ? 1 : 0;
    view->axis[1] = x == 2 ? 1 : 2;
    view->axis[2] = x;
    for (int i = 0; i < 3; i++) {
        size_t side = volume->side[view->axis[i]];
        ptrdiff_t stride = side > 1 ? volume->stride[view->axis[i]] : 0;
        reach += (double)(side - 1) * fabs((double)stride);
        if (side > INT32_MAX / 4 || !(reach < INT32_MAX))
            return false;
        view->side[i] = (int32_t)side;
        view->stride[i] = (int32_t)stride;
    }
    view->padding = volume->padding;
    view->has_padding = volume->has_padding && volume->padding == volume->padding;
    if (volume->type <= RK_MPR_I16)
        view->has_padding = view->has_padding && rint(volume->padding) == volume->padding &&
                            volume->padding >= low[volume->type] &&
                            volume->padding <= high[volume->type];
    else
        view->has_padding = view->has_padding && (double)(float)volume->padding == volume->padding;
    return volume->type <= RK_MPR_I16 || volume->type == RK_MPR_F32;
}

bool rk_mpr_view_holds(const rk_mpr_grid *grid)
{
    size_t rows = grid->lines ? grid->rows : 1;
    for (size_t row = 0; row < rows; row++) {
        rk_mpr_line line = rk_mpr_line_of(grid, row, 0), last = rk_mpr_line_of(grid, row, 1);
        for (int axis = 0; axis < 3; axis++)
            if (!(fabs(line.step[axis]) < LARGEST_STEP &&
                  fabs(last.start[axis] - line.start[axis]) < LARGEST_STEP))
                return false;
    }
    return true;
}

/* Whether column c is at or past `bound`, in the direction of the step. */
static inline bool past(double start, double step, double bound, size_t c)
{
    double at = start + (double)c * step;
    return step > 0 ? at >= bound : at < bound;
}

/* The first column at or past `bound`, or `cols`. The estimate is nearly always right. */
static size_t first_past(double start, double step, double bound, size_t cols)
{
    double guess = ceil((bound - start) / step);
    size_t low = 0, high = cols;
    if (guess >= 0 && guess <= (double)cols) {
        size_t c = (size_t)guess;
        bool here = c == cols || past(start, step, bound, c);
        bool before = c > 0 && past(start, step, bound, c - 1);
        if (here && !before)
            return c;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (past(start, step, bound, middle))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static inline bool holds(double at, double low, double high)
{
    return at >= low && at < high;
}

rk_mpr_span rk_mpr_span_of(const rk_mpr_line *line, const double low[3], const double high[3],
                           size_t cols)
{
    rk_mpr_span span = {0, cols};
    for (int axis = 0; axis < 3 && span.first < span.end; axis++) {
        double start = line->start[axis], step = line->step[axis];
        if (step == 0) {
            if (!holds(start, low[axis], high[axis]))
                span.end = span.first;
            continue;
        }
        if (holds(start, low[axis], high[axis]) &&
            holds(start + (double)(cols - 1) * step, low[axis], high[axis]))
            continue; /* both ends, so all between: coordinates are monotone */
        size_t first = first_past(start, step, step > 0 ? low[axis] : high[axis], cols);
        size_t end = first_past(start, step, step > 0 ? high[axis] : low[axis], cols);
        span.first = first > span.first ? first : span.first;
        span.end = end < span.end ? end : span.end;
    }
    if (span.end < span.first)
        span.end = span.first;
    return span;
}

rk_mpr_span rk_mpr_span_inside(const rk_mpr_view *view, const rk_mpr_line *line, size_t cols)
{
    double low[3], high[3];
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = -0.5 - RK_MPR_SNAP;
        high[axis] = (double)(view->side[axis] - 1) + 0.5 - RK_MPR_SNAP;
    }
    return rk_mpr_span_of(line, low, high, cols);
}

rk_mpr_span rk_mpr_span_within(const rk_mpr_view *view, const rk_mpr_line *line, size_t cols,
                               double before, double behind)
{
    static const double margin = 1e-4;
    double low[3], high[3];
    for (int axis = 0; axis < 3; axis++) {
        bool flat = view->side[axis] == 1; /* any index does, for its stride is 0 */
        low[axis] = (flat ? -0.5 : before) + margin;
        high[axis] = (flat ? 0.5 : (double)view->side[axis] - behind) - margin;
    }
    return rk_mpr_span_of(line, low, high, cols);
}
