#pragma once

/*
 * The loop of dpucc-remote: frames in, tasks to workers, replies out
 *
 * The loop itself never waits for a server, so a ping is answered as long as the process lives.
 * The first frame configures. When the daemon hangs up, what it handed over to be written is
 * still written; everything else ends.
 */

#define SERVE_FRAME_MAX (2 * 1024 * 1024) /* bytes, either way: a record and a little */

/* @socket is borrowed. 0 when the daemon hung up; -EBADMSG: it sent what no daemon sends. */
int serve(int socket);
