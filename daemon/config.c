#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"

#define CONFIG_TIME_LIMIT_S      3600
#define CONFIG_TIME_LIMIT_MAX_S  (7 * 24 * 3600)
#define CONFIG_WARM_IDLE_MAX_S   86400
#define CONFIG_MEMORY_MAX_MIB    (1 << 24)
#define CONFIG_CONCURRENCY       2
#define CONFIG_CONCURRENCY_MAX   64
#define CONFIG_NICE              10
#define CONFIG_NICE_MAX          19
#define CONFIG_SETTLE_MS         30
#define CONFIG_SETTLE_MAX_MS     2000
#define CONFIG_SETTLE_LIMIT_MS   60000
#define CONFIG_CACHE_MIB         (32 << 10)
#define CONFIG_CACHE_FREE_MIB    512
#define CONFIG_CACHE_MIB_MAX     (1 << 30)
#define CONFIG_CACHE_ENTRIES_MAX (1 << 30)
#define CONFIG_DAY_S             (24 * 3600)
#define CONFIG_CACHE_DAYS_MAX    (100 * 366)
#define CONFIG_NAME_MAX          64 /* bytes of a toolchain's name */
#define CONFIG_WORD_MAX          4096
#define CONFIG_IMAGE_MAX         256
#define CONFIG_CPUS_MAX          4096

static const char *const toolchain_kinds[] = {
        [TOOLCHAIN_DPUCC] = "dpucc",
        [TOOLCHAIN_NATIVE] = "native",
        [TOOLCHAIN_CONTAINER] = "container",
};

static const char *const toolchain_verifies[] = {
        [TOOLCHAIN_VERIFY_SMALL] = "small",
        [TOOLCHAIN_VERIFY_NONE] = "none",
        [TOOLCHAIN_VERIFY_FULL] = "full",
};

const char *toolchain_verify_to_string(ToolchainVerify verify) {
        return toolchain_verifies[verify];
}

const char *toolchain_kind_to_string(ToolchainKind kind) {
        return toolchain_kinds[kind];
}

const char *engine_kind_to_string(EngineKind kind) {
        switch (kind) {
        case ENGINE_DOCKER:
                return "docker";
        case ENGINE_PODMAN:
                return "podman";
        case ENGINE_ANY:
                break;
        }
        return "";
}

void config_toolchain_deinit(ConfigToolchain *toolchain) {
        free(toolchain->name);
        free(toolchain->path);
        free(toolchain->conda);
        free(toolchain->conda_root);
        strings_deinit(&toolchain->images);
        strings_deinit(&toolchain->launcher);
        strings_deinit(&toolchain->environment);
        *toolchain = (ConfigToolchain){};
}

static inline void config_toolchain_cleanup(ConfigToolchain *toolchain) {
        config_toolchain_deinit(toolchain);
}

int config_toolchain_copy(const ConfigToolchain *toolchain, ConfigToolchain *ret) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain copy = *toolchain;
        int r;

        copy.name = copy.path = copy.conda = copy.conda_root = NULL;
        copy.images = copy.launcher = copy.environment = (Strings){};
        if (strings_dup(&copy.name, toolchain->name) < 0 ||
            strings_dup(&copy.path, toolchain->path) < 0 ||
            strings_dup(&copy.conda, toolchain->conda) < 0 ||
            strings_dup(&copy.conda_root, toolchain->conda_root) < 0)
                return -ENOMEM;
        r = strings_add_all(&copy.images, &toolchain->images);
        if (r == 0)
                r = strings_add_all(&copy.launcher, &toolchain->launcher);
        if (r == 0)
                r = strings_add_all(&copy.environment, &toolchain->environment);
        if (r < 0)
                return r;

        *ret = copy;
        copy = (ConfigToolchain){};
        return 0;
}

static void config_drop_remotes(Config *config) {
        while (config->n_remotes > 0)
                config_remote_deinit(&config->remotes[--config->n_remotes]);
}

Config *config_free(Config *config) {
        if (!config)
                return NULL;

        for (size_t i = 0; i < config->n_toolchains; i++)
                config_toolchain_deinit(&config->toolchains[i]);
        free(config->toolchains);
        config_drop_remotes(config);
        free(config->cache_dir);
        free(config->toolchain);
        strings_deinit(&config->roots);
        strings_deinit(&config->notify);
        free(config);
        return NULL;
}

