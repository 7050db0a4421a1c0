#include "daemon/call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/peer.h"

#define CALL_LOG_CHUNK ((size_t) 256 * 1024)

typedef Dpucc__Wire__Outcome Outcome;
typedef Dpucc__Wire__Reply Reply;

/* takes over @fd */
static int call_put(Call *call, Reply *reply, int fd) {
        if (!call->peer) {
                closep(&fd);
                return 0;
        }
        reply->id = call->id;
        return peer_send(call->peer, reply, fd);
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

void call_progress(Call *call, Reply *reply) {
        if (call->peer && !peer_is_slow(call->peer))
                call_send(call, reply);
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

        if (call->peer)
                peer_forget_call(call->peer, call);
        free(call);
}

void call_end_with(Call *call, Outcome outcome, const char *message) {
        Reply reply = DPUCC__WIRE__REPLY__INIT;

        reply.message = (char *) message;
        call_end(call, outcome, &reply, -1);
}
