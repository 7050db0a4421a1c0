#pragma once

/*
 * Defects: what a check of the cache has to tell
 *
 * Three sorts. *Problems* are what is not as it should be. *Leftovers* are of no use and in
 * nobody's way. *Notes* are worth knowing. All are counted, and as many as one may want to read are
 * described. Belongs to one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEFECTS_MAX 1000

typedef enum DefectKind {
        /* problems */
        DEFECT_RECORD_DAMAGED,    /* does not read: quarantined */
        DEFECT_RECORD_INCOMPLETE, /* names an object that is not there or not good: quarantined */
        DEFECT_OBJECT_DAMAGED,    /* is not what it is called: quarantined */
        DEFECT_OBJECT_MISMATCH,   /* XXH3 as it is called, SHA-256 or size another: quarantined */
        DEFECT_VIEW_BROKEN,       /* a link leads nowhere: the view is removed */
        DEFECT_PERMISSIONS,       /* others can write or read: set right, unless not ours */
        /* leftovers */
        DEFECT_OBJECT_UNUSED, /* no record names it: removed */
        DEFECT_VIEW_UNUSED,   /* of no record, and its lease is over: removed */
        DEFECT_TEMPORARY,     /* of a writer that was killed: removed */
        DEFECT_INDEX,         /* did not agree with the records: it does now */
        /* notes */
        DEFECT_RECORD_NEWER, /* of a later version */
        DEFECT_FOREIGN,      /* not ours: left alone */
        _DEFECT_KIND_MAX,
} DefectKind;

typedef enum DefectSort {
        DEFECT_PROBLEM,
        DEFECT_LEFTOVER,
        DEFECT_NOTE,
} DefectSort;

typedef struct Defect {
        DefectKind kind;
        bool mended;
        char path[160]; /* below the cache directory */
        char detail[160];
} Defect;

typedef struct Defects {
        uint64_t counts[_DEFECT_KIND_MAX];
        uint64_t n_problems, n_leftovers, n_notes;
        uint64_t n_unmended; /* problems */
        Defect *items;       /* owned; the first DEFECTS_MAX */
        size_t n, capacity;
} Defects;

DefectSort defect_sort(DefectKind kind);
const char *defect_text(DefectKind kind); /* "object-damaged" ... */

/* The next one; @path is below the cache directory. */
void defects_add(Defects *defects, DefectKind kind, bool mended, const char *path,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
void defects_deinit(Defects *defects);
