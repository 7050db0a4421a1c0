#pragma once

/*
 * Subjects: what somebody means who asks about something in the cache
 *
 * X is looked for among the units first, then among the keys, then among the names of what is in
 * the cache, then among the files that were delivered and the sources that records name. The index
 * and the records are asked on a pool thread; if the index is not complete, it is completed first,
 * so that the answer is right.
 *
 * subject_find() fails at once and never calls back, or calls @done exactly once, later, from the
 * loop.
 */

#include <stdbool.h>

#include "base/problem.h"
#include "cache/record.h"
#include "daemon/view.h"
#include "proto/dpucc.pb-c.h"

#define SUBJECT_CANDIDATES_MAX 256 /* newest artifacts of one name that are looked at */

typedef struct Engine Engine;
typedef struct Target Target;

typedef struct Subject {
        bool has_unit;
        UnitView unit;  /* borrowed from the engine, until the loop goes on */
        Record *record; /* owned; NULL: nothing is stored under its key */
} Subject;

void subject_deinit(Subject *subject);

/* @r: 0, or an error with @problem. What of @subject is to be kept is to be taken out. */
typedef void (*SubjectFn)(int r, Subject *subject, const Problem *problem, void *userdata);

int subject_find(Engine *engine, const Dpucc__Wire__Selector *selector, SubjectFn done,
                 void *userdata, Problem *problem);

/* A new string: the target by the name that its arch file gives it, else by the short one of what
 * is in the key. */
char *subject_target(const Record *record);