static ConfigToolchain *config_toolchain_slot(const Config *config, const char *name) {
        for (size_t i = 0; i < config->n_toolchains; i++)
                if (strcmp(config->toolchains[i].name, name) == 0)
                        return &config->toolchains[i];
        return NULL;
}

const ConfigToolchain *config_find_toolchain(const Config *config, const char *name) {
        return config_toolchain_slot(config, name);
}

/* a toolchain of the same name is replaced; takes over the content of @toolchain on success */
static int config_put_toolchain(Config *config, ConfigToolchain *toolchain) {
        ConfigToolchain *slot = config_toolchain_slot(config, toolchain->name);
        int r;

        if (slot)
                config_toolchain_deinit(slot);
        else {
                r = array_reserve(&config->toolchains, &config->toolchains_capacity,
                                  config->n_toolchains + 1, sizeof(*config->toolchains));
                if (r < 0)
                        return r;
                slot = &config->toolchains[config->n_toolchains++];
        }
        *slot = *toolchain;
        *toolchain = (ConfigToolchain){};
        return 0;
}

static int config_add_builtin(Config *config, const char *name, ToolchainKind kind) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain toolchain = {
                .name = strdup(name),
                .kind = kind,
                .time_limit_s = CONFIG_TIME_LIMIT_S,
        };

        return toolchain.name ? config_put_toolchain(config, &toolchain) : -ENOMEM;
}

int config_new(Config **ret) {
        _cleanup_(config_freep) Config *config = calloc(1, sizeof(*config));
        int r;

        if (!config)
                return -ENOMEM;

        config->concurrency = CONFIG_CONCURRENCY;
        config->nice = CONFIG_NICE;
        config->settle_ms = CONFIG_SETTLE_MS;
        config->settle_max_ms = CONFIG_SETTLE_MAX_MS;
        config->cache_mode = CACHE_NORMAL;
        config->cache_limits = (EvictionLimits){
                .max_bytes = (uint64_t) CONFIG_CACHE_MIB << 20,
                .min_free_bytes = (uint64_t) CONFIG_CACHE_FREE_MIB << 20,
        };
        config->snapshot = SNAPSHOT_CANONICAL;
        config->log_level = LOG_LEVEL_INFO;
        config->toolchain = strdup(CONFIG_AUTO);
        if (!config->toolchain)
                return -ENOMEM;
        r = config_add_builtin(config, CONFIG_DPUCC, TOOLCHAIN_DPUCC);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(config);
        return 0;
}

/* --- values ------------------------------------------------------------------------------- */

static int config_set_string(char **string, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*string);
        *string = copy;
        return 0;
}

/* The optional members below: 0 and nothing changed when @key is missing. */

static int config_read_unsigned(const JsonPlace *object, const char *key, int64_t min, int64_t max,
                                unsigned *ret, Problem *problem) {
        JsonPlace member;
        int64_t value;
        int r;

        if (json_member(object, key, &member) < 0)
                return 0;
        r = json_integer(&member, min, max, &value, problem);
        if (r < 0)
                return r;
        *ret = (unsigned) value;
        return 0;
}

static int config_absolute_path(const JsonPlace *place, char **ret, Problem *problem) {
        const char *text;
        int r;

        r = json_string(place, &text, problem);
        if (r < 0)
                return r;
        if (text[0] != '/')
                return json_complain(place, problem,
                                     "\"%.80s\" is not an absolute path; write it from \"/\"",
                                     text);
        *ret = path_normalise("/", text);
        return *ret ? 0 : -ENOMEM;
}

static int config_read_cache_dir(const JsonPlace *cache, Config *config, Problem *problem) {
        JsonPlace member;
        char *path;
        int r;

        if (json_member(cache, "directory", &member) < 0)
                return 0;
        r = config_absolute_path(&member, &path, problem);
        if (r < 0)
                return r;

        free(config->cache_dir);
        config->cache_dir = path;
        return 0;
}

