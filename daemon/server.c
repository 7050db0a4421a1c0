#include "daemon/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "daemon/listener.h"
#include "daemon/peer.h"
#include "proto/endpoint.h"
#include "proto/frame.h"
#include "proto/hello.h"

#define SERVER_ACCEPTS_PER_TURN 16
#define SERVER_GRACE_MS         2000 /* for clients to take their last answers */
#define SERVER_REST_MS          100  /* see server_rest() */
#define SERVER_LOST_MS          1000 /* whoever removes our socket may be about to remove its directory */
#define SERVER_LOST_MAX_MS      10000

struct Server {
        uv_loop_t *loop;
        PeerSpec peer_spec;
        Listener listener;
        int spare_fd; /* see server_shed() */

        uv_poll_t poll;
        uv_timer_t grace, rest;
        bool rested;         /* nobody was let in since */
        uv_fs_event_t guard; /* of the socket in the file system */
        uv_timer_t lost;
        uint64_t lost_ms;   /* before it is bound again; 0: it is there */
        unsigned n_handles; /* whose close callback is outstanding */

        struct PeerList peers;
        PeerTotals totals;
        unsigned n_peers; /* closing ones included */

        ServerGoneFn gone; /* NULL: it listens */
        void *gone_userdata;

        bool stopping;
        ServerStoppedFn stopped; /* NULL if server_new() failed */
        void *userdata;
};

static void server_free(Server *server) {
        listener_deinit(&server->listener);
        closep(&server->spare_fd);
        free(server);
}

static void server_finish(Server *server) {
        ServerStoppedFn stopped = server->stopped;
        void *userdata = server->userdata;

        if (server->n_handles > 0 || server->n_peers > 0)
                return;
        server_free(server);
        if (stopped)
                stopped(userdata);
}

static void server_on_closed(uv_handle_t *handle) {
        Server *server = handle->data;

        server->n_handles--;
        server_finish(server);
}

static void server_close_handle(uv_handle_t *handle) {
        if (!uv_is_closing(handle))
                uv_close(handle, server_on_closed);
}

static void server_on_peer_gone(void *userdata) {
        Server *server = userdata;

        assert(server->n_peers > 0);
        server->n_peers--;
        if (!server->stopping) {
                if (server->gone)
                        server->gone(server->gone_userdata);
                return;
        }
        if (server->n_peers == 0)
                server_close_handle((uv_handle_t *) &server->grace);
        server_finish(server);
}

/* Whatever fits into the socket's buffer: it is empty, so all of it. */
static void server_turn_away(int socket) {
        FrameWriter writer = FRAME_WRITER_INIT(FRAME_MAX_REPLY, FRAME_MAX_REPLY);
        Dpucc__Wire__Reply reply = DPUCC__WIRE__REPLY__INIT;
        char message[] = "too many connections at once: try again later";

        reply.has_final = true;
        reply.final = true;
        reply.has_outcome = true;
        reply.outcome = DPUCC__WIRE__OUTCOME__FAILED;
        reply.message = message;
        if (hello_put(&writer) == 0 && frame_writer_put(&writer, &reply.base, NULL, 0) == 0)
                (void) frame_writer_step(&writer, socket);
        frame_writer_deinit(&writer);
}

/* takes over @socket */
static void server_welcome(Server *server, int socket) {
        _cleanup_(closep) int fd = socket;
        Problem problem;
        int r;

        r = endpoint_check_user(fd, &problem);
        if (r < 0) {
                log_warning("a client is refused: %s", problem.text);
                return;
        }
        if (server->n_peers >= SERVER_PEERS_MAX) {
                log_warning("a client is refused: %d are connected", SERVER_PEERS_MAX);
                server_turn_away(fd);
                return;
        }

        r = peer_new(&server->peer_spec, &server->peers, fd);
        if (r < 0) {
                log_warning("a client is refused: %s", strerror(-r));
                return;
        }
        fd = -1; /* the peer's now */
        server->n_peers++;
}

