/*
 * The identity of a native toolchain
 *
 * vai_c_xir is a small Python script; the compiler is in shared libraries and Python packages of
 * the same installation, which an update replaces while the script stays as it is. So beside the
 * script's own digest there are those of every file, below PREFIX/lib, that belongs to one of the
 * compiler's packages (names: Vitis AI 1.3 to 3.5 conda packages). PREFIX is the directory above
 * the script's, symbolic links resolved. A script without such neighbours is identified by
 * itself.
 *
 * The environment that can change what runs (library and module search paths) is part of the
 * identity by digest: values do not go into records. PATH is none of it, because the child gets
 * one that follows from the script's place.
 */

#include "daemon/toolchain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/memo.h"
#include "daemon/jobdir.h"

#define TOOLCHAIN_FILES_MAX 8192
#define TOOLCHAIN_DEPTH_MAX 8

/* set in every compiler's environment; our own vai_c_xir symlink refuses to run under it */
#define TOOLCHAIN_GUARD "DPUCC_GUARD"

struct Toolchain {
        unsigned n_refs;
        char *name;
        ToolchainKind kind;
        char *program; /* NULL: vai_c_xir on PATH */
        char *not_this;
        Strings environment;
        uint64_t timeout_ms;
        uint64_t memory_max;
};

int toolchain_new(Toolchain **ret, const ToolchainSpec *spec) {
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = NULL;
        const ConfigToolchain *config = spec->config;
        bool dpucc = config->kind == TOOLCHAIN_DPUCC;

        toolchain = calloc(1, sizeof(*toolchain));
        if (!toolchain)
                return -ENOMEM;
        toolchain->n_refs = 1;
        toolchain->kind = config->kind;
        toolchain->timeout_ms = config->time_limit_s * 1000;
        toolchain->memory_max = config->memory_limit;
        if (strings_dup(&toolchain->name, config->name) < 0 ||
            strings_dup(&toolchain->program, dpucc ? spec->dpucc : config->path) < 0 ||
            strings_dup(&toolchain->not_this, spec->not_this) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < config->environment.n; i++)
                if (strings_add(&toolchain->environment, config->environment.items[i]) < 0)
                        return -ENOMEM;

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

        free(toolchain->name);
        free(toolchain->program);
        free(toolchain->not_this);
        strings_deinit(&toolchain->environment);
        free(toolchain);
        return NULL;
}

const char *toolchain_name(const Toolchain *toolchain) {
        return toolchain->name;
}

ToolchainKind toolchain_kind(const Toolchain *toolchain) {
        return toolchain->kind;
}

uint64_t toolchain_timeout_ms(const Toolchain *toolchain) {
        return toolchain->timeout_ms;
}

uint64_t toolchain_memory_max(const Toolchain *toolchain) {
        return toolchain->memory_max;
}

/* reordering has never been tried on the vendor's tool, so it gets the file's own order */
CanonForm toolchain_form(const Toolchain *toolchain) {
        return toolchain->kind == TOOLCHAIN_DPUCC ? CANON_CANONICAL : CANON_MAP_SORTED;
}

bool toolchain_may_lack_dpu_code(const Toolchain *toolchain) {
        return toolchain->kind == TOOLCHAIN_DPUCC;
}

/* --- finding it ------------------------------------------------------------------------------- */

static bool toolchain_is_same_file(const char *a, const char *b) {
        struct stat one, other;

        return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
               one.st_ino == other.st_ino;
}

/* a regular file that we may run, and that is not ourselves */
static bool toolchain_is_runnable(const Toolchain *toolchain, const char *path) {
        struct stat st;

        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
                return false;
        return !toolchain->not_this || !toolchain_is_same_file(path, toolchain->not_this);
}

