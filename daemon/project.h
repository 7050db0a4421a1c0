#pragma once

/*
 * The project file: dpucc.json in the root of a workspace
 *
 * It adds names, targets, outputs and limits to what pairing finds by itself. It comes with the
 * models, often from somebody else, so it is data and never code: it cannot define a toolchain,
 * only name one of the user's; its paths stay beneath the workspace and its names are plain
 * path components, unless the user trusts the root. (Symbolic links are looked at when files
 * are opened: file_open_beneath().)
 *
 * A Project is parsed from text without touching the file system, is complete and checked or
 * does not exist, and never changes. All strings are owned by it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/slice.h"
#include "base/strings.h"

typedef struct Config Config;

#define PROJECT_FILE        "dpucc.json"
#define PROJECT_FILE_MAX    (1024 * 1024) /* bytes */
#define PROJECT_MODELS_MAX  1024
#define PROJECT_TARGETS_MAX 256
#define PROJECT_IGNORE_MAX  256
#define PROJECT_CPU_OPS_MAX 256

typedef struct ProjectTarget {
        char *name;      /* plain path component without '@', '{' and '}' */
        char *arch_path; /* relative to the root; anything in a trusted root */
} ProjectTarget;

#define PROJECT_TOOLCHAINS_MAX 16 /* of one model */

typedef struct ProjectModel {
        char *xmodel;       /* like arch_path, or a pattern (glob.h) of such paths */
        bool is_pattern;    /* it may mean any number of files */
        char *net_name;     /* NULL: filename_net() of the file */
        char *output_dir;   /* as written, with its fields; NULL: nowhere but the cache */
        Strings toolchains; /* names; empty: the user's default */
        Strings targets;    /* names; empty: every target of the project, or what pairing finds */

        int64_t max_dpu_subgraphs; /* -1: no limit */
        bool limits_cpu_ops;
        Strings cpu_ops; /* op types that may stay off the DPU, if limits_cpu_ops */
} ProjectModel;

typedef struct Project {
        ProjectTarget *targets; /* sorted by name */
        size_t n_targets;
        size_t targets_capacity;
        ProjectModel *models; /* in the order of the file */
        size_t n_models;
        size_t models_capacity;
        Strings ignore; /* glob.h */
} Project;

/* -EBADMSG or -EINVAL with @problem: line and column, or JSON path, value and remedy. @config
 * tells which toolchains exist; it is not kept. */
int project_parse(Project **ret, Slice text, bool trusted, const Config *config, Problem *problem);
Project *project_free(Project *project);

const ProjectTarget *project_find_target(const Project *project, const char *name); /* or NULL */

/* Is @model about the file @path (relative to the root, normalised)? */
bool project_model_matches(const ProjectModel *model, const char *path);

/* What "{net}", "{target}" and "{toolchain}" stand for. */
typedef struct ProjectFields {
        const char *net, *target, *toolchain;
} ProjectFields;

/* The directory with its fields filled in: a new string in *ret, NULL if the model has no
 * output_dir. -ENOMEM. */
int project_output_dir(const ProjectModel *model, const ProjectFields *fields, char **ret);

/* @path is relative to the root; parents are asked about before their children. */
bool project_ignores(const Project *project, const char *path, bool is_directory);

static inline void project_freep(Project **project) {
        (void) project_free(*project);
}
