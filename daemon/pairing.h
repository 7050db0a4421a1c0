#pragma once

/*
 * Pairing: which targets a source is for
 *
 * Zero configuration: the arch files in the source's own directory, else in the nearest
 * directory above it, up to the root. A project file (project.h) overrides this for the models
 * that it lists, and its targets are used where no arch file is found.
 *
 * Pure: works on what is known. Whether that is what inotify said or what was just read from
 * the file system (pairing_refresh()) is the caller's choice; the rules are the same.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/strings.h"
#include "daemon/arch.h"
#include "daemon/project.h"

#define PAIRS_MAX 256 /* targets of one source */

/* one target of a source, and what is to be done for it. Owns its strings. */
typedef struct Pair {
        char *net_name;
        char *target_name; /* for people and paths */
        char *arch_path;   /* NULL: named without a file */
        StatId arch_id;
        Target target;
        char *output_dir;          /* NULL: only the cache */
        char *toolchain;           /* NULL: as configured */
        int64_t max_dpu_subgraphs; /* -1: no limit */
        bool limits_cpu_ops;
        Strings cpu_ops;
        char *problem; /* nothing can be built: why. NULL: all is well */
        char *warning; /* a bad file, whose last good content stays in force; or NULL */
} Pair;

void pair_deinit(Pair *pair);
int pair_copy(Pair *ret, const Pair *pair);    /* -ENOMEM: *ret is empty */
bool pair_equal(const Pair *a, const Pair *b); /* a build for one is one for the other */

typedef struct Pairs {
        Pair *items;
        size_t n, capacity;
        Problem problem; /* n is 0: why, and the remedy */
} Pairs;

void pairs_deinit(Pairs *pairs);

static inline void pairs_cleanup(Pairs *pairs) {
        pairs_deinit(pairs);
}

typedef struct PairingSpec {
        const char *root; /* NULL: the source is in no workspace */
        bool trusted;
        const char *source_path; /* absolute */
        const Project *project;  /* NULL: none */
        const ArchFiles *arch_files;
} PairingSpec;

/* 0 or -ENOMEM. No target is an empty list. */
int pairing_find(const PairingSpec *spec, Pairs *ret);

/* Reads again, from the file system, every arch file that pairing_find() may look at. -errno with
 * @problem: nobody knows what one of them says. */
int pairing_refresh(const PairingSpec *spec, ArchFiles *arch_files, Problem *problem);

/* The path of an arch file that a project names. New string, NULL when out of memory. */
char *pairing_project_arch(const char *root, const ProjectTarget *target);
