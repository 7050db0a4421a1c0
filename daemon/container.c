/*
 * Facts this rests on (docker 20.10 and 28, podman 4.3, measured):
 *
 *   - A client that is killed leaves its container running; SIGTERM reaches process 1 in there,
 *     which has no default action for it: hence --init, and `rm --force` by name.
 *   - With --rm a container is gone before anybody can ask whether it ran out of memory, so we
 *     remove it ourselves, after the question.
 *   - 125 is the client's own failure, but a program inside may exit with it, too; only the state
 *     of the container tells which.
 *   - Without --pull=never podman asks registries for a name that it does not know.
 *   - In rootless podman the caller is root inside; --userns=keep-id makes files come out as the
 *     caller's. In rootless docker there is no such option, and root inside is the caller.
 *   - Rootless podman keeps a process for the user's name space that inherits the environment of
 *     whoever came first. It must not carry our jobs' marker, or it would be taken for a
 *     leftover: engines' clients do not get it.
 *
 * The argument of bash is a constant; everything that varies is a positional parameter, so no
 * text of a user is ever parsed by a shell.
 */

#include "daemon/container.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"
#include "base/program.h"
#include "daemon/capture.h"
#include "daemon/jobdir.h"
#include "daemon/launcher.h"
#include "daemon/search.h"

#define CONTAINER_ASK_MS    30000 /* an engine that needs longer for a question is down */
#define CONTAINER_REMOVE_MS 60000
#define CONTAINER_PIDS_MAX  4096
#define CONTAINER_REAP_MAX  1000
#define CONTAINER_PREFIX    "dpucc-" /* of names; the job's id follows */

#define CONTAINER_ENGINE_FAILED 125 /* status of a client whose engine started nothing */
#define CONTAINER_TRIAL_MAX     40  /* bytes of a name */

/* $1 is conda's root, $2 the environment or nothing; the rest are vai_c_xir's. */
#define CONTAINER_SCRIPT                                                                           \
        "root=$1; environment=$2; shift 2\n"                                                       \
        "if [ -z \"$environment\" ] && ! command -v vai_c_xir >/dev/null; then\n"                  \
        "  for name in vitis-ai-wego-torch2 vitis-ai-wego-torch vitis-ai-pytorch; do\n"            \
        "    if [ -x \"$root/envs/$name/bin/vai_c_xir\" ]; then environment=$name; break; fi\n"    \
        "  done\n"                                                                                 \
        "fi\n"                                                                                     \
        "if [ -n \"$environment\" ]; then\n"                                                       \
        "  . \"$root/etc/profile.d/conda.sh\" && conda activate \"$environment\" || {\n"           \
        "    echo \"the image has no conda environment $environment\" >&2; exit 127; }\n"          \
        "fi\n"                                                                                     \
        "exec vai_c_xir \"$@\"\n"

/* --- engines ---------------------------------------------------------------------------------- */

/* what the clients find their engine and its settings by */
static void container_add_environment(const ConfigToolchain *toolchain, Command *command) {
        static const char *const passed[] = {
                "PATH",
                "HOME",
                "USER",
                "LOGNAME",
                "TMPDIR",
                "XDG_CONFIG_HOME",
                "XDG_DATA_HOME",
                "DOCKER_HOST",
                "DOCKER_CONTEXT",
                "DOCKER_CONFIG",
                "DOCKER_TLS_VERIFY",
                "DOCKER_CERT_PATH",
                "DOCKER_API_VERSION",
                "CONTAINERS_CONF",
                "CONTAINERS_STORAGE_CONF",
                "CONTAINERS_REGISTRIES_CONF",
                "CONTAINER_HOST",
                "STORAGE_DRIVER",
                "STORAGE_OPTS",
        };

        for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
                command_pass(command, passed[i]);
        if (toolchain->launcher.n == 0) { /* else the launcher's own list has them */
                command_pass(command, "XDG_RUNTIME_DIR");
                command_pass(command, "DBUS_SESSION_BUS_ADDRESS");
        }
        launcher_add_environment(toolchain, command);
        command_variable(command, "LC_ALL", "C.UTF-8");
        for (size_t i = 0; i < toolchain->environment.n; i++)
                command_pass(command, toolchain->environment.items[i]);
}

