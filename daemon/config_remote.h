#pragma once

/*
 * One shared cache of the user's configuration: "remotes": [ { ... }, ... ]
 *
 * What is checked here is what is wrong whatever the world is like; whether a file of a secret
 * can be read is found out when it is. See docs/REMOTE.md.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/problem.h"

#define CONFIG_REMOTES_MAX     8
#define CONFIG_REMOTE_NAME_MAX 32

typedef struct ConfigRemote {
        char *name; /* letters, digits, "-" and "_" */
        char *url;
        bool read, write;
        char *secret_file; /* absolute, as all files; NULL: trusted */
        char *user, *password_file;
        char *token_file;
        char *ca_file;
        char *s3_region, *s3_access_key, *s3_secret_file;
        unsigned connect_ms, transfer_ms;
        uint64_t size_max; /* bytes of an object */
} ConfigRemote;

/* -EINVAL with @problem, or -ENOMEM. */
int config_remote_read(const JsonPlace *place, ConfigRemote *ret, Problem *problem);
int config_remote_copy(const ConfigRemote *remote, ConfigRemote *ret); /* -ENOMEM */
void config_remote_deinit(ConfigRemote *remote);
