#pragma once

/*
 * Boxes: containers that are kept for the next compile
 *
 * To start a container takes longer than to enter one that is there. A box is a container that
 * waits, with a job directory of its own mounted at the usual places; a job that has the box runs
 * in that directory, and its compiler is started inside (`exec`). So a box serves one job at a
 * time, and what that job sees is what a container of its own would show it: same image, user,
 * limits, mounts, environment.
 *
 * Between jobs nothing may stay. A box is kept only if its compiler ended with status 0 by itself,
 * left no process, no shared memory and no message queue, changed nothing in the container's file
 * system, and the directory could be emptied. Anything else (failure, time limit, cancel, lack of
 * memory) ends the container as ever: that also is how processes inside are killed, all of them
 * and none of another job.
 *
 * Its name and labels are those of any container of ours, and the lock of its directory is held
 * for as long as it lives: what a dead daemon left is reaped with the rest (container.h).
 *
 * Everything here runs the engine's program: pool threads only.
 */

#include <stdint.h>
#include <sys/queue.h>

#include "base/digest.h"
#include "base/problem.h"
#include "daemon/command.h"
#include "daemon/config.h"
#include "daemon/container.h"
#include "daemon/jobdir.h"

typedef struct Box {
        ConfigToolchain config; /* a copy: a reload of the configuration does not end it */
        Digest identity;        /* of the toolchain: what the image and the environment are */
        char *engine;           /* its program */
        char *name;
        JobDir *dir;    /* NULL while a job has it */
        Digest changes; /* how the file system of the container differs from the image's */
        int64_t idle_since_ns;
        TAILQ_ENTRY(Box) link; /* of whoever keeps it */
} Box;

/* Starts one. -EAGAIN with @problem. */
int box_new(Box **ret, const ConfigToolchain *toolchain, const ContainerImage *image,
            const Digest *identity, const char *jobs, Problem *problem);

/* Ends the container, and removes the directory if it is there. Takes NULL, returns NULL. */
Box *box_free(Box *box);

/* Whether a compile of @toolchain, whose identity is @identity, could run in it. */
bool box_fits(const Box *box, const ConfigToolchain *toolchain, const Digest *identity);

/* The command that runs vai_c_xir inside, in the directory @directory. */
int box_command(const Box *box, const char *directory, const Strings *arguments, Command *ret);

/* How a command of box_command() ended. Says in @command->intact whether the container may be
 * kept; if not, it is gone when this returns. -EAGAIN as container_inspect(). */
int box_conclude(const ConfigToolchain *toolchain, Command *command, ContainerEnd *ret,
                 Problem *problem);

/* After a job: makes it as it was when it was new. Negative errno: it cannot be kept. */
int box_renew(Box *box);