/* Through the launcher only where that is another machine. */
int container_ask(const ConfigToolchain *toolchain, const char *program, Command *command,
                  Problem *problem) {
        int r = 0;

        if (toolchain->remote)
                r = launcher_add(toolchain, command, problem);
        if (r < 0)
                return r;
        command_argument(command, program);
        container_add_environment(toolchain, command);
        return 0;
}

static int container_look_for(const char *directory, const char *name) {
        _cleanup_(freep) char *path = directory ? path_join(directory, name) : NULL;

        if (!path)
                return directory ? -ENOMEM : -ENOENT;
        if (access(path, F_OK) < 0)
                return error_is_of_file(-errno) ? -ENOENT : error_from_errno();
        return 0;
}

/* Docker's client alone, on a machine without an engine, is no installation of docker. 0, -ENOENT, or
 * another -errno: nobody can tell. */
static int container_look_for_docker(void) {
        static const char *const daemons[] = { "/usr/sbin/dockerd", "/usr/bin/dockerd",
                                               "/usr/local/bin/dockerd" };
        int r;

        if (getenv("DOCKER_HOST") || getenv("DOCKER_CONTEXT"))
                return 0;
        r = container_look_for("/var/run", "docker.sock");
        if (r == -ENOENT)
                r = container_look_for(getenv("XDG_RUNTIME_DIR"), "docker.sock");
        for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(daemons); i++)
                r = search_check(daemons[i], NULL);
        return r;
}

static int container_find_engine(const ConfigToolchain *toolchain, EngineKind engine, char **ret) {
        int r = 0;

        if (toolchain->path) {
                if (!toolchain->remote)
                        r = search_check(toolchain->path, NULL);
                if (r == 0)
                        *ret = strdup(toolchain->path);
                return r == 0 && !*ret ? -ENOMEM : r;
        }
        if (toolchain->engine == ENGINE_ANY && engine == ENGINE_DOCKER)
                r = container_look_for_docker();
        return r < 0 ? r : search_program(engine_kind_to_string(engine), NULL, ret, NULL);
}

static int container_down(const ConfigToolchain *toolchain, EngineKind engine, int r,
                          const Capture *capture, Problem *problem) {
        const char *name = engine_kind_to_string(engine);
        char line[256];

        if (r == -ETIMEDOUT)
                (void) snprintf(line, sizeof(line), "no answer in %d s", CONTAINER_ASK_MS / 1000);
        else if (r < 0)
                (void) snprintf(line, sizeof(line), "%s", strerror(-r));
        else
                capture_first_line(capture, line, sizeof(line));
        return problem_set(problem, -EAGAIN, "toolchain %s: %s does not answer (%s); %s",
                           toolchain->name, name, line,
                           engine == ENGINE_DOCKER
                                   ? "start it (systemctl start docker), or see that you may use it"
                                   : "`podman info` tells what is wrong");
}

/* --- images ----------------------------------------------------------------------------------- */

/* -ENODATA: it has no such image. */
static int container_inspect_image(const ConfigToolchain *toolchain, EngineKind engine,
                                   const char *program, const char *reference,
                                   const atomic_bool *cancelled, char ret[static CONTAINER_ID_MAX],
                                   Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        int r;

        r = container_ask(toolchain, program, &command, problem);
        if (r < 0)
                return r;
        command_option(&command, "image", "inspect");
        command_option(&command, "--format", "{{.Id}}");
        command_argument(&command, reference);
        command.cancelled = cancelled;
        r = command_finish(&command);
        if (r < 0)
                return r;
        r = capture_run(&command, CONTAINER_ASK_MS, &capture);
        if (r == -ECANCELED)
                return r;
        if (r == 0 && capture.status != 0 &&
            container_answer_is_no_image(bytes_slice(&capture.err)))
                return -ENODATA;
        if (r == 0 && capture.status == 0)
                r = container_answer_id(bytes_slice(&capture.out), ret);
        if (r < 0 || capture.status != 0)
                return container_down(toolchain, engine, r, &capture, problem);
        return 0;
}