static void server_open_spare(Server *server) {
        if (server->spare_fd < 0)
                server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left for the connection, and the poll handle would report it for ever: give
 * the one kept in reserve, and hang up. The result of accept4(), which may fail all the same: others
 * of this process take what becomes free. */
static int server_shed(Server *server) {
        int fd, r;

        closep(&server->spare_fd);
        server->spare_fd = -1;
        fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC);
        r = fd < 0 ? error_from_errno() : 0;
        if (r == 0)
                log_warning("a client is refused: no descriptors left");
        closep(&fd);
        server_open_spare(server);
        return r;
}

static void server_on_connection(uv_poll_t *poll, int status, int events);

static void server_on_rest_over(uv_timer_t *timer) {
        Server *server = timer->data;

        server_open_spare(server);
        (void) uv_poll_start(&server->poll, UV_READABLE, server_on_connection);
}

/* Somebody waits and cannot be let in, which the poll handle reports again at once, and for ever. */
static void server_rest(Server *server, int r) {
        if (!server->rested)
                log_warning("clients have to wait: %s", strerror(-r));
        server->rested = true;
        (void) uv_poll_stop(&server->poll);
        (void) uv_timer_start(&server->rest, server_on_rest_over, SERVER_REST_MS, 0);
}

/* 0, or negative: enough for this turn */
static int server_accept(Server *server) {
        int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
                server->rested = false;
                server_welcome(server, fd);
                return 0;
        }
        return errno == EMFILE || errno == ENFILE ? server_shed(server) : error_from_errno();
}

static void server_on_connection(uv_poll_t *poll, int status, int events) {
        Server *server = poll->data;
        int r = status;

        (void) events;
        if (status < 0)
                log_error("listening failed: %s", strerror(-status));
        for (unsigned i = 0; r == 0 && i < SERVER_ACCEPTS_PER_TURN; i++) {
                r = server_accept(server);
                if (r == -EINTR || r == -ECONNABORTED)
                        r = 0;
        }
        if (r < 0 && r != -EAGAIN) /* that was all */
                server_rest(server, r);
}

/* --- a socket that is removed ---------------------------------------------------------------- */

/* A daemon lives longer than some directories: people and programs clean up, and what a user has in
 * /run goes when he logs out. The socket's inode says so by its count of links; nothing is looked at
 * as long as it is there. */

static void server_on_lost(uv_timer_t *timer);

static void server_wait_lost(Server *server) {
        (void) uv_timer_start(&server->lost, server_on_lost, server->lost_ms, 0);
}

static void server_on_guard(uv_fs_event_t *guard, const char *name, int events, int status) {
        Server *server = guard->data;

        (void) name;
        (void) events;
        if (server->lost_ms > 0 || (status == 0 && listener_is_there(&server->listener)))
                return;
        (void) uv_fs_event_stop(&server->guard);
        server->lost_ms = SERVER_LOST_MS;
        server_wait_lost(server);
}

/* Without inotify nobody tells. */
static void server_guard(Server *server) {
        server->lost_ms = 0;
        if (server->listener.path)
                (void) uv_fs_event_start(&server->guard, server_on_guard, server->listener.path, 0);
}

static int server_bind_again(Server *server) {
        Problem problem = {};
        int r;

        (void) uv_poll_stop(
                &server->poll); /* those who came before are let in even if that fails */
        r = listener_bind_again(&server->listener, &problem);
        (void) uv_poll_start(&server->poll, UV_READABLE, server_on_connection);
        if (r == 0)
                log_notice("%s was removed, and is served again", server->listener.path);
        else if (server->lost_ms == SERVER_LOST_MS)
                log_warning("%s was removed, and nobody can connect: %s", server->listener.path,
                            problem.text[0] ? problem.text : strerror(-r));
        return r;
}

static void server_on_lost(uv_timer_t *timer) {
        Server *server = timer->data;

        if (listener_is_there(&server->listener) || server_bind_again(server) == 0) {
                server_guard(server);
                return;
        }
        server->lost_ms *= 2;
        if (server->lost_ms > SERVER_LOST_MAX_MS)
                server->lost_ms = SERVER_LOST_MAX_MS;
        server_wait_lost(server);
}

/* --- coming and going ------------------------------------------------------------------------- */

