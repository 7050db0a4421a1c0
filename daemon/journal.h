#pragma once

/*
 * The journal: log lines about jobs with fields that one can search for (dpuccd(1), DIAGNOSTICS)
 *
 * Used where standard error is the journal's anyway; it then gets such a line directly. Any thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

/* A LogSinkFn. false: the journal does not take it. */
bool journal_send(LogLevel level, const char *message, const LogField *fields, size_t n);
