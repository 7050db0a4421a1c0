/*
 * A connection from accept to hang-up, in which each system call and each allocation of the daemon
 * fails in turn: the client gets its answers, or is hung up on, and the next one is served. And a
 * daemon without descriptors: nobody hangs, nothing spins, and it serves again when there are some.
 */

#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/server.h"
#include "daemon/verbs.h"
#include "proto/endpoint.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "tests/support/double_engine.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fail_io.h"

#define DEADLINE_NS (20 * CLOCK_NS_PER_S)
#define FAULTS_MAX  1000 /* more than there are: a sweep that does not end is a failure */
#define N_REQUESTS  3
#define N_CROWD     40

typedef Dpucc__Wire__Reply Reply;
typedef Dpucc__Wire__Request Request;

typedef struct Fixture {
        void *dir;
        char path[96];
        uv_loop_t loop;
        Engine *engine;
        Verbs verbs;
        Server *server;
        int source, artifact;
} Fixture;

static int make_file(Fixture *f, const char *name) {
        return openat(((UnitDir *) f->dir)->fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int setup(void **state) {
        static Fixture f;
        Problem problem;

        f = (Fixture){};
        if (unit_dir_setup(&f.dir) < 0 || uv_loop_init(&f.loop) < 0)
                return -1;
        (void) snprintf(f.path, sizeof(f.path), "%s/d.sock", ((UnitDir *) f.dir)->path);
        f.source = make_file(&f, "source");
        f.artifact = make_file(&f, "artifact");
        f.engine = double_engine_open(&f.loop);
        double_engine_of(f.engine)->artifact_fd = f.artifact;
        f.verbs = (Verbs){ .engine = f.engine };
        const ServerSpec spec = { .loop = &f.loop,
                                  .handler = { verbs_start, &f.verbs },
                                  .path = f.path,
                                  .listen_fd = -1 };
        *state = &f;
        return server_new(&f.server, &spec, &problem);
}

static void on_stopped(void *userdata) {
        (*(unsigned *) userdata)++;
}

/* Nothing may be left: no handle on the loop, no descriptor, no ask. */
static int teardown(void **state) {
        unsigned n_stopped = 0;
        Fixture *f = *state;

        server_stop(f->server, on_stopped, &n_stopped);
        engine_stop(f->engine, false, on_stopped, &n_stopped);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        closep(&f->source);
        closep(&f->artifact);
        if (n_stopped != 2 || uv_loop_close(&f->loop) < 0)
                return -1;
        return unit_dir_teardown(&f->dir);
}

/* --- the client: what it does itself neither fails nor counts --------------------------------- */

typedef struct Client {
        int socket;
        FrameReader reader;
        FrameWriter writer;
        unsigned n_final, n_failed, n_fds;
        bool greeted, over; /* over: hung up on */
} Client;

static void spare(bool on) {
        fail_io_spare(on);
        fail_alloc_spare(on);
}

static void client_begin(Client *client, const char *path) {
        struct sockaddr_un address;

        *client = (Client){ .socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                            .reader = FRAME_READER_INIT(FRAME_MAX_REPLY),
                            .writer = FRAME_WRITER_INIT(FRAME_MAX_REPLY, FRAME_MAX_REPLY) };
        assert_int_equal(endpoint_address(path, &address, NULL), 0);
        assert_int_equal(connect(client->socket, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(hello_put(&client->writer), 0);
}

static void client_end(Client *client) {
        frame_reader_deinit(&client->reader);
        frame_writer_deinit(&client->writer);
        closep(&client->socket);
}

static void client_ask_status(Client *client, uint32_t id) {
        Dpucc__Wire__StatusRequest status = DPUCC__WIRE__STATUS_REQUEST__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        request.id = id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_STATUS;
        request.status = &status;
        assert_int_equal(frame_writer_put(&client->writer, &request.base, NULL, 0), 0);
}

/* with the source's descriptor, and the artifact's comes back */
static void client_ask_get(Client *client, uint32_t id, int source) {
        Dpucc__Wire__Get get = DPUCC__WIRE__GET__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;
        int fd = fcntl(source, F_DUPFD_CLOEXEC, 0);

        get.source_path = (ProtobufCBinaryData){ .len = 13, .data = (uint8_t *) "/w/net.xmodel" };
        get.has_want_fd = get.want_fd = true;
        get.has_wait = get.wait = true;
        request.id = id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_GET;
        request.get = &get;
        assert_int_equal(frame_writer_put(&client->writer, &request.base, &fd, 1), 0);
}

static void client_take(Client *client, const Frame *frame) {
        ProtobufCMessage *message;
        Reply *reply;

        if (!client->greeted) {
                client->greeted = true;
                return;
        }
        assert_int_equal(frame_unpack(frame, &dpucc__wire__reply__descriptor, &message), 0);
        reply = (Reply *) message;
        client->n_fds += (unsigned) frame->n_fds;
        if (reply->final) {
                client->n_final++;
                if (reply->outcome != DPUCC__WIRE__OUTCOME__DONE) {
                        client->n_failed++;
                        assert_true(reply->message && reply->message[0]);
                } else { /* with nothing in it, it would be taken for one */
                        assert_int_not_equal(reply->body_case, DPUCC__WIRE__REPLY__BODY__NOT_SET);
                }
        }
        dpucc__wire__reply__free_unpacked(reply, NULL);
}

static void client_step(Client *client) {
        Frame frame = {};
        int r;

        (void) frame_writer_step(&client->writer, client->socket);
        r = frame_reader_step(&client->reader, client->socket, &frame);
        if (r == FRAME_DONE)
                client_take(client, &frame);
        else if (r != FRAME_WAIT)
                client->over = true;
        frame_deinit(&frame);
}

/* turns the loop and the client in turn until it has all its answers, or was hung up on */
static void client_finish(Fixture *f, Client *client) {
        int64_t deadline = clock_monotonic_ns() + DEADLINE_NS;

        while (client->n_final < N_REQUESTS && !client->over) {
                assert_true(clock_monotonic_ns() < deadline);
                client_step(client);
                spare(false);
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
                spare(true);
        }
}

static void client_talk(Fixture *f, Client *client) {
        spare(true);
        client_begin(client, f->path);
        client_ask_status(client, 1);
        client_ask_get(client, 2, f->source);
        client_ask_status(client, 3);
        client_finish(f, client);
        client_end(client);
        spare(false);
}

static void expect_service(Fixture *f) {
        Client client;

        client_talk(f, &client);
        assert_false(client.over);
        assert_int_equal(client.n_final, N_REQUESTS);
        assert_int_equal(client.n_failed, 0);
        assert_int_equal(client.n_fds, 1);
}

/* Turns the loop until it would sleep. @handles: as many are alive as then. */
static void settle(Fixture *f) {
        int64_t deadline = clock_monotonic_ns() + DEADLINE_NS;
        struct pollfd backend = { .fd = uv_backend_fd(&f->loop), .events = POLLIN };
        unsigned n_quiet = 0;

        while (n_quiet < 3) {
                assert_true(clock_monotonic_ns() < deadline);
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
                n_quiet = poll(&backend, 1, 0) == 0 ? n_quiet + 1 : 0;
        }
}

/* --- one at a time ----------------------------------------------------------------------------- */

static void expect_recovery(Fixture *f, int lowest) {
        expect_service(f);
        settle(f);
        assert_int_equal(unit_lowest_fd(), lowest);
}

static void fail_each_call(Fixture *f, int error) {
        int lowest;
        long nth;

        expect_service(f);
        settle(f);
        lowest = unit_lowest_fd();
        for (nth = 0; nth < FAULTS_MAX; nth++) {
                Client client;

                fail_io_arm(nth, error);
                client_talk(f, &client);
                settle(f);
                if (!fail_io_disarm())
                        break;
                expect_recovery(f, lowest);
        }
        assert_in_range(nth, 15, FAULTS_MAX - 1);
}

static void survives_io_errors(void **state) {
        fail_each_call(*state, EIO);
}

static void survives_a_lack_of_descriptors(void **state) {
        fail_each_call(*state, EMFILE);
}

static void survives_a_lack_of_buffers(void **state) {
        fail_each_call(*state, ENOBUFS);
}

static void survives_interruptions(void **state) {
        fail_each_call(*state, EINTR);
}

static void survives_resets(void **state) {
        fail_each_call(*state, ECONNRESET);
}

static void survives_failing_allocations(void **state) {
        Fixture *f = *state;
        int lowest;
        long nth;

        expect_service(f);
        settle(f);
        lowest = unit_lowest_fd();
        for (nth = 0; nth < FAULTS_MAX; nth++) {
                Client client;

                fail_alloc_arm(nth);
                client_talk(f, &client);
                settle(f);
                if (!fail_alloc_disarm())
                        break;
                expect_recovery(f, lowest);
        }
        assert_in_range(nth, 8, FAULTS_MAX - 1);
}

/* --- no descriptors ------------------------------------------------------------------------------ */

typedef struct Crowd {
        Client clients[N_CROWD];
        struct rlimit before;
} Crowd;

/* all connected, none of them accepted; and from now on this process gets descriptors below
 * @limit only */
static void crowd_begin(Fixture *f, Crowd *crowd, rlim_t limit) {
        struct rlimit low;

        for (size_t i = 0; i < N_CROWD; i++)
                client_begin(&crowd->clients[i], f->path);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &crowd->before), 0);
        low = crowd->before;
        low.rlim_cur = limit > 0 ? limit : (rlim_t) unit_lowest_fd();
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
}

static void crowd_end(Crowd *crowd) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &crowd->before), 0);
        for (size_t i = 0; i < N_CROWD; i++)
                client_end(&crowd->clients[i]);
}

