#pragma once

/*
 * The connection to the daemon: one blocking socket with a deadline
 *
 * Either to the daemon that serves a path, or to a `dpuccd --once` of our own, which lives as long
 * as the connection.
 */

#include <stdint.h>
#include <sys/types.h>

#include "base/problem.h"
#include "proto/dpucc.pb-c.h"
#include "proto/frame.h"

#define CONNECTION_NO_DEADLINE INT64_MAX

typedef struct Connection {
        int socket;
        FrameReader reader;
        FrameWriter writer;
        int64_t deadline_ns; /* of the monotonic clock */
        pid_t once;          /* 0: a daemon's */
} Connection;

/* Connects to @path (NULL: the default place), makes sure that it is our own user's daemon, and
 * queues our Hello. -ECONNREFUSED with @problem, which tells how to start one; -ETIMEDOUT. */
int connection_open(Connection *ret, const char *path, int64_t deadline_ns, Problem *problem);

/* Starts `dpuccd --once`, found beside this program or on PATH, at the other end, and queues our
 * Hello. It shares our terminal's signals, our stderr and our environment. -ECONNREFUSED with
 * @problem: it cannot be started. */
int connection_start_once(Connection *ret, int64_t deadline_ns, Problem *problem);

/* Hangs up, and waits for the end of what connection_start_once() started; not much longer than until
 * the deadline. Returns the signal that ended it, 0: none. */
int connection_close(Connection *connection);

/* Sends what is queued and reads the next frame; waits no longer than @tick_ms (-1: as long as
 * the deadline allows). FRAME_DONE, FRAME_WAIT when the tick is over, FRAME_CLOSED, -ETIMEDOUT
 * at the deadline, or another error. */
int connection_read(Connection *connection, int tick_ms, Frame *ret);
