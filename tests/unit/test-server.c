#include "unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <uv.h>

#include "base/clock.h"
#include "base/file.h"
#include "daemon/listener.h"
#include "daemon/peer.h"
#include "daemon/server.h"
#include "daemon/verbs.h"
#include "proto/endpoint.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "tests/support/double_engine.h"
#include "tests/support/wire_client.h"

#define DEADLINE_NS (60 * CLOCK_NS_PER_S)

typedef Dpucc__Wire__Reply Reply;
typedef Dpucc__Wire__Request Request;

typedef struct Fixture {
        void *dir;
        char path[96];
        uv_loop_t loop;
        Engine *engine;
        Verbs verbs;
        Server *server;
        unsigned n_reloads, n_shutdowns;
} Fixture;

static int on_reload(Problem *problem, void *userdata) {
        Fixture *f = userdata;

        f->n_reloads++;
        return engine_reload(f->engine, problem);
}

static void on_shutdown(void *userdata) {
        ((Fixture *) userdata)->n_shutdowns++;
}

static ServerSpec spec_of(Fixture *f) {
        return (ServerSpec){ .loop = &f->loop,
                             .handler = { verbs_start, &f->verbs },
                             .path = f->path,
                             .listen_fd = -1 };
}

static int setup(void **state) {
        static Fixture f;
        ServerSpec spec;
        Problem problem;

        f = (Fixture){};
        if (unit_dir_setup(&f.dir) < 0 || uv_loop_init(&f.loop) < 0)
                return -1;
        (void) snprintf(f.path, sizeof(f.path), "%s/run/d.sock", ((UnitDir *) f.dir)->path);
        f.engine = double_engine_open(&f.loop);
        f.verbs = (Verbs){
                .engine = f.engine, .reload = on_reload, .shutdown = on_shutdown, .userdata = &f
        };
        spec = spec_of(&f);
        *state = &f;
        return server_new(&f.server, &spec, &problem);
}

static void on_server_stopped(void *userdata) {
        ((Fixture *) userdata)->server = NULL;
}

static void on_engine_stopped(void *userdata) {
        Fixture *f = userdata;

        f->engine = NULL;
        if (f->server)
                server_stop(f->server, on_server_stopped, f);
}

/* Nothing may be left: no handle on the loop, no descriptor, no ask, no socket in the file
 * system. */
static int teardown(void **state) {
        Fixture *f = *state;

        f->verbs.engine = NULL;
        engine_stop(f->engine, false, on_engine_stopped, f);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        if (f->engine || f->server || uv_loop_close(&f->loop) < 0 || access(f->path, F_OK) == 0)
                return -1;
        return unit_dir_teardown(&f->dir);
}

static void ask_for(Client *client, uint32_t id, Dpucc__Wire__Request__BodyCase body) {
        Dpucc__Wire__StatusRequest status = DPUCC__WIRE__STATUS_REQUEST__INIT;
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        request.id = id;
        request.body_case = body;
        if (body == DPUCC__WIRE__REQUEST__BODY_STATUS)
                request.status = &status;
        else
                request.roots = &empty; /* roots, stats, reload and shutdown share the place */
        client_send(client, &request);
}

static void ask_to_wait(Client *client, uint32_t id) {
        Dpucc__Wire__WaitRequest wait = DPUCC__WIRE__WAIT_REQUEST__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        wait.has_all = wait.all = true;
        request.id = id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_WAIT;
        request.wait = &wait;
        client_send(client, &request);
}

