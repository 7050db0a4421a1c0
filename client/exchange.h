#pragma once

/*
 * Exchange: one request to the daemon and everything that comes back
 *
 * Who waits for a compile outlives a restart of the daemon: when it hangs up, or says that it ends
 * and may be asked again, the request is sent to the one that comes next. If none comes, the first
 * outcome stands. A compile may take its time, but a daemon says Hello at once: one that does not is
 * stopped or stuck, and counts as none.
 */

#include "base/bytes.h"
#include "base/problem.h"
#include "client/code.h"
#include "client/connect.h"
#include "client/options.h"
#include "proto/dpucc.pb-c.h"

#define EXCHANGE_PATIENCE_S 30   /* with a daemon that should answer at once */
#define EXCHANGE_HELLO_S    90   /* with any; the watchdog of its unit has ended it by then */
#define EXCHANGE_SUCCESSORS 5    /* daemons that are asked after the first */
#define EXCHANGE_REVIVAL_MS 2000 /* until there is another one */

typedef struct Exchange {
        /* to be set */
        Dpucc__Wire__Request request; /* id and all but the body are filled in */
        int fds[4];                   /* taken over; closed in any case */
        size_t n_fds;
        bool patient;    /* may take as long as a compile, and be asked twice */
        bool until_gone; /* over only when the daemon has hung up */
        /* for each event; negative: it is over, with that error, -ECANCELED where the output cannot
         * be written. NULL: there are none */
        int (*on_event)(const Dpucc__Wire__Event *event, void *userdata);
        void *on_event_userdata;

        /* what came */
        int code;                  /* exit code */
        Dpucc__Wire__Reply *reply; /* the final one, NULL if none came */
        Bytes log;                 /* what came in pieces */
        int fd;                    /* passed by the daemon, -1: none */
        Problem problem;           /* if no reply came */
        int64_t deadline_ns;       /* of the whole */
        bool greeted;              /* its Hello came */
        bool abandoned;            /* the daemon went away before it was answered */
} Exchange;

#define EXCHANGE_LOG_MAX (256 * 1024 * 1024)
#define EXCHANGE_INIT                                                                              \
        {                                                                                          \
                .request = DPUCC__WIRE__REQUEST__INIT, .fd = -1, .log = {.max = EXCHANGE_LOG_MAX } \
        }

/* To the daemon, or to a dpuccd of our own if there is to be none: connect.h. */
int exchange_connect(Connection *ret, const Options *options, int64_t deadline_ns,
                     Problem *problem);

/* Returns the code. */
int exchange_run(Exchange *exchange, const Options *options);
void exchange_deinit(Exchange *exchange);
