/*
 * Clients, many of them, and bad ones
 *
 *      load SOCKET crowd N           N connections at once: each is greeted or told that there are
 *                                    too many
 *      load SOCKET requests N M      M requests over N connections, up to LOAD_PIPELINE of each at
 *                                    once: all are answered
 *      load SOCKET beside KIND M     M requests, one after the other, beside peers of that KIND:
 *                                    all are answered. greedy: as many requests at once as are
 *                                    allowed, always; slow: asks and never reads; half: stops in
 *                                    the middle of a frame; oversized: frames that are too long;
 *                                    descriptors: sends files ($LOAD_MODEL, $LOAD_ARCH) with
 *                                    requests that wait
 *
 * It prints what it counted, as NAME VALUE. Exit status 1: somebody was not answered.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "proto/dpucc.pb-c.h"
#include "proto/endpoint.h"
#include "proto/frame.h"
#include "proto/hello.h"

#define LOAD_PIPELINE    8
#define LOAD_GREED       64 /* CALLS_MAX of daemon/call.h */
#define LOAD_BAD_PEERS   48
#define LOAD_GETS_MAX    1024 /* that hold PEERS_FDS_MAX (daemon/peer.h), two each */
#define LOAD_PATIENCE_MS 240000

typedef Dpucc__Wire__Reply Reply;
typedef Dpucc__Wire__Request Request;

typedef struct Peer {
        int socket; /* -1: the daemon hung up */
        FrameReader reader;
        FrameWriter writer;
        bool greeted;
        uint32_t last_id;
        unsigned n_open;    /* requests without an answer */
        unsigned n_done;    /* answered as asked */
        unsigned n_refused; /* answered otherwise */
        unsigned n_wanted;  /* to be asked yet; UINT32_MAX: for ever */
        unsigned pipeline;
        int fds[2]; /* go with each request, which then is a get; -1: none */
} Peer;

typedef struct Load {
        const char *path;
        Peer *peers;
        struct pollfd *polls;
        size_t n;
} Load;

/* --- one peer -------------------------------------------------------------------------------- */

static void peer_hang_up(Peer *peer) {
        closep(&peer->socket);
        peer->socket = -1;
}

/* Blocks until it is accepted: with more than the backlog that takes turns of the daemon. */
static int peer_connect(Peer *peer, const char *path) {
        struct sockaddr_un address;
        int r;

        *peer = (Peer){ .fds = { -1, -1 }, .pipeline = LOAD_PIPELINE };
        peer->reader = FRAME_READER_INIT(FRAME_MAX_REPLY);
        peer->writer = FRAME_WRITER_INIT(FRAME_MAX_REPLY, 2 * FRAME_MAX_REPLY);
        peer->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (peer->socket < 0)
                return error_from_errno();
        r = endpoint_address(path, &address, NULL);
        if (r == 0 && connect(peer->socket, (struct sockaddr *) &address, sizeof(address)) < 0)
                r = error_from_errno();
        if (r == 0 && fcntl(peer->socket, F_SETFL, O_NONBLOCK) < 0)
                r = error_from_errno();
        return r < 0 ? r : hello_put(&peer->writer);
}

static int peer_put(Peer *peer) {
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;
        Dpucc__Wire__Get get = DPUCC__WIRE__GET__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;
        int fds[2] = { -1, -1 }, r;

        request.id = ++peer->last_id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_STATS;
        request.stats = &empty;
        if (peer->fds[0] >= 0) {
                for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                        fds[i] = fcntl(peer->fds[i], F_DUPFD_CLOEXEC, 0);
                get.source_path.data = (uint8_t *) "/load/Net_int.xmodel";
                get.source_path.len = strlen("/load/Net_int.xmodel");
                get.has_arch_path = true;
                get.arch_path.data = (uint8_t *) "/load/arch.json";
                get.arch_path.len = strlen("/load/arch.json");
                get.has_wait = get.wait = true;
                request.body_case = DPUCC__WIRE__REQUEST__BODY_GET;
                request.get = &get;
        }
        r = frame_writer_put(&peer->writer, &request.base, fds, fds[0] >= 0 ? 2 : 0);
        if (r < 0) {
                closep(&fds[0]);
                closep(&fds[1]);
                return r;
        }
        peer->n_open++;
        peer->n_wanted -= peer->n_wanted != UINT32_MAX;
        return 0;
}