/* a descriptor of a file that holds @text */
static int file_of(Fixture *f, const char *text) {
        int fd = openat(((UnitDir *) f->dir)->fd, "file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                        0600);

        assert_true(fd >= 0);
        assert_int_equal(unlinkat(((UnitDir *) f->dir)->fd, "file", 0), 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        return fd;
}

static void ask_to_get(Client *client, uint32_t id, bool with_arch, const int *fds, size_t n_fds) {
        Dpucc__Wire__Get get = DPUCC__WIRE__GET__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        get.source_path = client_bytes("/w/net.xmodel");
        get.has_arch_path = with_arch;
        get.arch_path = client_bytes("/w/arch.json");
        get.has_want_fd = get.want_fd = true;
        get.has_wait = get.wait = true;
        request.id = id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_GET;
        request.get = &get;
        assert_int_equal(frame_writer_put(&client->writer, &request.base, fds, n_fds), 0);
}

static void turn_until(Fixture *f, const unsigned *counter, unsigned wanted) {
        int64_t deadline = clock_monotonic_ns() + DEADLINE_NS;

        while (*counter < wanted && clock_monotonic_ns() < deadline)
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        assert_int_equal(*counter, wanted);
}

/* ---- the socket --------------------------------------------------------------------------- */

static mode_t mode_of(const char *path) {
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_mode & 07777;
}

static void socket_is_private(void **state) {
        Fixture *f = *state;
        char directory[96];

        (void) snprintf(directory, sizeof(directory), "%s/run", ((UnitDir *) f->dir)->path);
        assert_int_equal(mode_of(directory), 0700);
        assert_int_equal(mode_of(f->path), 0600);
}

static void living_socket_is_not_stolen(void **state) {
        Fixture *f = *state;
        ServerSpec spec = spec_of(f);
        Server *second = NULL;
        char lock[128];
        Problem problem;
        Client client;

        assert_int_equal(server_new(&second, &spec, &problem), -EADDRINUSE);
        assert_non_null(strstr(problem.text, "another dpuccd"));

        /* not even when the lock is gone, or was never there: somebody answers */
        (void) snprintf(lock, sizeof(lock), "%s.lock", f->path);
        assert_int_equal(unlink(lock), 0);
        assert_int_equal(server_new(&second, &spec, &problem), -EADDRINUSE);
        assert_non_null(strstr(problem.text, "another process"));
        client_open(&client, &f->loop, f->path);
        client_close(&client);
}

static void dead_socket_is_replaced(void **state) {
        Fixture *f = *state;
        Listener first = LISTENER_NONE, second = LISTENER_NONE;
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/dead.sock", ((UnitDir *) f->dir)->path);
        assert_int_equal(listener_bind(&first, path, NULL), 0);
        closep(&first.fd); /* as a killed daemon leaves it */
        closep(&first.lock_fd);
        assert_int_equal(listener_bind(&second, path, NULL), 0);

        first.fd = first.lock_fd = -1;
        listener_deinit(&first); /* must not remove the other's */
        assert_int_equal(access(path, F_OK), 0);
        listener_deinit(&second);
        assert_int_equal(access(path, F_OK), -1);
}

static bool is_there(const char *path, mode_t type) {
        struct stat st;

        return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

static void turn_until_there(Fixture *f, const char *path, mode_t type) {
        int64_t deadline = clock_monotonic_ns() + DEADLINE_NS;

        while (!is_there(path, type) && clock_monotonic_ns() < deadline)
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        assert_true(is_there(path, type));
}

static void expect_served(Fixture *f) {
        ServerSpec spec = spec_of(f);
        Server *second = NULL;
        Problem problem;
        Client client;

        client_open(&client, &f->loop, f->path);
        client_close(&client);
        assert_int_equal(mode_of(f->path), 0600);
        assert_int_equal(server_new(&second, &spec, &problem), -EADDRINUSE);
        assert_non_null(strstr(problem.text, "another dpuccd"));
}

/* As clean-ups do it, and the end of a session: by itself, with its directory, and so that for a
 * while there is no place for it. */
static void removed_socket_is_made_again(void **state) {
        Fixture *f = *state;
        char directory[96], lock[128];
        int fd;

        (void) snprintf(directory, sizeof(directory), "%s/run", ((UnitDir *) f->dir)->path);
        (void) snprintf(lock, sizeof(lock), "%s.lock", f->path);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(unlink(f->path), 0);
                turn_until_there(f, f->path, S_IFSOCK);
                expect_served(f);
        }
        assert_int_equal(file_remove_tree(AT_FDCWD, directory), 0);
        turn_until_there(f, f->path, S_IFSOCK);
        expect_served(f);

        assert_int_equal(file_remove_tree(AT_FDCWD, directory), 0);
        assert_int_equal(mkdir(directory, 0700), 0);
        fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        close(fd);
        turn_until_there(f, lock, S_IFREG); /* it has tried */
        assert_int_equal(unlink(f->path), 0);
        turn_until_there(f, f->path, S_IFSOCK);
        expect_served(f);
}

static void other_files_are_not_removed(void **state) {
        Fixture *f = *state;
        Listener listener = LISTENER_NONE;
        Problem problem;
        char path[128];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/precious", ((UnitDir *) f->dir)->path);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        close(fd);
        assert_int_equal(listener_bind(&listener, path, &problem), -EEXIST);
        assert_int_equal(access(path, F_OK), 0);
}

static void long_path_is_refused(void **state) {
        Listener listener = LISTENER_NONE;
        char path[160];
        Problem problem;

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(listener_bind(&listener, path, &problem), -ENAMETOOLONG);
        assert_non_null(strstr(problem.text, "DPUCC_SOCKET"));
}

static void open_directory_is_refused(void **state) {
        Fixture *f = *state;
        Listener listener = LISTENER_NONE;
        char directory[128], path[160];
        Problem problem;

        (void) snprintf(directory, sizeof(directory), "%s/open", ((UnitDir *) f->dir)->path);
        (void) snprintf(path, sizeof(path), "%s/d.sock", directory);
        assert_int_equal(mkdir(directory, 0700), 0);
        assert_int_equal(chmod(directory, 0777), 0);
        assert_int_equal(listener_bind(&listener, path, &problem), -EPERM);
        assert_int_equal(chmod(directory, 01777), 0); /* as /tmp is */
        assert_int_equal(listener_bind(&listener, path, &problem), 0);
        listener_deinit(&listener);
}

static void takes_a_socket_that_listens(void **state) {
        Fixture *f = *state;
        ServerSpec spec = spec_of(f);
        struct sockaddr_un address;
        Problem problem;
        Client client;
        int fd;

        spec.listen_fd = STDIN_FILENO;
        assert_int_equal(server_new(&f->server, &spec, &problem), -ENOTSOCK);

        server_stop(f->server, on_server_stopped, f);
        while (f->server)
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        assert_int_equal(endpoint_address(f->path, &address, NULL), 0);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 4), 0);
        spec.listen_fd = fd;
        assert_int_equal(server_new(&f->server, &spec, &problem), 0);
        client_open(&client, &f->loop, f->path);
        client_close(&client);

        /* it is the service manager's: not ours to remove */
        server_stop(f->server, on_server_stopped, f);
        while (f->server)
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        assert_int_equal(unlink(f->path), 0);
}

