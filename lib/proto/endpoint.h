#pragma once

/*
 * The place where client and daemon meet: a path in the file system, and whose process is at
 * the other end.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include "base/problem.h"

/* -ENAMETOOLONG with @problem: the kernel allows 107 bytes and libraries cut silently. */
int endpoint_address(const char *path, struct sockaddr_un *ret, Problem *problem);

/* 0 if the process that connected or listens at the other end runs as our effective user;
 * -EPERM with @problem otherwise. */
int endpoint_check_user(int socket, Problem *problem);
