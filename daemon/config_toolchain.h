#pragma once

/*
 * One toolchain of the user's configuration: "toolchains": { "NAME": { ... } }
 *
 * What is checked here is what is wrong whatever the machine has; what is installed is found out
 * later (daemon/toolchain.h). A setting that its kind does not use is refused, for it would be
 * trusted to do something.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/problem.h"
#include "base/strings.h"

#define CONFIG_AUTO  "auto"  /* the first toolchain that is installed */
#define CONFIG_DPUCC "dpucc" /* the toolchain that is always there */

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

/* @place is a member of "toolchains", its key the name. 0; -EINVAL with @problem; -ENOMEM. */
int config_toolchain_read(const JsonPlace *place, ConfigToolchain *ret, Problem *problem);
int config_toolchain_embedded(ConfigToolchain *ret); /* CONFIG_DPUCC; -ENOMEM */
int config_toolchain_copy(const ConfigToolchain *toolchain, ConfigToolchain *ret); /* -ENOMEM */
void config_toolchain_deinit(ConfigToolchain *toolchain);

const char *toolchain_kind_to_string(ToolchainKind kind);       /* "dpucc", "native", "container" */
const char *toolchain_verify_to_string(ToolchainVerify verify); /* "none", "small", "full" */
const char *engine_kind_to_string(EngineKind kind);             /* "docker", "podman"; "" for any */

static inline void config_toolchain_cleanup(ConfigToolchain *toolchain) {
        config_toolchain_deinit(toolchain);
}
