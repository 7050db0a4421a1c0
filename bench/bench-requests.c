/*
 * What does a request cost, on a connection that is open?
 *
 *   bench-requests [REQUESTS]      (default: 5000)
 *
 * Rows B3. Asks the real daemon, from ../bin of where this program is, for the list of its
 * workspaces and for an artifact that it has, again and again, one after the other; beside it a bare
 * echo of as many bytes by libuv in another process, and the same from several connections at a
 * time; and watchman, if it is installed, which is asked for the models in a tree of a hundred
 * files. What is not equal: an answer to `get` is looked up anew each time (two files are
 * looked at, descriptors travel), the echo knows nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/program.h"
#include "bench/row.h"
#include "client/connect.h"

#define BENCH_ECHO_BYTES 256
#define BENCH_PEERS      8

typedef struct Bench {
        char root[256];
        char bin[PATH_MAX];
        size_t n;
        int64_t *ns;
} Bench;

static void bench_die(const char *what, int r) {
        (void) fprintf(stderr, "bench-requests: %s: %s\n", what, strerror(-r));
        exit(1);
}

/* --- the echo ------------------------------------------------------------------------------------ */

static void echo_allocate(uv_handle_t *handle, size_t hint, uv_buf_t *ret) {
        static char buffer[64 * 1024];

        (void) handle;
        (void) hint;
        *ret = uv_buf_init(buffer, sizeof(buffer));
}

static void echo_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        uv_buf_t out = uv_buf_init(buf->base, n > 0 ? (unsigned) n : 0);

        if (n < 0)
                uv_close((uv_handle_t *) stream, (uv_close_cb) free);
        else if (n > 0)
                (void) uv_try_write(stream, &out, 1);
}

static void echo_connection(uv_stream_t *server, int status) {
        uv_pipe_t *peer = calloc(1, sizeof(*peer));

        if (status < 0 || !peer)
                exit(1);
        (void) uv_pipe_init(server->loop, peer, 0);
        (void) uv_accept(server, (uv_stream_t *) peer);
        (void) uv_read_start((uv_stream_t *) peer, echo_allocate, echo_read);
}

static pid_t echo_start(const char *path) {
        uv_loop_t *loop = uv_default_loop();
        uv_pipe_t server;
        pid_t pid;

        /* bound before the fork: whoever connects afterwards is heard */
        (void) uv_pipe_init(loop, &server, 0);
        if (uv_pipe_bind(&server, path) < 0 ||
            uv_listen((uv_stream_t *) &server, 64, echo_connection) < 0)
                bench_die(path, -EIO);
        pid = fork();
        if (pid < 0)
                bench_die("fork", -errno);
        if (pid == 0) {
                (void) uv_loop_fork(loop);
                (void) uv_run(loop, UV_RUN_DEFAULT);
                _exit(0);
        }
        return pid;
}

static int echo_connect(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                bench_die(path, -errno);
        return fd;
}

static void echo_once(void *socket) {
        char data[BENCH_ECHO_BYTES] = "";

        if (file_write_all(*(int *) socket, data, sizeof(data)) < 0)
                bench_die("echo", -EIO);
        for (size_t n = 0; n < sizeof(data);) {
                ssize_t more = read(*(int *) socket, data, sizeof(data) - n);

                if (more <= 0)
                        bench_die("echo", -EIO);
                n += (size_t) more;
        }
}

/* --- the daemon ---------------------------------------------------------------------------------- */

static const char *bench_path(const Bench *bench, const char *name) {
        static char path[4][PATH_MAX];
        static unsigned next;
        char *to = path[next++ % 4];

        (void) snprintf(to, PATH_MAX, "%s/%s", bench->root, name);
        return to;
}

