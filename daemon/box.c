/*
 * How the compiler ended is not told by the status of `exec`: the client of an engine that went
 * down has one, too. The script inside writes a line when, and only when, the compiler has ended:
 * its status, and whether it left anything that lives without it. What is looked at for that are
 * the processes, and all shared memory and queues of the container's name spaces; there is
 * nothing else that outlives a process outside of files. Files are compared by the engine (`diff`).
 *
 * Whether the container ran out of memory is known for sure only when it is over (docker sets its
 * flag then), and after a failure it is not kept anyway: so it is stopped, and asked.
 */

#include "daemon/box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "daemon/capture.h"

#define BOX_ASK_MS      30000
#define BOX_VERDICT     "tmp/.dpucc-end" /* in the job's directory; /tmp in the container */
#define BOX_VERDICT_MAX 64

/* Waits for ever. A missing `sleep` ends it. */
#define BOX_IDLE_SCRIPT "exec sleep 2147483647"

/* $1 is the script of a container of its own, $2 its name there, the rest are its arguments. The
 * noise of a killed child is bash's, not the compiler's, and does not belong in its log. */
#define BOX_SCRIPT                                                                                 \
        "survey() {\n"                                                                             \
        "  local memory sets queues\n"                                                             \
        "  mapfile -t memory </proc/sysvipc/shm\n"                                                 \
        "  mapfile -t sets </proc/sysvipc/sem\n"                                                   \
        "  mapfile -t queues </proc/sysvipc/msg\n"                                                 \
        "  seen=(/proc/[0-9]* /dev/shm/* /dev/mqueue/*)\n"                                         \
        "  seen+=(\"memory ${#memory[@]}\" \"sets ${#sets[@]}\" \"queues ${#queues[@]}\")\n"       \
        "}\n"                                                                                      \
        "nothing_new() {\n"                                                                        \
        "  local thing\n"                                                                          \
        "  survey\n"                                                                               \
        "  for thing in \"${seen[@]}\"; do [[ $before == *\"|$thing|\"* ]] || return; done\n"      \
        "}\n"                                                                                      \
        "exec 3>&2 2>/dev/null\n"                                                                  \
        "shopt -s dotglob; survey; shopt -u dotglob\n"                                             \
        "printf -v before '|%s|' \"${seen[@]}\"\n"                                                 \
        "( script=$1; shift 2; eval \"$script\" ) 2>&3 3>&-\n"                                     \
        "status=$? end=left\n"                                                                     \
        "shopt -s dotglob\n"                                                                       \
        "for try in 1 2 3; do\n"                                                                   \
        "  if nothing_new; then end=intact; break; fi\n"                                           \
        "  sleep 0.05\n"                                                                           \
        "done\n"                                                                                   \
        "echo \"$status $end\" >/" BOX_VERDICT "\n"                                                \
        "exit $status\n"

/* --- one ---------------------------------------------------------------------------------------- */

/* Runs a command of the engine's. 0 if its status is 0. */
static int box_run(const ConfigToolchain *toolchain, Command *command, Capture *ret,
                   Problem *problem) {
        char line[256];
        int r;

        r = command_finish(command);
        if (r == 0)
                r = capture_run(command, BOX_ASK_MS, ret);
        if (r < 0)
                return problem_set(problem, -EAGAIN, "toolchain %s: the engine does not answer: %s",
                                   toolchain->name, strerror(-r));
        if (ret->status == 0)
                return 0;
        capture_first_line(ret, line, sizeof(line));
        return problem_set(problem, -EAGAIN, "toolchain %s: %s", toolchain->name, line);
}

static int box_start(Box *box, const ContainerImage *image, const char *jobs, Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        char jobs_id[CONTAINER_JOBS_ID_MAX];
        const ContainerJob job = {
                .id = box->dir->id,
                .directory = box->dir->path,
                .jobs_id = jobs_id,
        };
        int r;

        r = container_jobs_id(jobs, jobs_id);
        if (r == 0)
                r = container_ask(&box->config, box->engine, &command, problem);
        if (r < 0)
                return r;
        command_option(&command, "run", "--pull=never");
        command_argument(&command, "--detach");
        r = container_add_options(&box->config, image, &job, &command, problem);
        if (r < 0)
                return r;
        command_option(&command, "-c", BOX_IDLE_SCRIPT);
        return box_run(&box->config, &command, &capture, problem);
}

static int box_survey(const Box *box, Digest *ret, Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        _cleanup_(freep) char *text = NULL;
        int r;

        r = container_ask(&box->config, box->engine, &command, problem);
        if (r < 0)
                return r;
        command_option(&command, "diff", box->name);
        r = box_run(&box->config, &command, &capture, problem);
        if (r < 0)
                return r;
        if (capture.out.size == CAPTURE_MAX)
                return -EFBIG; /* there may be more that we do not see */
        text = bytes_take_string(&capture.out);
        return text ? container_answer_changes(text, ret) : -ENOMEM;
}

