#include "proto/hello.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "proto/dpucc.pb-c.h"

typedef Dpucc__Wire__Hello Hello;

static inline void hello_freep(ProtobufCMessage **message) {
        protobuf_c_message_free_unpacked(*message, NULL);
}

int hello_put(FrameWriter *writer) {
        Hello hello = DPUCC__WIRE__HELLO__INIT;
        char version[] = DPUCC_VERSION;

        hello.protocol = HELLO_PROTOCOL;
        hello.version = version;
        hello.has_pid = true;
        hello.pid = (uint32_t) getpid();
        return frame_writer_put(writer, &hello.base, NULL, 0);
}

/* Both programs come in one package: they differ while an old daemon still runs after an
 * update, or when two installations are mixed. */
static const char *hello_remedy(HelloSide side, const Hello *peer) {
        if (side == HELLO_DAEMON)
                return "use the dpucc-client that is installed beside this daemon";
        if (peer->protocol < HELLO_PROTOCOL)
                return "restart the daemon (systemctl --user restart dpuccd, or end that process "
                       "and start dpuccd)";
        return "the running daemon is newer: use the dpucc-client that is installed beside it";
}

int hello_check(const Frame *frame, HelloSide side, Problem *problem) {
        static const char *const names[] = {
                [HELLO_CLIENT] = "dpucc-client", [HELLO_DAEMON] = "dpuccd"
        };
        _cleanup_(hello_freep) ProtobufCMessage *message = NULL;
        const Hello *peer;
        int r;

        r = frame_unpack(frame, &dpucc__wire__hello__descriptor, &message);
        if (r < 0)
                return problem_set(problem, r, "the other end does not speak dpucc's protocol");

        peer = (const Hello *) message;
        if (peer->protocol == HELLO_PROTOCOL)
                return 0;
        return problem_set(problem, -EPROTO,
                           "%s %.40s (process %" PRIu32 ") speaks protocol %" PRIu32
                           ", this %s %s speaks protocol %d: %s",
                           names[side == HELLO_CLIENT ? HELLO_DAEMON : HELLO_CLIENT], peer->version,
                           peer->pid, peer->protocol, names[side], DPUCC_VERSION, HELLO_PROTOCOL,
                           hello_remedy(side, peer));
}