/* In the child: connects as somebody else. 0 if the daemon hung up on it without a word. */
static int try_as_nobody(const char *path) {
        struct sockaddr_un address;
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        char c;

        if (setgid(65534) < 0 || setuid(65534) < 0 || endpoint_address(path, &address, NULL) < 0)
                return 2;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return 3;
        return recv(fd, &c, 1, 0) == 0 ? 0 : 4;
}

static void other_users_are_refused(void **state) {
        Fixture *f = *state;
        int status = -1;
        pid_t child;

        if (geteuid() != 0) {
                print_message("skipped: only root can become somebody else\n");
                return;
        }
        /* let it in as far as the file system is concerned */
        assert_int_equal(chmod(((UnitDir *) f->dir)->path, 0755), 0);
        assert_int_equal(fchmodat(((UnitDir *) f->dir)->fd, "run", 0755, 0), 0);
        assert_int_equal(chmod(f->path, 0777), 0);

        child = fork();
        if (child == 0)
                _exit(try_as_nobody(f->path));
        while (waitpid(child, &status, WNOHANG) == 0)
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the conversation --------------------------------------------------------------------- */

static void answers_requests(void **state) {
        Fixture *f = *state;
        Client client;
        Reply *reply;

        double_engine_of(f->engine)->n_units = 3;
        client_open(&client, &f->loop, f->path);
        ask_for(&client, 7, DPUCC__WIRE__REQUEST__BODY_STATUS);
        ask_for(&client, 8, DPUCC__WIRE__REQUEST__BODY_STATS);
        ask_for(&client, 9, DPUCC__WIRE__REQUEST__BODY_ROOTS);

        reply = client_reply(&client, NULL);
        assert_int_equal(reply->id, 7);
        assert_int_equal(reply->status->n_units, 3);
        assert_string_equal(reply->status->units[2]->name, "net@b1024");
        assert_string_equal(reply->status->units[2]->fingerprint, "0x0101000016010407");
        assert_int_equal(reply->status->units[2]->source_class,
                         DPUCC__WIRE__CLASS__CLASS_QUANTIZED);
        assert_int_equal(reply->status->n_roots, 1);
        assert_int_equal(reply->status->n_warnings, 1);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        reply = client_reply(&client, NULL);
        assert_int_equal(reply->id, 8);
        assert_string_equal(reply->stats->statistics[0]->name, "gets");
        dpucc__wire__reply__free_unpacked(reply, NULL);
        reply = client_reply(&client, NULL);
        assert_int_equal(reply->id, 9);
        assert_string_equal(reply->roots->roots[0]->state, "watching");
        dpucc__wire__reply__free_unpacked(reply, NULL);
        client_close(&client);
}

static void ask_the_doctor(Client *client, uint32_t id, const char *toolchain) {
        Dpucc__Wire__DoctorRequest doctor = DPUCC__WIRE__DOCTOR_REQUEST__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        doctor.toolchain = (char *) toolchain;
        request.id = id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_DOCTOR;
        request.doctor = &doctor;
        client_send(client, &request);
}

static void the_doctor_answers_later_and_meanwhile_others_do(void **state) {
        Fixture *f = *state;
        Client client;
        Reply *reply;

        double_engine_of(f->engine)->hold = true;
        client_open(&client, &f->loop, f->path);
        ask_the_doctor(&client, 1, NULL);
        ask_the_doctor(&client, 2, "nonesuch");
        reply = client_reply(&client, NULL);
        assert_int_equal(reply->id, 2);
        assert_int_equal(reply->outcome, DPUCC__WIRE__OUTCOME__USAGE);
        dpucc__wire__reply__free_unpacked(reply, NULL);

        double_engine_release(f->engine);
        reply = client_reply(&client, NULL);
        assert_int_equal(reply->id, 1);
        assert_int_equal(reply->outcome, DPUCC__WIRE__OUTCOME__DONE);
        assert_int_equal(reply->doctor->n_findings, 2);
        assert_null(reply->doctor->findings[0]->step);
        assert_string_equal(reply->doctor->findings[1]->subject, "toolchain box");
        assert_string_equal(reply->doctor->findings[1]->step, "engine");
        assert_int_equal(reply->doctor->findings[1]->state,
                         DPUCC__WIRE__FINDING_STATE__FINDING_FAILED);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        client_close(&client);
}

static void lists_are_capped(void **state) {
        Fixture *f = *state;
        DoubleEngine *seen = double_engine_of(f->engine);
        Client client;
        Reply *reply;

        seen->n_units = 1500;
        seen->n_roots = 300;
        seen->n_jobs = 203;
        seen->hold = true;
        client_open(&client, &f->loop, f->path);
        ask_for(&client, 1, DPUCC__WIRE__REQUEST__BODY_STATUS);
        reply = client_reply(&client, NULL);
        assert_int_equal(reply->status->n_units, 1000);
        assert_int_equal(reply->status->n_units_left_out, 500);
        assert_int_equal(reply->status->n_roots, 256);
        assert_int_equal(reply->status->n_roots_left_out, 44);
        assert_int_equal(reply->status->n_jobs, 200);
        assert_int_equal(reply->status->n_jobs_left_out, 3);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        ask_for(&client, 2, DPUCC__WIRE__REQUEST__BODY_ROOTS);
        reply = client_reply(&client, NULL);
        assert_int_equal(reply->roots->n_roots, 256);
        assert_int_equal(reply->roots->n_roots_left_out, 44);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        client_close(&client);
}

static void passes_descriptors_both_ways(void **state) {
        Fixture *f = *state;
        DoubleEngine *seen = double_engine_of(f->engine);
        const int fds[] = { file_of(f, "model"), file_of(f, "arch") };
        int artifact = file_of(f, "artifact"), got = -1;
        char content[16] = {};
        Client client;
        Reply *reply;

        seen->artifact_fd = artifact;
        seen->n_progress = 2;
        client_open(&client, &f->loop, f->path);
        ask_to_get(&client, 5, true, fds, 2);
        for (unsigned i = 0; i < 2; i++) {
                reply = client_reply(&client, NULL);
                assert_string_equal(reply->progress->phase, "compiling");
                assert_false(reply->has_final);
                dpucc__wire__reply__free_unpacked(reply, NULL);
        }
        reply = client_reply(&client, &got);
        assert_true(reply->final);
        assert_string_equal(reply->get->notes[0], "holds no DPU code");
        assert_string_equal(reply->get->basis->target, "b1024");
        dpucc__wire__reply__free_unpacked(reply, NULL);

        assert_string_equal(seen->source_path, "/w/net.xmodel");
        assert_string_equal(seen->source_content, "model");
        assert_string_equal(seen->arch_content, "arch");
        assert_true(seen->wait);
        assert_int_equal(pread(got, content, sizeof(content), 0), 8);
        assert_string_equal(content, "artifact");
        close(got);
        close(artifact);
        client_close(&client);
}

static void wrong_number_of_descriptors(void **state) {
        Fixture *f = *state;
        int one = file_of(f, "model");
        const int three[] = { file_of(f, "a"), file_of(f, "b"), file_of(f, "c") };
        Client client;

        client_open(&client, &f->loop, f->path);
        ask_to_get(&client, 1, true, &one, 1);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__USAGE, "descriptors");
        ask_to_get(&client, 2, false, NULL, 0);
        client_expect(&client, 2, DPUCC__WIRE__OUTCOME__USAGE, "descriptors");
        ask_to_get(&client, 3, true, three, 3);
        client_expect(&client, 3, DPUCC__WIRE__OUTCOME__USAGE, "descriptors");
        assert_int_equal(double_engine_of(f->engine)->n_gets, 0);
        client_close(&client);
}

