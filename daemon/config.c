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
#include "daemon/config_value.h"

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

int config_new(Config **ret) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain dpucc = {};
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
        r = config_toolchain_embedded(&dpucc);
        if (r == 0)
                r = config_put_toolchain(config, &dpucc);
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

/* The optional members below: 0 and nothing changed when the key is missing. */

static int config_read_cache_dir(const JsonPlace *cache, Config *config, Problem *problem) {
        JsonPlace member;
        char *path;
        int r;

        if (json_member(cache, "directory", &member) < 0)
                return 0;
        r = config_value_path(&member, &path, problem);
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

        r = config_value_unsigned(cache, "max_size_mib", 0, CONFIG_CACHE_MIB_MAX, &size_mib,
                                  problem);
        if (r == 0)
                r = config_value_unsigned(cache, "max_entries", 0, CONFIG_CACHE_ENTRIES_MAX,
                                          &entries, problem);
        if (r == 0)
                r = config_value_unsigned(cache, "max_idle_days", 0, CONFIG_CACHE_DAYS_MAX, &days,
                                          problem);
        if (r == 0)
                r = config_value_unsigned(cache, "min_free_mib", 0, CONFIG_CACHE_MIB_MAX, &free_mib,
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

                r = config_value_path(&element, &path, problem);
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

static int config_add_toolchain(const JsonPlace *place, Config *config, Problem *problem) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain toolchain = {};
        int r;

        r = config_toolchain_read(place, &toolchain, problem);
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

                r = config_add_toolchain(&place, config, problem);
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

        r = config_value_unsigned(root, "settle_ms", 0, CONFIG_SETTLE_LIMIT_MS, &config->settle_ms,
                                  problem);
        if (r == 0)
                r = config_value_unsigned(root, "settle_max_ms", 0, CONFIG_SETTLE_LIMIT_MS,
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

        r = config_value_unsigned(root, "concurrency", 1, CONFIG_CONCURRENCY_MAX,
                                  &config->concurrency, problem);
        if (r == 0)
                r = config_value_unsigned(root, "memory_mib", 0, CONFIG_MEMORY_MAX_MIB, &memory_mib,
                                          problem);
        if (r == 0)
                r = config_value_unsigned(root, "nice", 0, CONFIG_NICE_MAX, &config->nice, problem);
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
        r = config_value_words(&list, &words, problem);
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
