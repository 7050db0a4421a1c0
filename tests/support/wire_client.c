#include "tests/support/wire_client.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "proto/endpoint.h"
#include "proto/hello.h"

#define DEADLINE_NS (60 * CLOCK_NS_PER_S)

typedef Dpucc__Wire__Reply Reply;
typedef Dpucc__Wire__Request Request;

void client_connect(Client *ret, uv_loop_t *loop, const char *path) {
        struct sockaddr_un address;

        assert_int_equal(endpoint_address(path, &address, NULL), 0);
        *ret = (Client){ .loop = loop,
                         .socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                         .reader = FRAME_READER_INIT(FRAME_MAX_REPLY),
                         .writer = FRAME_WRITER_INIT(FRAME_MAX_REPLY, 2 * FRAME_MAX_REPLY) };
        assert_int_equal(connect(ret->socket, (struct sockaddr *) &address, sizeof(address)), 0);
}

void client_close(Client *client) {
        frame_reader_deinit(&client->reader);
        frame_writer_deinit(&client->writer);
        closep(&client->socket);
        client->socket = -1;
}

int client_read(Client *client, Frame *ret) {
        int64_t deadline = clock_monotonic_ns() + DEADLINE_NS;
        int r = FRAME_WAIT;

        while (r == FRAME_WAIT && clock_monotonic_ns() < deadline) {
                (void) frame_writer_step(&client->writer, client->socket);
                (void) uv_run(client->loop, UV_RUN_NOWAIT);
                r = frame_reader_step(&client->reader, client->socket, ret);
        }
        return r;
}

bool client_is_dropped(Client *client) {
        Frame frame = {};
        int r = client_read(client, &frame);

        frame_deinit(&frame);
        return r == FRAME_CLOSED || r == -ECONNRESET;
}

void client_greet(Client *client) {
        Frame frame = {};
        Problem problem;

        assert_int_equal(hello_put(&client->writer), 0);
        assert_int_equal(client_read(client, &frame), FRAME_DONE);
        assert_int_equal(hello_check(&frame, HELLO_CLIENT, &problem), 0);
        frame_deinit(&frame);
}

void client_open(Client *ret, uv_loop_t *loop, const char *path) {
        client_connect(ret, loop, path);
        client_greet(ret);
}

void client_send(Client *client, Request *request) {
        assert_int_equal(frame_writer_put(&client->writer, &request->base, NULL, 0), 0);
}

Reply *client_reply(Client *client, int *ret_fd) {
        ProtobufCMessage *message;
        Frame frame = {};

        assert_int_equal(client_read(client, &frame), FRAME_DONE);
        assert_int_equal(frame_unpack(&frame, &dpucc__wire__reply__descriptor, &message), 0);
        if (ret_fd)
                *ret_fd = frame_take_fd(&frame, 0);
        frame_deinit(&frame);
        return (Reply *) message;
}

void client_expect(Client *client, uint32_t id, Dpucc__Wire__Outcome outcome, const char *message) {
        Reply *reply = client_reply(client, NULL);

        assert_int_equal(reply->id, id);
        assert_true(reply->final);
        assert_int_equal(reply->outcome, outcome);
        if (message)
                assert_non_null(strstr(reply->message, message));
        else
                assert_null(reply->message);
        dpucc__wire__reply__free_unpacked(reply, NULL);
}

ProtobufCBinaryData client_bytes(const char *text) {
        return (ProtobufCBinaryData){ .len = strlen(text), .data = (uint8_t *) text };
}
