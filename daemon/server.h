#pragma once

/*
 * The server: the socket that clients connect to
 *
 * Binds its own socket, or takes one that the service manager already listens on. A socket of
 * ours has mode 0600, in a directory that nobody else can write; whoever connects must run as
 * our own user. A path that another process serves is never taken over: a lock beside it tells
 * between daemons, a connection that is accepted tells of anybody else. What a killed daemon
 * left is replaced.
 *
 * Or it listens nowhere, and serves one connection that somebody else made (`dpuccd --once`).
 */

#include <uv.h>

#include "base/problem.h"
#include "daemon/call.h"

#define SERVER_PEERS_MAX 1024

typedef struct Server Server;

typedef void (*ServerStoppedFn)(void *userdata);
typedef void (*ServerGoneFn)(void *userdata);

typedef struct ServerSpec {
        uv_loop_t *loop;
        CallHandler handler; /* of all requests */
        const char *path;    /* absolute; where to bind */
        int listen_fd;       /* already listening, or -1; taken over on success */
} ServerSpec;

/* -EADDRINUSE: the path is served by somebody; -EPERM: the place is not safe; -ENAMETOOLONG;
 * or what the system says. All with @problem. */
int server_new(Server **ret, const ServerSpec *spec, Problem *problem);

/* Serves the client at the other end of @socket (taken over on success) and nobody else. @gone
 * is called once, later, when the connection is over for another reason than server_stop().
 * -EPERM: it is not our own user's, -ENOTSOCK ..., with @problem. */
int server_new_single(Server **ret, uv_loop_t *loop, CallHandler handler, int socket,
                      ServerGoneFn gone, void *userdata, Problem *problem);

/* Accepts nobody from now on. Who connects to a socket of the service manager then waits for the
 * daemon that comes next, and is not turned away by this one. */
void server_stop_listening(Server *server);

/* Accepts nobody from now on, sends what is queued (for two seconds at most), hangs up, and
 * calls @stopped once, later, after which the server is gone. */
void server_stop(Server *server, ServerStoppedFn stopped, void *userdata);
