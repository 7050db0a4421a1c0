#pragma once

/*
 * A client for tests of the server: it never blocks, and turns the daemon's loop itself, so that
 * both ends run in one thread. Failures are cmocka's.
 */

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "proto/dpucc.pb-c.h"
#include "proto/frame.h"

typedef struct Client {
        uv_loop_t *loop; /* of the server */
        int socket;
        FrameReader reader;
        FrameWriter writer;
} Client;

void client_connect(Client *ret, uv_loop_t *loop, const char *path);
void client_greet(Client *client);                                /* exchanges Hellos */
void client_open(Client *ret, uv_loop_t *loop, const char *path); /* both */
void client_close(Client *client);

/* lets the loop and the client's writer turn until the client has read a frame, or its end:
 * results of frame_reader_step(); FRAME_WAIT after ten seconds */
int client_read(Client *client, Frame *ret);

/* true when the daemon hung up without another word */
bool client_is_dropped(Client *client);

void client_send(Client *client, Dpucc__Wire__Request *request);

/* the next reply; with its descriptor if it has one and @ret_fd is given */
Dpucc__Wire__Reply *client_reply(Client *client, int *ret_fd);

/* the next reply is final and has this outcome, and @message in its message (NULL: has none) */
void client_expect(Client *client, uint32_t id, Dpucc__Wire__Outcome outcome, const char *message);

/* a path or other text as protobuf-c wants it; borrowed */
ProtobufCBinaryData client_bytes(const char *text);
