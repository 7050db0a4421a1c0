#pragma once

/*
 * Examinations: is this compiled file what it should be?
 *
 * Everything is read from the compiled graph. Questions that the caller does not ask are not
 * judged, but what a file needs to run at all always is: the attributes that the vendor's
 * runtime looks up (Xilinx/Vitis-AI src/vai_runtime/vart, release 3.5).
 *
 * A finding is a problem (the file is not right) or a note. An Examination owns its texts and
 * borrows nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "xmodel/graph.h"
#include "xmodel/target.h"

#define EXAMINE_FINDINGS_MAX 64 /* of each kind; a last one says how many more there are */

/* how a recorded md5 matches a source */
typedef enum SourceMatch {
        SOURCE_NOT_ASKED,
        SOURCE_NOT_RECORDED, /* the compiled file names no source */
        SOURCE_DIFFERS,
        SOURCE_SAME_BYTES,
        SOURCE_SAME_MAP_SORTED, /* the same model, other bytes */
        SOURCE_SAME_CANONICAL,
} SourceMatch;

const char *source_match_name(SourceMatch match); /* "bytes"...; NULL for the first */

typedef enum BoardMatch {
        BOARD_NOT_ASKED,
        BOARD_NO_DPU_CODE, /* nothing in the file needs a DPU */
        BOARD_EQUAL,
        BOARD_ARGMAX_DIFFERS, /* the same DPU as another compiler generation sees it */
        BOARD_OTHER,
} BoardMatch;

const char *board_match_name(BoardMatch match); /* "equal"...; NULL for the first */

/* The md5s under which compilers may have recorded a source. */
typedef struct ExamineSource {
        Md5 bytes;
        bool has_forms; /* it is a graph, so it has the forms below */
        Md5 map_sorted;
        Md5 canonical;
        Graph *graph; /* NULL if it is no quantized graph */
} ExamineSource;

typedef struct ExamineSpec {
        Graph *graph;                /* its consumers are counted anew */
        const Target *target;        /* the board; NULL: not asked */
        const ExamineSource *source; /* NULL: not asked */
        bool require_dpu;            /* a file without DPU code is not right */
} ExamineSpec;

typedef struct ExamineFindings {
        char **items; /* owned, owned strings */
        size_t n, capacity;
        size_t n_more; /* beyond EXAMINE_FINDINGS_MAX */
} ExamineFindings;

typedef struct Examination {
        ExamineFindings problems;
        ExamineFindings notes;
        SourceMatch source;
        BoardMatch board;
        size_t n_dpu, n_cpu, n_user; /* subgraphs below the root */
        bool has_fingerprint;        /* all DPU subgraphs agree on it */
        uint64_t fingerprint;
} Examination;

int examine_run(const ExamineSpec *spec, Examination *ret); /* -ENOMEM */
void examination_deinit(Examination *examination);

static inline bool examination_is_right(const Examination *examination) {
        return examination->problems.n == 0;
}

int examine_findings_add(ExamineFindings *findings, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
void examine_findings_deinit(ExamineFindings *findings);