static void refused_get_closes_descriptors(void **state) {
        Fixture *f = *state;
        int one = file_of(f, "model");
        Client client;

        double_engine_of(f->engine)->refuse = -ENOENT;
        client_open(&client, &f->loop, f->path);
        ask_to_get(&client, 1, false, &one, 1);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__NOT_FOUND, "refused");
        client_close(&client);
        /* teardown looks for the descriptor */
}

static void watch_and_unwatch(void **state) {
        Fixture *f = *state;
        Dpucc__Wire__UnwatchRequest unwatch = DPUCC__WIRE__UNWATCH_REQUEST__INIT;
        Dpucc__Wire__WatchRequest watch = DPUCC__WIRE__WATCH_REQUEST__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;
        const char *const bad[] = { "", "relative", "/with\0nul" };
        const size_t bad_length[] = { 0, 8, 9 };
        Client client;
        Reply *reply;

        client_open(&client, &f->loop, f->path);
        request.id = 1;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_WATCH;
        request.watch = &watch;
        watch.path = client_bytes("/w2");
        watch.has_trust = watch.trust = true;
        client_send(&client, &request);
        reply = client_reply(&client, NULL);
        assert_int_equal(reply->outcome, DPUCC__WIRE__OUTCOME__DONE);
        assert_memory_equal(reply->watch->path.data, "/w2", 3);
        assert_true(reply->watch->trusted);
        dpucc__wire__reply__free_unpacked(reply, NULL);

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                watch.path.data = (uint8_t *) bad[i];
                watch.path.len = bad_length[i];
                client_send(&client, &request);
                client_expect(&client, 1, DPUCC__WIRE__OUTCOME__USAGE, "path");
        }

        request.body_case = DPUCC__WIRE__REQUEST__BODY_UNWATCH;
        request.unwatch = &unwatch;
        unwatch.path = client_bytes("/w");
        client_send(&client, &request);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__DONE, NULL);
        unwatch.path = client_bytes("/nowhere");
        client_send(&client, &request);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__NOT_FOUND, "/nowhere");
        client_close(&client);
}

