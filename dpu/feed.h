#pragma once

/*
 * Feeds: what goes into the inputs of a model
 *
 * A pattern for all of them, or files. A file belongs to the input of its name (with or without
 * what compilers add to it), or, without a name, to the only input there is.
 *
 * Files are .npy or raw. int8 elements go into a fixed-point input as they are; any other type is
 * real numbers, which are brought to the input's grid as the runtime does it (half up, saturating).
 * A raw file has one int8 or one float32 for each element.
 */

#include "base/bytes.h"
#include "base/problem.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/pattern.h"
#include "xmodel/graph.h"

#define FEED_FILES_MAX 32
#define FEED_FILE_MAX  ((size_t) 1 << 30) /* bytes */

typedef struct FeedFile {
        const char *name; /* borrowed; NULL: of the only input */
        size_t name_size;
        const char *path; /* borrowed, for messages */
        Bytes content;
        bool used;
} FeedFile;

typedef struct Feed {
        Pattern pattern; /* of inputs without a file */
        uint64_t seed;
        FeedFile files[FEED_FILES_MAX];
        size_t n_files;
} Feed;

/* @argument is "NAME=FILE" or "FILE". -EINVAL, -E2BIG or the error of reading, with @problem. */
int feed_add(Feed *feed, const char *argument, Problem *problem);
void feed_deinit(Feed *feed);

/* Sets every input of @graph. With files there, inputs without one, and files without an input, are
 * refused: -EINVAL with @problem. */
int feed_inputs(Feed *feed, Evaluator *evaluator, const Graph *graph, Problem *problem);
