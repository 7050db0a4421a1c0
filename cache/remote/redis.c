#include "cache/remote/redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"

#define REDIS_KEY_MAX    256
#define REDIS_KEYS_MAX   4096 /* of one question */
#define REDIS_BUFFER_MAX (REDIS_CHUNK + (size_t) 64 * 1024)
#define REDIS_POLL_MS    200 /* how soon a cancellation is noticed */

typedef struct RedisLink {
        Link link;
        redisContext *context; /* NULL: not connected */
        redisReplyObjectFunctions functions;
        char chunk[REDIS_CHUNK];
} RedisLink;

static inline void redis_free_reply(redisReply **reply) {
        if (*reply)
                freeReplyObject(*reply);
}

static void redis_disconnect(RedisLink *redis) {
        if (redis->context)
                redisFree(redis->context);
        redis->context = NULL;
}

static void redis_close(Link *link) {
        RedisLink *redis = container_of(link, RedisLink, link);

        redis_disconnect(redis);
        free(redis);
}

static int redis_open(Link **ret, const Access *access) {
        RedisLink *redis = calloc(1, sizeof(*redis));

        (void) access;
        if (!redis)
                return -ENOMEM;
        *ret = &redis->link;
        return 0;
}

/* --- one command at a time --------------------------------------------------------------- */

/* Waits for @events. The time that one wait takes is short: somebody may cancel. */
static int redis_wait(const RedisLink *redis, const LinkRequest *request, short events) {
        for (;;) {
                struct pollfd pollfd = { .fd = redis->context->fd, .events = events };
                int left = link_left_ms(request), n;

                if (atomic_load(request->cancelled))
                        return -ECANCELED;
                if (left == 0)
                        return problem_set(request->problem, -ETIMEDOUT, "timed out");
                n = poll(&pollfd, 1, left < REDIS_POLL_MS ? left : REDIS_POLL_MS);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return error_from_errno();
        }
}

static int redis_broken(const RedisLink *redis, const LinkRequest *request) {
        const redisContext *context = redis->context;

        return problem_set(request->problem,
                           context->err == REDIS_ERR_PROTOCOL ? -EPROTO
                           : context->err == REDIS_ERR_OOM    ? -ENOMEM
                                                              : -ECONNRESET,
                           "%s", context->errstr);
}

static int redis_flush(RedisLink *redis, const LinkRequest *request) {
        int done = 0, r;

        while (!done) {
                r = redis_wait(redis, request, POLLOUT);
                if (r < 0)
                        return r;
                if (redisBufferWrite(redis->context, &done) != REDIS_OK)
                        return redis_broken(redis, request);
        }
        return 0;
}

static int redis_from_error(const char *text, Problem *problem) {
        static const struct {
                const char *prefix;
                int r;
        } errors[] = {
                { "NOAUTH", -EACCES },
                { "WRONGPASS", -EACCES },
                { "NOPERM", -EACCES },
                { "OOM", -ENOSPC },
                { "ERR invalid password", -EACCES },
                { "ERR AUTH", -EACCES },
        };

        for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
                if (strncmp(text, errors[i].prefix, strlen(errors[i].prefix)) == 0)
                        return problem_set(problem, errors[i].r, "%s", text);
        return problem_set(problem, -EPROTO, "%s", text[0] ? text : "an error without a reason");
}

/* The next reply, which is no error. */
static int redis_read(RedisLink *redis, const LinkRequest *request, redisReply **ret) {
        void *reply = NULL;
        int r;

        for (;;) {
                if (redisGetReplyFromReader(redis->context, &reply) != REDIS_OK)
                        return redis_broken(redis, request);
                if (reply)
                        break;
                if (redis->context->reader->len > REDIS_BUFFER_MAX)
                        return problem_set(request->problem, -EPROTO, "a reply is too long");
                r = redis_wait(redis, request, POLLIN);
                if (r < 0)
                        return r;
                if (redisBufferRead(redis->context) != REDIS_OK)
                        return redis_broken(redis, request);
        }
        *ret = reply;
        if ((*ret)->type != REDIS_REPLY_ERROR)
                return 0;
        r = redis_from_error((*ret)->str, request->problem);
        freeReplyObject(TAKE_PTR(*ret));
        return r;
}

