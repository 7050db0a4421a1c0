/*
 * A hostile client's byte stream: the input is cut into writes by its own first bytes, goes
 * through a socket and a FrameReader, and every whole frame is read as a Hello, by either side, and
 * unpacked as a Request. (What becomes of requests: fuzz-request.)
 *
 *      byte 0       number of cuts, n (modulo 16)
 *      bytes 1..n   length of each write, the last one takes the rest
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "proto/dpucc.pb-c.h"
#include "proto/frame.h"
#include "proto/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* what is wrong with it is shown to a person */
static void fuzz_greet(const Frame *frame) {
        for (HelloSide side = HELLO_CLIENT; side <= HELLO_DAEMON; side++) {
                Problem problem = {};

                if (hello_check(frame, side, &problem) < 0 &&
                    (problem.text[0] == '\0' || strpbrk(problem.text, "\n\r\033")))
                        abort();
        }
}

/* false once the reader gave up */
static bool fuzz_read(FrameReader *reader, int socket) {
        for (;;) {
                ProtobufCMessage *message = NULL;
                Frame frame = {};
                int r;

                r = frame_reader_step(reader, socket, &frame);
                if (r == FRAME_DONE)
                        fuzz_greet(&frame);
                if (r == FRAME_DONE &&
                    frame_unpack(&frame, &dpucc__wire__request__descriptor, &message) == 0)
                        protobuf_c_message_free_unpacked(message, NULL);
                frame_deinit(&frame);
                if (r != FRAME_DONE)
                        return r == FRAME_WAIT;
        }
}

static void fuzz_stream(int sockets[2], const uint8_t *cuts, size_t n_cuts, const uint8_t *data,
                        size_t size) {
        FrameReader reader = FRAME_READER_INIT(FRAME_MAX_REQUEST);
        bool goes_on = true;

        for (size_t i = 0; goes_on && size > 0; i++) {
                size_t n = i < n_cuts && cuts[i] < size ? cuts[i] : size;
                ssize_t sent = send(sockets[0], data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (sent > 0) {
                        data += sent;
                        size -= (size_t) sent;
                }
                goes_on = fuzz_read(&reader, sockets[1]);
        }
        frame_reader_deinit(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        size_t n_cuts = size > 0 ? data[0] % 16 : 0;
        int sockets[2];

        if (size < 1 + n_cuts)
                return 0;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
                abort();

        fuzz_stream(sockets, data + 1, n_cuts, data + 1 + n_cuts, size - 1 - n_cuts);
        closep(&sockets[0]);
        closep(&sockets[1]);
        return 0;
}
