#include "daemon/probe.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "daemon/launcher.h"
#include "daemon/native.h"

typedef struct Probe {
        Toolchain *toolchain;
        State *state;
        ProbeFn fn;
        void *userdata;
} Probe;

/* Tells about a step. Returns @r. */
static int probe_tell(const Probe *probe, const char *step, int r, const Problem *text) {
        Problem line = *text;
        ProbeStep found = { .name = step, .error = r, .text = line.text };

        if (line.text[0] == '\0')
                (void) problem_set(&line, 0, "%s", r < 0 ? strerror(-r) : "good");
        probe->fn(&found, probe->userdata);
        return r;
}

static int probe_launcher(const Probe *probe) {
        const ConfigToolchain *config = toolchain_config(probe->toolchain);
        _cleanup_(command_cleanup) Command command = {};
        Problem text = {};
        int r;

        if (config->launcher.n == 0)
                return 0;
        r = launcher_add(config, &command, &text);
        if (r == 0)
                r = command_finish(&command);
        if (r == 0)
                (void) problem_set(&text, 0, "%s%s", command.argv.items[0],
                                   config->remote ? ", which runs it on another machine" : "");
        return probe_tell(probe, "launcher", r, &text);
}

/* `conda activate` would run them. */
static bool probe_has_scripts(const char *prefix) {
        _cleanup_(freep) char *path = path_join(prefix, "etc/conda/activate.d");
        _cleanup_(closedirp) DIR *dir = path ? opendir(path) : NULL;
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (path_ends_with(entry->d_name, ".sh"))
                        return true;
        return false;
}

static int probe_environment(const Probe *probe) {
        const ConfigToolchain *config = toolchain_config(probe->toolchain);
        _cleanup_(freep) char *prefix = NULL;
        Problem text = {};
        int r;

        if (config->kind != TOOLCHAIN_NATIVE || !config->conda)
                return 0;
        r = native_prefix(config, &prefix, &text);
        if (r == 0 && !config->remote && access(prefix, F_OK) < 0)
                r = problem_set(&text, -ENOENT,
                                "%s is not there; `conda env list` shows the environments there "
                                "are, \"conda\" in the configuration names one",
                                prefix);
        if (r == 0)
                (void) problem_set(&text, 0, "%s%s", prefix,
                                   probe_has_scripts(prefix)
                                           ? "; its scripts in etc/conda/activate.d are not run: "
                                             "what they set must be set for the daemon and named "
                                             "in \"environment\""
                                           : "");
        return probe_tell(probe, "environment", r, &text);
}

static int probe_program(const Probe *probe) {
        _cleanup_(freep) char *program = NULL;
        Problem text = {};
        int r;

        r = toolchain_find(probe->toolchain, &program, &text);
        if (r == 0)
                (void) problem_set(&text, 0, "%s", program);
        return probe_tell(probe, "program", r, &text);
}

static int probe_engine(const Probe *probe, const ContainerImage *image) {
        const ConfigToolchain *config = toolchain_config(probe->toolchain);
        _cleanup_(freep) char *version = NULL;
        Problem text = {};
        int r;

        r = container_engine_version(config, image, &version, &text);
        if (r == 0)
                (void) problem_set(&text, 0, "%s %s (%s)", engine_kind_to_string(image->engine),
                                   version, image->program);
        return probe_tell(probe, "engine", r, &text);
}

static int probe_container(const Probe *probe) {
        const ConfigToolchain *config = toolchain_config(probe->toolchain);
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        Problem text = {};
        int r;

        r = container_resolve(config, NULL, &image, &text);
        if (r < 0)
                return probe_tell(probe, r == -ENODATA ? "image" : "engine", r, &text);
        r = probe_engine(probe, &image);
        if (r < 0)
                return r;
        (void) problem_set(&text, 0, "%s is %s", image.reference, image.id);
        (void) probe_tell(probe, "image", 0, &text);
        text = (Problem){};
        r = container_try(config, &image, CONTAINER_TRY_MS, &text);
        return probe_tell(probe, "start", r, &text);
}

static int probe_identity(const Probe *probe) {
        ToolchainIdentity identity;
        char hex[DIGEST_HEX];
        Problem text = {};
        int r;

        r = toolchain_identify(probe->toolchain, probe->state, true, &identity, &text);
        if (r == 0) {
                digest_to_hex(&identity.digest, hex);
                (void) problem_set(&text, 0, "%s (%u file%s)", hex, identity.n_files,
                                   identity.n_files == 1 ? "" : "s");
        }
        return probe_tell(probe, "identity", r, &text);
}

int probe_toolchain(Toolchain *toolchain, State *state, ProbeFn fn, void *userdata) {
        const Probe probe = {
                .toolchain = toolchain,
                .state = state,
                .fn = fn,
                .userdata = userdata,
        };
        int r;

        r = probe_launcher(&probe);
        if (r < 0)
                return r;
        if (toolchain_kind(toolchain) == TOOLCHAIN_CONTAINER)
                return probe_container(&probe);
        r = probe_environment(&probe);
        if (r == 0)
                r = probe_program(&probe);
        return r < 0 ? r : probe_identity(&probe);
}