static int redis_command(RedisLink *redis, const LinkRequest *request, const char *const *argv,
                         const size_t *sizes, int argc, redisReply **ret) {
        int r;

        if (redisAppendCommandArgv(redis->context, argc, (const char **) argv, sizes) != REDIS_OK)
                return -ENOMEM;
        r = redis_flush(redis, request);
        return r < 0 ? r : redis_read(redis, request, ret);
}

/* one whose reply is only that it was done */
static int redis_tell(RedisLink *redis, const LinkRequest *request, const char *const *argv,
                      const size_t *sizes, int argc) {
        _cleanup_(redis_free_reply) redisReply *reply = NULL;
        int r;

        r = redis_command(redis, request, argv, sizes, argc, &reply);
        if (r == 0 && reply->type != REDIS_REPLY_STATUS)
                r = problem_set(request->problem, -EPROTO, "an unexpected reply");
        return r;
}

/* --- connecting -------------------------------------------------------------------------- */

/* Nothing that we ask is answered with one; its length would be the server's to choose. */
static void *redis_refuse_array(const redisReadTask *task, int n) {
        (void) task;
        (void) n;
        return NULL;
}

static int redis_log_in(RedisLink *redis, const LinkRequest *request) {
        const Access *access = redis->link.access;
        const char *password = (const char *) access->password.bytes;
        const char *argv[] = { "AUTH", password, NULL };
        char number[16];
        int argc = 2, r = 0;

        if (access->user) {
                argv[1] = access->user;
                argv[2] = password;
                argc = 3;
        }
        if (access->password.size > 0)
                r = redis_tell(redis, request, argv, NULL, argc);
        if (r == -EPROTO) /* who does not know the command repeats what he was told */
                (void) problem_set(request->problem, r, "the server does not take AUTH");
        if (r == 0 && access->place.database > 0) {
                const char *select[] = { "SELECT", number };

                (void) snprintf(number, sizeof(number), "%u", access->place.database);
                r = redis_tell(redis, request, select, NULL, 2);
        }
        return r;
}