void container_image_deinit(ContainerImage *image) {
        free(image->program);
        *image = (ContainerImage){};
}

static int container_resolve_in(const ConfigToolchain *toolchain, EngineKind engine,
                                const atomic_bool *cancelled, ContainerImage *ret,
                                Problem *problem) {
        _cleanup_(container_image_cleanup) ContainerImage image = { .engine = engine };
        int r;

        r = container_find_engine(toolchain, engine, &image.program);
        if (r < 0)
                return r;
        for (size_t i = 0; i < toolchain->images.n; i++) {
                image.reference = toolchain->images.items[i];
                r = container_inspect_image(toolchain, engine, image.program, image.reference,
                                            cancelled, image.id, problem);
                if (r == 0) {
                        *ret = image;
                        image = (ContainerImage){};
                        return 0;
                }
                if (r != -ENODATA)
                        return r;
        }
        return -ENODATA;
}

bool container_is_installed(const ConfigToolchain *toolchain) {
        const EngineKind engines[] = { ENGINE_DOCKER, ENGINE_PODMAN };

        for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
                _cleanup_(freep) char *program = NULL;

                if ((toolchain->engine == ENGINE_ANY || toolchain->engine == engines[i]) &&
                    container_find_engine(toolchain, engines[i], &program) == 0)
                        return true;
        }
        return false;
}

int container_resolve(const ConfigToolchain *toolchain, const atomic_bool *cancelled,
                      ContainerImage *ret, Problem *problem) {
        const EngineKind engines[] = { ENGINE_DOCKER, ENGINE_PODMAN };
        const char *name = engine_kind_to_string(toolchain->engine);
        bool installed = false;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
                if (toolchain->engine != ENGINE_ANY && toolchain->engine != engines[i])
                        continue;
                r = container_resolve_in(toolchain, engines[i], cancelled, ret, problem);
                if (r != -ENOENT && r != -ENODATA)
                        return r;
                installed |= r == -ENODATA;
        }
        if (!installed)
                return problem_set(problem, -ENOENT,
                                   "toolchain %s is not installed: there is no %s; install it, or "
                                   "choose another toolchain",
                                   toolchain->name, name[0] ? name : "docker and no podman");
        return problem_set(problem, -ENODATA,
                           "toolchain %s: the image %s%s is not on this machine; fetch it yourself "
                           "(%s pull %s), nothing is pulled for you",
                           toolchain->name, toolchain->images.items[0],
                           toolchain->images.n > 1 ? " (or another of the list)" : "",
                           name[0] ? name : "docker", toolchain->images.items[0]);
}

/* --- running ---------------------------------------------------------------------------------- */

/* Rootless docker maps root inside to the caller, and the caller's number to one of nobody. */
static int container_is_rootless_docker(const ConfigToolchain *toolchain,
                                        const ContainerImage *image, bool *ret, Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        int r;

        *ret = false;
        if (image->engine != ENGINE_DOCKER || geteuid() == 0)
                return 0;
        r = container_ask(toolchain, image->program, &command, problem);
        if (r < 0)
                return r;
        command_argument(&command, "info");
        command_option(&command, "--format", "{{.SecurityOptions}}");
        r = command_finish(&command);
        if (r < 0)
                return r;
        r = capture_run(&command, CONTAINER_ASK_MS, &capture);
        if (r < 0 || capture.status != 0)
                return container_down(toolchain, image->engine, r, &capture, problem);
        *ret = capture.out.size > 0 &&
               memmem(capture.out.data, capture.out.size, "rootless", strlen("rootless"));
        return 0;
}

static int container_add_user(const ConfigToolchain *toolchain, const ContainerImage *image,
                              Command *command, Problem *problem) {
        bool rootless;
        int r;

        r = container_is_rootless_docker(toolchain, image, &rootless, problem);
        if (r < 0)
                return r;
        if (image->engine == ENGINE_PODMAN && geteuid() != 0)
                command_argument(command, "--userns=keep-id");
        command_argument(command, "--user");
        command_format(command, "%u:%u", rootless ? 0 : (unsigned) geteuid(),
                       rootless ? 0 : (unsigned) getegid());
        return 0;
}