int box_new(Box **ret, const ConfigToolchain *toolchain, const ContainerImage *image,
            const Digest *identity, const char *jobs, Problem *problem) {
        Box *box;
        int r;

        box = calloc(1, sizeof(*box));
        if (!box)
                return -ENOMEM;
        box->identity = *identity;
        r = config_toolchain_copy(toolchain, &box->config);
        if (r == 0)
                r = strings_dup(&box->engine, image->program);
        if (r == 0)
                r = jobdir_new(&box->dir, jobs);
        if (r == 0)
                box->name = container_name(box->dir->id);
        if (r == 0)
                r = box->name ? box_start(box, image, jobs, problem) : -ENOMEM;
        if (r == 0)
                r = box_survey(box, &box->changes, problem);
        if (r < 0) {
                (void) box_free(box);
                return r;
        }
        *ret = box;
        return 0;
}

Box *box_free(Box *box) {
        if (!box)
                return NULL;

        /* what cannot be removed now is found by its labels when a daemon starts */
        if (box->name)
                (void) container_remove(&box->config, box->engine, box->name);
        (void) jobdir_remove(box->dir);
        config_toolchain_deinit(&box->config);
        free(box->engine);
        free(box->name);
        free(box);
        return NULL;
}

/* conda and the launcher are in the key, and not in the identity */
bool box_fits(const Box *box, const ConfigToolchain *toolchain, const Digest *identity) {
        const ConfigToolchain *own = &box->config;

        return digest_equal(&box->identity, identity) && own->engine == toolchain->engine &&
               own->remote == toolchain->remote && own->cpus == toolchain->cpus &&
               own->memory_limit == toolchain->memory_limit &&
               strings_equal(own->path, toolchain->path) &&
               strings_equal(own->conda, toolchain->conda) &&
               strings_equal(own->conda_root, toolchain->conda_root) &&
               strings_are_same(&own->launcher, &toolchain->launcher) &&
               strings_are_same(&own->environment, &toolchain->environment);
}

int box_renew(Box *box) {
        Problem none = {};
        Digest changes;
        int r;

        r = box_survey(box, &changes, &none);
        if (r < 0)
                return r;
        if (!digest_equal(&changes, &box->changes))
                return -ESTALE;
        return jobdir_renew(box->dir);
}

/* --- a job in it -------------------------------------------------------------------------------- */

int box_command(const Box *box, const char *directory, const Strings *arguments, Command *ret) {
        _cleanup_(command_cleanup) Command command = {};
        int r;

        r = container_ask(&box->config, box->engine, &command, NULL);
        if (r < 0)
                return r;
        command_argument(&command, "exec");
        command_option(&command, "--workdir", "/tmp");
        command_argument(&command, box->name);
        command_option(&command, "/bin/bash", "-c");
        command_option(&command, BOX_SCRIPT, "dpucc");
        container_add_compiler(&box->config, &command);
        command_arguments(&command, arguments);

        command.removed = true; /* until it runs */
        command.verdict = path_join(directory, BOX_VERDICT);
        if (!command.verdict)
                return -ENOMEM;
        r = strings_dup(&command.engine, box->engine);
        if (r == 0)
                r = strings_dup(&command.container, box->name);
        if (r == 0)
                r = command_finish(&command);
        if (r < 0)
                return r;
        *ret = command;
        command = (Command){};
        return 0;
}

/* The compiler could have written it. It gains nothing that its status does not give it. */
static int box_read_verdict(const char *path, int *ret_status, bool *ret_intact) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(BOX_VERDICT_MAX);
        _cleanup_(freep) char *text = NULL;
        int r;

        r = file_read(AT_FDCWD, path, &bytes);
        if (r < 0)
                return r;
        text = bytes_take_string(&bytes);
        return text ? container_answer_verdict(text, ret_status, ret_intact) : -ENOMEM;
}

static void box_stop(const ConfigToolchain *toolchain, const Command *command) {
        _cleanup_(command_cleanup) Command stop = {};
        _cleanup_(capture_cleanup) Capture capture = {};

        if (container_ask(toolchain, command->engine, &stop, NULL) < 0)
                return;
        command_option(&stop, "stop", "-t");
        command_option(&stop, "0", command->container);
        (void) box_run(toolchain, &stop, &capture, NULL);
}

int box_conclude(const ConfigToolchain *toolchain, Command *command, ContainerEnd *ret,
                 Problem *problem) {
        int status = 0, r, told;
        bool intact = false;

        told = box_read_verdict(command->verdict, &status, &intact);
        if (told == 0 && status == 0 && intact) {
                command->intact = true;
                *ret = (ContainerEnd){};
                return 0;
        }
        box_stop(toolchain, command);
        r = container_inspect(toolchain, command, ret, problem);
        (void) container_remove(toolchain, command->engine, command->container);
        command->removed = true;
        if (r == 0 && told < 0 && !ret->out_of_memory)
                return problem_set(problem, -EAGAIN,
                                   "toolchain %s: the container ended before the compiler",
                                   toolchain->name);
        if (told == 0)
                ret->exit_status = status;
        return told == 0 && status == 0 ? 0 : r;
}