static int config_read_cache_mode(const JsonPlace *cache, Config *config, Problem *problem) {
        static const char *const modes[] = {
                [CACHE_NORMAL] = "normal",
                [CACHE_READ_ONLY] = "read_only",
                [CACHE_OFF] = "off",
        };
        JsonPlace member;
        const char *mode;
        int r;

        if (json_member(cache, "mode", &member) < 0)
                return 0;
        r = json_string(&member, &mode, problem);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
                if (strcmp(mode, modes[i]) == 0) {
                        config->cache_mode = (CacheMode) i;
                        return 0;
                }
        }
        return json_complain(&member, problem,
                             "\"%.40s\" is none of \"normal\", \"read_only\", \"off\"", mode);
}

static int config_read_cache_limits(const JsonPlace *cache, EvictionLimits *limits,
                                    Problem *problem) {
        unsigned size_mib = (unsigned) (limits->max_bytes >> 20);
        unsigned entries = (unsigned) limits->max_entries;
        unsigned days = (unsigned) (limits->max_idle_s / CONFIG_DAY_S);
        unsigned free_mib = (unsigned) (limits->min_free_bytes >> 20);
        int r;

        r = config_read_unsigned(cache, "max_size_mib", 0, CONFIG_CACHE_MIB_MAX, &size_mib,
                                 problem);
        if (r == 0)
                r = config_read_unsigned(cache, "max_entries", 0, CONFIG_CACHE_ENTRIES_MAX,
                                         &entries, problem);
        if (r == 0)
                r = config_read_unsigned(cache, "max_idle_days", 0, CONFIG_CACHE_DAYS_MAX, &days,
                                         problem);
        if (r == 0)
                r = config_read_unsigned(cache, "min_free_mib", 0, CONFIG_CACHE_MIB_MAX, &free_mib,
                                         problem);
        *limits = (EvictionLimits){
                .max_bytes = (uint64_t) size_mib << 20,
                .max_entries = entries,
                .max_idle_s = (uint64_t) days * CONFIG_DAY_S,
                .min_free_bytes = (uint64_t) free_mib << 20,
        };
        return r;
}

static int config_read_cache(const JsonPlace *root, Config *config, Problem *problem) {
        static const char *const known[] = { "directory",   "mode",          "max_size_mib",
                                             "max_entries", "max_idle_days", "min_free_mib",
                                             NULL };
        JsonPlace cache;
        int r;

        if (json_member(root, "cache", &cache) < 0)
                return 0;
        r = json_require_object(&cache, problem);
        if (r == 0)
                r = json_reject_unknown(&cache, known, problem);
        if (r == 0)
                r = config_read_cache_dir(&cache, config, problem);
        if (r == 0)
                r = config_read_cache_mode(&cache, config, problem);
        return r < 0 ? r : config_read_cache_limits(&cache, &config->cache_limits, problem);
}

static int config_read_roots(const JsonPlace *root, Config *config, Problem *problem) {
        _cleanup_(strings_cleanup) Strings roots = {};
        JsonPlace list;
        int r;

        if (json_member(root, "roots", &list) < 0)
                return 0;
        r = json_require_list(&list, CONFIG_ROOTS_MAX, problem);
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);
                _cleanup_(freep) char *path = NULL;

                r = config_absolute_path(&element, &path, problem);
                if (r == 0)
                        r = strings_add(&roots, path);
        }
        if (r < 0)
                return r;

        strings_deinit(&config->roots);
        config->roots = roots;
        roots = (Strings){};
        return 0;
}

static int config_add_remote(const JsonPlace *place, Config *config, Problem *problem) {
        ConfigRemote *remote = &config->remotes[config->n_remotes];
        int r;

        r = config_remote_read(place, remote, problem);
        if (r < 0)
                return r;
        config->n_remotes++;
        for (size_t i = 0; i + 1 < config->n_remotes; i++)
                if (strcmp(config->remotes[i].name, remote->name) == 0)
                        return json_complain(place, problem, "\"%s\" is there twice", remote->name);
        return 0;
}

static int config_read_remotes(const JsonPlace *root, Config *config, Problem *problem) {
        JsonPlace list;
        int r;

        if (json_member(root, "remotes", &list) < 0)
                return 0;
        r = json_require_list(&list, CONFIG_REMOTES_MAX, problem);
        if (r == 0)
                config_drop_remotes(config);
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);

                r = config_add_remote(&element, config, problem);
        }
        return r;
}

