#pragma once

/*
 * The listening socket: the part of the server that deals with the file system. No loop.
 */

#include <stdbool.h>

#include "base/problem.h"
#include "base/stat_id.h"

typedef struct Listener {
        int fd;      /* listening, close-on-exec, non-blocking; -1: none */
        int lock_fd; /* -1 if somebody else bound the socket */
        char *path;  /* NULL likewise */
        StatId id;   /* of the socket in the file system, to remove no other */
} Listener;

#define LISTENER_NONE ((Listener){ .fd = -1, .lock_fd = -1 })

/* See server_new(). */
int listener_bind(Listener *ret, const char *path, Problem *problem);
/* Whether clients still find it; true if somebody else bound it, for that is his to see to. */
bool listener_is_there(const Listener *listener);
/* Once it is not there any more: binds another socket, under the number of the old descriptor, which
 * nobody may be polling now. Errors as of server_new(); the path and the number are kept then, too. */
int listener_bind_again(Listener *listener, Problem *problem);
/* Takes over @fd on success. -ENOTSOCK unless it is a listening stream socket of the Unix
 * domain. */
int listener_adopt(Listener *ret, int fd, Problem *problem);
/* Closes; removes the path if it is still the socket that was bound. */
void listener_deinit(Listener *listener);
