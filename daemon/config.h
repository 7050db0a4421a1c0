#pragma once

/*
 * The user's configuration: dpuccd.json
 *
 * Built-in values, then the installed default file, then the user's own over it: what a file
 * does not mention stays; toolchains merge by name, lists are replaced. A Config is complete
 * and checked or does not exist, and it never changes: a reload makes a new one, and if that
 * fails the old one stays in force.
 *
 * Errors name the file, the JSON path, the value and the remedy.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/slice.h"
#include "base/strings.h"
#include "cache/cache.h"
#include "cache/eviction.h"
#include "daemon/config_remote.h"
#include "daemon/config_toolchain.h"

#define CONFIG_FILE_MAX       (256 * 1024) /* bytes */
#define CONFIG_TOOLCHAINS_MAX 32
#define CONFIG_ROOTS_MAX      256

typedef enum SnapshotMode {
        SNAPSHOT_CANONICAL, /* hash and compile a form that survives a re-export */
        SNAPSHOT_VERBATIM,  /* hash and compile the bytes of the file */
} SnapshotMode;

typedef struct Config {
        char *cache_dir; /* absolute; NULL: path_cache_home() */
        CacheMode cache_mode;
        EvictionLimits cache_limits;
        ConfigToolchain *toolchains;
        size_t n_toolchains;
        size_t toolchains_capacity;
        char *toolchain; /* the default: one of them, or CONFIG_AUTO */
        unsigned concurrency;
        uint64_t
                memory; /* bytes, of all compiles together, as predicted; 0: most of the machine's */
        unsigned nice;  /* of compilers; 0: as the daemon, in reading and writing, too */
        bool idle_io;   /* compilers read and write when nobody else does */
        Strings notify;         /* argv of what is run when a compile is over; none: nothing */
        unsigned settle_ms;     /* quiet time before a cold compile */
        unsigned settle_max_ms; /* of steady noise, then compile anyway */
        SnapshotMode snapshot;
        ConfigRemote remotes[CONFIG_REMOTES_MAX]; /* the nearest first */
        size_t n_remotes;
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

static inline void config_freep(Config **config) {
        (void) config_free(*config);
}
