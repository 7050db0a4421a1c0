#include "proto/frame.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/error.h"

/*
 * The reader asks the kernel for exactly the bytes that the present frame still lacks, so it
 * needs no buffer beside the payload, and descriptors can be told apart by when they come: the
 * kernel hands them over with the first byte of the write that carried them and never joins
 * two writes with descriptors in one read (unix(7)). Hence
 *
 *   - while the head is read there is room for FRAME_FDS_MAX of them; the kernel drops what
 *     does not fit and says MSG_CTRUNC (it says so, too, when our descriptor table is full);
 *   - while the payload is read there is none, and MSG_CTRUNC means that somebody tried.
 *
 * The payload grows with the bytes that came, FRAME_CHUNK at a time: announcing 16 MiB and
 * sending nothing costs us four bytes.
 */
#define FRAME_CHUNK ((size_t) 64 * 1024)

struct FrameOut {
        FrameOut *next;
        int fds[FRAME_FDS_MAX];
        size_t n_fds;
        size_t size;
        size_t n_sent;
        uint8_t data[]; /* head and payload */
};

/* room for the descriptors of one frame, aligned as the macros of cmsg(3) need it */
typedef union FrameControl {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FRAME_FDS_MAX * sizeof(int))];
} FrameControl;

static void frame_close_fds(int *fds, size_t *n_fds) {
        for (size_t i = 0; i < *n_fds; i++)
                closep(&fds[i]);
        *n_fds = 0;
}

void frame_deinit(Frame *frame) {
        bytes_deinit(&frame->body);
        frame_close_fds(frame->fds, &frame->n_fds);
}

int frame_take_fd(Frame *frame, size_t i) {
        return i < frame->n_fds ? TAKE_FD(frame->fds[i]) : -1;
}

int frame_unpack(const Frame *frame, const ProtobufCMessageDescriptor *descriptor,
                 ProtobufCMessage **ret) {
        ProtobufCMessage *message;

        message = protobuf_c_message_unpack(descriptor, NULL, frame->body.size, frame->body.data);
        if (!message)
                return -EBADMSG;

        *ret = message;
        return 0;
}

void frame_reader_deinit(FrameReader *reader) {
        frame_deinit(&reader->frame);
}

/* takes what came in @message into the frame, or closes it */
static int frame_receive_fds(Frame *frame, struct msghdr *message) {
        int r = message->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t n;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
                        if (frame->n_fds < FRAME_FDS_MAX) {
                                frame->fds[frame->n_fds++] = fd;
                        } else {
                                closep(&fd);
                                r = -EBADMSG;
                        }
                }
        }
        return r;
}

/* the number of bytes read, at least 1; 0 at the end of the stream; -EAGAIN */
static ssize_t frame_receive(int socket, void *data, size_t n, Frame *frame_for_fds) {
        struct iovec iov = { .iov_base = data, .iov_len = n };
        FrameControl control;
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t got;
        int r = 0;

        if (frame_for_fds) {
                message.msg_control = control.bytes;
                message.msg_controllen = sizeof(control.bytes);
        }
        do
                got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (got < 0 && errno == EINTR);
        if (got < 0)
                return errno == EWOULDBLOCK ? -EAGAIN : error_from_errno();

        if (frame_for_fds)
                r = frame_receive_fds(frame_for_fds, &message);
        else if (message.msg_flags & MSG_CTRUNC)
                r = -EBADMSG;
        return r < 0 ? r : got;
}

static size_t frame_decode_head(const uint8_t head[FRAME_HEAD_SIZE]) {
        return (size_t) head[0] | (size_t) head[1] << 8 | (size_t) head[2] << 16 |
               (size_t) head[3] << 24;
}

static int frame_read_head(FrameReader *reader, int socket) {
        while (reader->n_head < FRAME_HEAD_SIZE) {
                ssize_t n = frame_receive(socket, reader->head + reader->n_head,
                                          FRAME_HEAD_SIZE - reader->n_head, &reader->frame);

                if (n == -EAGAIN)
                        return FRAME_WAIT;
                if (n < 0)
                        return (int) n;
                if (n == 0)
                        return reader->n_head == 0 ? FRAME_CLOSED : -ECONNRESET;
                reader->n_head += (size_t) n;
        }

        reader->size = frame_decode_head(reader->head);
        return reader->size > reader->frame.body.max ? -EMSGSIZE : FRAME_DONE;
}

