#pragma once

/*
 * Access: a place, and what it takes to be let in
 *
 * Secrets are read from their files, once, when the daemon configures us; they stay in this
 * process. Constant afterwards, so every thread may read it.
 */

#include <stdbool.h>

#include "base/problem.h"
#include "base/secret.h"
#include "cache/place.h"
#include "proto/remote.pb-c.h"

typedef struct Access {
        Place place;
        unsigned connect_ms, transfer_ms;
        char *user; /* NULL: none */
        Secret password, token;
        char *ca_file;                   /* NULL: the system's */
        char *s3_region, *s3_access_key; /* NULL: requests are not signed */
        Secret s3_secret;
        Problem problem; /* why nothing can be done with it; "" if there is no such reason */
} Access;

/* -ENOMEM; everything else that is wrong is in ret->problem. */
int access_init(Access *ret, const Dpucc__Remote__Tier *tier);
void access_deinit(Access *access); /* wipes the secrets */
