#pragma once

/*
 * The manager: owns the loop and everything on it, and knows in which order to start and stop
 *
 *      start   service, engine, server, signals, READY
 *      stop    engine (asks are answered, children end), server (answers are sent), the rest
 *
 * SIGTERM, SIGINT and the client's `shutdown` stop; SIGHUP and `reload` read the configuration
 * again. While it stops, requests are refused with a message.
 */

#include <sys/types.h>

#include "base/problem.h"

typedef struct ManagerSpec {
        const char *cache_dir; /* all absolute; borrowed for the run */
        const char *state_dir;
        const char *socket; /* not used when the service manager passes a socket */
        const char *dpucc;
        const char *conf_file;
        const char *conf_default;
        mode_t umask; /* that dpuccd was started with */
} ManagerSpec;

/* Runs until told to stop. A failure to start is an error with @problem; 0 after a stop that
 * left nothing behind. */
int manager_run(const ManagerSpec *spec, Problem *problem);
