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

#define CONFIG_FILE_MAX        (256 * 1024) /* bytes */
#define CONFIG_TOOLCHAINS_MAX  32
#define CONFIG_ROOTS_MAX       256
#define CONFIG_ENVIRONMENT_MAX 64
#define CONFIG_LAUNCHER_MAX    32 /* words */
#define CONFIG_IMAGES_MAX      16
#define CONFIG_AUTO            "auto"  /* the first toolchain that is installed */
#define CONFIG_DPUCC           "dpucc" /* the toolchain that is always there */

typedef enum ToolchainKind {
        TOOLCHAIN_DPUCC,     /* the embedded open compiler */
        TOOLCHAIN_NATIVE,    /* vai_c_xir as a program of this machine */
        TOOLCHAIN_CONTAINER, /* vai_c_xir in an image of docker or podman */
} ToolchainKind;

typedef enum EngineKind {
        ENGINE_ANY, /* the first that is installed and has the image */
        ENGINE_DOCKER,
        ENGINE_PODMAN,
} EngineKind;

/* what the embedded compiler verifies before it writes a file: `dpucc compile --verify` */
typedef enum ToolchainVerify {
        TOOLCHAIN_VERIFY_SMALL,
        TOOLCHAIN_VERIFY_NONE,
        TOOLCHAIN_VERIFY_FULL,
} ToolchainVerify;

typedef struct ConfigToolchain {
        char *name;
        ToolchainKind kind;
        bool installed;         /* comes with dpucc; the user's file does not mention it */
        char *path;             /* absolute: vai_c_xir, or the engine's program; NULL: on PATH */
        char *conda;            /* name or absolute prefix of an environment; NULL: none is named */
        char *conda_root;       /* container: where conda is in the image; NULL: as the vendor */
        EngineKind engine;      /* container */
        Strings images;         /* container: references, the first that is present */
        unsigned cpus;          /* container: 0: all */
        Strings launcher;       /* words before the command; none: it is run as it is */
        bool remote;            /* the launcher runs it on another machine */
        Strings environment;    /* names of further variables to pass on */
        uint64_t time_limit_s;  /* of one compile */
        uint64_t memory_limit;  /* bytes; 0: none */
        unsigned warm_idle_s;   /* container: kept so long for the next compile; 0: it is not */
        ToolchainVerify verify; /* dpucc */
} ConfigToolchain;

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
/* a deep copy; -ENOMEM */
int config_toolchain_copy(const ConfigToolchain *toolchain, ConfigToolchain *ret);
void config_toolchain_deinit(ConfigToolchain *toolchain);
const char *toolchain_kind_to_string(ToolchainKind kind);       /* "dpucc", "native", "container" */
const char *toolchain_verify_to_string(ToolchainVerify verify); /* "none", "small", "full" */
const char *engine_kind_to_string(EngineKind kind);             /* "docker", "podman"; "" for any */

static inline void config_freep(Config **config) {
        (void) config_free(*config);
}