static void ask_to_cancel_jobs(Client *client, uint32_t id, const char *text) {
        Dpucc__Wire__Selector selector = DPUCC__WIRE__SELECTOR__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        selector.text = client_bytes(text);
        request.id = id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_CANCEL_JOBS;
        request.cancel_jobs = &selector;
        client_send(client, &request);
}

static void the_queue_is_steered(void **state) {
        Fixture *f = *state;
        DoubleEngine *seen = double_engine_of(f->engine);
        Client client;
        Reply *reply;

        client_open(&client, &f->loop, f->path);
        ask_for(&client, 1, DPUCC__WIRE__REQUEST__BODY_PAUSE);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__DONE, NULL);
        assert_true(seen->paused);
        seen->hold = true; /* so the double has a job */
        ask_for(&client, 2, DPUCC__WIRE__REQUEST__BODY_STATUS);
        reply = client_reply(&client, NULL);
        assert_true(reply->status->paused);
        assert_int_equal(reply->status->n_jobs, 1);
        assert_string_equal(reply->status->jobs[0]->name, "net@b1024");
        assert_string_equal(reply->status->jobs[0]->phase, "compiling");
        assert_int_equal(reply->status->jobs[0]->left_ms, 2500);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        ask_for(&client, 3, DPUCC__WIRE__REQUEST__BODY_RESUME);
        client_expect(&client, 3, DPUCC__WIRE__OUTCOME__DONE, NULL);
        assert_false(seen->paused);

        ask_to_cancel_jobs(&client, 4, "net@b1024");
        reply = client_reply(&client, NULL);
        assert_int_equal(reply->outcome, DPUCC__WIRE__OUTCOME__DONE);
        assert_int_equal(reply->cancelled->n_jobs, 1);
        assert_int_equal(seen->n_cancels, 1);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        ask_to_cancel_jobs(&client, 5, "nobody@home");
        client_expect(&client, 5, DPUCC__WIRE__OUTCOME__NOT_FOUND, "nobody@home");
        ask_to_cancel_jobs(&client, 6, "");
        client_expect(&client, 6, DPUCC__WIRE__OUTCOME__USAGE, "empty");
        client_close(&client);
}