static int redis_socket_error(const redisContext *context) {
        socklen_t size = sizeof(int);
        int error = 0;

        if (getsockopt(context->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                return errno;
        return error;
}

/* The connection that a poll says is there, or is not. */
static int redis_await_connection(RedisLink *redis, const LinkRequest *request) {
        LinkRequest connecting = *request;
        int64_t until = clock_monotonic_ns() + redis->link.access->connect_ms * CLOCK_NS_PER_MS;
        int error, r;

        if (until < connecting.deadline_ns)
                connecting.deadline_ns = until;
        r = redis_wait(redis, &connecting, POLLOUT);
        if (r < 0)
                return r;
        error = redis_socket_error(redis->context);
        return error == 0 ? 0 : problem_set(request->problem, -ECONNREFUSED, "%s", strerror(error));
}

static int redis_connect(RedisLink *redis, const LinkRequest *request) {
        const Place *place = &redis->link.access->place;
        int r;

        redis->context = place->scheme == PLACE_REDIS_UNIX
                                 ? redisConnectUnixNonBlock(place->path)
                                 : redisConnectNonBlock(place->host, (int) place->port);
        if (!redis->context)
                return -ENOMEM;
        if (redis->context->err)
                return problem_set(request->problem, -ECONNREFUSED, "%s", redis->context->errstr);
        redis->functions = *redis->context->reader->fn;
        redis->functions.createArray = redis_refuse_array;
        redis->context->reader->fn = &redis->functions;

        r = redis_await_connection(redis, request);
        return r < 0 ? r : redis_log_in(redis, request);
}

/* A server that closed the connection while nobody used it is no failure. */
static bool redis_is_alive(const RedisLink *redis) {
        struct pollfd pollfd = { .fd = redis->context->fd, .events = POLLIN };

        return poll(&pollfd, 1, 0) == 0; /* nothing was asked, so there is nothing to read */
}

static int redis_begin(RedisLink *redis, const LinkRequest *request) {
        if (redis->context && !redis_is_alive(redis))
                redis_disconnect(redis);
        return redis->context ? 0 : redis_connect(redis, request);
}

/* After an error nobody knows which reply comes next. */
static int redis_end(RedisLink *redis, int r) {
        if (r < 0)
                redis_disconnect(redis);
        return r;
}

/* --- operations -------------------------------------------------------------------------- */

static void redis_key(const LinkRequest *request, uint64_t chunk, char ret[REDIS_KEY_MAX]) {
        (void) snprintf(ret, REDIS_KEY_MAX, "dpucc/%s/%" PRIu64, request->name, chunk);
}

/* 0 and how long it was, or LINK_ABSENT */
static int redis_get_chunk(RedisLink *redis, const LinkRequest *request, uint64_t chunk, Sink *sink,
                           size_t *ret_n) {
        _cleanup_(redis_free_reply) redisReply *reply = NULL;
        char key[REDIS_KEY_MAX];
        const char *argv[] = { "GET", key };
        int r;

        redis_key(request, chunk, key);
        r = redis_command(redis, request, argv, NULL, 2, &reply);
        if (r < 0)
                return r;
        if (reply->type == REDIS_REPLY_NIL)
                return LINK_ABSENT;
        if (reply->type != REDIS_REPLY_STRING || (size_t) reply->len > REDIS_CHUNK)
                return problem_set(request->problem, -EPROTO, "an unexpected reply");
        *ret_n = (size_t) reply->len;
        return sink_write(sink, reply->str, (size_t) reply->len);
}

static int redis_get(Link *link, const LinkRequest *request, Sink *sink) {
        RedisLink *redis = container_of(link, RedisLink, link);
        size_t n = REDIS_CHUNK;
        int r;

        r = redis_begin(redis, request);
        for (uint64_t chunk = 0; r == 0 && n == REDIS_CHUNK; chunk++)
                r = redis_get_chunk(redis, request, chunk, sink, &n);
        return redis_end(redis, r);
}

/* chunks @from to @to are there, all of them */
static int redis_has_chunks(RedisLink *redis, const LinkRequest *request, uint64_t from,
                            uint64_t to) {
        _cleanup_(redis_free_reply) redisReply *reply = NULL;
        size_t n = (size_t) (to - from);
        _cleanup_(freep) char(*keys)[REDIS_KEY_MAX] = calloc(n, sizeof(*keys));
        _cleanup_(freep) const char **argv = calloc(n + 1, sizeof(*argv));
        int r;

        if (!keys || !argv)
                return -ENOMEM;
        argv[0] = "EXISTS";
        for (size_t i = 0; i < n; i++) {
                redis_key(request, from + i, keys[i]);
                argv[i + 1] = keys[i];
        }
        r = redis_command(redis, request, argv, NULL, (int) n + 1, &reply);
        if (r < 0)
                return r;
        return reply->type == REDIS_REPLY_INTEGER && (uint64_t) reply->integer == n ? 0
                                                                                    : LINK_ABSENT;
}

static int redis_has(Link *link, const LinkRequest *request, uint64_t size) {
        RedisLink *redis = container_of(link, RedisLink, link);
        uint64_t n = size / REDIS_CHUNK + 1;
        int r;

        r = redis_begin(redis, request);
        for (uint64_t at = 0; r == 0 && at < n; at += REDIS_KEYS_MAX)
                r = redis_has_chunks(redis, request, at,
                                     n - at < REDIS_KEYS_MAX ? n : at + REDIS_KEYS_MAX);
        return redis_end(redis, r);
}

static int redis_fill(RedisLink *redis, Source *source, size_t *ret_n) {
        size_t n = 0, got;
        int r;

        do {
                r = source_read(source, redis->chunk + n, REDIS_CHUNK - n, &got);
                if (r < 0)
                        return r;
                n += got;
        } while (got > 0 && n < REDIS_CHUNK);
        *ret_n = n;
        return 0;
}

static int redis_put(Link *link, const LinkRequest *request, Source *source) {
        RedisLink *redis = container_of(link, RedisLink, link);
        size_t n = REDIS_CHUNK;
        int r;

        source->at = 0;
        r = redis_begin(redis, request);
        for (uint64_t chunk = 0; r == 0 && n == REDIS_CHUNK; chunk++) {
                char key[REDIS_KEY_MAX];
                const char *argv[] = { "SET", key, redis->chunk };
                size_t sizes[] = { 3, 0, 0 };

                redis_key(request, chunk, key);
                r = redis_fill(redis, source, &n);
                sizes[1] = strlen(key);
                sizes[2] = n;
                if (r == 0)
                        r = redis_tell(redis, request, argv, sizes, 3);
        }
        return redis_end(redis, r);
}

const LinkOps redis_ops = {
        .open = redis_open,
        .close = redis_close,
        .get = redis_get,
        .put = redis_put,
        .has = redis_has,
};
