#pragma once

/*
 * Calls: one request while it is being answered
 *
 * Made for a request that came in, given to the handler, which ends each exactly once, at once or
 * later. The Calls of a connection are what it was asked and has not answered; how a reply gets
 * out is the connection's matter (CallsOps). When the connection goes away first, the call stays,
 * without a list: what is sent to it is dropped, and it still has to be ended (the engine answers
 * a cancelled ask, too).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/problem.h"
#include "base/slice.h"
#include "proto/dpucc.pb-c.h"
#include "proto/frame.h"

#define CALL_LOG_MAX ((size_t) 16 * 1024 * 1024)
#define CALLS_MAX    64 /* requests of one connection without a final reply */

typedef struct Ask Ask;
typedef struct Call Call;

typedef struct CallsOps {
        /* Queues @reply; takes over @fd (-1: none) in any case. -EMSGSIZE: the reply is too long
         * for a frame, and nothing happened; other errors end the connection. */
        int (*send)(const Dpucc__Wire__Reply *reply, int fd, void *userdata);
        /* no progress, please: the client reads slower than we write */
        bool (*is_slow)(void *userdata);
} CallsOps;

typedef struct Calls {
        const CallsOps *ops;
        void *userdata;
        unsigned *n_fds; /* that calls of all connections came with, and may hold */
        LIST_HEAD(, Call) list;
        unsigned n;
} Calls;

struct Call {
        Calls *calls; /* NULL: nobody waits any more */
        LIST_ENTRY(Call) link;
        uint32_t id;
        uint32_t n_fds;      /* it came with */
        uint32_t n_left_out; /* events, of a monitor that does not keep up */
        Ask *ask;            /* what the engine does about it, NULL: nothing */
};

/* Who answers. Sees to it that @call ends; takes what it needs of the descriptors in @frame. */
typedef struct CallHandler {
        void (*start)(Call *call, const Dpucc__Wire__Request *request, Frame *frame,
                      void *userdata);
        void *userdata;
} CallHandler;

/* @n_fds: counts for all connections of a server, and outlives them. */
void calls_init(Calls *calls, const CallsOps *ops, unsigned *n_fds, void *userdata);
/* The connection is gone: cancels what is under way. */
void calls_abandon(Calls *calls);
Call *calls_find(Calls *calls, uint32_t id);

int call_new(Call **ret, Calls *calls, uint32_t id,
             uint32_t n_fds); /* calls_find(), CALLS_MAX: see to that first */

/* One of several replies. The id is filled in. */
void call_send(Call *call, Dpucc__Wire__Reply *reply);
/* The same, left out (false) when the client does not keep up. */
bool call_progress(Call *call, Dpucc__Wire__Reply *reply);

/* A log, in pieces that fit. */
void call_send_log(Call *call, Slice log);

/* The final reply, with its outcome; takes over @fd (-1: none) and frees the call. */
void call_end(Call *call, Dpucc__Wire__Outcome outcome, Dpucc__Wire__Reply *reply, int fd);
/* a final reply that has nothing but a message */
void call_end_with(Call *call, Dpucc__Wire__Outcome outcome, const char *message);
/* Because of @r, with @problem's text or, if that is empty, strerror(-@r). */
void call_fail(Call *call, int r, const Problem *problem);
