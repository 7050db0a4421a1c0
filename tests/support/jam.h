#pragma once

/*
 * A jam: twice as much work of one class as may run at a time, of which each piece lasts until it is
 * let go. What is started then waits behind half of it, unless it goes first. Failures are cmocka's.
 */

#include <semaphore.h>

#include "daemon/work.h"

#define JAM_MAX 8

typedef struct Jam {
        sem_t go;
        struct JamWork {
                Work work;
                struct Jam *jam;
        } works[JAM_MAX];
        unsigned n, n_over;
} Jam;

/* Stays where it is until jam_end(). */
void jam_init(Jam *jam, WorkPool *pool, WorkClass class);
void jam_let_go(Jam *jam, unsigned n);
void jam_end(Jam *jam); /* turns the loop until all of it is over */
