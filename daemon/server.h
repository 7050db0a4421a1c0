#pragma once

/*
 * The server: the socket that clients connect to
 *
 * Binds its own socket, or takes one that the service manager already listens on. A socket of
 * ours has mode 0600, in a directory that nobody else can write; whoever connects must run as
 * our own user. A path that another process serves is never taken over: a lock beside it tells
 * between daemons, a connection that is accepted tells of anybody else. What a killed daemon
 * left is replaced.
 */

#include <uv.h>

#include "base/problem.h"

#define SERVER_PEERS_MAX 256

typedef struct Server Server;
typedef struct Verbs Verbs;

typedef struct ServerSpec {
        uv_loop_t *loop;
        const Verbs *verbs; /* borrowed, outlives the server and every call */
        const char *path;   /* absolute; where to bind */
        int listen_fd;      /* already listening, or -1; taken over on success */
} ServerSpec;

typedef void (*ServerStoppedFn)(void *userdata);

/* -EADDRINUSE: the path is served by somebody; -EPERM: the place is not safe; -ENAMETOOLONG;
 * or what the system says. All with @problem. */
int server_new(Server **ret, const ServerSpec *spec, Problem *problem);

/* Accepts nobody from now on, sends what is queued (for two seconds at most), hangs up, and
 * calls @stopped once, later, after which the server is gone. */
void server_stop(Server *server, ServerStoppedFn stopped, void *userdata);

/* for peer.c */
uv_loop_t *server_loop(Server *server);
void server_peer_gone(Server *server);