static int config_read_log_level(const JsonPlace *root, Config *config, Problem *problem) {
        JsonPlace member;
        const char *name;
        int r;

        if (json_member(root, "log_level", &member) < 0)
                return 0;
        r = json_string(&member, &name, problem);
        if (r < 0)
                return r;
        if (log_level_from_name(name, &config->log_level) < 0)
                return json_complain(&member, problem,
                                     "\"%.40s\" is none of error, warning, notice, info, debug",
                                     name);
        return 0;
}

static int config_read_snapshot(const JsonPlace *root, Config *config, Problem *problem) {
        JsonPlace member;
        const char *mode;
        int r;

        if (json_member(root, "snapshot", &member) < 0)
                return 0;
        r = json_string(&member, &mode, problem);
        if (r < 0)
                return r;
        if (strcmp(mode, "canonical") != 0 && strcmp(mode, "verbatim") != 0)
                return json_complain(&member, problem,
                                     "\"%.40s\" is neither \"canonical\" nor \"verbatim\"", mode);
        config->snapshot = mode[0] == 'c' ? SNAPSHOT_CANONICAL : SNAPSHOT_VERBATIM;
        return 0;
}

/* --- toolchains --------------------------------------------------------------------------- */

static int config_read_kind(const JsonPlace *object, ToolchainKind *ret, Problem *problem) {
        JsonPlace member;
        const char *kind;
        int r;

        if (json_member(object, "kind", &member) < 0)
                return json_complain(
                        object, problem,
                        "\"kind\" is missing; it is \"native\", \"container\" or \"dpucc\"");
        r = json_string(&member, &kind, problem);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < ARRAY_SIZE(toolchain_kinds); i++) {
                if (strcmp(kind, toolchain_kinds[i]) == 0) {
                        *ret = (ToolchainKind) i;
                        return 0;
                }
        }
        return json_complain(&member, problem,
                             "\"%.40s\" is none of \"native\", \"container\", \"dpucc\"", kind);
}

/* The settings that not every kind has. What is not used is refused, for it would be trusted to
 * do something. */
static int config_check_kind(const JsonPlace *place, ToolchainKind kind, Problem *problem) {
        static const struct {
                const char *setting;
                bool native, container;
        } settings[] = {
                { "path", true, true },        { "conda", true, true },
                { "conda_root", false, true }, { "engine", false, true },
                { "image", false, true },      { "cpus", false, true },
                { "environment", true, true }, { "warm_idle_s", false, true },
        };
        JsonPlace member;

        for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
                if (json_member(place, settings[i].setting, &member) < 0)
                        continue;
                if (kind == TOOLCHAIN_DPUCC)
                        return json_complain(&member, problem,
                                             "the embedded compiler is the `dpucc` beside the "
                                             "daemon and has no such setting; remove it");
                if (kind == TOOLCHAIN_NATIVE ? !settings[i].native : !settings[i].container)
                        return json_complain(&member, problem,
                                             "only a \"container\" has this setting; remove it");
        }
        return 0;
}

static int config_read_engine(const JsonPlace *object, ConfigToolchain *toolchain,
                              Problem *problem) {
        JsonPlace member;
        const char *name;
        int r;

        if (json_member(object, "engine", &member) < 0)
                return 0;
        r = json_string(&member, &name, problem);
        if (r < 0)
                return r;
        if (strcmp(name, "docker") != 0 && strcmp(name, "podman") != 0)
                return json_complain(&member, problem,
                                     "\"%.40s\" is neither \"docker\" nor \"podman\"", name);
        toolchain->engine = name[0] == 'd' ? ENGINE_DOCKER : ENGINE_PODMAN;
        return 0;
}

/* It becomes an argument of the engine: nothing in it may look like anything else. */
static int config_add_image(const JsonPlace *place, ConfigToolchain *toolchain, Problem *problem) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789._/:@-";
        const char *image;
        int r;

        r = json_string(place, &image, problem);
        if (r < 0)
                return r;
        if (image[0] == '\0' || image[0] == '-' || strlen(image) > CONFIG_IMAGE_MAX ||
            image[strspn(image, allowed)] != '\0')
                return json_complain(place, problem,
                                     "\"%.80s\" is no reference of an image; write NAME:TAG as "
                                     "`docker images` shows it",
                                     image);
        return strings_add(&toolchain->images, image);
}