static void container_add_mount(Command *command, const char *directory, const char *folder,
                                const char *target, const char *mode) {
        command_argument(command, "--mount");
        command_format(command, "type=bind,source=%s/%s,target=%s%s", directory, folder, target,
                       mode);
}

static void container_add_limits(const ConfigToolchain *toolchain, Command *command) {
        command_option(command, "--cap-drop", "ALL");
        command_option(command, "--security-opt", "no-new-privileges");
        command_argument(command, "--pids-limit");
        command_format(command, "%d", CONTAINER_PIDS_MAX);
        if (toolchain->cpus > 0) {
                command_argument(command, "--cpus");
                command_format(command, "%u", toolchain->cpus);
        }
        if (toolchain->memory_limit > 0) {
                command_argument(command, "--memory");
                command_format(command, "%llu", (unsigned long long) toolchain->memory_limit);
                command_argument(command, "--memory-swap"); /* the same: no swap */
                command_format(command, "%llu", (unsigned long long) toolchain->memory_limit);
        }
}

static void container_add_inner_environment(const ConfigToolchain *toolchain, Command *command) {
        static const char *const variables[] = {
                "HOME=/tmp",          "TMPDIR=/tmp",      "LC_ALL=C.UTF-8",
                "PYTHONUNBUFFERED=1", PROGRAM_GUARD "=1", "PYTHONDONTWRITEBYTECODE=1",
        };

        for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
                command_option(command, "--env", variables[i]);
        /* only the name: the client takes the value from its own environment */
        for (size_t i = 0; i < toolchain->environment.n; i++)
                command_option(command, "--env", toolchain->environment.items[i]);
}

char *container_name(const char *job_id) {
        char *name;

        return asprintf(&name, CONTAINER_PREFIX "%s", job_id) < 0 ? NULL : name;
}

static void container_add_identity(const ContainerJob *job, Command *command) {
        command_argument(command, "--name");
        command_format(command, CONTAINER_PREFIX "%s", job->id);
        command_argument(command, "--label");
        command_format(command, "dpucc.jobs=%s", job->jobs_id);
        command_argument(command, "--label");
        command_format(command, "dpucc.job=%s", job->id);
        command_option(command, "--hostname", "dpucc");
}

void container_add_image(const ContainerImage *image, Command *command) {
        command_option(command, "--entrypoint", "/bin/bash");
        command_format(command, "sha256:%s", image->id);
}

void container_add_compiler(const ConfigToolchain *toolchain, Command *command) {
        command_argument(command, CONTAINER_SCRIPT);
        command_argument(command, "dpucc");
        command_argument(command, toolchain->conda_root ?: CONTAINER_CONDA);
        command_argument(command, toolchain->conda ?: "");
}

static int container_check_directory(const ConfigToolchain *toolchain, const char *directory,
                                     Problem *problem) {
        if (!strpbrk(directory, ",\"\n"))
                return 0;
        return problem_set(
                problem, -EINVAL,
                "toolchain %s: the engine cannot mount %s, for it has a comma, quotation "
                "mark or line break in its name; choose another \"cache.directory\"",
                toolchain->name, directory);
}

int container_add_options(const ConfigToolchain *toolchain, const ContainerImage *image,
                          const ContainerJob *job, Command *command, Problem *problem) {
        int r;

        r = container_check_directory(toolchain, job->directory, problem);
        if (r < 0)
                return r;
        command_option(command, "--init", "--log-driver=none");
        container_add_identity(job, command);
        command_option(command, "--network", "none");
        r = container_add_user(toolchain, image, command, problem);
        if (r < 0)
                return r;
        container_add_limits(toolchain, command);
        container_add_mount(command, job->directory, "in", CONTAINER_INPUTS, ",readonly");
        container_add_mount(command, job->directory, "out", CONTAINER_OUTPUTS, "");
        container_add_mount(command, job->directory, "tmp", "/tmp", "");
        command_option(command, "--workdir", "/tmp");
        container_add_inner_environment(toolchain, command);
        container_add_image(image, command);
        return 0;
}