static int peer_take(Peer *peer, const Frame *frame) {
        ProtobufCMessage *message = NULL;
        const Reply *reply;
        Problem problem;
        int r;

        if (!peer->greeted) {
                peer->greeted = true;
                return hello_check(frame, HELLO_CLIENT, &problem);
        }
        r = frame_unpack(frame, &dpucc__wire__reply__descriptor, &message);
        if (r < 0)
                return r;
        reply = (const Reply *) message;
        if (reply->has_final && reply->final) {
                peer->n_open -= peer->n_open > 0;
                if (reply->outcome == DPUCC__WIRE__OUTCOME__DONE)
                        peer->n_done++;
                else
                        peer->n_refused++;
        }
        protobuf_c_message_free_unpacked(message, NULL);
        return 0;
}

/* whatever can be done at once */
static void peer_turn(Peer *peer) {
        int r = 0;

        while (r == 0 && peer->socket >= 0) {
                Frame frame = {};

                r = frame_reader_step(&peer->reader, peer->socket, &frame);
                if (r == FRAME_DONE)
                        r = peer_take(peer, &frame);
                frame_deinit(&frame);
        }
        while (r >= 0 && r != FRAME_CLOSED && peer->greeted && peer->n_wanted > 0 &&
               peer->n_open < peer->pipeline)
                if (peer_put(peer) < 0)
                        break;
        if (r >= 0 && r != FRAME_CLOSED)
                r = frame_writer_step(&peer->writer, peer->socket);
        if (r < 0 || r == FRAME_CLOSED)
                peer_hang_up(peer);
}

static bool peer_is_busy(const Peer *peer) {
        return peer->socket >= 0 && (!peer->greeted || peer->n_open > 0 || peer->n_wanted > 0);
}

/* --- all of them ----------------------------------------------------------------------------- */

static int load_connect(Load *load, size_t n) {
        int r = 0;

        load->peers = calloc(n, sizeof(*load->peers));
        load->polls = calloc(n, sizeof(*load->polls));
        if (!load->peers || !load->polls)
                return -ENOMEM;
        for (; load->n < n && r == 0; load->n++)
                r = peer_connect(&load->peers[load->n], load->path);
        return r;
}

static void load_deinit(Load *load) {
        for (size_t i = 0; i < load->n; i++) {
                closep(&load->peers[i].fds[0]);
                closep(&load->peers[i].fds[1]);
                peer_hang_up(&load->peers[i]);
                frame_reader_deinit(&load->peers[i].reader);
                frame_writer_deinit(&load->peers[i].writer);
        }
        free(load->peers);
        free(load->polls);
}

/* one round of poll(2) and what it says; false: nothing comes any more */
static bool load_turn(Load *load) {
        for (size_t i = 0; i < load->n; i++) {
                const Peer *peer = &load->peers[i];
                bool writes = !frame_writer_is_empty(&peer->writer);

                load->polls[i] =
                        (struct pollfd){ .fd = peer->socket,
                                         .events = (short) (POLLIN | (writes ? POLLOUT : 0)) };
        }
        if (poll(load->polls, load->n, LOAD_PATIENCE_MS) <= 0)
                return false;
        for (size_t i = 0; i < load->n; i++)
                if (load->polls[i].revents)
                        peer_turn(&load->peers[i]);
        return true;
}

static bool load_is_busy(const Load *load) {
        for (size_t i = 0; i < load->n; i++)
                if (peer_is_busy(&load->peers[i]))
                        return true;
        return false;
}

