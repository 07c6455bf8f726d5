/* radkit/dicom/slots.c: see slots.h. */
#define _POSIX_C_SOURCE 200809L
#include "dicom/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 15) /* bytes read at once: what stays in the first-level cache */

static rk_pack_finish_fn *finisher(size_t itemsize, rk_cell cell, uint32_t cpu)
{
    rk_pack_table table;
    if (cell.shift == 0 && cell.bits == 8 * itemsize)
        return NULL; /* all bits are stored ones */
    rk_pack_table_fill(&table, cpu);
    switch (itemsize) {
    case 1: return table.finish8;
    case 2: return table.finish16;
    case 4: return table.finish32;
    default: return table.finish64;
    }
}

/* Reads exactly `size` bytes, or says that they are not there. */
static bool read_piece(int fd, uint8_t *dest, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t n = pread(fd, dest, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        dest += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

static bool fill(const rk_dcm_slot *slot, size_t size, size_t itemsize, rk_cell cell,
                 rk_pack_finish_fn *finish)
{
    /* Never wait for a pipe, nor hand the file to a child process. */
    int fd = open(slot->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = true;
    for (size_t pos = 0; done && pos < size; pos += PIECE) {
        size_t n = size - pos < PIECE ? size - pos : PIECE;
        uint8_t *dest = slot->dest + pos;
        done = read_piece(fd, dest, n, slot->offset + pos);
        if (done && finish != NULL)
            finish(dest, dest, n / itemsize, cell);
    }
    close(fd);
    return done;
}

size_t rk_dcm_fill_slots(const rk_dcm_slot *slots, size_t n, size_t size, size_t itemsize,
                         rk_cell cell, uint32_t cpu)
{
    rk_pack_finish_fn *finish = finisher(itemsize, cell, cpu);
    for (size_t i = 0; i < n; i++)
        if (!fill(&slots[i], size, itemsize, cell, finish))
            return i;
    return n;
}
