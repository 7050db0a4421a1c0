#pragma once

/*
 * The manager: owns the loop and everything on it, and knows in which order to start and stop
 *
 *      start   service, engine, server, signals, READY
 *      stop    listening, engine (asks are answered, children end), server (answers are sent), the
 *              rest
 *
 * SIGTERM, SIGINT and the client's `shutdown` stop; SIGHUP and `reload` read the configuration
 * again. While it stops, requests are refused with a message.
 *
 * With `--once` there is one connection instead of a socket, no service manager is told
 * anything, and the end of the connection, or any signal, is the end of it all.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/problem.h"

typedef struct ManagerSpec {
        const char *cache_dir;   /* all absolute; borrowed for the run */
        bool cache_dir_is_given; /* as in EngineSpec */
        const char *state_dir;
        const char *socket; /* not used when the service manager passes a socket */
        const char *dpucc;
        const char *conf_file;
        const char *conf_default;
        mode_t umask;   /* that dpuccd was started with */
        bool once;      /* serve @connection only, beside whatever daemon there is */
        int connection; /* taken over when it comes to that */
} ManagerSpec;

/* Runs until told to stop. A failure to start is an error with @problem; 0 after a stop that
 * left nothing behind. */
int manager_run(const ManagerSpec *spec, Problem *problem);
