#pragma once

/*
 * Findings: what a checkup found, step by step, for people
 *
 * A list that owns its texts. Additions cannot fail one by one: the first error is kept.
 */

#include <stddef.h>

#include "daemon/view.h"

#define FINDINGS_MAX 4096 /* more are left out */

typedef struct Findings {
        Finding *items;
        size_t n, capacity;
        int error; /* 0, or -ENOMEM */
} Findings;

void findings_add(Findings *list, const char *subject, const char *step, FindingState state,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
void findings_deinit(Findings *list);

static inline void findings_cleanup(Findings *list) {
        findings_deinit(list);
}
