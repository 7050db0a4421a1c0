#include "unit.h"

#include <errno.h>
#include <sys/socket.h>

#include "proto/dpucc.pb-c.h"
#include "proto/frame.h"
#include "proto/hello.h"

#define MAX_QUEUE (1024 * 1024)

typedef struct Pair {
        int a, b;
        FrameReader reader; /* of b */
        FrameWriter writer; /* of a */
        Frame frame;
        int lowest;
} Pair;

static int setup(void **state) {
        static Pair p;
        int sockets[2];

        p.lowest = unit_lowest_fd();
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
                return -1;
        p.a = sockets[0];
        p.b = sockets[1];
        p.reader = FRAME_READER_INIT(FRAME_MAX_REQUEST);
        p.writer = FRAME_WRITER_INIT(FRAME_MAX_REQUEST, MAX_QUEUE);
        p.frame = (Frame){};
        *state = &p;
        return 0;
}

/* whatever happened, nothing stays open */
static int teardown(void **state) {
        Pair *p = *state;

        frame_reader_deinit(&p->reader);
        frame_writer_deinit(&p->writer);
        frame_deinit(&p->frame);
        closep(&p->a);
        closep(&p->b);
        return unit_lowest_fd() == p->lowest ? 0 : -1;
}

static int step(Pair *p) {
        frame_deinit(&p->frame);
        return frame_reader_step(&p->reader, p->b, &p->frame);
}

static void send_raw(Pair *p, const void *data, size_t n) {
        assert_int_equal(send(p->a, data, n, MSG_NOSIGNAL), n);
}

static void send_with_fds(Pair *p, const void *data, size_t n, size_t n_fds) {
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(8 * sizeof(int))];
        } control = {};
        struct iovec iov = { .iov_base = (void *) data, .iov_len = n };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes };
        int fds[8] = {};
        struct cmsghdr *c;

        assert_true(n_fds <= 8);
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int)); /* our stdin, n times */
        assert_int_equal(sendmsg(p->a, &m, MSG_NOSIGNAL), n);
}

static int put_request(Pair *p, uint32_t id, const int *fds, size_t n_fds) {
        Dpucc__Wire__Request request = DPUCC__WIRE__REQUEST__INIT;

        request.id = id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_CANCEL;
        request.cancel = 7;
        return frame_writer_put(&p->writer, &request.base, fds, n_fds);
}

static uint32_t request_id(const Frame *frame) {
        ProtobufCMessage *message = NULL;
        uint32_t id;

        assert_int_equal(frame_unpack(frame, &dpucc__wire__request__descriptor, &message), 0);
        id = ((Dpucc__Wire__Request *) message)->id;
        protobuf_c_message_free_unpacked(message, NULL);
        return id;
}

static void carries_messages_in_order(void **state) {
        Pair *p = *state;

        assert_true(frame_writer_is_empty(&p->writer));
        for (uint32_t id = 1; id <= 3; id++)
                assert_int_equal(put_request(p, id, NULL, 0), 0);
        assert_false(frame_writer_is_empty(&p->writer));
        assert_int_equal(frame_writer_step(&p->writer, p->a), FRAME_DONE);
        assert_true(frame_writer_is_empty(&p->writer));
        assert_int_equal(p->writer.n_bytes, 0);

        for (uint32_t id = 1; id <= 3; id++) {
                assert_int_equal(step(p), FRAME_DONE);
                assert_int_equal(request_id(&p->frame), id);
        }
        assert_int_equal(step(p), FRAME_WAIT);
        closep(&p->a);
        p->a = -1;
        assert_int_equal(step(p), FRAME_CLOSED);
}

static void byte_by_byte(void **state) {
        Pair *p = *state;
        const uint8_t bytes[] = { 5, 0, 0, 0, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, 0 };

        for (size_t i = 0; i < sizeof(bytes); i++) {
                send_raw(p, &bytes[i], 1);
                assert_int_equal(step(p), i == 8 || i == 12 ? FRAME_DONE : FRAME_WAIT);
                if (i == 8)
                        assert_memory_equal(p->frame.body.data, "hello", 5);
                if (i == 12)
                        assert_int_equal(p->frame.body.size, 0);
        }
}

static void every_split(void **state) {
        Pair *p = *state;
        const uint8_t bytes[] = { 3, 0, 0, 0, 'a', 'b', 'c', 1, 0, 0, 0, 'd' };

        for (size_t cut = 1; cut < sizeof(bytes); cut++) {
                unsigned n = 0;

                send_raw(p, bytes, cut);
                while (step(p) == FRAME_DONE)
                        n++;
                send_raw(p, bytes + cut, sizeof(bytes) - cut);
                while (step(p) == FRAME_DONE)
                        n++;
                assert_int_equal(n, 2);
        }
}

