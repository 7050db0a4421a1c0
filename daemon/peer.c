#include "daemon/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "proto/frame.h"
#include "proto/hello.h"

/* A client may not keep the loop to itself by sending without a pause. */
#define PEER_FRAMES_PER_TURN 16

typedef Dpucc__Wire__Reply Reply;
typedef Dpucc__Wire__Request Request;

typedef enum PeerState {
        PEER_HELLO,
        PEER_OPEN,
        PEER_FINISHING,
        PEER_BROKEN,
        PEER_CLOSING,
} PeerState;

struct Peer {
        const PeerSpec *spec;
        LIST_ENTRY(Peer) link;
        PeerState state;

        int socket;
        uv_poll_t poll;
        FrameReader reader;
        FrameWriter writer;
        size_t n_counted; /* of its bytes, in the totals */

        Calls calls;
};

/* After each change of what is queued. */
static void peer_count_queued(Peer *peer) {
        peer->spec->totals->n_bytes += peer->writer.n_bytes - peer->n_counted;
        peer->n_counted = peer->writer.n_bytes;
}

static void peer_free(Peer *peer) {
        frame_reader_deinit(&peer->reader);
        frame_writer_deinit(&peer->writer);
        free(peer);
}

static void peer_on_closed(uv_handle_t *handle) {
        Peer *peer = handle->data;

        peer->spec->gone(peer->spec->userdata);
        peer_free(peer);
}

void peer_close(Peer *peer) {
        if (peer->state == PEER_CLOSING)
                return;

        peer->state = PEER_CLOSING;
        LIST_REMOVE(peer, link);
        calls_abandon(&peer->calls);
        frame_writer_deinit(&peer->writer);
        peer_count_queued(peer);
        uv_close((uv_handle_t *) &peer->poll, peer_on_closed);
        close(TAKE_FD(peer->socket)); /* not libuv's any more */
}

static void peer_on_poll(uv_poll_t *poll, int status, int events);

/* tells the loop what we wait for now */
static void peer_update(Peer *peer) {
        int events = 0;

        if (peer->state == PEER_CLOSING)
                return;
        if (peer->state == PEER_FINISHING && frame_writer_is_empty(&peer->writer)) {
                peer_close(peer);
                return;
        }

        if (peer->state != PEER_FINISHING)
                events |= UV_READABLE;
        if (peer->state != PEER_BROKEN && !frame_writer_is_empty(&peer->writer))
                events |= UV_WRITABLE;
        /* which fails only where somebody else polls the same descriptor */
        (void) uv_poll_start(&peer->poll, events, peer_on_poll);
}

/* Ends it from the loop: whoever sends is in the middle of something that closing would cancel. */
static void peer_break(Peer *peer) {
        peer->state = PEER_BROKEN;
        (void) shutdown(peer->socket, SHUT_RDWR); /* which the loop is told as something to read */
        peer_update(peer);
}

static bool peer_is_slow(void *userdata) {
        const Peer *peer = userdata;

        return peer->writer.n_bytes > PEER_PROGRESS_MAX;
}

/* Most sockets have room, and then the loop need not be asked when there is. What goes wrong here is
 * told by the next poll, when nobody is in the middle of anything. */
static void peer_flush(Peer *peer) {
        (void) frame_writer_step(&peer->writer, peer->socket);
        peer_count_queued(peer);
}

/* takes over the descriptor when it succeeds */
static int peer_queue(Peer *peer, const Reply *reply, int *fd) {
        int r;

        if (peer->spec->totals->n_bytes > PEERS_QUEUE_MAX && peer_is_slow(peer))
                return -ENOBUFS;
        r = frame_writer_put(&peer->writer, &reply->base, fd, *fd >= 0 ? 1 : 0);
        peer_count_queued(peer);
        return r;
}

static int peer_send(const Reply *reply, int fd, void *userdata) {
        Peer *peer = userdata;
        int r;

        if (peer->state == PEER_BROKEN || peer->state == PEER_CLOSING) {
                closep(&fd);
                return 0;
        }

        r = peer_queue(peer, reply, &fd);
        if (r < 0) {
                closep(&fd);
                if (r == -EMSGSIZE)
                        return r;
                log_warning("a client is dropped: %s",
                            r == -ENOBUFS ? "it asks and does not read" : strerror(-r));
                peer_break(peer);
                return r;
        }
        if (peer->state == PEER_OPEN)
                peer_flush(peer);
        peer_update(peer);
        return 0;
}

/* one last word about the connection, then it ends */
static void peer_refuse(Peer *peer, const char *message) {
        Reply reply = DPUCC__WIRE__REPLY__INIT;

        reply.id = 0;
        reply.has_final = true;
        reply.final = true;
        reply.has_outcome = true;
        reply.outcome = DPUCC__WIRE__OUTCOME__FAILED;
        reply.message = (char *) message;
        if (peer_send(&reply, -1, peer) < 0)
                return;
        calls_abandon(&peer->calls);
        peer->state = PEER_FINISHING;
        peer_update(peer);
}