static void without_descriptors_clients_are_hung_up_on(void **state) {
        Fixture *f = *state;
        Crowd crowd;

        expect_service(f);
        settle(f);
        crowd_begin(f, &crowd, 0);
        settle(f); /* it sleeps: nothing spins */
        for (size_t i = 0; i < N_CROWD; i++) {
                client_step(&crowd.clients[i]);
                assert_true(crowd.clients[i].over);
        }
        crowd_end(&crowd);
        expect_recovery(f, unit_lowest_fd());
}

static void count_turn(uv_check_t *check) {
        (*(unsigned *) check->data)++;
}

static void stop_loop(uv_timer_t *timer) {
        uv_stop(timer->loop);
}

/* Not even the descriptor that is kept in reserve can be had: clients wait, and so does the loop. */
static void without_any_descriptor_clients_wait(void **state) {
        Fixture *f = *state;
        unsigned n_turns = 0;
        uv_timer_t end;
        uv_check_t turns;
        Client client;
        Crowd crowd;

        crowd_begin(f, &crowd, 3);
        (void) uv_check_init(&f->loop, &turns);
        turns.data = &n_turns;
        (void) uv_check_start(&turns, count_turn);
        (void) uv_timer_init(&f->loop, &end);
        (void) uv_timer_start(&end, stop_loop, 500, 0);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        assert_in_range(n_turns, 1, 50);
        uv_close((uv_handle_t *) &turns, NULL);
        uv_close((uv_handle_t *) &end, NULL);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &crowd.before), 0);

        /* who waited is served */
        client = crowd.clients[0];
        client_ask_status(&client, 1);
        client_ask_get(&client, 2, f->source);
        client_ask_status(&client, 3);
        client_finish(f, &client);
        assert_int_equal(client.n_final, N_REQUESTS);
        crowd.clients[0] = client;
        crowd_end(&crowd);
        settle(f);

        /* and there is one in reserve again */
        without_descriptors_clients_are_hung_up_on(state);
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(survives_io_errors),
                TEST(survives_a_lack_of_descriptors),
                TEST(survives_a_lack_of_buffers),
                TEST(survives_interruptions),
                TEST(survives_resets),
                TEST(survives_failing_allocations),
                TEST(without_descriptors_clients_are_hung_up_on),
                TEST(without_any_descriptor_clients_wait),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