typedef struct Sum {
        size_t greeted, dropped, done, refused, open;
} Sum;

static Sum load_sum(const Load *load) {
        Sum sum = {};

        for (size_t i = 0; i < load->n; i++) {
                const Peer *peer = &load->peers[i];

                sum.greeted += peer->greeted;
                sum.dropped += peer->socket < 0;
                sum.done += peer->n_done;
                sum.refused += peer->n_refused;
                sum.open += peer->n_open;
        }
        return sum;
}

static void load_print(const char *whose, const Load *load) {
        Sum sum = load_sum(load);

        printf("%s_greeted %zu\n%s_dropped %zu\n%s_done %zu\n%s_refused %zu\n", whose, sum.greeted,
               whose, sum.dropped, whose, sum.done, whose, sum.refused);
}

/* --- commands -------------------------------------------------------------------------------- */

static int load_crowd(Load *load, size_t n) {
        int r = load_connect(load, n);

        /* who is told that there are too many has a refusal, and is hung up on */
        while (r == 0 && load_is_busy(load))
                if (!load_turn(load))
                        r = -ETIMEDOUT;
        for (unsigned i = 0; r == 0 && i < 3; i++) {
                struct pollfd none = { .fd = -1 };

                (void) poll(&none, 1, 0);
                for (size_t k = 0; k < load->n; k++)
                        peer_turn(&load->peers[k]);
        }
        load_print("peers", load);
        return r;
}

static int load_requests(Load *load, size_t n, size_t total) {
        int64_t began;
        int r = load_connect(load, n);

        for (size_t i = 0; r == 0 && i < n; i++)
                load->peers[i].n_wanted = (unsigned) (total / n + (i < total % n));
        began = clock_monotonic_ns();
        while (r == 0 && load_is_busy(load))
                if (!load_turn(load))
                        r = -ETIMEDOUT;
        load_print("peers", load);
        printf("elapsed_ms %lld\n", (long long) ((clock_monotonic_ns() - began) / CLOCK_NS_PER_MS));
        return r == 0 && load_sum(load).done != total ? -EPROTO : r;
}

typedef struct Kind {
        const char *name;
        size_t n_peers;
        void (*begin)(Peer *peer);
        void (*turn)(Load *bad);
        bool (*is_done)(const Load *bad); /* NULL: at any time */
} Kind;

static void kind_turn_all(Load *bad) {
        for (size_t i = 0; i < bad->n; i++)
                if (bad->peers[i].socket >= 0)
                        peer_turn(&bad->peers[i]);
}

static void greedy_begin(Peer *peer) {
        peer->n_wanted = UINT32_MAX;
        peer->pipeline = LOAD_GREED;
}

/* writes as long as the socket takes it, and reads nothing but the Hello */
static void slow_turn(Load *bad) {
        for (size_t i = 0; i < bad->n; i++) {
                Peer *peer = &bad->peers[i];
                int r = 0;

                for (unsigned k = 0; peer->socket >= 0 && r == 0 && k < LOAD_GREED; k++) {
                        r = peer_put(peer);
                        if (r == 0)
                                r = frame_writer_step(&peer->writer, peer->socket);
                }
                if (r < 0 && r != -ENOBUFS)
                        peer_hang_up(peer);
        }
}

static bool slow_is_done(const Load *bad) {
        return load_sum(bad).dropped > 0;
}

/* the head of a frame, the beginning of its payload, and nothing more */
static void half_begin(Peer *peer) {
        peer_turn(peer);
        (void) !send(peer->socket, "\377\0\0\0half", 8, MSG_NOSIGNAL);
}

static void nothing_turn(Load *bad) {
        (void) bad;
}

static void nothing_begin(Peer *peer) {
        (void) peer;
}

