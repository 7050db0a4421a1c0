#pragma once

/*
 * Answers: the part of an answer that every command prints alike
 */

#include <stdbool.h>

#include "client/exchange.h"

/* In JSON mode all of it, otherwise what went wrong. True if nothing is left to be printed. An answer
 * that cannot be printed is an error: the exchange's code says so then. */
bool answer_print(Exchange *exchange, const Options *options);

/* What went wrong, and the hints, on stderr; @label stands before it. */
void answer_print_failure(const Exchange *exchange, const char *label);