static void end_within_a_frame(void **state) {
        Pair *p = *state;
        const uint8_t bytes[] = { 3, 0, 0, 0, 'a' };
        /* within the head, right after it, within the payload */
        const size_t lengths[] = { 1, 4, 5 };

        for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
                void *again = p;

                send_raw(p, bytes, lengths[i]);
                assert_int_equal(shutdown(p->a, SHUT_WR), 0);
                assert_int_equal(step(p), -ECONNRESET);
                assert_int_equal(teardown(&again), 0);
                assert_int_equal(setup(&again), 0);
        }
}

static void refuses_long_frames(void **state) {
        Pair *p = *state;
        const uint8_t just_right[] = { 0, 0, 1, 0 }, too_long[] = { 1, 0, 1, 0 };

        send_raw(p, just_right, 4);
        assert_int_equal(step(p), FRAME_WAIT);
        /* nothing is set aside for what was only announced */
        assert_true(p->reader.frame.body.capacity <= 64 * 1024);
        frame_reader_deinit(&p->reader);

        p->reader = FRAME_READER_INIT(FRAME_MAX_REQUEST);
        send_raw(p, too_long, 4);
        assert_int_equal(step(p), -EMSGSIZE);
}

static void refuses_the_longest_length(void **state) {
        Pair *p = *state;
        const uint8_t head[] = { 0xff, 0xff, 0xff, 0xff };

        send_raw(p, head, 4);
        assert_int_equal(step(p), -EMSGSIZE);
}

static void writer_keeps_its_limits(void **state) {
        Pair *p = *state;
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        size_t n;

        p->writer = FRAME_WRITER_INIT(3, MAX_QUEUE);
        assert_int_equal(put_request(p, 1, &fd, 1), -EMSGSIZE);

        p->writer = FRAME_WRITER_INIT(FRAME_MAX_REQUEST, 20);
        for (n = 0; put_request(p, 1, NULL, 0) == 0; n++)
                ;
        assert_int_equal(n, 2); /* 8 bytes each */
        assert_int_equal(put_request(p, 1, &fd, 1), -ENOBUFS);
        close(fd); /* was never taken */
}

static void a_full_socket_waits(void **state) {
        Pair *p = *state;
        unsigned n_put = 0, n_got = 0;
        int r = FRAME_DONE;

        while (r == FRAME_DONE) {
                assert_int_equal(put_request(p, n_put, NULL, 0), 0);
                n_put++;
                r = frame_writer_step(&p->writer, p->a);
        }
        assert_int_equal(r, FRAME_WAIT);
        while (n_got < n_put) {
                (void) frame_writer_step(&p->writer, p->a);
                if (step(p) == FRAME_DONE)
                        assert_int_equal(request_id(&p->frame), n_got++);
        }
}

static void gone_peer_is_an_error_not_a_signal(void **state) {
        Pair *p = *state;

        closep(&p->b);
        p->b = -1;
        assert_int_equal(put_request(p, 1, NULL, 0), 0);
        assert_int_equal(frame_writer_step(&p->writer, p->a), -EPIPE);
}

