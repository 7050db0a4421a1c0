/*
 * A hostile client and the whole front of the daemon: server, calls, every verb. The engine behind it
 * is a double (tests/support/double_engine.h) with a real, empty cache.
 *
 * The input is a list of frames. Each begins with two bytes, little endian: the low 12 bits are the
 * length of the message that follows, the high 4 how many descriptors come with it. The first message
 * is the Hello, unless the input begins with an odd byte: then a good one goes first. After the last
 * frame the client reads what it is told, and hangs up. Whatever it did: all that it is told can be
 * read, it is told no more final replies than it sent requests, and the daemon lets go of everything
 * that was its.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/peer.h"
#include "daemon/verbs.h"
#include "proto/hello.h"
#include "tests/support/double_engine.h"

#define FRAMES_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* one daemon for all inputs */
typedef struct Daemon {
        bool runs;
        uv_loop_t loop;
        Verbs verbs;
        PeerTotals totals;
        unsigned n_gone;
        char folder[32];
} Daemon;

static Daemon the_daemon = { .folder = "/tmp/fuzz-request.XXXXXX" };

static void must(bool good) {
        if (!good)
                abort();
}

static int on_reload(Problem *problem, void *userdata) {
        (void) problem;
        (void) userdata;
        return 0;
}

static void on_shutdown(void *userdata) {
        (void) userdata;
}

static void on_gone(void *userdata) {
        ((Daemon *) userdata)->n_gone++;
}

static void remove_folder(void) {
        (void) file_remove_tree(AT_FDCWD, the_daemon.folder);
}

static void daemon_start(Daemon *d) {
        EngineSpec spec = { .loop = &d->loop, .cache_dir = d->folder };
        Problem problem;

        must(mkdtemp(d->folder) != NULL && atexit(remove_folder) == 0);
        must(setenv("DOUBLE_PROGRESS", "2", 1) == 0);
        log_open(LOG_LEVEL_ERROR);
        must(uv_loop_init(&d->loop) == 0);
        must(engine_new(&d->verbs.engine, &spec, &problem) == 0);
        d->verbs.reload = on_reload;
        d->verbs.shutdown = on_shutdown;
        d->runs = true;
}

/* --- the client -------------------------------------------------------------------------------- */

typedef struct Client {
        int socket;
        FrameReader reader;
        bool greeted;
        bool closed;
        unsigned n_sent, n_finals;
} Client;

/* false: the socket takes no more, or the other end is gone */
static bool send_bytes(const Client *client, const void *data, size_t n, size_t n_fds) {
        union {
                struct cmsghdr head;
                char room[CMSG_SPACE(16 * sizeof(int))];
        } control = {};
        struct iovec iov = { .iov_base = (void *) data, .iov_len = n };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        int fds[16];
        ssize_t sent;

        for (size_t i = 0; i < n_fds; i++)
                fds[i] = open(i % 2 ? "/" : "/dev/null", O_RDONLY | O_CLOEXEC);
        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                                 .cmsg_type = SCM_RIGHTS,
                                                 .cmsg_len = CMSG_LEN(n_fds * sizeof(int)) };
                memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
        }
        sent = sendmsg(client->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        for (size_t i = 0; i < n_fds; i++)
                closep(&fds[i]);
        return sent == (ssize_t) n;
}

static bool send_frame(Client *client, const uint8_t *data, size_t size, size_t n_fds) {
        uint8_t frame[FRAME_HEAD_SIZE + 4096];

        frame[0] = (uint8_t) size;
        frame[1] = (uint8_t) (size >> 8);
        frame[2] = frame[3] = 0;
        if (size > 0)
                memcpy(frame + FRAME_HEAD_SIZE, data, size);
        client->n_sent++;
        return send_bytes(client, frame, FRAME_HEAD_SIZE + size, n_fds);
}

static void take_reply(Client *client, const Frame *frame) {
        const Dpucc__Wire__Reply *reply;
        ProtobufCMessage *message;

        if (!client->greeted) {
                client->greeted = true;
                return;
        }
        must(frame_unpack(frame, &dpucc__wire__reply__descriptor, &message) == 0);
        reply = (const Dpucc__Wire__Reply *) message;
        if (reply->has_final && reply->final)
                must(reply->has_outcome && ++client->n_finals <= client->n_sent);
        protobuf_c_message_free_unpacked(message, NULL);
}

static void read_replies(Client *client) {
        int r = FRAME_DONE;

        while (r == FRAME_DONE && !client->closed) {
                Frame frame = {};

                r = frame_reader_step(&client->reader, client->socket, &frame);
                if (r == FRAME_DONE)
                        take_reply(client, &frame);
                else if (r != FRAME_WAIT)
                        client->closed = true;
                frame_deinit(&frame);
        }
}

static void turn(Daemon *d, Client *client, unsigned n) {
        for (unsigned i = 0; i < n && !client->closed; i++) {
                (void) uv_run(&d->loop, UV_RUN_NOWAIT);
                read_replies(client);
        }
}

static void talk(Daemon *d, Client *client, const uint8_t *data, size_t size) {
        static const uint8_t hello[] = { 0x08, HELLO_PROTOCOL, 0x12, 0x01, 'f' };
        size_t i = 1;

        if (size > 0 && data[0] & 1)
                (void) send_frame(client, hello, sizeof(hello), 0);
        for (unsigned k = 0; i + 2 <= size && k < FRAMES_MAX; k++) {
                size_t head = (size_t) data[i] | (size_t) data[i + 1] << 8, n = head & 0xfff;

                i += 2;
                if (n > size - i)
                        n = size - i;
                if (!send_frame(client, data + i, n, head >> 12))
                        return;
                i += n;
                turn(d, client, 1);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Daemon *d = &the_daemon;
        const PeerSpec spec = { .loop = &d->loop,
                                .handler = { verbs_start, &d->verbs },
                                .totals = &d->totals,
                                .gone = on_gone,
                                .userdata = d };
        Client client = { .reader = FRAME_READER_INIT(FRAME_MAX_REPLY) };
        struct PeerList peers = LIST_HEAD_INITIALIZER(peers);
        int sockets[2];

        if (!d->runs)
                daemon_start(d);
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) == 0);
        client.socket = sockets[0];
        must(peer_new(&spec, &peers, sockets[1]) == 0);
        d->n_gone = 0;
        talk(d, &client, data, size);
        turn(d, &client, 4);
        closep(&client.socket);

        while (d->n_gone == 0 || d->totals.n_fds > 0) /* what never comes is a time-out */
                (void) uv_run(&d->loop, UV_RUN_ONCE);
        must(d->totals.n_bytes == 0);
        frame_reader_deinit(&client.reader);
        return 0;
}
