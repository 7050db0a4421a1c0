#pragma once

/*
 * Peers: one connection of a client
 *
 * A Peer reads frames from its socket, makes a Call (call.h) of each request, gives it to the
 * handler, and sends what comes back. It is allocated by peer_new() and frees itself when its
 * handle is closed; its owner learns of that through @gone.
 *
 *      HELLO ──client's Hello──> OPEN ──peer_finish_all()──> FINISHING
 *        │                         │                             │ all is sent
 *        │   a reply that cannot be queued ──> BROKEN ────────────┤ next turn of the loop
 *        └── hang-up, error, limit, peer_close() ────────────────┴──> CLOSING (freed soon)
 *
 * Nothing is written while a reply is queued: the loop comes back when the socket takes it, so
 * a connection never breaks while somebody is still answering a request of it, and nobody's ask is
 * cancelled in the middle of telling him something. peer_close() may be called from callbacks of the
 * loop only; the calls then have no peer and their asks are cancelled.
 */

#include <sys/queue.h>
#include <uv.h>

#include "daemon/call.h"

#define PEER_QUEUE_MAX    (32 * 1024 * 1024)  /* bytes that wait for a slow reader */
#define PEERS_QUEUE_MAX   (256 * 1024 * 1024) /* ... for all: a slow one that gets more then goes */
#define PEERS_FDS_MAX     2048                /* that came with requests which are being answered */
#define PEER_PROGRESS_MAX (64 * 1024)         /* with more than this waiting progress is left out */

typedef struct Peer Peer;

LIST_HEAD(PeerList, Peer);

/* what all peers of a server have in use together */
typedef struct PeerTotals {
        size_t n_bytes; /* queued */
        unsigned n_fds;
} PeerTotals;

typedef struct PeerSpec {
        uv_loop_t *loop;
        CallHandler handler;
        PeerTotals *totals;
        void (*gone)(void *userdata); /* once for each, after its last sign of life */
        void *userdata;
} PeerSpec;

/* Takes over @socket when it succeeds, and enters the new peer in @list. @spec is borrowed and
 * outlives the peer. */
int peer_new(const PeerSpec *spec, struct PeerList *list, int socket);

/* hangs up at once */
void peer_close(Peer *peer);
void peer_close_all(struct PeerList *list);
/* hears no more requests, hangs up when everything that is queued was sent */
void peer_finish_all(struct PeerList *list);