static void ask_to_monitor(Client *client, uint32_t id) {
        Dpucc__Wire__MonitorRequest monitor = DPUCC__WIRE__MONITOR_REQUEST__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        request.id = id;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_MONITOR;
        request.monitor = &monitor;
        client_send(client, &request);
}

static void events_yield_to_a_slow_reader(void **state) {
        Fixture *f = *state;
        DoubleEngine *seen = double_engine_of(f->engine);
        unsigned n = 0;
        Client client;
        Reply *reply;

        seen->n_progress = 100000;
        client_open(&client, &f->loop, f->path);
        ask_to_monitor(&client, 1);
        for (;;) {
                reply = client_reply(&client, NULL);
                if (reply->has_final)
                        break;
                assert_int_equal(reply->event->kind, DPUCC__WIRE__EVENT_KIND__EVENT_UNIT);
                assert_int_equal(reply->event->time_ms, 1500);
                assert_string_equal(reply->event->unit->name, "net@b1024");
                dpucc__wire__reply__free_unpacked(reply, NULL);
                n++;
        }
        assert_true(n > 100 && n < 10000);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        client_close(&client);
}

static void reload_and_shutdown(void **state) {
        Fixture *f = *state;
        Client client;

        client_open(&client, &f->loop, f->path);
        ask_for(&client, 1, DPUCC__WIRE__REQUEST__BODY_RELOAD);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__DONE, NULL);
        double_engine_of(f->engine)->refuse = -EBADMSG;
        ask_for(&client, 2, DPUCC__WIRE__REQUEST__BODY_RELOAD);
        client_expect(&client, 2, DPUCC__WIRE__OUTCOME__FAILED, "dpuccd.json");
        assert_int_equal(f->n_reloads, 2);
        ask_for(&client, 3, DPUCC__WIRE__REQUEST__BODY_SHUTDOWN);
        client_expect(&client, 3, DPUCC__WIRE__OUTCOME__DONE, NULL);
        assert_int_equal(f->n_shutdowns, 1);

        f->verbs.engine = NULL;
        ask_for(&client, 4, DPUCC__WIRE__REQUEST__BODY_STATUS);
        client_expect(&client, 4, DPUCC__WIRE__OUTCOME__FAILED, "stopping");
        client_close(&client);
}

static void unknown_request(void **state) {
        Fixture *f = *state;
        Request request = DPUCC__WIRE__REQUEST__INIT;
        Client client;

        client_open(&client, &f->loop, f->path);
        request.id = 1;
        client_send(&client, &request);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__USAGE, "does not know");
        client_close(&client);
}

/* ---- who goes away ------------------------------------------------------------------------ */

static void cancel_ends_both(void **state) {
        Fixture *f = *state;
        Request request = DPUCC__WIRE__REQUEST__INIT;
        Client client;

        double_engine_of(f->engine)->hold = true;
        client_open(&client, &f->loop, f->path);
        ask_to_wait(&client, 1);
        request.id = 2;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_CANCEL;
        request.cancel = 1;
        client_send(&client, &request);
        client_expect(&client, 2, DPUCC__WIRE__OUTCOME__DONE, NULL);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__FAILED, "cancelled");
        client_send(&client, &request);
        client_expect(&client, 2, DPUCC__WIRE__OUTCOME__NOT_FOUND, "no such request");
        client_close(&client);
}

static void gone_client_cancels(void **state) {
        Fixture *f = *state;
        DoubleEngine *seen = double_engine_of(f->engine);
        Client client;

        seen->hold = true;
        client_open(&client, &f->loop, f->path);
        ask_to_wait(&client, 1);
        ask_to_wait(&client, 2);
        assert_int_equal(frame_writer_step(&client.writer, client.socket), FRAME_DONE);
        turn_until(f, &seen->n_waits, 2);
        client_close(&client);
        turn_until(f, &seen->n_done, 2);
        assert_int_equal(seen->n_cancels, 2);
}

static void gone_while_the_answer_is_made(void **state) {
        Fixture *f = *state;
        DoubleEngine *seen = double_engine_of(f->engine);
        Client client;

        seen->hold = true;
        seen->n_progress = 100;
        client_open(&client, &f->loop, f->path);
        ask_to_wait(&client, 1);
        assert_int_equal(frame_writer_step(&client.writer, client.socket), FRAME_DONE);
        turn_until(f, &seen->n_waits, 1);
        /* both at once: the loop sees the answer first, then the end */
        double_engine_release(f->engine);
        client_close(&client);
        turn_until(f, &seen->n_done, 1);
}

