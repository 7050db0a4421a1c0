/*
 * The environment that can change what runs (library and module search paths) is part of the
 * identity by digest: values do not go into records. PATH is none of it, because the child gets
 * one that follows from the program's place.
 */

#include "daemon/toolchain.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/path.h"
#include "base/program.h"
#include "daemon/jobdir.h"
#include "daemon/launcher.h"
#include "daemon/native.h"
#include "daemon/remote.h"
#include "daemon/search.h"

struct Toolchain {
        unsigned n_refs;
        ConfigToolchain config;
        char *dpucc;
        char *not_this;

        pthread_mutex_t lock;
        bool has_memo;
        int64_t memo_ns;
        ToolchainIdentity memo;
        int refusal; /* 0: none */
        int64_t refusal_ns;
        Problem refusal_text;
};

int toolchain_new(Toolchain **ret, const ToolchainSpec *spec) {
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = NULL;
        int r;

        toolchain = calloc(1, sizeof(*toolchain));
        if (!toolchain)
                return -ENOMEM;
        toolchain->n_refs = 1;
        (void) pthread_mutex_init(&toolchain->lock, NULL);
        r = config_toolchain_copy(spec->config, &toolchain->config);
        if (r == 0)
                r = strings_dup(&toolchain->dpucc, spec->dpucc);
        if (r == 0)
                r = strings_dup(&toolchain->not_this, spec->not_this);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(toolchain);
        return 0;
}

Toolchain *toolchain_ref(Toolchain *toolchain) {
        toolchain->n_refs++;
        return toolchain;
}

Toolchain *toolchain_unref(Toolchain *toolchain) {
        if (!toolchain || --toolchain->n_refs > 0)
                return NULL;

        (void) pthread_mutex_destroy(&toolchain->lock);
        config_toolchain_deinit(&toolchain->config);
        free(toolchain->dpucc);
        free(toolchain->not_this);
        free(toolchain);
        return NULL;
}

const char *toolchain_name(const Toolchain *toolchain) {
        return toolchain->config.name;
}

ToolchainKind toolchain_kind(const Toolchain *toolchain) {
        return toolchain->config.kind;
}

const ConfigToolchain *toolchain_config(const Toolchain *toolchain) {
        return &toolchain->config;
}

uint64_t toolchain_timeout_ms(const Toolchain *toolchain) {
        return toolchain->config.time_limit_s * 1000;
}

/* A container has its own limit, and one that a launcher starts elsewhere is the scheduler's; on
 * the client that we start ourselves it would be wrong. */
uint64_t toolchain_memory_expected(const Toolchain *toolchain) {
        return toolchain->config.remote ? 1 : toolchain->config.memory_limit; /* next to nothing */
}

bool toolchain_is_measurable(const Toolchain *toolchain) {
        return toolchain->config.kind != TOOLCHAIN_CONTAINER && !toolchain->config.remote;
}

uint64_t toolchain_memory_max(const Toolchain *toolchain) {
        const ConfigToolchain *config = &toolchain->config;

        return config->kind == TOOLCHAIN_CONTAINER || config->remote ? 0 : config->memory_limit;
}

/* reordering has never been tried on the vendor's tool, so it gets the file's own order */
CanonForm toolchain_form(const Toolchain *toolchain) {
        return toolchain->config.kind == TOOLCHAIN_DPUCC ? CANON_CANONICAL : CANON_MAP_SORTED;
}

int toolchain_find(const Toolchain *toolchain, char **ret, Problem *problem) {
        const ConfigToolchain *config = &toolchain->config;
        int r;

        if (config->kind == TOOLCHAIN_NATIVE)
                return native_find(config, toolchain->not_this, ret, problem);
        r = native_check(config, toolchain->dpucc, NULL, problem);
        if (r < 0)
                return r;
        *ret = strdup(toolchain->dpucc);
        return *ret ? 0 : -ENOMEM;
}

/* --- what it is made of ----------------------------------------------------------------------- */

static const char *const toolchain_environment[] = {
        "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "PYTHONPATH", "VAI_ROOT",
};

static int toolchain_hash_string(Hasher *hasher, const char *text) {
        return hasher_update(hasher, text, strlen(text) + 1);
}