static const char *peer_refusal(Peer *peer, const Request *request) {
        if (request->id == 0)
                return "a request has id 0";
        if (calls_find(&peer->calls, request->id))
                return "two requests have the same id";
        if (peer->calls.n == CALLS_MAX)
                return "too many requests at once";
        return NULL;
}

static void peer_handle_request(Peer *peer, Frame *frame) {
        ProtobufCMessage *message = NULL;
        const char *refusal;
        Request *request;
        Call *call = NULL;

        if (frame_unpack(frame, &dpucc__wire__request__descriptor, &message) < 0) {
                peer_refuse(peer, "a request could not be read");
                return;
        }

        request = (Request *) message;
        refusal = peer_refusal(peer, request);
        if (!refusal && call_new(&call, &peer->calls, request->id, (uint32_t) frame->n_fds) < 0)
                refusal = "out of memory";
        if (refusal)
                peer_refuse(peer, refusal);
        else if (peer->spec->totals->n_fds > PEERS_FDS_MAX && frame->n_fds > 0)
                call_end_with(call, DPUCC__WIRE__OUTCOME__FAILED,
                              "too many files are open for requests: try again later");
        else
                peer->spec->handler.start(call, request, frame, peer->spec->handler.userdata);
        dpucc__wire__request__free_unpacked(request, NULL);
}

static void peer_handle_hello(Peer *peer, const Frame *frame) {
        Problem problem;
        int r;

        r = hello_check(frame, HELLO_DAEMON, &problem);
        if (r < 0) {
                log_notice("a client is refused: %s", problem.text);
                peer->state = PEER_FINISHING; /* it still gets our Hello and can say why */
                return;
        }
        peer->state = PEER_OPEN;
}

static void peer_handle_frame(Peer *peer, Frame *frame) {
        switch (peer->state) {
        case PEER_HELLO:
                peer_handle_hello(peer, frame);
                break;
        case PEER_OPEN:
                peer_handle_request(peer, frame);
                break;
        case PEER_FINISHING:
        case PEER_BROKEN:
        case PEER_CLOSING:
                break;
        }
}

static void peer_read(Peer *peer) {
        for (unsigned i = 0; i < PEER_FRAMES_PER_TURN; i++) {
                Frame frame = {};
                int r;

                if (peer->state != PEER_HELLO && peer->state != PEER_OPEN)
                        return;
                r = frame_reader_step(&peer->reader, peer->socket, &frame);
                if (r == FRAME_WAIT)
                        return;
                if (r != FRAME_DONE) {
                        if (r < 0 && r != -ECONNRESET)
                                log_notice("a client is dropped: %s", strerror(-r));
                        peer_close(peer);
                        return;
                }
                peer_handle_frame(peer, &frame);
                frame_deinit(&frame);
        }
}

static void peer_write(Peer *peer) {
        int r = frame_writer_step(&peer->writer, peer->socket);

        peer_count_queued(peer);
        if (r < 0)
                peer_close(peer);
}

static void peer_on_poll(uv_poll_t *poll, int status, int events) {
        Peer *peer = poll->data;

        if (status < 0 ||
            peer->state ==
                    PEER_BROKEN) { /* an error on the socket, for example: gone without reading */
                peer_close(peer);
                return;
        }
        if (events & UV_WRITABLE) /* first: whoever it is gets our Hello */
                peer_write(peer);
        if (events & UV_READABLE)
                peer_read(peer);
        peer_update(peer);
}

int peer_new(const PeerSpec *spec, struct PeerList *list, int socket) {
        static const CallsOps ops = { .send = peer_send, .is_slow = peer_is_slow };
        Peer *peer;
        int r;

        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return -ENOMEM;

        peer->spec = spec;
        calls_init(&peer->calls, &ops, &spec->totals->n_fds, peer);
        peer->socket = -1;
        peer->reader = FRAME_READER_INIT(FRAME_MAX_REQUEST);
        peer->writer = FRAME_WRITER_INIT(FRAME_MAX_REPLY, PEER_QUEUE_MAX);
        peer->poll.data = peer;
        r = hello_put(&peer->writer);
        peer_count_queued(peer);
        if (r == 0)
                r = uv_poll_init(spec->loop, &peer->poll, socket);
        if (r < 0) { /* uv_poll_init() leaves no handle behind when it fails */
                frame_writer_deinit(&peer->writer);
                peer_count_queued(peer);
                peer_free(peer);
                return r;
        }

        peer->socket = socket;
        LIST_INSERT_HEAD(list, peer, link);
        peer_flush(peer);
        peer_update(peer);
        return 0;
}

void peer_close_all(struct PeerList *list) {
        Peer *peer;

        while ((peer = LIST_FIRST(list)))
                peer_close(peer);
}

void peer_finish_all(struct PeerList *list) {
        Peer *peer, *next;

        for (peer = LIST_FIRST(list); peer; peer = next) {
                next = LIST_NEXT(peer, link); /* closing takes it off the list */
                if (peer->state == PEER_HELLO || peer->state == PEER_OPEN)
                        peer->state = PEER_FINISHING;
                peer_update(peer);
        }
}