static void stop_answers_what_is_open(void **state) {
        Fixture *f = *state;
        DoubleEngine *seen = double_engine_of(f->engine);
        Engine *engine = f->engine;
        Client client;

        seen->hold = true;
        client_open(&client, &f->loop, f->path);
        ask_to_wait(&client, 1);
        assert_int_equal(frame_writer_step(&client.writer, client.socket), FRAME_DONE);
        turn_until(f, &seen->n_waits, 1);

        f->verbs.engine = NULL;
        engine_stop(engine, false, on_engine_stopped, f);
        client_expect(&client, 1, DPUCC__WIRE__OUTCOME__FAILED, "cancelled");
        assert_true(client_is_dropped(&client));
        client_close(&client);

        /* teardown wants an engine to stop */
        while (f->server)
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        f->engine = double_engine_open(&f->loop);
}

/* ---- what clients must not do ------------------------------------------------------------- */

static void other_protocol_is_told(void **state) {
        Fixture *f = *state;
        Dpucc__Wire__Hello hello = DPUCC__WIRE__HELLO__INIT;
        Problem problem;
        Frame frame = {};
        Client client;

        client_connect(&client, &f->loop, f->path);
        hello.protocol = 2;
        hello.version = (char *) "9";
        assert_int_equal(frame_writer_put(&client.writer, &hello.base, NULL, 0), 0);
        ask_for(&client, 1, DPUCC__WIRE__REQUEST__BODY_RELOAD); /* must not be heard */
        assert_int_equal(client_read(&client, &frame), FRAME_DONE);
        assert_int_equal(hello_check(&frame, HELLO_CLIENT, &problem), 0);
        frame_deinit(&frame);
        assert_true(client_is_dropped(&client));
        assert_int_equal(f->n_reloads, 0);
        client_close(&client);
}

/* sends @n raw bytes instead of a Hello, or after it; the daemon must hang up */
static void expect_drop(Fixture *f, bool greeted, const void *data, size_t n) {
        Frame frame = {};
        Client client;

        client_connect(&client, &f->loop, f->path);
        if (greeted)
                client_greet(&client);
        assert_int_equal(send(client.socket, data, n, MSG_NOSIGNAL), n);
        if (!greeted) {
                assert_int_equal(client_read(&client, &frame), FRAME_DONE); /* its Hello */
                frame_deinit(&frame);
        }
        assert_true(client_is_dropped(&client));
        client_close(&client);
}

static void garbage_is_dropped(void **state) {
        Fixture *f = *state;
        const uint8_t too_long[] = { 1, 0, 1, 0 };

        expect_drop(f, false, "GET / HTTP/1.1\r\n\r\n", 18);
        expect_drop(f, false, "\4\0\0\0abcd", 8);
        expect_drop(f, false, too_long, 4);
        expect_drop(f, true, too_long, 4);
}

static void unreadable_request_is_told(void **state) {
        Fixture *f = *state;
        Client client;

        client_open(&client, &f->loop, f->path);
        assert_int_equal(send(client.socket, "\2\0\0\0\xff\xff", 6, MSG_NOSIGNAL), 6);
        client_expect(&client, 0, DPUCC__WIRE__OUTCOME__FAILED, "could not be read");
        assert_true(client_is_dropped(&client));
        client_close(&client);
}

static void ids_must_be_fresh(void **state) {
        Fixture *f = *state;
        Client client;

        client_open(&client, &f->loop, f->path);
        ask_for(&client, 0, DPUCC__WIRE__REQUEST__BODY_STATS);
        client_expect(&client, 0, DPUCC__WIRE__OUTCOME__FAILED, "id 0");
        assert_true(client_is_dropped(&client));
        client_close(&client);

        double_engine_of(f->engine)->hold = true;
        client_open(&client, &f->loop, f->path);
        ask_to_wait(&client, 1);
        ask_to_wait(&client, 1);
        client_expect(&client, 0, DPUCC__WIRE__OUTCOME__FAILED, "same id");
        client_close(&client);
}

static void too_many_requests(void **state) {
        Fixture *f = *state;
        Client client;

        double_engine_of(f->engine)->hold = true;
        client_open(&client, &f->loop, f->path);
        for (uint32_t id = 1; id <= CALLS_MAX + 1; id++)
                ask_to_wait(&client, id);
        client_expect(&client, 0, DPUCC__WIRE__OUTCOME__FAILED, "too many requests");
        assert_true(client_is_dropped(&client));
        client_close(&client);
        turn_until(f, &double_engine_of(f->engine)->n_cancels, CALLS_MAX);
}