static void server_own(Server *server, uv_handle_t *handle) {
        handle->data = server;
        server->n_handles++;
}

static int server_listen(Server *server, const ServerSpec *spec, Problem *problem) {
        int r;

        r = spec->listen_fd >= 0 ? listener_adopt(&server->listener, spec->listen_fd, problem)
                                 : listener_bind(&server->listener, spec->path, problem);
        if (r < 0)
                return r;
        r = uv_poll_init(spec->loop, &server->poll, server->listener.fd);
        if (r < 0 && spec->listen_fd >= 0)
                server->listener.fd = -1; /* still the caller's */
        return r;
}

static Server *server_alloc(uv_loop_t *loop, CallHandler handler) {
        Server *server = calloc(1, sizeof(*server));

        if (!server)
                return NULL;
        server->loop = loop;
        server->peer_spec = (PeerSpec){
                .loop = loop,
                .handler = handler,
                .totals = &server->totals,
                .gone = server_on_peer_gone,
                .userdata = server,
        };
        server->listener = LISTENER_NONE;
        server->spare_fd = -1;
        LIST_INIT(&server->peers);
        return server;
}

static void server_start_grace(Server *server) {
        (void) uv_timer_init(server->loop, &server->grace);
        server_own(server, (uv_handle_t *) &server->grace);
}

int server_new_single(Server **ret, uv_loop_t *loop, CallHandler handler, int socket,
                      ServerGoneFn gone, void *userdata, Problem *problem) {
        Server *server;
        int r;

        r = endpoint_check_user(socket, problem);
        if (r < 0)
                return r;
        if (fcntl(socket, F_SETFL, O_NONBLOCK) < 0)
                return error_from_errno();
        server = server_alloc(loop, handler);
        if (!server)
                return -ENOMEM;
        r = peer_new(&server->peer_spec, &server->peers, socket);
        if (r < 0) {
                server_free(server);
                return r;
        }
        server->n_peers = 1;
        server->gone = gone;
        server->gone_userdata = userdata;
        server_start_grace(server);
        *ret = server;
        return 0;
}

int server_new(Server **ret, const ServerSpec *spec, Problem *problem) {
        Server *server;
        int r;

        problem_set(problem, 0, "%s", "");
        server = server_alloc(spec->loop, spec->handler);
        if (!server)
                return -ENOMEM;

        server_open_spare(server);
        r = server_listen(server, spec, problem);
        if (r < 0) {
                server_free(server);
                return r;
        }

        server_own(server, (uv_handle_t *) &server->poll);
        (void) uv_timer_init(spec->loop, &server->rest);
        server_own(server, (uv_handle_t *) &server->rest);
        (void) uv_fs_event_init(spec->loop, &server->guard);
        server_own(server, (uv_handle_t *) &server->guard);
        (void) uv_timer_init(spec->loop, &server->lost);
        server_own(server, (uv_handle_t *) &server->lost);
        server_start_grace(server);
        r = uv_poll_start(&server->poll, UV_READABLE, server_on_connection);
        if (r < 0) {
                server_stop(server, NULL, NULL);
                return r;
        }

        server_guard(server);
        *ret = server;
        return 0;
}

static void server_on_grace(uv_timer_t *timer) {
        Server *server = timer->data;

        peer_close_all(&server->peers);
}

void server_stop_listening(Server *server) {
        if (server->gone)
                return;
        server_close_handle((uv_handle_t *) &server->rest);
        server_close_handle((uv_handle_t *) &server->guard);
        server_close_handle((uv_handle_t *) &server->lost);
        server_close_handle((uv_handle_t *) &server->poll);
}

void server_stop(Server *server, ServerStoppedFn stopped, void *userdata) {
        server->stopping = true;
        server->stopped = stopped;
        server->userdata = userdata;
        server_stop_listening(server);
        if (server->n_peers == 0) {
                server_close_handle((uv_handle_t *) &server->grace);
                return;
        }
        (void) uv_timer_start(&server->grace, server_on_grace, SERVER_GRACE_MS, 0);
        peer_finish_all(&server->peers);
}