int container_command(const ConfigToolchain *toolchain, const ContainerImage *image,
                      const ContainerJob *job, Command *ret, Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        int r;

        r = launcher_add(toolchain, &command, problem);
        if (r < 0)
                return r;
        command_argument(&command, image->program);
        command_option(&command, "run", "--pull=never");
        r = container_add_options(toolchain, image, job, &command, problem);
        if (r < 0)
                return r;
        command_argument(&command, "-c");
        container_add_compiler(toolchain, &command);
        command_arguments(&command, job->arguments);
        container_add_environment(toolchain, &command);

        command.removed = true; /* until it runs */
        command.engine = strdup(image->program);
        command.container = container_name(job->id);
        if (!command.engine || !command.container)
                return -ENOMEM;
        r = command_finish(&command);
        if (r < 0)
                return r;
        *ret = command;
        command = (Command){};
        return 0;
}

/* a name that no job has */
static int container_name_trial(char ret[static CONTAINER_TRIAL_MAX]) {
        uint64_t number;

        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
                return error_from_errno();
        (void) snprintf(ret, CONTAINER_TRIAL_MAX, CONTAINER_PREFIX "try-%016" PRIx64, number);
        return 0;
}

int container_try(const ConfigToolchain *toolchain, const ContainerImage *image,
                  uint64_t timeout_ms, Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        char line[256], name[CONTAINER_TRIAL_MAX];
        int r;

        r = container_name_trial(name);
        if (r < 0)
                return r;

        r = container_ask(toolchain, image->program, &command, problem);
        if (r < 0)
                return r;
        command_option(&command, "run", "--pull=never");
        command_option(&command, "--rm", "--init");
        command_option(&command, "--name", name);
        command_option(&command, "--network", "none");
        r = container_add_user(toolchain, image, &command, problem);
        if (r < 0)
                return r;
        container_add_limits(toolchain, &command);
        container_add_inner_environment(toolchain, &command);
        container_add_image(image, &command);
        command_argument(&command, "-c");
        container_add_compiler(toolchain, &command);
        command_argument(&command, "--help");
        r = command_finish(&command);
        if (r == 0)
                r = capture_run(&command, timeout_ms, &capture);
        if (r == -ETIMEDOUT) /* the engine's client is gone, what it started is not */
                (void) container_remove(toolchain, image->program, name);
        if (r < 0)
                return container_down(toolchain, image->engine, r, &capture, problem);
        if (capture.status == 0)
                return problem_set(problem, 0, "vai_c_xir runs in the image");
        if (capture.status == CONTAINER_ENGINE_FAILED)
                capture_first_line(&capture, line, sizeof(line));
        else
                capture_last_line(&capture, line, sizeof(line));
        return problem_set(problem, -EIO,
                           "toolchain %s: vai_c_xir does not run in %s (%s); correct \"conda\" or "
                           "choose another image",
                           toolchain->name, image->reference, line);
}

/* --- afterwards ------------------------------------------------------------------------------- */

int container_inspect(const ConfigToolchain *toolchain, const Command *command, ContainerEnd *ret,
                      Problem *problem) {
        _cleanup_(command_cleanup) Command question = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        char line[64];
        int r;

        r = container_ask(toolchain, command->engine, &question, problem);
        if (r < 0)
                return r;
        command_argument(&question, "inspect");
        command_option(&question, "--format",
                       "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}");
        command_argument(&question, command->container);
        r = command_finish(&question);
        if (r == 0)
                r = capture_run(&question, CONTAINER_ASK_MS, &capture);
        if (r < 0)
                return problem_set(problem, -EAGAIN,
                                   "toolchain %s: the engine does not tell how the compile ended: "
                                   "%s",
                                   toolchain->name, strerror(-r));

        capture_answer(&capture, line, sizeof(line));
        if (capture.status == 0 && container_answer_end(line, ret) == 0)
                return 0;
        if (capture.status != 0)
                capture_first_line(&capture, line, sizeof(line));
        return problem_set(problem, -EAGAIN,
                           "toolchain %s: the container did not run to an end (%s)",
                           toolchain->name, line);
}