static int toolchain_hash_variable(Hasher *hasher, const char *name, const char *value) {
        int r;

        if (!value)
                return 0;
        r = toolchain_hash_string(hasher, name);
        return r < 0 ? r : toolchain_hash_string(hasher, value);
}

/* an environment that is configured is activated; otherwise it is whatever we have */
static int toolchain_conda_prefix(const Toolchain *toolchain, char **ret, Problem *problem) {
        int r;

        r = native_prefix(&toolchain->config, ret, problem);
        if (r == 0 && !*ret)
                r = strings_dup(ret, getenv("CONDA_PREFIX"));
        return r;
}

static int toolchain_hash_environment(const Toolchain *toolchain, Hasher *hasher,
                                      Problem *problem) {
        const Strings *more = &toolchain->config.environment;
        _cleanup_(freep) char *prefix = NULL;
        int r;

        r = launcher_hash(&toolchain->config, hasher);
        if (r == 0 && toolchain->config.kind == TOOLCHAIN_NATIVE) {
                r = toolchain_conda_prefix(toolchain, &prefix, problem);
                if (r == 0)
                        r = toolchain_hash_variable(hasher, "CONDA_PREFIX", prefix);
                for (size_t i = 0; r == 0 && i < ARRAY_SIZE(toolchain_environment); i++)
                        r = toolchain_hash_variable(hasher, toolchain_environment[i],
                                                    getenv(toolchain_environment[i]));
        }
        for (size_t i = 0; r == 0 && i < more->n; i++)
                r = toolchain_hash_variable(hasher, more->items[i], getenv(more->items[i]));
        return r;
}

static int toolchain_hash_image(const Toolchain *toolchain, const atomic_bool *cancelled,
                                Hasher *hasher, ToolchainIdentity *ret, Problem *problem) {
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        int r;

        r = container_resolve(&toolchain->config, cancelled, &image, problem);
        if (r < 0)
                return r;
        memcpy(ret->image, image.id, sizeof(ret->image));
        return toolchain_hash_string(hasher, image.id);
}

static int toolchain_hash_program(const Toolchain *toolchain, State *state,
                                  const atomic_bool *cancelled, Hasher *hasher,
                                  ToolchainIdentity *ret, Problem *problem) {
        bool alone = toolchain->config.kind == TOOLCHAIN_DPUCC;
        _cleanup_(freep) char *program = NULL;
        int r;

        r = toolchain_find(toolchain, &program, problem);
        if (r < 0)
                return r;
        if (toolchain->config.remote)
                return remote_hash(&toolchain->config, program, alone, cancelled, hasher,
                                   &ret->n_files, problem);
        r = native_hash(program, alone, state, hasher, &ret->n_files);
        if (r < 0)
                return problem_set(problem, r, "toolchain %s (%s) cannot be identified: %s",
                                   toolchain->config.name, program, strerror(-r));
        return 0;
}

static int toolchain_compute(const Toolchain *toolchain, State *state, const atomic_bool *cancelled,
                             ToolchainIdentity *ret, Problem *problem) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        int r;

        *ret = (ToolchainIdentity){};
        r = hasher_new(&hasher, HASHER_XXH3);
        if (r == 0)
                r = toolchain_hash_environment(toolchain, hasher, problem);
        if (r < 0)
                return r;
        if (toolchain->config.kind == TOOLCHAIN_CONTAINER)
                r = toolchain_hash_image(toolchain, cancelled, hasher, ret, problem);
        else
                r = toolchain_hash_program(toolchain, state, cancelled, hasher, ret, problem);
        if (r < 0)
                return r;
        hasher_xxh3(hasher, &ret->digest);
        return 0;
}

static bool toolchain_asks(const Toolchain *toolchain) {
        return toolchain->config.kind == TOOLCHAIN_CONTAINER || toolchain->config.remote;
}

static bool toolchain_recall(Toolchain *toolchain, int64_t since_ns, ToolchainIdentity *ret) {
        int64_t age_ns;
        bool found;

        (void) pthread_mutex_lock(&toolchain->lock);
        age_ns = clock_monotonic_ns() - toolchain->memo_ns;
        found = toolchain->has_memo &&
                (age_ns < TOOLCHAIN_FRESH_MS * CLOCK_NS_PER_MS || toolchain->memo_ns >= since_ns);
        if (found)
                *ret = toolchain->memo;
        (void) pthread_mutex_unlock(&toolchain->lock);
        return found;
}

