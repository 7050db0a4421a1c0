#pragma once

/*
 * Pass 2, partition: which device runs what
 *
 * In:  the lowered graph.
 * Out: parts in the order in which they run. Each becomes one subgraph below the root.
 *
 * Invariants: every op is in exactly one part, no part is empty, and an op's inputs are in its
 * own part or in an earlier one, so the parts form no cycle. The ops of a part are in graph
 * order. Parts of the USER device come first, one for each input of the model. Every layer that
 * is not on the DPU has a reason, and constants are with the first part that reads them.
 *
 * A Partition borrows ops, names and reasons; the graph must outlive it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "xmodel/graph.h"

typedef enum Device {
        DEVICE_USER, /* the application hands it in */
        DEVICE_CPU,
        DEVICE_DPU,
} Device;

const char *device_name(Device device); /* "USER", "CPU", "DPU": the attribute's value */

/* an op that holds data of the model, or takes data of the application; it reads nothing */
bool partition_is_constant(const Op *op);
bool partition_is_input(const Op *op);

typedef struct Part {
        Device device;
        const char *smallest; /* smallest op name: the subgraph is named after it */
        const Op **ops;       /* into Partition.ops */
        size_t n_ops;
} Part;

/* of one op, by Op.index */
typedef struct Placement {
        Device device;
        size_t part;
        const char *reason; /* why not on the DPU; NULL for inputs, constants, DPU ops */
} Placement;

typedef struct Partition {
        Part *parts;
        size_t n_parts;
        Placement *placements;
        const Op **ops; /* all of the graph, part by part */
        size_t n_ops;
} Partition;

/* Chooses a device for every op, then partition_regions(). -ENOMEM. */
int partition_run(const Graph *lowered, Partition **ret);

/* Makes parts for the given devices (one for each op by index; those of constants that are read
 * do not count): connected regions of one device, split where a single part would need an input
 * that depends on the part itself, and as few as moving regions back can make. -ENOMEM. */
int partition_regions(const Graph *lowered, const Device *devices, Partition **ret);

/* how many parts are of this device */
size_t partition_count(const Partition *partition, Device device);

Partition *partition_free(Partition *partition);

static inline void partition_freep(Partition **partition) {
        (void) partition_free(*partition);
}

/* One line for each part, one for each of its ops, with the reason. -ENOMEM, -EFBIG. */
int partition_dump(const Partition *partition, Bytes *ret);