int container_remove(const ConfigToolchain *toolchain, const char *engine, const char *name) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        int r;

        r = container_ask(toolchain, engine, &command, NULL);
        if (r < 0)
                return r;
        command_option(&command, "rm", "--force");
        command_option(&command, "--volumes", name);
        r = command_finish(&command);
        if (r == 0)
                r = capture_run(&command, CONTAINER_REMOVE_MS, &capture);
        if (r < 0)
                return r;
        return capture.status == 0 || container_answer_is_no_container(bytes_slice(&capture.err))
                       ? 0
                       : -EIO;
}

int container_jobs_id(const char *jobs, char ret[CONTAINER_JOBS_ID_MAX]) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        struct stat st;
        Digest digest;
        int r;

        if (stat(jobs, &st) < 0)
                return error_from_errno();
        r = hasher_new(&hasher, HASHER_XXH3);
        if (r == 0)
                r = hasher_update(hasher, jobs, strlen(jobs) + 1);
        if (r == 0)
                r = hasher_update(hasher, &st.st_dev, sizeof(st.st_dev));
        if (r == 0)
                r = hasher_update(hasher, &st.st_ino, sizeof(st.st_ino));
        if (r < 0)
                return r;
        hasher_xxh3(hasher, &digest);
        digest_to_hex(&digest, ret);
        return 0;
}

/* one line for each container: the job's id */
static int container_list(const ConfigToolchain *toolchain, const char *program, const char *jobs,
                          Capture *ret) {
        _cleanup_(command_cleanup) Command command = {};
        char id[CONTAINER_JOBS_ID_MAX];
        int r;

        r = container_jobs_id(jobs, id);
        if (r == 0)
                r = container_ask(toolchain, program, &command, NULL);
        if (r < 0)
                return r;
        command_option(&command, "ps", "--all");
        command_argument(&command, "--filter");
        command_format(&command, "label=dpucc.jobs=%s", id);
        command_option(&command, "--format", "{{.Names}}");
        r = command_finish(&command);
        return r < 0 ? r : capture_run(&command, CONTAINER_ASK_MS, ret);
}

static unsigned container_reap_in(const ConfigToolchain *toolchain, const char *program,
                                  const char *jobs) {
        _cleanup_(capture_cleanup) Capture capture = {};
        _cleanup_(freep) char *text = NULL;
        char *save = NULL;
        unsigned seen = 0, n = 0;

        if (container_list(toolchain, program, jobs, &capture) < 0 || capture.status != 0)
                return 0;
        text = bytes_take_string(&capture.out);
        for (char *name = text ? strtok_r(text, "\n", &save) : NULL;
             name && seen < CONTAINER_REAP_MAX; name = strtok_r(NULL, "\n", &save), seen++) {
                if (strncmp(name, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) != 0 ||
                    jobdir_is_held(jobs, name + strlen(CONTAINER_PREFIX)))
                        continue;
                if (container_remove(toolchain, program, name) == 0)
                        n++;
        }
        return n;
}

unsigned container_reap(const ConfigToolchain *toolchain, const char *jobs) {
        const EngineKind engines[] = { ENGINE_DOCKER, ENGINE_PODMAN };
        unsigned n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
                _cleanup_(freep) char *program = NULL;

                if (toolchain->engine != ENGINE_ANY && toolchain->engine != engines[i])
                        continue;
                if (container_find_engine(toolchain, engines[i], &program) == 0)
                        n += container_reap_in(toolchain, program, jobs);
        }
        return n;
}

int container_engine_version(const ConfigToolchain *toolchain, const ContainerImage *image,
                             char **ret, Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        char line[128];
        int r;

        r = container_ask(toolchain, image->program, &command, problem);
        if (r < 0)
                return r;
        command_argument(&command, "version");
        command_option(
                &command, "--format",
                image->engine == ENGINE_DOCKER ? "{{.Server.Version}}" : "{{.Client.Version}}");
        r = command_finish(&command);
        if (r == 0)
                r = capture_run(&command, CONTAINER_ASK_MS, &capture);
        if (r < 0 || capture.status != 0)
                return container_down(toolchain, image->engine, r, &capture, problem);
        capture_answer(&capture, line, sizeof(line));
        *ret = strdup(line);
        return *ret ? 0 : -ENOMEM;
}