/* 0: there is none that is young enough */
static int toolchain_recall_refusal(Toolchain *toolchain, int64_t since_ns, Problem *problem) {
        int r;

        (void) pthread_mutex_lock(&toolchain->lock);
        r = toolchain->refusal_ns >= since_ns ? toolchain->refusal : 0;
        if (r < 0 && problem)
                *problem = toolchain->refusal_text;
        (void) pthread_mutex_unlock(&toolchain->lock);
        return r;
}

/* @asked_ns is when the question was asked, not when it was answered */
static void toolchain_remember(Toolchain *toolchain, int r, const ToolchainIdentity *identity,
                               const Problem *problem, int64_t asked_ns) {
        (void) pthread_mutex_lock(&toolchain->lock);
        toolchain->refusal = r;
        toolchain->refusal_ns = asked_ns;
        if (r == 0) {
                toolchain->memo = *identity;
                toolchain->memo_ns = asked_ns;
                toolchain->has_memo = true;
        } else {
                toolchain->refusal_text = problem ? *problem : (Problem){};
        }
        (void) pthread_mutex_unlock(&toolchain->lock);
}

static int toolchain_find_out(Toolchain *toolchain, State *state, const atomic_bool *cancelled,
                              ToolchainIdentity *ret, Problem *problem) {
        int64_t asked_ns = clock_monotonic_ns();
        int r;

        r = toolchain_compute(toolchain, state, cancelled, ret, problem);
        if (toolchain_asks(toolchain) && r != -ECANCELED)
                toolchain_remember(toolchain, r, ret, problem, asked_ns);
        return r;
}

int toolchain_identify(Toolchain *toolchain, State *state, bool fresh, ToolchainIdentity *ret,
                       Problem *problem) {
        if (toolchain_asks(toolchain) && !fresh && toolchain_recall(toolchain, INT64_MAX, ret))
                return 0;
        return toolchain_find_out(toolchain, state, NULL, ret, problem);
}

int toolchain_answer(Toolchain *toolchain, State *state, const ToolchainQuestion *question,
                     ToolchainIdentity *ret, Problem *problem) {
        int r;

        if (!toolchain_asks(toolchain))
                return toolchain_compute(toolchain, state, NULL, ret, problem);
        if (toolchain_recall(toolchain, question->since_ns, ret))
                return 0;
        r = toolchain_recall_refusal(toolchain, question->since_ns, problem);
        if (r < 0)
                return r;
        if (!question->may_ask &&
            (toolchain->config.remote || container_is_installed(&toolchain->config)))
                return TOOLCHAIN_UNKNOWN;
        return toolchain_find_out(toolchain, state, question->cancelled, ret, problem);
}

static int toolchain_add_container_to_key(const Toolchain *toolchain,
                                          const ToolchainIdentity *identity, Key *key) {
        static const char *const mounts[] = { CONTAINER_INPUTS ":ro", CONTAINER_OUTPUTS, "/tmp" };
        const ConfigToolchain *config = &toolchain->config;
        int r;

        if (config->kind != TOOLCHAIN_CONTAINER)
                return 0;
        r = key_add_string(key, "toolchain.image", identity->image);
        if (r == 0)
                r = key_add_string(key, "toolchain.conda", config->conda ?: "");
        if (r == 0)
                r = key_add_string(key, "toolchain.conda-root",
                                   config->conda_root ?: CONTAINER_CONDA);
        if (r == 0)
                r = key_add_list(key, "toolchain.mounts", mounts, ARRAY_SIZE(mounts));
        return r;
}

#define TOOLCHAIN_VENDOR_ARGUMENTS 5

