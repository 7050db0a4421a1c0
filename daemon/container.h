#pragma once

/*
 * Compilers in images of docker or podman
 *
 * The engine's command line program is what we talk to; it is the one interface that rootful and
 * rootless, docker and podman, and remote engines share. An image is resolved to its id before
 * anything else, and by that id it is run, so that a tag that moves meanwhile changes nothing.
 * Nothing is ever pulled.
 *
 *      /dpuccd/in    read-only: the snapshot and the arch file
 *      /dpuccd/out   the only thing that stays
 *      /tmp         private to the job; HOME, TMPDIR and the working directory
 *
 * A container has a name (dpucc-JOB) and two labels: dpucc.jobs is the identity of our directory
 * of jobs, dpucc.job the job. An engine's client can die without its container, so a container is
 * always ended by name, and what a daemon that died left behind is found by the labels: the job's
 * directory is locked by its owner for as long as that lives (jobdir.h). Containers of other
 * cache directories, and of anybody else, are never touched.
 *
 * Everything here runs the engine's program and waits for it: pool threads only. An engine that
 * is down is -EAGAIN and never a reason to use something else.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "daemon/command.h"
#include "daemon/config.h"
#include "daemon/container_answer.h"

#define CONTAINER_ROOT    "/dpuccd" /* no beginning of a name that a compiler may print */
#define CONTAINER_INPUTS  CONTAINER_ROOT "/in"
#define CONTAINER_OUTPUTS CONTAINER_ROOT "/out"
#define CONTAINER_CONDA   "/opt/vitis_ai/conda" /* where the vendor's images have it */

typedef struct ContainerImage {
        EngineKind engine;
        char *program;         /* the engine's */
        const char *reference; /* borrowed from the configuration */
        char id[CONTAINER_ID_MAX];
} ContainerImage;

/* There is an engine to be asked. Quick. */
bool container_is_installed(const ConfigToolchain *toolchain);

/* -ENOENT: no engine is installed. -ENODATA: it has none of the images. -EAGAIN: it does not
 * answer. All with @problem. -ECANCELED: @cancelled, which may be NULL. */
int container_resolve(const ConfigToolchain *toolchain, const atomic_bool *cancelled,
                      ContainerImage *ret, Problem *problem);
void container_image_deinit(ContainerImage *image);

static inline void container_image_cleanup(ContainerImage *image) {
        container_image_deinit(image);
}

/* Borrowed for the call. */
typedef struct ContainerJob {
        const char *id;
        const char *directory; /* of the job: in/, out/, tmp/ */
        const char *jobs_id;   /* container_jobs_id() */
        const Strings *arguments;
} ContainerJob;

/* The command that runs vai_c_xir with @job->arguments. -EINVAL with @problem: the directory has
 * a name that the engine cannot mount. */
int container_command(const ConfigToolchain *toolchain, const ContainerImage *image,
                      const ContainerJob *job, Command *ret, Problem *problem);

/* Parts of such commands, for containers that live longer than a job (box.h): a question to the
 * engine begins; all by which a container is named and confined, and its image; the arguments of
 * `bash -c`, save those of vai_c_xir. */
int container_ask(const ConfigToolchain *toolchain, const char *program, Command *command,
                  Problem *problem);
int container_add_options(const ConfigToolchain *toolchain, const ContainerImage *image,
                          const ContainerJob *job, Command *command, Problem *problem);
void container_add_image(const ContainerImage *image, Command *command);
void container_add_compiler(const ConfigToolchain *toolchain, Command *command);
char *container_name(const char *job_id); /* a new string; NULL: no memory */

#define CONTAINER_TRY_MS 120000 /* enough for Python packages from a cold disk */

/* Whether `vai_c_xir --help` runs in the image, as a compile would start it, and within
 * @timeout_ms; after that nothing of it is left. -EIO: it does not; -EAGAIN. */
int container_try(const ConfigToolchain *toolchain, const ContainerImage *image,
                  uint64_t timeout_ms, Problem *problem);

/* How the container of @command ended. -EAGAIN: it cannot be told, or it has not ended: whatever
 * the client's exit status says, this was no run of the compiler. */
int container_inspect(const ConfigToolchain *toolchain, const Command *command, ContainerEnd *ret,
                      Problem *problem);

/* Ends and removes it; one that is not there is no error. */
int container_remove(const ConfigToolchain *toolchain, const char *engine, const char *name);

#define CONTAINER_JOBS_ID_MAX 33

/* Identity of the directory of jobs @jobs, as labels hold it. */
int container_jobs_id(const char *jobs, char ret[CONTAINER_JOBS_ID_MAX]);

/* Ends and removes the containers of jobs in @jobs whose owner is dead. Returns how many there
 * were. An engine that is down or not installed has none that could be reached. */
unsigned container_reap(const ConfigToolchain *toolchain, const char *jobs);

/* The version that the engine tells: a new string. */
int container_engine_version(const ConfigToolchain *toolchain, const ContainerImage *image,
                             char **ret, Problem *problem);