static int toolchain_search(const Toolchain *toolchain, char **ret) {
        const char *path = getenv("PATH");

        for (const char *p = path; p && *p;) {
                size_t n = strcspn(p, ":");
                _cleanup_(freep) char *directory = strndup(p, n), *candidate = NULL;

                candidate = directory ? path_join(directory, "vai_c_xir") : NULL;
                if (!candidate)
                        return -ENOMEM;
                if (directory[0] == '/' && toolchain_is_runnable(toolchain, candidate)) {
                        *ret = TAKE_PTR(candidate);
                        return 0;
                }
                p += n + (p[n] == ':');
        }
        return -ENOENT;
}

int toolchain_find(const Toolchain *toolchain, char **ret, Problem *problem) {
        int r;

        if (!toolchain->program) {
                r = toolchain_search(toolchain, ret);
                if (r == -ENOENT)
                        return problem_set(problem, r,
                                           "toolchain %s is not installed: there is no vai_c_xir "
                                           "on PATH (activate the conda environment of Vitis AI, "
                                           "or give its path in the configuration)",
                                           toolchain->name);
                return r;
        }
        if (!toolchain_is_runnable(toolchain, toolchain->program))
                return problem_set(problem, -ENOENT,
                                   "toolchain %s is not installed: %s is no program that can run",
                                   toolchain->name, toolchain->program);
        *ret = strdup(toolchain->program);
        return *ret ? 0 : -ENOMEM;
}

/* --- what it is made of ----------------------------------------------------------------------- */

typedef struct FileList {
        char **paths;
        size_t n, capacity;
} FileList;

static void file_list_cleanup(FileList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->paths[i]);
        free(list->paths);
}

static int file_list_add(FileList *list, const char *directory, const char *name) {
        char *path;

        if (list->n == TOOLCHAIN_FILES_MAX)
                return -EFBIG;
        if (array_reserve(&list->paths, &list->capacity, list->n + 1, sizeof(char *)) < 0)
                return -ENOMEM;
        path = path_join(directory, name);
        if (!path)
                return -ENOMEM;
        list->paths[list->n++] = path;
        return 0;
}

static int file_list_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool toolchain_is_compiler_name(const char *name) {
        static const char *const packages[] = {
                "xcompiler", "xir", "target_factory", "target-factory", "vaic", "unilog", "xnnc",
        };

        if (strncmp(name, "lib", 3) == 0)
                name += 3;
        for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
                if (strncmp(name, packages[i], strlen(packages[i])) == 0)
                        return true;
        return false;
}

static int toolchain_collect(FileList *list, const char *directory, bool all, unsigned depth);

/* An entry that belongs to the compiler is taken whole; of the others only the directories on
 * the way to Python's packages are entered. */
static int toolchain_collect_entry(FileList *list, const char *directory, const char *name,
                                   bool all, unsigned depth) {
        _cleanup_(freep) char *path = path_join(directory, name);
        bool ours = all || toolchain_is_compiler_name(name);
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (strcmp(name, "__pycache__") == 0 || stat(path, &st) < 0)
                return 0;
        if (S_ISREG(st.st_mode))
                return ours ? file_list_add(list, directory, name) : 0;
        if (!S_ISDIR(st.st_mode) || depth == TOOLCHAIN_DEPTH_MAX)
                return 0;
        if (ours || strncmp(name, "python3", 7) == 0 || strcmp(name, "site-packages") == 0)
                return toolchain_collect(list, path, ours, depth + 1);
        return 0;
}