static void bench_put(const Bench *bench, const char *name, const char *text) {
        _cleanup_(closep) int dirfd = open(bench->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = dirfd < 0 ? -errno : file_write_durable(dirfd, name, text, strlen(text), 0600);

        if (r < 0)
                bench_die(name, r);
}

static pid_t bench_spawn(const Bench *bench, const char *program, const char *a, const char *b,
                         const char *c, const char *d) {
        char path[PATH_MAX + 64];
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        (void) snprintf(path, sizeof(path), "%s/%s", bench->bin, program);
        (void) dup2(open("/dev/null", O_RDWR), STDERR_FILENO);
        (void) dup2(STDERR_FILENO, STDOUT_FILENO);
        (void) execl(path, program, a, b, c, d, NULL);
        _exit(127);
}

static void bench_wait(pid_t pid, const char *what) {
        int status;

        if (waitpid(pid, &status, 0) < 0 || status != 0)
                bench_die(what, -EIO);
}

static void bench_await_daemon(pid_t daemon) {
        Connection connection;
        Problem problem;

        while (connection_open(&connection, NULL, clock_monotonic_ns() + CLOCK_NS_PER_S, &problem) <
               0)
                if (waitpid(daemon, NULL, WNOHANG) == daemon)
                        bench_die("dpuccd ended", -EIO);
        connection_close(&connection);
}

static pid_t bench_start(const Bench *bench) {
        static const char arch[] = "{\"fingerprint\":\"0x101000056010402\"}";
        pid_t daemon;

        (void) setenv("HOME", bench->root, 1);
        (void) setenv("XDG_STATE_HOME", bench_path(bench, "state"), 1);
        (void) setenv("DPUCC_CACHE_DIR", bench_path(bench, "cache"), 1);
        (void) setenv("DPUCC_CONFIG", bench_path(bench, "dpuccd.json"), 1);
        (void) setenv("DPUCC_SOCKET", bench_path(bench, "socket"), 1);
        bench_put(bench, "arch.json", arch);
        bench_put(bench, "dpuccd.json", "{\"toolchain\": \"dpucc\"}");
        bench_wait(bench_spawn(bench, "dpucc", "mkmodel", "lenet", "-o",
                               bench_path(bench, "net_int.xmodel")),
                   "dpucc mkmodel");
        daemon = bench_spawn(bench, "dpuccd", "-q", NULL, NULL, NULL);
        bench_await_daemon(daemon);
        bench_wait(bench_spawn(bench, "dpucc-client", "--timeout=60", "get", "--wait",
                               bench_path(bench, "net_int.xmodel")),
                   "dpucc-client get");
        return daemon;
}

typedef struct Talk {
        const Bench *bench;
        Connection connection;
        Dpucc__Wire__Request request;
        int fds[2];
        size_t n_fds;
} Talk;

static void talk_read(Talk *talk, Frame *ret) {
        int r = connection_read(&talk->connection, -1, ret);

        if (r != FRAME_DONE)
                bench_die("the daemon's answer", r < 0 ? r : -ECONNRESET);
}

static void talk_open(Talk *talk) {
        _cleanup_(frame_deinit) Frame hello = {};
        Problem problem = { "" };
        int r;

        r = connection_open(&talk->connection, NULL, CONNECTION_NO_DEADLINE, &problem);
        if (r < 0)
                bench_die(problem.text, r);
        talk_read(talk, &hello);
}

/* true when the reply was the last one to the request */
static bool talk_reply(Talk *talk) {
        _cleanup_(frame_deinit) Frame frame = {};
        ProtobufCMessage *message;
        Dpucc__Wire__Reply *reply;
        bool final;
        int r;

        talk_read(talk, &frame);
        r = frame_unpack(&frame, &dpucc__wire__reply__descriptor, &message);
        if (r < 0)
                bench_die("reply", r);
        reply = (Dpucc__Wire__Reply *) message;
        final = reply->has_final && reply->final;
        if (final && reply->outcome != DPUCC__WIRE__OUTCOME__DONE)
                bench_die(reply->message ?: "reply", -EIO);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        return final;
}

static void talk_once(void *userdata) {
        Talk *talk = userdata;
        int fds[2], r;

        talk->request.id++;
        for (size_t i = 0; i < talk->n_fds; i++)
                fds[i] = fcntl(talk->fds[i], F_DUPFD_CLOEXEC, 0);
        r = frame_writer_put(&talk->connection.writer, &talk->request.base, fds, talk->n_fds);
        if (r < 0)
                bench_die("request", r);
        while (!talk_reply(talk))
                ;
}

/* --- measuring ----------------------------------------------------------------------------------- */

static void bench_measure(Bench *bench, const char *what, const char *who, void (*once)(void *),
                          void *userdata) {
        for (size_t i = 0; i < 100; i++)
                once(userdata);
        for (size_t i = 0; i < bench->n; i++) {
                int64_t before = clock_monotonic_ns();

                once(userdata);
                bench->ns[i] = clock_monotonic_ns() - before;
        }
        row_times("B3", what, who, bench->ns, bench->n);
}

static void bench_roots(Bench *bench) {
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;
        Talk talk = { .bench = bench, .request = DPUCC__WIRE__REQUEST__INIT };

        talk.request.body_case = DPUCC__WIRE__REQUEST__BODY_ROOTS;
        talk.request.roots = &empty;
        talk_open(&talk);
        bench_measure(bench, "request on an open connection", "dpucc roots", talk_once, &talk);
        connection_close(&talk.connection);
}

static void bench_get(Bench *bench) {
        const char *source = bench_path(bench, "net_int.xmodel"),
                   *arch = bench_path(bench, "arch.json");
        Dpucc__Wire__Get get = DPUCC__WIRE__GET__INIT;
        Talk talk = { .bench = bench, .request = DPUCC__WIRE__REQUEST__INIT, .n_fds = 2 };

        get.source_path = (ProtobufCBinaryData){ strlen(source), (uint8_t *) source };
        get.has_arch_path = true;
        get.arch_path = (ProtobufCBinaryData){ strlen(arch), (uint8_t *) arch };
        talk.fds[0] = open(source, O_RDONLY | O_CLOEXEC);
        talk.fds[1] = open(arch, O_RDONLY | O_CLOEXEC);
        talk.request.body_case = DPUCC__WIRE__REQUEST__BODY_GET;
        talk.request.get = &get;
        talk_open(&talk);
        bench_measure(bench, "request on an open connection", "dpucc get", talk_once, &talk);
        connection_close(&talk.connection);
        close(talk.fds[0]);
        close(talk.fds[1]);
}

static void bench_echo(Bench *bench) {
        const char *path = bench_path(bench, "echo");
        pid_t echo = echo_start(path);
        int fd = echo_connect(path);

        bench_measure(bench, "request on an open connection", "libuv echo", echo_once, &fd);
        close(fd);
        (void) kill(echo, SIGKILL);
        (void) waitpid(echo, NULL, 0);
}

/* --- watchman ------------------------------------------------------------------------------------ */

typedef struct Lines {
        int fd;
        char request[512];
} Lines;

static void lines_once(void *userdata) {
        Lines *lines = userdata;
        char data[16 * 1024];
        ssize_t n;

        if (file_write_all(lines->fd, lines->request, strlen(lines->request)) < 0)
                bench_die("watchman", -EIO);
        do
                n = read(lines->fd, data, sizeof(data));
        while (n > 0 && data[n - 1] != '\n');
        if (n <= 0)
                bench_die("watchman", -EIO);
}

/* its tree is watched when this returns */
static pid_t watchman_start(const Bench *bench) {
        static const char script[] =
                "mkdir \"$1/tree\"; for i in $(seq 100); do echo model >\"$1/tree/$i.txt\"; done\n"
                "watchman --sockname \"$1/w.sock\" --no-spawn watch \"$1/tree\"";
        char sock[PATH_MAX], logfile[PATH_MAX], pidfile[PATH_MAX];
        pid_t pid = fork(), shell;

        if (pid < 0)
                bench_die("fork", -errno);
        (void) snprintf(sock, sizeof(sock), "--sockname=%s/w.sock", bench->root);
        (void) snprintf(logfile, sizeof(logfile), "--logfile=%s/w.log", bench->root);
        (void) snprintf(pidfile, sizeof(pidfile), "--pidfile=%s/w.pid", bench->root);
        if (pid == 0) {
                (void) dup2(open("/dev/null", O_RDWR), STDERR_FILENO);
                (void) execlp("watchman", "watchman", "-f", sock, logfile, pidfile,
                              "--no-save-state", NULL);
                _exit(127);
        }
        for (unsigned i = 0; access(bench_path(bench, "w.sock"), F_OK) < 0; i++) {
                if (i == 1000)
                        bench_die("watchman", -ETIMEDOUT);
                (void) usleep(10000);
        }
        shell = fork();
        if (shell == 0) {
                (void) dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
                (void) execlp("sh", "sh", "-c", script, "sh", bench->root, NULL);
                _exit(127);
        }
        bench_wait(shell, "watchman watch");
        return pid;
}

static void bench_watchman(Bench *bench) {
        static const struct {
                const char *who, *more;
        } asks[] = {
                { "watchman query", ",\"sync_timeout\":0" },
                { "watchman query, sync", "" },
        };
        char *program = NULL;
        pid_t watchman;

        if (program_find("watchman", &program) < 0) {
                (void) printf("     watchman is not installed\n");
                return;
        }
        free(program);
        watchman = watchman_start(bench);
        for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
                Lines lines = { .fd = echo_connect(bench_path(bench, "w.sock")) };

                (void) snprintf(
                        lines.request, sizeof(lines.request),
                        "[\"query\",\"%s/tree\",{\"suffix\":\"xmodel\",\"fields\":[\"name\"]"
                        "%s}]\n",
                        bench->root, asks[i].more);
                bench_measure(bench, "request on an open connection", asks[i].who, lines_once,
                              &lines);
                close(lines.fd);
        }
        (void) kill(watchman, SIGKILL);
        (void) waitpid(watchman, NULL, 0);
}

