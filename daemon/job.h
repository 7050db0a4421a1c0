#pragma once

/*
 * Jobs: one run of a toolchain for one key
 *
 *      PREPARING ──found it after all────────────────────────────────┐
 *          │  snapshot, arch file, key lock                          │
 *          ▼                                                         ▼
 *      COMPILING ──> EXAMINING ──> CHECKING ──> REPORTING ──> STORING ──> CLEANING ──> @done
 *          │             │            │                          ▲           ▲
 *          │             └────────────┴── failed for good ───────┘           │
 *          └── transient, stale, cancelled (from any state) ─────────────────┘
 *
 *   PREPARING  makes a private directory, takes the key's lock, looks once more into the cache,
 *              writes the snapshot. We compile what we hash: the compiler reads that file, never
 *              the user's, and a source that changed meanwhile ends the job (JOB_STALE).
 *   COMPILING  the toolchain, as a child. Its log is read as it comes, for progress. If it fails
 *              with an error that was seen to pass when tried again (compiler_verdict.h), its
 *              outputs are removed (CLEARING) and it runs once more. So it does if the container
 *              that was kept for it (box.h) is gone.
 *   EXAMINING  how the compiler ended (of a container the engine is asked); the files are there,
 *              and md5sum.txt is right.
 *   CHECKING   `dpucc check` as a child: the post-conditions on the compiled graph.
 *   REPORTING  `dpucc report` as a child, where the compiler left no report of its own.
 *   STORING    artifact or diagnosis into the cache, if the toolchain still is what the key
 *              says.
 *   CLEANING   whatever the compiler left running is killed, the directory removed.
 *
 * Exit status 0 never is success by itself. A failure is *for good* if it follows from the
 * inputs: then its diagnosis is stored and answers for this key. It is *transient* if the world
 * may have caused it (killed, out of memory, time-out, no space, something is not installed): then
 * nothing is stored. Nor is what failed twice with an error of that other kind: it is a failure,
 * but the next who asks compiles again.
 *
 * job_start() and job_cancel() have the contract of QueueOps.
 */

#include "daemon/core.h"
#include "daemon/order.h"
#include "daemon/queue.h"

int job_start(Core *core, Order *order, void (*phase)(JobPhase phase, void *userdata),
              void (*done)(const JobResult *result, void *userdata), void *userdata, Job **ret);
void job_cancel(Job *job);

/* for queue_new(); @core outlives the queue */
QueueOps job_queue_ops(Core *core);