int toolchain_add_to_key(const Toolchain *toolchain, const ToolchainIdentity *identity, Key *key) {
        const bool ours = toolchain->config.kind == TOOLCHAIN_DPUCC;
        const char *const arguments[] = {
                "-x",
                "-a",
                "-o",
                "-n",
                "-e",
                "--verify",
                toolchain_verify_to_string(toolchain->config.verify),
        };
        const Strings *launcher = &toolchain->config.launcher;
        int r;

        r = key_add_toolchain(key, toolchain_kind_to_string(toolchain->config.kind));
        if (r == 0)
                r = key_add_digest(key, "toolchain.identity", &identity->digest);
        if (r == 0)
                r = key_add_list(key, "toolchain.argv", arguments,
                                 ours ? ARRAY_SIZE(arguments) : TOOLCHAIN_VENDOR_ARGUMENTS);
        if (r == 0 && launcher->n > 0)
                r = key_add_list(key, "toolchain.launcher", (const char *const *) launcher->items,
                                 launcher->n);
        return r < 0 ? r : toolchain_add_container_to_key(toolchain, identity, key);
}

/* --- calling it ------------------------------------------------------------------------------- */

/* @root is prefixed to each path; "" for those relative to the working directory */
static void toolchain_add_arguments(Command *command, const char *root, const CommandSpec *spec) {
        const char *slash = root[0] ? "/" : "";

        command_argument(command, "-x");
        command_format(command, "%s%s%s", root, slash, spec->xmodel);
        command_argument(command, "-a");
        command_format(command, "%s%s%s", root, slash, spec->arch);
        command_argument(command, "-o");
        command_format(command, "%s%s%s", root, slash, spec->output_dir);
        command_option(command, "-n", spec->net_name);
        if (spec->options[0] != '\0')
                command_option(command, "-e", spec->options);
}

/* PATH follows from the program's place, and for a link also from that of what it leads to: there
 * are the programs of its environment. */
static int toolchain_path(const Toolchain *toolchain, const char *program, char **ret) {
        _cleanup_(freep) char *bin = path_dirname(program), *linked = NULL;
        int r = 0;

        if (!toolchain->config.remote)
                r = native_linked_folder(program, &linked);
        if (r < 0)
                return r;
        if (!bin || asprintf(ret, "%s%s%s:/usr/local/bin:/usr/bin:/bin", bin, linked ? ":" : "",
                             linked ?: "") < 0)
                return -ENOMEM;
        return 0;
}

/* what a conda environment's programs expect, without the user's own settings */
static int toolchain_add_native_environment(const Toolchain *toolchain, Command *command,
                                            const char *program, Problem *problem) {
        static const char *const passed[] = { "HOME", "USER", "LOGNAME", "LANG", "LC_ALL" };
        const Strings *more = &toolchain->config.environment;
        _cleanup_(freep) char *prefix = NULL, *path = NULL;
        int r;

        r = toolchain_conda_prefix(toolchain, &prefix, problem);
        if (r == 0)
                r = toolchain_path(toolchain, program, &path);
        if (r < 0)
                return r;
        command_variable(command, "PATH", path);
        command_variable(command, "CONDA_PREFIX", prefix);
        if (toolchain->config.conda)
                command_variable(command, "CONDA_DEFAULT_ENV",
                                 path_basename(toolchain->config.conda));
        command_variable(command, "PYTHONUNBUFFERED", "1");
        command_variable(command, "PYTHONDONTWRITEBYTECODE", "1");
        for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
                command_pass(command, passed[i]);
        for (size_t i = 0; i < ARRAY_SIZE(toolchain_environment); i++)
                command_pass(command, toolchain_environment[i]);
        for (size_t i = 0; i < more->n; i++)
                command_pass(command, more->items[i]);
        return 0;
}

static int toolchain_add_environment(const Toolchain *toolchain, Command *command,
                                     const char *program, const CommandSpec *spec,
                                     Problem *problem) {
        _cleanup_(freep) char *tmp = path_join(spec->directory, "tmp");

        if (!tmp)
                return -ENOMEM;
        command_variable(command, JOBDIR_MARKER, spec->job_id);
        command_variable(command, PROGRAM_GUARD, "1");
        command_variable(command, "TMPDIR", tmp);
        launcher_add_environment(&toolchain->config, command);
        if (toolchain->config.kind == TOOLCHAIN_NATIVE)
                return toolchain_add_native_environment(toolchain, command, program, problem);
        command_variable(command, "PATH", "/usr/bin:/bin");
        command_variable(command, "LC_ALL", "C.UTF-8");
        return 0;
}

