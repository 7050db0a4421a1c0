#pragma once

/*
 * The helper: dpucc-remote, started, watched over and asked
 *
 *      NONE ──helper_ask()──> RUNNING ──dies, or is silent and killed──> PAUSE ──> NONE
 *
 * It is started when it is first needed. While a request is under way it is pinged; one that does
 * not answer, or sits on a request beyond its deadline, is killed. After a death nothing is asked
 * for a pause, which doubles each time up to a minute; so a helper that crashes whatever one does
 * costs a process a minute and no build anything.
 *
 * helper_ask() fails at once and never calls back, or calls @done exactly once, later, from the
 * loop: with the reply, with -ENOTCONN when the helper died, or with -ECANCELED when it was
 * stopped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/problem.h"
#include "base/slice.h"
#include "daemon/config_remote.h"
#include "proto/remote.pb-c.h"

#define HELPER_FDS_MAX 4 /* that go with a request */

typedef struct Helper Helper;
typedef struct HelperRun HelperRun;

/* Processes that go on writing on their own (helper_stop()) are still ours to reap: one that ends
 * leaves the list. Empty is all zero. */
typedef struct HelperLeft {
        LIST_HEAD(, HelperRun) runs;
} HelperLeft;

/* For the end of the loop: whoever reaps our children then reaps these. */
void helper_forget(HelperLeft *left);

/* Borrowed for the callback. */
typedef struct HelperAnswer {
        int result;         /* 0, 1: not there, or negative (cache/remote/link.h) */
        const char *detail; /* NULL: none */
        Slice data;
        uint64_t n_bytes;
} HelperAnswer;

typedef void (*HelperDoneFn)(const HelperAnswer *answer, void *userdata);
typedef void (*HelperProblemFn)(uint32_t tier, const char *detail, void *userdata);

typedef struct HelperSpec {
        uv_loop_t *loop;
        const char *program;          /* copied */
        const ConfigRemote **remotes; /* borrowed as long as the helper lives */
        size_t n_remotes;
        HelperLeft *left;
        HelperProblemFn problem; /* what is wrong with a tier's configuration, at each start */
        void *userdata;
} HelperSpec;

int helper_new(Helper **ret, const HelperSpec *spec);

/* Sends @request (its id is set here). The descriptors are taken over when it succeeds.
 * @limit_ms: after that it is given up, and with it the helper; counted from when the helper can have
 * come to it. -ENOTCONN: in the pause. */
int helper_ask(Helper *helper, Dpucc__Remote__Request *request, const int *fds, size_t n_fds,
               uint64_t limit_ms, HelperDoneFn done, void *userdata);

/* Everything under way is answered with -ECANCELED, and whatever is asked from now on; then
 * @stopped is called, once, later. What it was asked to write the process goes on writing, on its
 * own, and ends. */
void helper_stop(Helper *helper, void (*stopped)(void *userdata), void *userdata);
Helper *helper_free(Helper *helper); /* a stopped one; takes NULL, returns NULL */

unsigned helper_n_deaths(const Helper *helper);
bool helper_warning(const Helper *helper, Problem *ret); /* false: nothing is wrong */
