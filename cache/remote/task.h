#pragma once

/*
 * Tasks: one request of the daemon, from its frame to its reply
 *
 * Owned by one thread at a time: read and queued by the loop, done by a worker, handed back.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "cache/remote/access.h"
#include "cache/remote/link.h"
#include "proto/frame.h"
#include "proto/remote.pb-c.h"

#define TASK_RECORD_MAX (2 * 1024 * 1024) /* bytes of what is read without a descriptor */
#define TASK_NAME_MAX   128

typedef enum TaskKind {
        TASK_GET,
        TASK_PUT,
        TASK_PROBE,
} TaskKind;

typedef struct Task {
        STAILQ_ENTRY(Task) link;
        TaskKind kind;
        uint32_t id;
        size_t tier;
        Dpucc__Remote__Request *request;
        int fds[FRAME_FDS_MAX]; /* owned; -1: none */

        int result;
        Problem problem;
        Bytes data;
        uint64_t n_bytes;
} Task;

STAILQ_HEAD(TaskList, Task);

/* Takes over @request and the descriptors of @frame when it succeeds. -EINVAL: nothing that the
 * daemon would ask. */
int task_new(Task **ret, Dpucc__Remote__Request *request, Frame *frame, size_t n_tiers);
Task *task_free(Task *task);

static inline void task_freep(Task **task) {
        (void) task_free(*task);
}

/* Does it over @link; blocks. The result is in the task, its descriptors are closed. */
void task_run(Task *task, Link *link, const atomic_bool *cancelled);
void task_fail(Task *task, int r, const char *reason);
