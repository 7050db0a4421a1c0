#pragma once

/*
 * Peers: one connection of a client
 *
 * A Peer reads frames from its socket, makes a Call (call.h) of each request, gives it to
 * verbs.c, and sends what comes back. It is allocated by peer_new() and frees itself when its
 * handle is closed; the server learns of that through server_peer_gone().
 *
 *      HELLO ──client's Hello──> OPEN ──peer_finish()──> FINISHING
 *        │                         │                         │ all is sent
 *        └── hang-up, error, limit, peer_close() ────────────┴──> CLOSING (freed soon)
 *
 * Nothing is written from within peer_send(): the loop comes back when the socket takes it, so
 * a connection never breaks while somebody is still answering a request of it. peer_close()
 * may be called at any time; the calls then have no peer and their asks are cancelled.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "proto/dpucc.pb-c.h"

#define PEER_CALLS_MAX    64                 /* requests without a final reply */
#define PEER_QUEUE_MAX    (32 * 1024 * 1024) /* bytes that wait for a slow reader */
#define PEER_PROGRESS_MAX (64 * 1024)        /* with more than this waiting progress is left out */

typedef struct Call Call;
typedef struct Peer Peer;
typedef struct Server Server;
typedef struct Verbs Verbs;

LIST_HEAD(PeerList, Peer);

/* Takes over @socket when it succeeds, and enters the new peer in @list. */
int peer_new(Server *server, const Verbs *verbs, struct PeerList *list, int socket);

/* hangs up at once */
void peer_close(Peer *peer);
void peer_close_all(struct PeerList *list);
/* hears no more requests, hangs up when everything that is queued was sent */
void peer_finish_all(struct PeerList *list);

/* Queues @reply; takes over @fd (-1: none) in any case. -EMSGSIZE: the reply is too long for a
 * frame, and nothing happened; other errors end the connection. */
int peer_send(Peer *peer, const Dpucc__Wire__Reply *reply, int fd);

/* no progress, please: it reads slower than we write */
bool peer_is_slow(const Peer *peer);

Call *peer_find_call(Peer *peer, uint32_t id);
void peer_forget_call(Peer *peer, Call *call);