/* The image that would run now, if it still is what @identity says. */
static int toolchain_resolve(const Toolchain *toolchain, const Digest *identity,
                             ContainerImage *ret, Problem *problem) {
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        Digest digest;
        int r;

        r = container_resolve(&toolchain->config, NULL, &image, problem);
        if (r == 0)
                r = hasher_new(&hasher, HASHER_XXH3);
        if (r == 0)
                r = toolchain_hash_environment(toolchain, hasher, problem);
        if (r == 0)
                r = toolchain_hash_string(hasher, image.id);
        if (r < 0)
                return r;
        hasher_xxh3(hasher, &digest);
        if (!digest_equal(&digest, identity))
                return problem_set(problem, -ESTALE,
                                   "toolchain %s changed: %s is another image now",
                                   toolchain->config.name, image.reference);
        *ret = image;
        image = (ContainerImage){};
        return 0;
}

int toolchain_new_box(const Toolchain *toolchain, const Digest *identity, const char *jobs,
                      Box **ret, Problem *problem) {
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        int r;

        r = toolchain_resolve(toolchain, identity, &image, problem);
        return r < 0 ? r : box_new(ret, &toolchain->config, &image, identity, jobs, problem);
}

static int toolchain_container_command(const Toolchain *toolchain, const CommandSpec *spec,
                                       Command *ret, Problem *problem) {
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        _cleanup_(command_cleanup) Command arguments = {};
        char jobs_id[CONTAINER_JOBS_ID_MAX];
        const ContainerJob job = {
                .id = spec->job_id,
                .directory = spec->directory,
                .jobs_id = jobs_id,
                .arguments = &arguments.argv,
        };
        int r;

        toolchain_add_arguments(&arguments, CONTAINER_ROOT, spec);
        r = command_finish(&arguments);
        if (r < 0)
                return r;
        if (spec->box) /* it is what it was when it was made, whatever the image's name means now */
                return box_command(spec->box, spec->directory, &arguments.argv, ret);
        r = toolchain_resolve(toolchain, spec->identity, &image, problem);
        if (r == 0)
                r = container_jobs_id(spec->jobs, jobs_id);
        return r < 0 ? r : container_command(&toolchain->config, &image, &job, ret, problem);
}

int toolchain_command(const Toolchain *toolchain, const CommandSpec *spec, Command *ret,
                      Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(freep) char *program = NULL;
        int r;

        if (toolchain->config.kind == TOOLCHAIN_CONTAINER)
                return toolchain_container_command(toolchain, spec, ret, problem);
        r = toolchain_find(toolchain, &program, problem);
        if (r == 0)
                r = launcher_add(&toolchain->config, &command, problem);
        if (r < 0)
                return r;

        command_argument(&command, program);
        if (toolchain->config.kind == TOOLCHAIN_DPUCC)
                command_argument(&command, "compile");
        toolchain_add_arguments(&command, "", spec);
        if (toolchain->config.kind == TOOLCHAIN_DPUCC)
                command_option(&command, "--verify",
                               toolchain_verify_to_string(toolchain->config.verify));
        r = toolchain_add_environment(toolchain, &command, program, spec, problem);
        if (r == 0)
                r = command_finish(&command);
        if (r < 0)
                return r;

        *ret = command;
        command = (Command){};
        return 0;
}

const char *toolchain_job_root(const Toolchain *toolchain, const char *directory) {
        return toolchain->config.kind == TOOLCHAIN_CONTAINER ? CONTAINER_ROOT : directory;
}

void toolchain_abandon(const Toolchain *toolchain, Command *command) {
        if (!command->container || command->removed || command->intact)
                return;
        /* what cannot be removed now is found by its labels when a daemon starts */
        (void) container_remove(&toolchain->config, command->engine, command->container);
        command->removed = true;
}

int toolchain_conclude(const Toolchain *toolchain, Command *command, ContainerEnd *ret,
                       Problem *problem) {
        int r;

        if (!command->container)
                return 0;
        if (command->verdict)
                return box_conclude(&toolchain->config, command, ret, problem);
        r = container_inspect(&toolchain->config, command, ret, problem);
        toolchain_abandon(toolchain, command);
        return r;
}