static void passes_descriptors(void **state) {
        Pair *p = *state;
        int fds[2], pipe_fds[2], got;
        char c;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        assert_int_equal(put_request(p, 1, NULL, 0), 0);
        fds[0] = pipe_fds[0];
        fds[1] = pipe_fds[1];
        assert_int_equal(put_request(p, 2, fds, 2), 0);
        assert_int_equal(put_request(p, 3, NULL, 0), 0);
        assert_int_equal(frame_writer_step(&p->writer, p->a), FRAME_DONE);

        assert_int_equal(step(p), FRAME_DONE);
        assert_int_equal(p->frame.n_fds, 0);
        assert_int_equal(step(p), FRAME_DONE);
        assert_int_equal(request_id(&p->frame), 2);
        assert_int_equal(p->frame.n_fds, 2);
        assert_true(fcntl(p->frame.fds[0], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(write(p->frame.fds[1], "x", 1), 1);
        got = frame_take_fd(&p->frame, 0);
        assert_int_equal(frame_take_fd(&p->frame, 0), -1);
        assert_int_equal(frame_take_fd(&p->frame, 2), -1);
        assert_int_equal(read(got, &c, 1), 1);
        close(got);
        assert_int_equal(step(p), FRAME_DONE);
        assert_int_equal(p->frame.n_fds, 0);
}

static void descriptors_never_sent_are_closed(void **state) {
        Pair *p = *state;
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_int_equal(put_request(p, 1, &fd, 1), 0);
        /* teardown sees it if not */
}

static void too_many_descriptors(void **state) {
        Pair *p = *state;
        const uint8_t head[] = { 0, 0, 0, 0 };

        send_with_fds(p, head, 4, 4);
        assert_int_equal(step(p), FRAME_DONE);
        assert_int_equal(p->frame.n_fds, 4);
        send_with_fds(p, head, 4, 5);
        assert_int_equal(step(p), -EBADMSG);
}

static void too_many_descriptors_in_pieces(void **state) {
        Pair *p = *state;
        const uint8_t head[] = { 0, 0, 0, 0 };

        send_with_fds(p, head, 1, 3);
        assert_int_equal(step(p), FRAME_WAIT);
        send_with_fds(p, head + 1, 1, 3);
        assert_int_equal(step(p), -EBADMSG);
}

static void descriptors_in_the_payload(void **state) {
        Pair *p = *state;
        const uint8_t bytes[] = { 2, 0, 0, 0, 'a', 'b' };

        send_raw(p, bytes, 4);
        send_with_fds(p, bytes + 4, 2, 1);
        assert_int_equal(step(p), -EBADMSG);
}

static void no_message(void **state) {
        Pair *p = *state;
        const uint8_t bytes[] = { 2, 0, 0, 0, 0xff, 0xff };
        ProtobufCMessage *message = NULL;

        send_raw(p, bytes, sizeof(bytes));
        assert_int_equal(step(p), FRAME_DONE);
        assert_int_equal(frame_unpack(&p->frame, &dpucc__wire__request__descriptor, &message),
                         -EBADMSG);
        assert_null(message);
}

static void hello_agrees(void **state) {
        Pair *p = *state;
        Problem problem = {};

        assert_int_equal(hello_put(&p->writer), 0);
        assert_int_equal(frame_writer_step(&p->writer, p->a), FRAME_DONE);
        assert_int_equal(step(p), FRAME_DONE);
        assert_int_equal(hello_check(&p->frame, HELLO_CLIENT, &problem), 0);
        assert_int_equal(hello_check(&p->frame, HELLO_DAEMON, &problem), 0);
        assert_string_equal(problem.text, "");
}

static void hello_differs(void **state) {
        Pair *p = *state;
        Dpucc__Wire__Hello hello = DPUCC__WIRE__HELLO__INIT;
        Problem problem = {};

        for (uint32_t protocol = 0; protocol <= 2; protocol += 2) {
                hello.protocol = protocol;
                hello.version = (char *) "9.8.7\x1b[31m";
                assert_int_equal(frame_writer_put(&p->writer, &hello.base, NULL, 0), 0);
                assert_int_equal(frame_writer_step(&p->writer, p->a), FRAME_DONE);
                assert_int_equal(step(p), FRAME_DONE);

                assert_int_equal(hello_check(&p->frame, HELLO_CLIENT, &problem), -EPROTO);
                assert_non_null(strstr(problem.text, "dpuccd 9.8.7\\x1b[31m"));
                assert_non_null(strstr(problem.text, protocol == 0 ? "restart" : "newer"));
                assert_non_null(strstr(problem.text, "protocol 1"));
                assert_int_equal(hello_check(&p->frame, HELLO_DAEMON, &problem), -EPROTO);
                assert_non_null(strstr(problem.text, "dpucc-client 9.8.7"));
        }
        frame_deinit(&p->frame);
        assert_int_equal(hello_check(&p->frame, HELLO_CLIENT, &problem), -EBADMSG);
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(carries_messages_in_order),
                TEST(byte_by_byte),
                TEST(every_split),
                TEST(end_within_a_frame),
                TEST(refuses_long_frames),
                TEST(refuses_the_longest_length),
                TEST(writer_keeps_its_limits),
                TEST(a_full_socket_waits),
                TEST(gone_peer_is_an_error_not_a_signal),
                TEST(passes_descriptors),
                TEST(descriptors_never_sent_are_closed),
                TEST(too_many_descriptors),
                TEST(too_many_descriptors_in_pieces),
                TEST(descriptors_in_the_payload),
                TEST(no_message),
                TEST(hello_agrees),
                TEST(hello_differs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
