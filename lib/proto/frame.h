#pragma once

/*
 * Frames: messages on a stream socket
 *
 * A length of four bytes, little endian, then that many bytes of payload (docs/FORMATS.md,
 * "Wire"). Descriptors travel with the first byte of a frame. Reader and writer are state
 * machines that never block, whatever the socket's mode: the daemon drives them from its loop,
 * the client from poll(2). Neither owns the socket.
 *
 * After an error a reader or writer is good for nothing but being freed, and the connection
 * for nothing but being closed.
 */

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"

#define FRAME_HEAD_SIZE   4
#define FRAME_FDS_MAX     4
#define FRAME_MAX_REQUEST (64 * 1024)        /* bytes of payload, client to daemon */
#define FRAME_MAX_REPLY   (16 * 1024 * 1024) /* daemon to client */

/* outcomes of a step */
enum {
        FRAME_DONE = 0,   /* reader: a whole frame came; writer: nothing is left to send */
        FRAME_WAIT = 1,   /* the socket has no more for us, or takes no more */
        FRAME_CLOSED = 2, /* reader only: the peer hung up, between two frames */
};

/* What came in. Whoever holds it owns the bytes and the descriptors. */
typedef struct Frame {
        Bytes body;
        int fds[FRAME_FDS_MAX]; /* close-on-exec */
        size_t n_fds;
} Frame;

void frame_deinit(Frame *frame); /* closes the descriptors that nobody took */
int frame_take_fd(Frame *frame, size_t i);

/* The message in it, freed with protobuf_c_message_free_unpacked(). -EBADMSG if it is none. */
int frame_unpack(const Frame *frame, const ProtobufCMessageDescriptor *descriptor,
                 ProtobufCMessage **ret);

typedef struct FrameReader {
        uint8_t head[FRAME_HEAD_SIZE];
        size_t n_head;
        size_t size; /* of the payload, once the head is complete */
        Frame frame; /* what came of it so far */
} FrameReader;

#define FRAME_READER_INIT(_max) ((FrameReader){ .frame.body = BYTES_INIT(_max) })

void frame_reader_deinit(FrameReader *reader);

/* Reads on until a frame is complete; *ret then is the caller's and must have been empty.
 * -EMSGSIZE: longer than allowed; -EBADMSG: descriptors in the wrong place, or too many;
 * -ECONNRESET: the peer hung up within a frame; or what recvmsg(2) says. */
int frame_reader_step(FrameReader *reader, int socket, Frame *ret);

typedef struct FrameOut FrameOut;

typedef struct FrameWriter {
        FrameOut *first; /* being sent */
        FrameOut *last;
        size_t n_bytes;   /* queued, heads included */
        size_t max_frame; /* of a payload */
        size_t max_queue; /* of n_bytes */
} FrameWriter;

#define FRAME_WRITER_INIT(_max_frame, _max_queue)                                                  \
        ((FrameWriter){ .max_frame = (_max_frame), .max_queue = (_max_queue) })

void frame_writer_deinit(FrameWriter *writer); /* closes descriptors not yet sent */

/* Queues @message. Takes over the descriptors when it succeeds. -EMSGSIZE: the message is too
 * long for a frame; -ENOBUFS: too much is queued; -ENOMEM. */
int frame_writer_put(FrameWriter *writer, const ProtobufCMessage *message, const int *fds,
                     size_t n_fds);

/* Sends on. -EPIPE when the peer is gone (no signal is raised), or what sendmsg(2) says. */
int frame_writer_step(FrameWriter *writer, int socket);

static inline bool frame_writer_is_empty(const FrameWriter *writer) {
        return !writer->first;
}