static int config_read_images(const JsonPlace *object, ConfigToolchain *toolchain,
                              Problem *problem) {
        JsonPlace member;
        int r;

        if (json_member(object, "image", &member) < 0)
                return toolchain->kind == TOOLCHAIN_CONTAINER
                               ? json_complain(object, problem,
                                               "a container needs \"image\": its name, or a list "
                                               "of names of which the first that is there is used")
                               : 0;
        if (!json_object_is_type(member.value, json_type_array))
                return config_add_image(&member, toolchain, problem);

        r = json_require_list(&member, CONFIG_IMAGES_MAX, problem);
        if (r == 0 && json_length(&member) == 0)
                r = json_complain(&member, problem, "a list of at least one image expected");
        for (size_t i = 0; r == 0 && i < json_length(&member); i++) {
                const JsonPlace element = json_element(&member, i);

                r = config_add_image(&element, toolchain, problem);
        }
        return r;
}

static int config_read_path(const JsonPlace *object, ConfigToolchain *toolchain, Problem *problem) {
        JsonPlace member;
        const char *text;
        int r;

        if (json_member(object, "path", &member) < 0)
                return 0;
        r = json_string(&member, &text, problem);
        if (r < 0)
                return r;
        if (strcmp(text, "PATH") == 0)
                return 0;
        return config_absolute_path(&member, &toolchain->path, problem);
}

static int config_read_conda(const JsonPlace *object, ConfigToolchain *toolchain,
                             Problem *problem) {
        JsonPlace member;
        const char *text;
        int r = 0;

        if (json_member(object, "conda_root", &member) == 0)
                r = config_absolute_path(&member, &toolchain->conda_root, problem);
        if (r < 0 || json_member(object, "conda", &member) < 0)
                return r;
        r = json_string(&member, &text, problem);
        if (r < 0)
                return r;
        if (text[0] == '/')
                return config_absolute_path(&member, &toolchain->conda, problem);
        if (!path_is_plain_component(text) || text[0] == '-' || strlen(text) > CONFIG_NAME_MAX)
                return json_complain(&member, problem,
                                     "\"%.80s\" is neither the name of a conda environment nor an "
                                     "absolute path of one",
                                     text);
        return config_set_string(&toolchain->conda, text);
}

/* the schedulers that are known to run things elsewhere */
static bool config_is_remote_launcher(const char *program) {
        static const char *const names[] = { "srun", "salloc", "ssh" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(path_basename(program), names[i]) == 0)
                        return true;
        return false;
}

/* an argv: a program, by its name or absolute path, and its arguments */
static int config_read_words(const JsonPlace *list, Strings *ret, Problem *problem) {
        int r;

        r = json_require_list(list, CONFIG_LAUNCHER_MAX, problem);
        for (size_t i = 0; r == 0 && i < json_length(list); i++) {
                const JsonPlace element = json_element(list, i);
                const char *word;

                r = json_string(&element, &word, problem);
                if (r == 0 && (word[0] == '\0' || strlen(word) > CONFIG_WORD_MAX))
                        r = json_complain(&element, problem, "a word of 1 to %d bytes expected",
                                          CONFIG_WORD_MAX);
                if (r == 0 && i == 0 && (word[0] == '-' || (word[0] != '/' && strchr(word, '/'))))
                        r = json_complain(&element, problem,
                                          "\"%.80s\" is neither the name of a program nor an "
                                          "absolute path of one",
                                          word);
                if (r == 0)
                        r = strings_add(ret, word);
        }
        return r;
}

static int config_read_launcher(const JsonPlace *object, ConfigToolchain *toolchain,
                                Problem *problem) {
        JsonPlace member;
        int r = 0;

        if (json_member(object, "launcher", &member) == 0)
                r = config_read_words(&member, &toolchain->launcher, problem);
        if (r < 0)
                return r;
        toolchain->remote = toolchain->launcher.n > 0 &&
                            config_is_remote_launcher(toolchain->launcher.items[0]);
        if (json_member(object, "launcher_remote", &member) < 0)
                return 0;
        r = json_boolean(&member, &toolchain->remote, problem);
        if (r == 0 && toolchain->remote && toolchain->launcher.n == 0)
                r = json_complain(&member, problem,
                                  "there is no \"launcher\" that could run it on another machine");
        return r;
}

