#pragma once

/*
 * The handshake: both ends send a Hello before anything else (docs/FORMATS.md, "Wire").
 */

#include "base/problem.h"
#include "proto/frame.h"

#define HELLO_PROTOCOL 1

/* who we are */
typedef enum HelloSide {
        HELLO_CLIENT,
        HELLO_DAEMON,
} HelloSide;

/* Queues our own. -ENOBUFS, -ENOMEM. */
int hello_put(FrameWriter *writer);

/* Looks at the peer's. -EPROTO, with both versions and the remedy in @problem, when it speaks
 * another protocol; -EBADMSG when it is no Hello at all. */
int hello_check(const Frame *frame, HelloSide side, Problem *problem);