static void half_a_frame_then_gone(void **state) {
        Fixture *f = *state;
        Client client;

        client_open(&client, &f->loop, f->path);
        assert_int_equal(send(client.socket, "\20\0\0\0ab", 6, MSG_NOSIGNAL), 6);
        client_close(&client);
        client_open(&client, &f->loop, f->path); /* it goes on */
        client_close(&client);
}

/* asks and asks and never reads */
static void slow_reader_is_dropped(void **state) {
        Fixture *f = *state;
        int64_t deadline = clock_monotonic_ns() + DEADLINE_NS;
        bool dropped = false;
        Client client;

        double_engine_of(f->engine)->n_units = 1000;
        client_open(&client, &f->loop, f->path);
        for (uint32_t id = 1; !dropped && clock_monotonic_ns() < deadline; id++) {
                if (frame_writer_is_empty(&client.writer))
                        ask_for(&client, id, DPUCC__WIRE__REQUEST__BODY_STATUS);
                dropped = frame_writer_step(&client.writer, client.socket) < 0;
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        }
        assert_true(dropped);
        client_close(&client);
        client_open(&client, &f->loop, f->path); /* nobody else is hurt */
        client_close(&client);
}

static void progress_yields_to_a_slow_reader(void **state) {
        Fixture *f = *state;
        DoubleEngine *seen = double_engine_of(f->engine);
        unsigned n = 0;
        Client client;
        Reply *reply;

        seen->n_progress = 100000;
        client_open(&client, &f->loop, f->path);
        ask_to_wait(&client, 1);
        do {
                dpucc__wire__reply__free_unpacked(n > 0 ? reply : NULL, NULL);
                reply = client_reply(&client, NULL);
                n++;
        } while (!reply->has_final);
        assert_true(n > 100 && n < 10000);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        client_close(&client);
}

static void many_connections(void **state) {
        Fixture *f = *state;
        enum { N = 200 };
        static Client clients[N];

        for (unsigned i = 0; i < N; i++) {
                client_open(&clients[i], &f->loop, f->path);
                ask_for(&clients[i], i + 1, DPUCC__WIRE__REQUEST__BODY_RELOAD);
        }
        for (unsigned i = 0; i < N; i++)
                client_expect(&clients[i], i + 1, DPUCC__WIRE__OUTCOME__DONE, NULL);
        assert_int_equal(f->n_reloads, N);
        for (unsigned i = 0; i < N; i++)
                client_close(&clients[i]);
}

static void one_connection_too_many(void **state) {
        Fixture *f = *state;
        static Client clients[SERVER_PEERS_MAX];
        Client extra;

        for (unsigned i = 0; i < SERVER_PEERS_MAX; i++)
                client_open(&clients[i], &f->loop, f->path);
        client_open(&extra, &f->loop, f->path);
        client_expect(&extra, 0, DPUCC__WIRE__OUTCOME__FAILED, "too many connections");
        assert_true(client_is_dropped(&extra));
        client_close(&extra);
        for (unsigned i = 0; i < SERVER_PEERS_MAX; i++)
                client_close(&clients[i]);
        client_connect(&extra, &f->loop, f->path);
        client_close(&extra);
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(socket_is_private),
                TEST(living_socket_is_not_stolen),
                TEST(dead_socket_is_replaced),
                TEST(removed_socket_is_made_again),
                TEST(other_files_are_not_removed),
                TEST(long_path_is_refused),
                TEST(open_directory_is_refused),
                TEST(takes_a_socket_that_listens),
                TEST(other_users_are_refused),
                TEST(answers_requests),
                TEST(the_doctor_answers_later_and_meanwhile_others_do),
                TEST(lists_are_capped),
                TEST(passes_descriptors_both_ways),
                TEST(wrong_number_of_descriptors),
                TEST(refused_get_closes_descriptors),
                TEST(watch_and_unwatch),
                TEST(the_queue_is_steered),
                TEST(events_yield_to_a_slow_reader),
                TEST(reload_and_shutdown),
                TEST(unknown_request),
                TEST(cancel_ends_both),
                TEST(gone_client_cancels),
                TEST(gone_while_the_answer_is_made),
                TEST(stop_answers_what_is_open),
                TEST(other_protocol_is_told),
                TEST(garbage_is_dropped),
                TEST(unreadable_request_is_told),
                TEST(ids_must_be_fresh),
                TEST(too_many_requests),
                TEST(half_a_frame_then_gone),
                TEST(slow_reader_is_dropped),
                TEST(progress_yields_to_a_slow_reader),
                TEST(many_connections),
                TEST(one_connection_too_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
