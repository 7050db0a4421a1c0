#pragma once

/*
 * Links: one thread's connection to one place
 *
 * Made by dial(), connected when it is first used, and kept; a link that broke connects again the next time. Names
 * are those of docs/FORMATS.md, "Remote caches": plain characters, never chosen by a peer.
 *
 * All functions block, but not beyond @deadline_ns (monotonic), and end early once
 * *cancelled is set. They return 0, LINK_ABSENT, or
 *
 *      -ECONNREFUSED  nobody there          -ETIMEDOUT   too slow
 *      -EACCES        not let in            -ECONNRESET  broke off in the middle
 *      -EFBIG         larger than allowed   -ENOSPC      it is full
 *      -EPROTO        it answers with errors, or not as agreed
 *      -EIO, -ENOMEM, -EPIPE, -ECANCELED ... our own side
 *
 * and after a negative result @problem says more.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "cache/remote/access.h"
#include "cache/remote/blob.h"

#define LINK_ABSENT 1

typedef struct Link Link;

typedef struct LinkRequest {
        const char *name;
        int64_t deadline_ns;
        const atomic_bool *cancelled;
        Problem *problem;
} LinkRequest;

typedef struct LinkOps {
        int (*open)(Link **ret, const Access *access); /* connects later */
        void (*close)(Link *link);
        int (*get)(Link *link, const LinkRequest *request, Sink *sink);
        int (*put)(Link *link, const LinkRequest *request, Source *source);
        /* is there a blob of that size? */
        int (*has)(Link *link, const LinkRequest *request, uint64_t size);
} LinkOps;

struct Link {
        const LinkOps *ops;
        const Access *access;
};

Link *link_close(Link *link); /* takes NULL, returns NULL */

/* how long until the deadline: 0 when it has passed */
int link_left_ms(const LinkRequest *request);
