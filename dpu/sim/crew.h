#pragma once

/*
 * A crew: threads that do the parts of one piece of work together
 *
 * The threads live as long as the crew and sleep between two pieces. Whoever calls crew_run()
 * works along. A function must not call crew_run() itself.
 */

#include <stddef.h>

typedef struct Crew Crew;

int crew_new(Crew **ret,
             unsigned threads); /* the caller's included, at least 2; -EAGAIN, -ENOMEM */
Crew *crew_free(Crew *crew);

/* Calls @work for every part from 0 to @parts - 1, each exactly once, on any thread; returns when
 * all are done. */
void crew_run(Crew *crew, void (*work)(void *userdata, unsigned part), void *userdata,
              unsigned parts);