/* What is on PATH here says nothing about another machine. */
static int config_check_remote(const JsonPlace *place, const ConfigToolchain *toolchain,
                               Problem *problem) {
        bool prefix = toolchain->conda && toolchain->conda[0] == '/';

        if (!toolchain->remote)
                return 0;
        if (toolchain->kind == TOOLCHAIN_NATIVE && !toolchain->path && !prefix)
                return json_complain(place, problem,
                                     "the launcher runs it on another machine; say where it is "
                                     "there: the absolute \"path\" of vai_c_xir, or \"conda\" "
                                     "with the absolute path of the environment");
        if (toolchain->kind == TOOLCHAIN_CONTAINER && !toolchain->path)
                return json_complain(place, problem,
                                     "the launcher runs it on another machine; give \"engine\" "
                                     "and the absolute \"path\" of its program there");
        return 0;
}

static int config_check_container(const JsonPlace *place, const ConfigToolchain *toolchain,
                                  Problem *problem) {
        if (toolchain->kind == TOOLCHAIN_CONTAINER && toolchain->path &&
            toolchain->engine == ENGINE_ANY)
                return json_complain(place, problem,
                                     "\"path\" is the engine's program; say in \"engine\" "
                                     "whether that is docker or podman");
        if (toolchain->kind == TOOLCHAIN_NATIVE && toolchain->path && toolchain->conda)
                return json_complain(place, problem,
                                     "\"path\" and \"conda\" both say where vai_c_xir is; "
                                     "remove one");
        return 0;
}

static bool config_is_variable(const char *name) {
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
        static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

        return strspn(name, letters) > 0 && name[strspn(name, all)] == '\0';
}

static int config_read_environment(const JsonPlace *object, ConfigToolchain *toolchain,
                                   Problem *problem) {
        JsonPlace list;
        int r;

        if (json_member(object, "environment", &list) < 0)
                return 0;
        r = json_require_list(&list, CONFIG_ENVIRONMENT_MAX, problem);
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);
                const char *name;

                r = json_string(&element, &name, problem);
                if (r == 0 && !config_is_variable(name))
                        r = json_complain(&element, problem,
                                          "\"%.60s\" is not the name of an environment variable; "
                                          "values come from the daemon's own environment",
                                          name);
                if (r == 0)
                        r = strings_add(&toolchain->environment, name);
        }
        return r;
}

static int config_read_limits(const JsonPlace *object, ConfigToolchain *toolchain,
                              Problem *problem) {
        unsigned seconds = CONFIG_TIME_LIMIT_S, memory_mib = 0;
        int r;

        r = config_read_unsigned(object, "time_limit_s", 1, CONFIG_TIME_LIMIT_MAX_S, &seconds,
                                 problem);
        if (r == 0)
                r = config_read_unsigned(object, "memory_limit_mib", 0, CONFIG_MEMORY_MAX_MIB,
                                         &memory_mib, problem);
        if (r == 0)
                r = config_read_unsigned(object, "cpus", 0, CONFIG_CPUS_MAX, &toolchain->cpus,
                                         problem);
        toolchain->time_limit_s = seconds;
        toolchain->memory_limit = (uint64_t) memory_mib << 20;
        return r;
}

/* What a launcher starts we cannot enter by the engine's own means. */
static int config_read_warm(const JsonPlace *object, ConfigToolchain *toolchain, Problem *problem) {
        JsonPlace member;
        int r;

        r = config_read_unsigned(object, "warm_idle_s", 0, CONFIG_WARM_IDLE_MAX_S,
                                 &toolchain->warm_idle_s, problem);
        if (r < 0 || toolchain->warm_idle_s == 0 || toolchain->launcher.n == 0)
                return r;
        (void) json_member(object, "warm_idle_s", &member);
        return json_complain(&member, problem,
                             "containers that a launcher starts are not kept; remove this setting "
                             "or \"launcher\"");
}

static int config_read_verify(const JsonPlace *object, ConfigToolchain *toolchain,
                              Problem *problem) {
        JsonPlace member;
        const char *name;
        int r;

        if (json_member(object, "verify", &member) < 0)
                return 0;
        if (toolchain->kind != TOOLCHAIN_DPUCC)
                return json_complain(&member, problem,
                                     "only the embedded compiler, \"dpucc\", has this setting; "
                                     "remove it");
        r = json_string(&member, &name, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(toolchain_verifies); i++)
                if (strcmp(name, toolchain_verifies[i]) == 0) {
                        toolchain->verify = (ToolchainVerify) i;
                        return 0;
                }
        return json_complain(&member, problem, "\"%.40s\" is none of \"none\", \"small\", \"full\"",
                             name);
}

