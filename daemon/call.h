#pragma once

/*
 * Calls: one request while it is being answered
 *
 * Made by the peer, given to verbs.c, which ends each exactly once, at once or later. When the
 * connection goes away first, the call stays, without a peer: what is sent to it is dropped,
 * and it still has to be ended (the engine answers a cancelled ask, too).
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/slice.h"
#include "proto/dpucc.pb-c.h"

#define CALL_LOG_MAX ((size_t) 16 * 1024 * 1024)

typedef struct Ask Ask;
typedef struct Call Call;
typedef struct Peer Peer;

struct Call {
        Peer *peer; /* NULL: nobody waits any more */
        LIST_ENTRY(Call) link;
        uint32_t id;
        Ask *ask; /* what the engine does about it, NULL: nothing */
};

LIST_HEAD(CallList, Call);

/* One of several replies. The id is filled in. */
void call_send(Call *call, Dpucc__Wire__Reply *reply);
/* The same, left out when the client does not keep up. */
void call_progress(Call *call, Dpucc__Wire__Reply *reply);

/* A log, in pieces that fit. */
void call_send_log(Call *call, Slice log);

/* The final reply, with its outcome; takes over @fd (-1: none) and frees the call. */
void call_end(Call *call, Dpucc__Wire__Outcome outcome, Dpucc__Wire__Reply *reply, int fd);
/* a final reply that has nothing but a message */
void call_end_with(Call *call, Dpucc__Wire__Outcome outcome, const char *message);
