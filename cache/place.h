#pragma once

/*
 * Places: where a shared cache is, by its URL
 *
 *      http://HOST[:PORT][/PATH]      https://...      any server that takes GET, HEAD and PUT
 *      redis://HOST[:PORT][/NUMBER]   redis+unix:///PATH/OF/SOCKET
 *      file:///PATH
 *
 * A URL is shown in messages and logs, so it holds no user and no password; it has no query and
 * no fragment, and its path is what a server gets to see: percent-encoded where need be. Only
 * text is looked at here. Safe on any thread.
 */

#include "base/problem.h"

#define PLACE_URL_MAX 1024 /* bytes */

typedef enum PlaceScheme {
        PLACE_HTTP,
        PLACE_HTTPS,
        PLACE_REDIS,
        PLACE_REDIS_UNIX,
        PLACE_FILE,
} PlaceScheme;

typedef struct Place {
        PlaceScheme scheme;
        char url[PLACE_URL_MAX];  /* without a "/" at the end */
        char host[256];           /* without brackets; "" for redis+unix and file */
        char authority[272];      /* HOST or HOST:PORT as a Host header has it */
        unsigned port;            /* given, or the scheme's */
        unsigned database;        /* redis */
        char path[PLACE_URL_MAX]; /* "" or from "/": of the URL, socket or directory */
} Place;

/* -EINVAL with @problem, which says what is expected and never repeats a password. */
int place_parse(const char *url, Place *ret, Problem *problem);
