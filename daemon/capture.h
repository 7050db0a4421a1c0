#pragma once

/*
 * Capture: one short command, run to its end, its output taken
 *
 * For questions to other programs (`docker image inspect`), never for compilers (proc.h). It
 * blocks until the child is gone, and that is bounded: after the time limit, or when nobody wants
 * the answer any more, the child's process group is asked to end, and killed if it does not. Pool
 * threads only. What exceeds CAPTURE_MAX of either stream is dropped, so a program that talks
 * without end is not what ends us.
 */

#include <stdint.h>

#include "base/bytes.h"
#include "daemon/command.h"

#define CAPTURE_MAX ((size_t) 4 * 1024 * 1024)

typedef struct Capture {
        int status; /* exit status, or 128 + the signal that killed it */
        Bytes out, err;
} Capture;

/* 0 whatever the status. -ETIMEDOUT; -ECANCELED: @command->cancelled; -ENOENT and others: it could
 * not be started. */
int capture_run(const Command *command, uint64_t timeout_ms, Capture *ret);
void capture_deinit(Capture *capture);

static inline void capture_cleanup(Capture *capture) {
        capture_deinit(capture);
}

/* The answer of a command that ended well: the first line of its output that is not empty, "" if
 * there is none. What it says beside that may be a warning. */
void capture_answer(const Capture *capture, char *ret, size_t room);

/* One line for people out of what it said: the first that is not empty, of the errors if there
 * are any. */
void capture_first_line(const Capture *capture, char *ret, size_t room);

/* The same with the last one: what a shell or Python says when it gives up. */
void capture_last_line(const Capture *capture, char *ret, size_t room);