static int config_check_name(const JsonPlace *place, const char *name, Problem *problem) {
        if (strlen(name) > CONFIG_NAME_MAX || !path_is_plain_component(name))
                return json_complain(place, problem,
                                     "a toolchain's name is one plain word of at most %d bytes",
                                     CONFIG_NAME_MAX);
        if (strcmp(name, CONFIG_AUTO) == 0)
                return json_complain(place, problem,
                                     "\"auto\" stands for a choice and cannot be a name");
        return 0;
}

static int config_check_toolchain(const JsonPlace *place, const ConfigToolchain *toolchain,
                                  Problem *problem) {
        int r;

        r = config_check_kind(place, toolchain->kind, problem);
        if (r == 0 && strcmp(toolchain->name, CONFIG_DPUCC) == 0 &&
            toolchain->kind != TOOLCHAIN_DPUCC)
                r = json_complain(place, problem,
                                  "\"dpucc\" always is the embedded compiler; choose another "
                                  "name");
        return r;
}

static int config_read_toolchain(const JsonPlace *place, Config *config, Problem *problem) {
        static const char *const known[] = { "kind",        "path",         "conda",
                                             "conda_root",  "engine",       "image",
                                             "cpus",        "launcher",     "launcher_remote",
                                             "environment", "time_limit_s", "memory_limit_mib",
                                             "warm_idle_s", "verify",       NULL };
        int (*const readers[])(const JsonPlace *, ConfigToolchain *, Problem *) = {
                config_read_path,   config_read_conda,    config_read_engine,
                config_read_images, config_read_launcher, config_read_environment,
                config_read_limits, config_read_warm,     config_read_verify,
        };
        _cleanup_(config_toolchain_cleanup) ConfigToolchain toolchain = {};
        int r;

        r = config_check_name(place, place->key, problem);
        if (r == 0)
                r = json_require_object(place, problem);
        if (r == 0)
                r = config_set_string(&toolchain.name, place->key);
        if (r == 0)
                r = config_read_kind(place, &toolchain.kind, problem);
        if (r == 0)
                r = config_check_toolchain(place, &toolchain, problem);
        if (r == 0)
                r = json_reject_unknown(place, known, problem);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(readers); i++)
                r = readers[i](place, &toolchain, problem);
        if (r == 0)
                r = config_check_container(place, &toolchain, problem);
        if (r == 0)
                r = config_check_remote(place, &toolchain, problem);
        return r < 0 ? r : config_put_toolchain(config, &toolchain);
}

static int config_read_toolchains(const JsonPlace *root, Config *config, Problem *problem) {
        JsonPlace list;
        int r;

        if (json_member(root, "toolchains", &list) < 0)
                return 0;
        r = json_require_object(&list, problem);
        if (r < 0)
                return r;

        json_object_object_foreach(list.value, name, value) {
                const JsonPlace place = { .in = &list, .key = name, .value = value };

                r = config_read_toolchain(&place, config, problem);
                if (r < 0)
                        return r;
                if (config->n_toolchains > CONFIG_TOOLCHAINS_MAX)
                        return json_complain(&list, problem, "more than %d toolchains",
                                             CONFIG_TOOLCHAINS_MAX);
        }
        return 0;
}

static int config_read_toolchain_name(const JsonPlace *root, Config *config, Problem *problem) {
        JsonPlace member;
        const char *name;
        int r;

        if (json_member(root, "toolchain", &member) < 0)
                return 0;
        r = json_string(&member, &name, problem);
        if (r < 0)
                return r;
        if (strcmp(name, CONFIG_AUTO) != 0 && !config_find_toolchain(config, name))
                return json_complain(&member, problem,
                                     "no toolchain \"%.64s\" in \"toolchains\"; define it there, "
                                     "or write \"auto\" or \"dpucc\"",
                                     name);
        return config_set_string(&config->toolchain, name);
}

/* --- the whole ------------------------------------------------------------------------------ */