/* each that was dropped comes again */
static void oversized_turn(Load *bad) {
        for (size_t i = 0; i < bad->n; i++) {
                Peer *peer = &bad->peers[i];

                if (peer->socket >= 0) {
                        peer_turn(peer);
                        (void) !send(peer->socket, "\377\377\377\377", 4, MSG_NOSIGNAL);
                        continue;
                }
                unsigned n = peer->n_refused;

                frame_reader_deinit(&peer->reader);
                frame_writer_deinit(&peer->writer);
                (void) peer_connect(peer, bad->path);
                peer->n_refused = n + 1; /* here: how often it was dropped */
        }
}

/* A model that nobody can compile now: the queue is paused. */
static void descriptors_begin(Peer *peer) {
        peer->n_wanted = LOAD_GREED;
        peer->pipeline = LOAD_GREED;
        peer->fds[0] = open(getenv("LOAD_MODEL") ?: "", O_RDONLY | O_CLOEXEC);
        peer->fds[1] = open(getenv("LOAD_ARCH") ?: "", O_RDONLY | O_CLOEXEC);
}

/* All are refused that hold more than may be held. */
static bool descriptors_is_done(const Load *bad) {
        return load_sum(bad).refused >= LOAD_BAD_PEERS * LOAD_GREED - LOAD_GETS_MAX;
}

static const Kind kinds[] = {
        { "greedy", 1, greedy_begin, kind_turn_all, NULL },
        { "slow", LOAD_BAD_PEERS, nothing_begin, slow_turn, slow_is_done },
        { "half", LOAD_BAD_PEERS, half_begin, nothing_turn, NULL },
        { "oversized", LOAD_BAD_PEERS, nothing_begin, oversized_turn, NULL },
        { "descriptors", LOAD_BAD_PEERS, descriptors_begin, kind_turn_all, descriptors_is_done },
};

static int load_beside(Load *good, Load *bad, const char *name, size_t total) {
        int64_t began = clock_monotonic_ns();
        const Kind *kind = kinds;
        int r;

        while (kind < kinds + ARRAY_SIZE(kinds) && strcmp(kind->name, name) != 0)
                kind++;
        if (kind == kinds + ARRAY_SIZE(kinds))
                return -EINVAL;
        r = load_connect(bad, kind->n_peers);
        for (size_t i = 0; r == 0 && i < bad->n; i++)
                kind->begin(&bad->peers[i]);
        if (r == 0)
                r = load_connect(good, 1);
        if (r < 0)
                return r;
        good->peers[0].n_wanted = (unsigned) total;
        good->peers[0].pipeline = 1;
        while (r == 0 && (load_is_busy(good) || (kind->is_done && !kind->is_done(bad)))) {
                kind->turn(bad);
                if (load_is_busy(good) && !load_turn(good))
                        r = -ETIMEDOUT;
                if (clock_monotonic_ns() > began + LOAD_PATIENCE_MS * CLOCK_NS_PER_MS)
                        r = -ETIMEDOUT;
        }
        load_print("peers", good);
        load_print("bad", bad);
        printf("bad_open %zu\n", load_sum(bad).open);
        return r == 0 && load_sum(good).done != total ? -EPROTO : r;
}

static void load_raise_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
        _cleanup_(load_deinit) Load load = {}, bad = {};
        int r = -EINVAL;

        if (argc < 4)
                return 2;
        load_raise_limit();
        load.path = bad.path = argv[1];
        if (strcmp(argv[2], "crowd") == 0)
                r = load_crowd(&load, strtoul(argv[3], NULL, 10));
        else if (strcmp(argv[2], "requests") == 0 && argc == 5)
                r = load_requests(&load, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
        else if (strcmp(argv[2], "beside") == 0 && argc == 5)
                r = load_beside(&load, &bad, argv[3], strtoul(argv[4], NULL, 10));
        if (r < 0)
                (void) fprintf(stderr, "load: %s\n", strerror(-r));
        return r < 0;
}
