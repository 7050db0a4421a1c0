#include "daemon/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/dialogue.h"

#define CALL_LOG_CHUNK ((size_t) 256 * 1024)

typedef Dpucc__Wire__Outcome Outcome;
typedef Dpucc__Wire__Reply Reply;

void calls_init(Calls *calls, const CallsOps *ops, unsigned *n_fds, void *userdata) {
        *calls = (Calls){ .ops = ops, .n_fds = n_fds, .userdata = userdata };
        LIST_INIT(&calls->list);
}

static void call_leave(Call *call) {
        LIST_REMOVE(call, link);
        call->calls->n--;
        *call->calls->n_fds -= call->n_fds;
        call->calls = NULL;
}

void calls_abandon(Calls *calls) {
        Call *call;

        while ((call = LIST_FIRST(&calls->list))) {
                call_leave(call);
                if (call->ask)
                        ask_cancel(call->ask);
        }
}

Call *calls_find(Calls *calls, uint32_t id) {
        Call *call;

        LIST_FOREACH(call, &calls->list, link)
        if (call->id == id)
                return call;
        return NULL;
}

int call_new(Call **ret, Calls *calls, uint32_t id, uint32_t n_fds) {
        Call *call = calloc(1, sizeof(*call));

        if (!call)
                return -ENOMEM;
        call->calls = calls;
        call->id = id;
        call->n_fds = n_fds;
        *calls->n_fds += n_fds;
        LIST_INSERT_HEAD(&calls->list, call, link);
        calls->n++;
        *ret = call;
        return 0;
}

/* takes over @fd */
static int call_put(Call *call, Reply *reply, int fd) {
        if (!call->calls) {
                closep(&fd);
                return 0;
        }
        reply->id = call->id;
        return call->calls->ops->send(reply, fd, call->calls->userdata);
}

void call_send(Call *call, Reply *reply) {
        (void) call_put(call, reply, -1);
}

void call_send_log(Call *call, Slice log) {
        for (size_t i = 0; i < log.size; i += CALL_LOG_CHUNK) {
                size_t left = log.size - i;
                Reply reply = DPUCC__WIRE__REPLY__INIT;

                reply.body_case = DPUCC__WIRE__REPLY__BODY_LOG;
                reply.log.data = (uint8_t *) log.data + i;
                reply.log.len = left < CALL_LOG_CHUNK ? left : CALL_LOG_CHUNK;
                call_send(call, &reply);
        }
}

bool call_progress(Call *call, Reply *reply) {
        if (!call->calls || call->calls->ops->is_slow(call->calls->userdata))
                return false;
        call_send(call, reply);
        return true;
}

void call_end(Call *call, Outcome outcome, Reply *reply, int fd) {
        int r;

        reply->has_final = true;
        reply->final = true;
        reply->has_outcome = true;
        reply->outcome = outcome;
        r = call_put(call, reply, fd);
        if (r == -EMSGSIZE) {
                call_end_with(call, DPUCC__WIRE__OUTCOME__FAILED,
                              "the answer is too long for the wire: ask for less");
                return;
        }

        if (call->calls)
                call_leave(call);
        free(call);
}

void call_end_with(Call *call, Outcome outcome, const char *message) {
        Reply reply = DPUCC__WIRE__REPLY__INIT;

        reply.message = (char *) message;
        call_end(call, outcome, &reply, -1);
}

static Outcome call_outcome(int r) {
        switch (r) {
        case -EINVAL:
        case -ENOTUNIQ:
                return DPUCC__WIRE__OUTCOME__USAGE;
        case -ENOENT:
                return DPUCC__WIRE__OUTCOME__NOT_FOUND;
        default:
                return DPUCC__WIRE__OUTCOME__FAILED;
        }
}

void call_fail(Call *call, int r, const Problem *problem) {
        call_end_with(call, call_outcome(r), problem->text[0] ? problem->text : strerror(-r));
}