static int frame_read_body(FrameReader *reader, int socket) {
        Bytes *body = &reader->frame.body;

        while (body->size < reader->size) {
                size_t left = reader->size - body->size;
                size_t want = left < FRAME_CHUNK ? left : FRAME_CHUNK;
                ssize_t n;
                int r;

                r = bytes_reserve(body, want);
                if (r < 0)
                        return r;
                n = frame_receive(socket, body->data + body->size, want, NULL);
                if (n == -EAGAIN)
                        return FRAME_WAIT;
                if (n < 0)
                        return (int) n;
                if (n == 0)
                        return -ECONNRESET;
                body->size += (size_t) n;
        }
        return FRAME_DONE;
}

int frame_reader_step(FrameReader *reader, int socket, Frame *ret) {
        int r;

        if (reader->n_head < FRAME_HEAD_SIZE) {
                r = frame_read_head(reader, socket);
                if (r != FRAME_DONE)
                        return r;
        }
        r = frame_read_body(reader, socket);
        if (r != FRAME_DONE)
                return r;

        *ret = reader->frame;
        *reader = FRAME_READER_INIT(ret->body.max);
        return FRAME_DONE;
}

static void frame_out_free(FrameOut *out) {
        frame_close_fds(out->fds, &out->n_fds);
        free(out);
}

void frame_writer_deinit(FrameWriter *writer) {
        while (writer->first) {
                FrameOut *out = writer->first;

                writer->first = out->next;
                frame_out_free(out);
        }
        *writer = FRAME_WRITER_INIT(writer->max_frame, writer->max_queue);
}

static void frame_encode_head(size_t size, uint8_t ret[FRAME_HEAD_SIZE]) {
        for (unsigned i = 0; i < FRAME_HEAD_SIZE; i++)
                ret[i] = (uint8_t) (size >> (8 * i));
}

int frame_writer_put(FrameWriter *writer, const ProtobufCMessage *message, const int *fds,
                     size_t n_fds) {
        size_t size = protobuf_c_message_get_packed_size(message);
        FrameOut *out;

        assert(n_fds <= FRAME_FDS_MAX);
        if (size > writer->max_frame)
                return -EMSGSIZE;
        if (writer->n_bytes + FRAME_HEAD_SIZE + size > writer->max_queue)
                return -ENOBUFS;
        out = malloc(sizeof(*out) + FRAME_HEAD_SIZE + size);
        if (!out)
                return -ENOMEM;

        *out = (FrameOut){ .size = FRAME_HEAD_SIZE + size, .n_fds = n_fds };
        if (n_fds > 0)
                memcpy(out->fds, fds, n_fds * sizeof(int));
        frame_encode_head(size, out->data);
        (void) protobuf_c_message_pack(message, out->data + FRAME_HEAD_SIZE);

        if (writer->first)
                writer->last->next = out;
        else
                writer->first = out;
        writer->last = out;
        writer->n_bytes += out->size;
        return 0;
}

/* the descriptors of @out, if none of it was sent yet, as control data of @message */
static void frame_attach_fds(FrameOut *out, struct msghdr *message, FrameControl *control) {
        struct cmsghdr *c;

        if (out->n_fds == 0)
                return;

        *control = (FrameControl){};
        message->msg_control = control->bytes;
        message->msg_controllen = CMSG_SPACE(out->n_fds * sizeof(int));
        c = CMSG_FIRSTHDR(message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(out->n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), out->fds, out->n_fds * sizeof(int));
}

static int frame_send(FrameOut *out, int socket) {
        struct iovec iov = { .iov_base = out->data + out->n_sent,
                             .iov_len = out->size - out->n_sent };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        FrameControl control;
        ssize_t n;

        frame_attach_fds(out, &message, &control);
        do
                n = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN || errno == EWOULDBLOCK ? FRAME_WAIT : error_from_errno();

        /* they went with the first byte; the copies in flight are the kernel's */
        frame_close_fds(out->fds, &out->n_fds);
        out->n_sent += (size_t) n;
        return FRAME_DONE;
}

int frame_writer_step(FrameWriter *writer, int socket) {
        while (writer->first) {
                FrameOut *out = writer->first;
                int r;

                r = frame_send(out, socket);
                if (r != FRAME_DONE)
                        return r;
                if (out->n_sent < out->size)
                        continue;

                writer->first = out->next;
                writer->n_bytes -= out->size;
                frame_out_free(out);
        }
        return FRAME_DONE;
}