/* --- many at a time ------------------------------------------------------------------------------ */

/* as many as there are peers ask at the same time, each from a process of its own */
static void bench_crowd(Bench *bench) {
        int64_t before = clock_monotonic_ns();
        size_t each = bench->n / BENCH_PEERS;
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;

        for (unsigned i = 0; i < BENCH_PEERS; i++) {
                Talk talk = { .bench = bench, .request = DPUCC__WIRE__REQUEST__INIT };
                pid_t pid = fork();

                if (pid < 0)
                        bench_die("fork", -errno);
                if (pid > 0)
                        continue;
                talk.request.body_case = DPUCC__WIRE__REQUEST__BODY_ROOTS;
                talk.request.roots = &empty;
                talk_open(&talk);
                for (size_t k = 0; k < each; k++)
                        talk_once(&talk);
                _exit(0);
        }
        for (unsigned i = 0; i < BENCH_PEERS; i++)
                bench_wait(-1, "a peer");
        row_value("B3", "requests of 8 peers", "dpucc roots",
                  (double) (each * BENCH_PEERS) * (double) CLOCK_NS_PER_S /
                          (double) (clock_monotonic_ns() - before),
                  "per s");
}

int main(int argc, char **argv) {
        Bench bench = { .n = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000 };
        char self[PATH_MAX] = "";
        pid_t daemon;

        if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
                bench_die("/proc/self/exe", -errno);
        *strrchr(self, '/') = '\0';
        (void) snprintf(bench.bin, sizeof(bench.bin), "%s/../bin", self);
        (void) snprintf(bench.root, sizeof(bench.root), "%s/bench-requests.XXXXXX",
                        getenv("TMPDIR") ?: "/tmp");
        bench.ns = calloc(bench.n, sizeof(*bench.ns));
        if (!bench.ns || bench.n < BENCH_PEERS || !mkdtemp(bench.root))
                bench_die(bench.root, -errno);

        bench_echo(&bench);
        bench_watchman(&bench);
        daemon = bench_start(&bench);
        bench_roots(&bench);
        bench_get(&bench);
        bench_crowd(&bench);
        (void) kill(daemon, SIGTERM);
        (void) waitpid(daemon, NULL, 0);
        free(bench.ns);
        return file_remove_tree(AT_FDCWD, bench.root) < 0;
}