static int toolchain_collect(FileList *list, const char *directory, bool all, unsigned depth) {
        _cleanup_(closedirp) DIR *dir = opendir(directory);
        struct dirent *entry;
        int r;

        while (dir && (entry = readdir(dir))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                r = toolchain_collect_entry(list, directory, entry->d_name, all, depth);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int toolchain_list(const Toolchain *toolchain, const char *program, FileList *list) {
        _cleanup_(freep) char *real = NULL, *bin = NULL, *prefix = NULL, *lib = NULL;
        int r;

        real = realpath(program, NULL);
        if (!real)
                return error_from_errno();
        r = file_list_add(list, "", real);
        if (r < 0 || toolchain->kind == TOOLCHAIN_DPUCC)
                return r;

        bin = path_dirname(real);
        prefix = bin ? path_dirname(bin) : NULL;
        lib = prefix ? path_join(prefix, "lib") : NULL;
        if (!lib)
                return -ENOMEM;
        if (strcmp(prefix, "/") == 0 || strcmp(prefix, "/usr") == 0)
                return 0; /* the system's own libraries are no conda environment's */
        r = toolchain_collect(list, lib, false, 0);
        if (r == 0)
                qsort(list->paths, list->n, sizeof(char *), file_list_compare);
        return r;
}

static const char *const toolchain_environment[] = {
        "CONDA_PREFIX", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "PYTHONPATH", "VAI_ROOT",
};

static int toolchain_hash_variable(Hasher *hasher, const char *name) {
        const char *value = getenv(name);
        int r;

        if (!value)
                return 0;
        r = hasher_update(hasher, name, strlen(name) + 1);
        return r < 0 ? r : hasher_update(hasher, value, strlen(value) + 1);
}

static int toolchain_hash_environment(const Toolchain *toolchain, Hasher *hasher) {
        int r = 0;

        if (toolchain->kind == TOOLCHAIN_DPUCC)
                return 0; /* it gets none of it */
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(toolchain_environment); i++)
                r = toolchain_hash_variable(hasher, toolchain_environment[i]);
        for (size_t i = 0; r == 0 && i < toolchain->environment.n; i++)
                r = toolchain_hash_variable(hasher, toolchain->environment.items[i]);
        return r;
}

static int toolchain_hash_file(Hasher *hasher, State *state, const char *path) {
        _cleanup_(closep) int fd = -1;
        Digest digest;
        StatId id;
        int r;

        fd = file_open_regular(AT_FDCWD, path);
        if (fd < 0)
                return fd;
        r = memo_digest_fd(state, fd, &digest, &id);
        if (r < 0)
                return r;
        r = hasher_update(hasher, path, strlen(path) + 1);
        return r < 0 ? r : hasher_update(hasher, digest.bytes, sizeof(digest.bytes));
}

int toolchain_identify(const Toolchain *toolchain, State *state, ToolchainIdentity *ret,
                       Problem *problem) {
        _cleanup_(file_list_cleanup) FileList list = {};
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        _cleanup_(freep) char *program = NULL;
        int r;

        r = toolchain_find(toolchain, &program, problem);
        if (r < 0)
                return r;
        r = toolchain_list(toolchain, program, &list);
        if (r == 0)
                r = hasher_new(&hasher, HASHER_XXH3);
        if (r == 0)
                r = toolchain_hash_environment(toolchain, hasher);
        for (size_t i = 0; r == 0 && i < list.n; i++)
                r = toolchain_hash_file(hasher, state, list.paths[i]);
        if (r < 0)
                return problem_set(problem, r, "toolchain %s (%s) cannot be identified: %s",
                                   toolchain->name, program, strerror(-r));

        hasher_xxh3(hasher, &ret->digest);
        ret->n_files = (uint32_t) list.n;
        return 0;
}

int toolchain_add_to_key(const Toolchain *toolchain, const ToolchainIdentity *identity, Key *key) {
        static const char *const arguments[] = { "-x", "-a", "-o", "-n", "-e" };
        int r;

        r = key_add_toolchain(key, toolchain_kind_to_string(toolchain->kind));
        if (r == 0)
                r = key_add_digest(key, "toolchain.identity", &identity->digest);
        if (r == 0)
                r = key_add_list(key, "toolchain.argv", arguments, ARRAY_SIZE(arguments));
        return r;
}

/* --- calling it ------------------------------------------------------------------------------- */

#define COMMAND_STRINGS_MAX (32 + CONFIG_ENVIRONMENT_MAX)

typedef struct StringList {
        char **items; /* COMMAND_STRINGS_MAX and a NULL */
        size_t n;
        int error;
} StringList;

static void string_list_add(StringList *list, char *text) {
        if (!text)
                list->error = -ENOMEM;
        else if (list->n == COMMAND_STRINGS_MAX)
                list->error = -E2BIG;
        if (list->error < 0) {
                free(text);
                return;
        }
        list->items[list->n++] = text;
}

static void string_list_add_copy(StringList *list, const char *text) {
        string_list_add(list, strdup(text));
}

static void string_list_add_variable(StringList *list, const char *name, const char *value) {
        char *text;

        if (value)
                string_list_add(list, asprintf(&text, "%s=%s", name, value) < 0 ? NULL : text);
}

static void toolchain_add_arguments(const Toolchain *toolchain, StringList *argv,
                                    const CommandSpec *spec) {
        const char *const pairs[][2] = {
                { "-x", spec->xmodel },
                { "-a", spec->arch },
                { "-o", spec->output_dir },
                { "-n", spec->net_name },
        };

        if (toolchain->kind == TOOLCHAIN_DPUCC)
                string_list_add_copy(argv, "compile");
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                string_list_add_copy(argv, pairs[i][0]);
                string_list_add_copy(argv, pairs[i][1]);
        }
        if (spec->options[0] != '\0') {
                string_list_add_copy(argv, "-e");
                string_list_add_copy(argv, spec->options);
        }
}

