#include "daemon/config_toolchain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "daemon/config_value.h"

#define CONFIG_TOOLCHAIN_TIME_LIMIT_S     3600
#define CONFIG_TOOLCHAIN_TIME_LIMIT_MAX_S (7 * 24 * 3600)
#define CONFIG_TOOLCHAIN_WARM_IDLE_MAX_S  86400
#define CONFIG_TOOLCHAIN_NAME_MAX         64 /* bytes */
#define CONFIG_TOOLCHAIN_IMAGES_MAX       16
#define CONFIG_TOOLCHAIN_IMAGE_MAX        256 /* bytes of a reference */
#define CONFIG_TOOLCHAIN_CPUS_MAX         4096
#define CONFIG_TOOLCHAIN_ENVIRONMENT_MAX  64

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

int config_toolchain_embedded(ConfigToolchain *ret) {
        char *name = strdup(CONFIG_DPUCC);

        if (!name)
                return -ENOMEM;
        *ret = (ConfigToolchain){ .name = name,
                                  .kind = TOOLCHAIN_DPUCC,
                                  .time_limit_s = CONFIG_TOOLCHAIN_TIME_LIMIT_S };
        return 0;
}

/* --- settings ------------------------------------------------------------------------------- */

static int config_toolchain_read_kind(const JsonPlace *object, ToolchainKind *ret,
                                      Problem *problem) {
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
static int config_toolchain_check_kind(const JsonPlace *place, ToolchainKind kind,
                                       Problem *problem) {
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

static int config_toolchain_read_engine(const JsonPlace *object, ConfigToolchain *toolchain,
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
static int config_toolchain_add_image(const JsonPlace *place, ConfigToolchain *toolchain,
                                      Problem *problem) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789._/:@-";
        const char *image;
        int r;

        r = json_string(place, &image, problem);
        if (r < 0)
                return r;
        if (image[0] == '\0' || image[0] == '-' || strlen(image) > CONFIG_TOOLCHAIN_IMAGE_MAX ||
            image[strspn(image, allowed)] != '\0')
                return json_complain(place, problem,
                                     "\"%.80s\" is no reference of an image; write NAME:TAG as "
                                     "`docker images` shows it",
                                     image);
        return strings_add(&toolchain->images, image);
}

static int config_toolchain_read_images(const JsonPlace *object, ConfigToolchain *toolchain,
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
                return config_toolchain_add_image(&member, toolchain, problem);

        r = json_require_list(&member, CONFIG_TOOLCHAIN_IMAGES_MAX, problem);
        if (r == 0 && json_length(&member) == 0)
                r = json_complain(&member, problem, "a list of at least one image expected");
        for (size_t i = 0; r == 0 && i < json_length(&member); i++) {
                const JsonPlace element = json_element(&member, i);

                r = config_toolchain_add_image(&element, toolchain, problem);
        }
        return r;
}

static int config_toolchain_read_path(const JsonPlace *object, ConfigToolchain *toolchain,
                                      Problem *problem) {
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
        return config_value_path(&member, &toolchain->path, problem);
}

static int config_toolchain_read_conda(const JsonPlace *object, ConfigToolchain *toolchain,
                                       Problem *problem) {
        JsonPlace member;
        const char *text;
        int r = 0;

        if (json_member(object, "conda_root", &member) == 0)
                r = config_value_path(&member, &toolchain->conda_root, problem);
        if (r < 0 || json_member(object, "conda", &member) < 0)
                return r;
        r = json_string(&member, &text, problem);
        if (r < 0)
                return r;
        if (text[0] == '/')
                return config_value_path(&member, &toolchain->conda, problem);
        if (!path_is_plain_component(text) || text[0] == '-' ||
            strlen(text) > CONFIG_TOOLCHAIN_NAME_MAX)
                return json_complain(&member, problem,
                                     "\"%.80s\" is neither the name of a conda environment nor an "
                                     "absolute path of one",
                                     text);
        return strings_dup(&toolchain->conda, text);
}

/* the schedulers that are known to run things elsewhere */
static bool config_toolchain_is_remote_launcher(const char *program) {
        static const char *const names[] = { "srun", "salloc", "ssh" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(path_basename(program), names[i]) == 0)
                        return true;
        return false;
}

static int config_toolchain_read_launcher(const JsonPlace *object, ConfigToolchain *toolchain,
                                          Problem *problem) {
        JsonPlace member;
        int r = 0;

        if (json_member(object, "launcher", &member) == 0)
                r = config_value_words(&member, &toolchain->launcher, problem);
        if (r < 0)
                return r;
        toolchain->remote = toolchain->launcher.n > 0 &&
                            config_toolchain_is_remote_launcher(toolchain->launcher.items[0]);
        if (json_member(object, "launcher_remote", &member) < 0)
                return 0;
        r = json_boolean(&member, &toolchain->remote, problem);
        if (r == 0 && toolchain->remote && toolchain->launcher.n == 0)
                r = json_complain(&member, problem,
                                  "there is no \"launcher\" that could run it on another machine");
        return r;
}

/* What is on PATH here says nothing about another machine. */
static int config_toolchain_check_remote(const JsonPlace *place, const ConfigToolchain *toolchain,
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

static int config_toolchain_check_container(const JsonPlace *place,
                                            const ConfigToolchain *toolchain, Problem *problem) {
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

static bool config_toolchain_is_variable(const char *name) {
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
        static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

        return strspn(name, letters) > 0 && name[strspn(name, all)] == '\0';
}

static int config_toolchain_read_environment(const JsonPlace *object, ConfigToolchain *toolchain,
                                             Problem *problem) {
        JsonPlace list;
        int r;

        if (json_member(object, "environment", &list) < 0)
                return 0;
        r = json_require_list(&list, CONFIG_TOOLCHAIN_ENVIRONMENT_MAX, problem);
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);
                const char *name;

                r = json_string(&element, &name, problem);
                if (r == 0 && !config_toolchain_is_variable(name))
                        r = json_complain(&element, problem,
                                          "\"%.60s\" is not the name of an environment variable; "
                                          "values come from the daemon's own environment",
                                          name);
                if (r == 0)
                        r = strings_add(&toolchain->environment, name);
        }
        return r;
}

static int config_toolchain_read_limits(const JsonPlace *object, ConfigToolchain *toolchain,
                                        Problem *problem) {
        unsigned seconds = CONFIG_TOOLCHAIN_TIME_LIMIT_S, memory_mib = 0;
        int r;

        r = config_value_unsigned(object, "time_limit_s", 1, CONFIG_TOOLCHAIN_TIME_LIMIT_MAX_S,
                                  &seconds, problem);
        if (r == 0)
                r = config_value_unsigned(object, "memory_limit_mib", 0, CONFIG_MEMORY_MAX_MIB,
                                          &memory_mib, problem);
        if (r == 0)
                r = config_value_unsigned(object, "cpus", 0, CONFIG_TOOLCHAIN_CPUS_MAX,
                                          &toolchain->cpus, problem);
        toolchain->time_limit_s = seconds;
        toolchain->memory_limit = (uint64_t) memory_mib << 20;
        return r;
}

/* What a launcher starts we cannot enter by the engine's own means. */
static int config_toolchain_read_warm(const JsonPlace *object, ConfigToolchain *toolchain,
                                      Problem *problem) {
        JsonPlace member;
        int r;

        r = config_value_unsigned(object, "warm_idle_s", 0, CONFIG_TOOLCHAIN_WARM_IDLE_MAX_S,
                                  &toolchain->warm_idle_s, problem);
        if (r < 0 || toolchain->warm_idle_s == 0 || toolchain->launcher.n == 0)
                return r;
        (void) json_member(object, "warm_idle_s", &member);
        return json_complain(&member, problem,
                             "containers that a launcher starts are not kept; remove this setting "
                             "or \"launcher\"");
}

static int config_toolchain_read_verify(const JsonPlace *object, ConfigToolchain *toolchain,
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

static int config_toolchain_check_name(const JsonPlace *place, const char *name, Problem *problem) {
        if (strlen(name) > CONFIG_TOOLCHAIN_NAME_MAX || !path_is_plain_component(name))
                return json_complain(place, problem,
                                     "a toolchain's name is one plain word of at most %d bytes",
                                     CONFIG_TOOLCHAIN_NAME_MAX);
        if (strcmp(name, CONFIG_AUTO) == 0)
                return json_complain(place, problem,
                                     "\"auto\" stands for a choice and cannot be a name");
        return 0;
}

static int config_toolchain_check(const JsonPlace *place, const ConfigToolchain *toolchain,
                                  Problem *problem) {
        int r;

        r = config_toolchain_check_kind(place, toolchain->kind, problem);
        if (r == 0 && strcmp(toolchain->name, CONFIG_DPUCC) == 0 &&
            toolchain->kind != TOOLCHAIN_DPUCC)
                r = json_complain(place, problem,
                                  "\"dpucc\" always is the embedded compiler; choose another "
                                  "name");
        return r;
}

int config_toolchain_read(const JsonPlace *place, ConfigToolchain *ret, Problem *problem) {
        static const char *const known[] = { "kind",        "path",         "conda",
                                             "conda_root",  "engine",       "image",
                                             "cpus",        "launcher",     "launcher_remote",
                                             "environment", "time_limit_s", "memory_limit_mib",
                                             "warm_idle_s", "verify",       NULL };
        int (*const readers[])(const JsonPlace *, ConfigToolchain *, Problem *) = {
                config_toolchain_read_path,     config_toolchain_read_conda,
                config_toolchain_read_engine,   config_toolchain_read_images,
                config_toolchain_read_launcher, config_toolchain_read_environment,
                config_toolchain_read_limits,   config_toolchain_read_warm,
                config_toolchain_read_verify,
        };
        _cleanup_(config_toolchain_cleanup) ConfigToolchain toolchain = {};
        int r;

        r = config_toolchain_check_name(place, place->key, problem);
        if (r == 0)
                r = json_require_object(place, problem);
        if (r == 0)
                r = strings_dup(&toolchain.name, place->key);
        if (r == 0)
                r = config_toolchain_read_kind(place, &toolchain.kind, problem);
        if (r == 0)
                r = config_toolchain_check(place, &toolchain, problem);
        if (r == 0)
                r = json_reject_unknown(place, known, problem);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(readers); i++)
                r = readers[i](place, &toolchain, problem);
        if (r == 0)
                r = config_toolchain_check_container(place, &toolchain, problem);
        if (r == 0)
                r = config_toolchain_check_remote(place, &toolchain, problem);
        if (r < 0)
                return r;

        *ret = toolchain;
        toolchain = (ConfigToolchain){};
        return 0;
}
