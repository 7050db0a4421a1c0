#pragma once

/*
 * The user's configuration: dpuccd.json
 *
 * Built-in values, then the installed default file, then the user's own over it: what a file
 * does not mention stays; toolchains merge by name, lists are replaced. A Config is complete
 * and checked or does not exist, and it never changes: a reload makes a new one, and if that
 * fails the old one stays in force.
 *
 * Errors name the file, the JSON path, the value and the remedy. What later versions will have
 * (containers, launchers) is refused by name, not ignored.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/slice.h"
#include "base/strings.h"

#define CONFIG_FILE_MAX        (256 * 1024) /* bytes */
#define CONFIG_TOOLCHAINS_MAX  32
#define CONFIG_ROOTS_MAX       256
#define CONFIG_ENVIRONMENT_MAX 64
#define CONFIG_AUTO            "auto"  /* the first toolchain that is installed */
#define CONFIG_DPUCC           "dpucc" /* the toolchain that is always there */

typedef enum ToolchainKind {
        TOOLCHAIN_DPUCC,  /* the embedded open compiler */
        TOOLCHAIN_NATIVE, /* vai_c_xir as a program of this machine */
} ToolchainKind;

typedef struct ConfigToolchain {
        char *name;
        ToolchainKind kind;
        char *path;            /* native: absolute; NULL: vai_c_xir on PATH */
        Strings environment;   /* names of further variables to pass on */
        uint64_t time_limit_s; /* of one compile */
        uint64_t memory_limit; /* bytes; 0: none */
} ConfigToolchain;

typedef enum SnapshotMode {
        SNAPSHOT_CANONICAL, /* hash and compile a form that survives a re-export */
        SNAPSHOT_VERBATIM,  /* hash and compile the bytes of the file */
} SnapshotMode;

typedef struct Config {
        char *cache_dir; /* absolute; NULL: path_cache_home() */
        ConfigToolchain *toolchains;
        size_t n_toolchains;
        size_t toolchains_capacity;
        char *toolchain; /* the default: one of them, or CONFIG_AUTO */
        unsigned concurrency;
        unsigned settle_ms;     /* quiet time before a cold compile */
        unsigned settle_max_ms; /* of steady noise, then compile anyway */
        SnapshotMode snapshot;
        Strings roots; /* absolute, normalised: watched from the start */
        LogLevel log_level;
} Config;

/* @default_path and @user_path may be NULL or name files that do not exist. 0; -EINVAL or
 * -EBADMSG with @problem; other errors of reading with @problem naming the file; -ENOMEM. */
int config_load(Config **ret, const char *default_path, const char *user_path, Problem *problem);
Config *config_free(Config *config);

/* the two steps of it, without files: the built-in values, and one text over them. When
 * config_apply() fails, @config is good for config_free() only. */
int config_new(Config **ret);
int config_apply(Config *config, Slice text, Problem *problem);

const ConfigToolchain *config_find_toolchain(const Config *config, const char *name); /* or NULL */
const char *toolchain_kind_to_string(ToolchainKind kind); /* "dpucc", "native" */

static inline void config_freep(Config **config) {
        (void) config_free(*config);
}