/* what a conda environment's programs expect, without the user's own settings */
static void toolchain_add_native_environment(const Toolchain *toolchain, StringList *env,
                                             const char *program) {
        static const char *const passed[] = { "HOME", "USER", "LOGNAME", "LANG", "LC_ALL" };
        _cleanup_(freep) char *bin = path_dirname(program);
        char *path;

        string_list_add(env,
                        bin && asprintf(&path, "PATH=%s:/usr/local/bin:/usr/bin:/bin", bin) >= 0
                                ? path
                                : NULL);
        string_list_add_copy(env, "PYTHONUNBUFFERED=1");
        string_list_add_copy(env, "PYTHONDONTWRITEBYTECODE=1");
        for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
                string_list_add_variable(env, passed[i], getenv(passed[i]));
        for (size_t i = 0; i < ARRAY_SIZE(toolchain_environment); i++)
                string_list_add_variable(env, toolchain_environment[i],
                                         getenv(toolchain_environment[i]));
        for (size_t i = 0; i < toolchain->environment.n; i++)
                string_list_add_variable(env, toolchain->environment.items[i],
                                         getenv(toolchain->environment.items[i]));
}

static void toolchain_add_environment(const Toolchain *toolchain, StringList *env,
                                      const char *program, const CommandSpec *spec) {
        string_list_add_variable(env, JOBDIR_MARKER, spec->job_id);
        string_list_add_variable(env, TOOLCHAIN_GUARD, "1");
        string_list_add_variable(env, "TMPDIR", spec->tmp_dir);
        if (toolchain->kind == TOOLCHAIN_NATIVE) {
                toolchain_add_native_environment(toolchain, env, program);
                return;
        }
        string_list_add_copy(env, "PATH=/usr/bin:/bin");
        string_list_add_copy(env, "LC_ALL=C.UTF-8");
}

int toolchain_command(const Toolchain *toolchain, const CommandSpec *spec, Command *ret,
                      Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(freep) char *program = NULL;
        StringList argv = {}, env = {};
        int r;

        r = toolchain_find(toolchain, &program, problem);
        if (r < 0)
                return r;

        argv.items = command.argv = calloc(COMMAND_STRINGS_MAX + 1, sizeof(char *));
        env.items = command.env = calloc(COMMAND_STRINGS_MAX + 1, sizeof(char *));
        if (!argv.items || !env.items)
                return -ENOMEM;

        string_list_add_copy(&argv, program);
        toolchain_add_arguments(toolchain, &argv, spec);
        toolchain_add_environment(toolchain, &env, program, spec);
        if (argv.error < 0 || env.error < 0)
                return argv.error < 0 ? argv.error : env.error;

        *ret = command;
        command = (Command){};
        return 0;
}

static void command_free_strings(char **strings) {
        for (char **p = strings; p && *p; p++)
                free(*p);
        free(strings);
}

void command_deinit(Command *command) {
        command_free_strings(command->argv);
        command_free_strings(command->env);
        *command = (Command){};
}