static int config_read_settle(const JsonPlace *root, Config *config, Problem *problem) {
        int r;

        r = config_read_unsigned(root, "settle_ms", 0, CONFIG_SETTLE_LIMIT_MS, &config->settle_ms,
                                 problem);
        if (r == 0)
                r = config_read_unsigned(root, "settle_max_ms", 0, CONFIG_SETTLE_LIMIT_MS,
                                         &config->settle_max_ms, problem);
        if (r == 0 && config->settle_max_ms < config->settle_ms)
                r = json_complain(root, problem, "settle_max_ms (%u) is less than settle_ms (%u)",
                                  config->settle_max_ms, config->settle_ms);
        return r;
}

static int config_read_scheduling(const JsonPlace *root, Config *config, Problem *problem) {
        unsigned memory_mib = (unsigned) (config->memory >> 20);
        JsonPlace member;
        int r;

        r = config_read_unsigned(root, "concurrency", 1, CONFIG_CONCURRENCY_MAX,
                                 &config->concurrency, problem);
        if (r == 0)
                r = config_read_unsigned(root, "memory_mib", 0, CONFIG_MEMORY_MAX_MIB, &memory_mib,
                                         problem);
        if (r == 0)
                r = config_read_unsigned(root, "nice", 0, CONFIG_NICE_MAX, &config->nice, problem);
        config->memory = (uint64_t) memory_mib << 20;
        if (r < 0 || json_member(root, "idle_io", &member) < 0)
                return r;
        return json_boolean(&member, &config->idle_io, problem);
}

static int config_read_notify(const JsonPlace *root, Config *config, Problem *problem) {
        _cleanup_(strings_cleanup) Strings words = {};
        JsonPlace list;
        int r;

        if (json_member(root, "notify", &list) < 0)
                return 0;
        r = config_read_words(&list, &words, problem);
        if (r < 0)
                return r;
        strings_deinit(&config->notify);
        config->notify = words;
        words = (Strings){};
        return 0;
}

static int config_apply_root(const JsonPlace *root, Config *config, Problem *problem) {
        static const char *const known[] = {
                "$schema",  "cache",  "toolchains", "toolchain",   "settle_ms",  "settle_max_ms",
                "snapshot", "roots",  "log_level",  "concurrency", "memory_mib", "nice",
                "idle_io",  "notify", "remotes",    NULL
        };
        int (*const readers[])(const JsonPlace *, Config *, Problem *) = {
                config_read_cache,     config_read_toolchains, config_read_toolchain_name,
                config_read_settle,    config_read_snapshot,   config_read_roots,
                config_read_log_level, config_read_scheduling, config_read_notify,
                config_read_remotes,
        };
        int r;

        r = json_require_object(root, problem);
        if (r == 0)
                r = json_reject_unknown(root, known, problem);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(readers); i++)
                r = readers[i](root, config, problem);
        return r;
}

int config_apply(Config *config, Slice text, Problem *problem) {
        _cleanup_(json_putp) json_object *value = NULL;
        JsonPlace root = {};
        int r;

        if (text.size > CONFIG_FILE_MAX)
                return problem_set(problem, -EBADMSG, "larger than %d KiB", CONFIG_FILE_MAX / 1024);
        r = json_parse(text, &value, problem);
        if (r < 0)
                return r;
        root.value = value;
        return config_apply_root(&root, config, problem);
}

/* what was put there so far is nobody's wish */
static void config_mark_installed(Config *config) {
        for (size_t i = 0; i < config->n_toolchains; i++)
                config->toolchains[i].installed = true;
}

static int config_apply_file(Config *config, const char *path, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(CONFIG_FILE_MAX);
        int r;

        if (!path)
                return 0;
        r = file_read(AT_FDCWD, path, &text);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return problem_set(problem, r, "%s: %s", path, strerror(-r));
        r = config_apply(config, bytes_slice(&text), problem);
        return r < 0 ? problem_prefix(problem, r, "%s", path) : 0;
}

int config_load(Config **ret, const char *default_path, const char *user_path, Problem *problem) {
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        r = config_new(&config);
        if (r == 0)
                r = config_apply_file(config, default_path, problem);
        if (r == 0) {
                config_mark_installed(config);
                r = config_apply_file(config, user_path, problem);
        }
        if (r < 0)
                return r;

        *ret = TAKE_PTR(config);
        return 0;
}
