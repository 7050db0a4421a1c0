#include "cache/place.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct PlaceKind {
        const char *prefix;
        PlaceScheme scheme;
        unsigned port;
} place_kinds[] = {
        { "http://", PLACE_HTTP, 80 },     { "https://", PLACE_HTTPS, 443 },
        { "redis://", PLACE_REDIS, 6379 }, { "redis+unix://", PLACE_REDIS_UNIX, 0 },
        { "file://", PLACE_FILE, 0 },
};

static const struct PlaceKind *place_find_kind(const char *url) {
        for (size_t i = 0; i < sizeof(place_kinds) / sizeof(place_kinds[0]); i++)
                if (strncmp(url, place_kinds[i].prefix, strlen(place_kinds[i].prefix)) == 0)
                        return &place_kinds[i];
        return NULL;
}

/* 1 to 5 digits; true if all of @text is one number of at most @max */
static bool place_number(const char *text, size_t n, unsigned max, unsigned *ret) {
        unsigned value = 0;

        if (n == 0 || n > 5)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return false;
                value = 10 * value + (unsigned) (text[i] - '0');
        }
        *ret = value;
        return value <= max;
}

static bool place_is_host(const char *host, size_t n) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789.-_:";

        return n > 0 && strspn(host, allowed) >= n;
}

/* HOST, HOST:PORT or [ADDRESS]:PORT in the first @n bytes of @text */
static bool place_take_authority(const char *text, size_t n, unsigned default_port, Place *ret) {
        const char *end = text + n, *host = text, *port;
        size_t n_host;

        if (n >= sizeof(ret->host))
                return false;
        if (text[0] == '[') {
                const char *close = memchr(text, ']', n);

                if (!close)
                        return false;
                host = text + 1;
                n_host = (size_t) (close - host);
                port = close + 1;
        } else {
                port = memchr(text, ':', n) ?: end;
                n_host = (size_t) (port - host);
        }
        if (!place_is_host(host, n_host))
                return false;
        ret->port = default_port;
        if (port < end &&
            (*port != ':' || !place_number(port + 1, (size_t) (end - port - 1), 65535, &ret->port)))
                return false;
        (void) snprintf(ret->host, sizeof(ret->host), "%.*s", (int) n_host, host);
        n_host = (size_t) snprintf(ret->authority, sizeof(ret->authority),
                                   text[0] == '[' ? "[%s]" : "%s", ret->host);
        if (ret->port != default_port)
                (void) snprintf(ret->authority + n_host, sizeof(ret->authority) - n_host, ":%u",
                                ret->port);
        return ret->port > 0;
}

/* what RFC 3986 lets stand in a path, and what Signature Version 4 leaves as it is */
static bool place_is_path(const char *path) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789/._-~%";

        return path[strspn(path, allowed)] == '\0' && !strstr(path, "/../") && !strstr(path, "//");
}

static int place_check_path(Place *place, Problem *problem) {
        switch (place->scheme) {
        case PLACE_HTTP:
        case PLACE_HTTPS:
                if (!place_is_path(place->path))
                        return problem_set(problem, -EINVAL,
                                           "the path of the URL has characters that must be "
                                           "percent-encoded, or a query");
                return 0;
        case PLACE_REDIS:
                if (place->path[0] && !place_number(place->path + 1, strlen(place->path + 1), 65535,
                                                    &place->database))
                        return problem_set(problem, -EINVAL,
                                           "after the host of redis:// comes nothing, or / and "
                                           "the number of a database");
                return 0;
        case PLACE_REDIS_UNIX:
        case PLACE_FILE:
                if (place->path[0] != '/')
                        return problem_set(problem, -EINVAL,
                                           "an absolute path is expected, with three slashes: "
                                           "file:///srv/dpucc, redis+unix:///run/redis.sock");
                return 0;
        }
        return -EINVAL;
}

int place_parse(const char *url, Place *ret, Problem *problem) {
        const struct PlaceKind *kind = place_find_kind(url);
        size_t length = strlen(url), n;
        const char *rest;
        Place place = {};
        int r;

        if (!kind)
                return problem_set(problem, -EINVAL,
                                   "a URL that begins with http://, https://, redis://, "
                                   "redis+unix:// or file:// is expected%s",
                                   strncmp(url, "rediss://", 9) == 0
                                           ? " (the Redis library has no TLS; put a TLS proxy "
                                             "before the server)"
                                           : "");
        if (length >= PLACE_URL_MAX)
                return problem_set(problem, -EINVAL, "the URL is longer than %d bytes",
                                   PLACE_URL_MAX - 1);
        rest = url + strlen(kind->prefix);
        n = strcspn(rest, "/");
        if (memchr(rest, '@', n))
                return problem_set(problem, -EINVAL,
                                   "a URL holds no password: say \"user\" and \"password_file\"");

        place.scheme = kind->scheme;
        while (length > 0 && url[length - 1] == '/' && url + length > rest + n)
                length--;
        (void) snprintf(place.url, sizeof(place.url), "%.*s", (int) length, url);
        if (url + length > rest + n)
                (void) snprintf(place.path, sizeof(place.path), "%.*s",
                                (int) (url + length - (rest + n)), rest + n);
        if (kind->port == 0 ? n > 0 : !place_take_authority(rest, n, kind->port, &place))
                return problem_set(problem, -EINVAL, "%s",
                                   kind->port == 0 ? "no host is expected: write three slashes"
                                                   : "HOST or HOST:PORT is expected after ://");
        r = place_check_path(&place, problem);
        if (r == 0)
                *ret = place;
        return r;
}
