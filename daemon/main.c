/*
 * `dpuccd`: the daemon
 *
 * Arguments and environment to a ManagerSpec, then manager_run(). It stays in the foreground
 * and logs to stderr; the service manager, or the shell's `&`, does the rest.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "base/program.h"
#include "daemon/journal.h"
#include "daemon/manager.h"
#include "daemon/service.h"

static const char main_help[] =
        "usage: dpuccd [OPTION...]\n"
        "\n"
        "Watches workspaces for quantized models and arch.json files, compiles them in the\n"
        "background and answers dpucc-client. Stays in the foreground and logs to stderr.\n"
        "\n"
        "  --socket PATH     where clients connect (DPUCC_SOCKET;\n"
        "                    default $XDG_RUNTIME_DIR/dpucc/dpuccd.sock)\n"
        "  --cache-dir DIR   the cache (DPUCC_CACHE_DIR; default ~/.cache/dpucc)\n"
        "  --once            serve only the client whose socket is the standard input, beside any\n"
        "                    daemon, and end with it (dpucc-client --no-daemon runs this)\n"
        "  --config FILE     configuration (DPUCC_CONFIG; default ~/.config/dpucc/dpuccd.json)\n"
        "  -v, --verbose     log what would help to find a fault\n"
        "  -q, --quiet       log warnings and errors only\n"
        "  -h, --help        this text\n"
        "  -V, --version     the version\n"
        "\n"
        "Signals: SIGTERM and SIGINT end it when running jobs were stopped, SIGHUP makes it read\n"
        "its configuration again.\n"
        "\n"
        "Examples:\n"
        "  systemctl --user enable --now dpuccd     run it now and after every login\n"
        "  dpuccd &                                 run it without systemd\n"
        "\n"
        "Exit status: 0 stopped when asked to, 1 error, 2 usage.\n";

typedef struct Arguments {
        char *socket; /* all owned, absolute */
        char *cache_dir;
        bool cache_dir_is_given;
        char *state_dir;
        char *conf_file;
        char *conf_default;
        char *dpucc;
        mode_t umask;
        LogLevel level;
        bool once;
        bool has_level; /* asked for */
} Arguments;

static void arguments_deinit(Arguments *a) {
        free(a->socket);
        free(a->cache_dir);
        free(a->state_dir);
        free(a->conf_file);
        free(a->conf_default);
        free(a->dpucc);
}

/* Makes @path absolute and puts it into *@ret. */
static int main_set_path(char **ret, const char *path) {
        _cleanup_(freep) char *cwd = getcwd(NULL, 0);
        char *absolute = cwd ? path_normalise(cwd, path) : NULL;

        if (!absolute)
                return -ENOMEM;
        free(*ret);
        *ret = absolute;
        return 0;
}

static int main_option(int c, Arguments *ret) {
        switch (c) {
        case 's':
                return main_set_path(&ret->socket, optarg);
        case 'd':
                return main_set_path(&ret->cache_dir, optarg);
        case 'c':
                return main_set_path(&ret->conf_file, optarg);
        case 'o':
                ret->once = true;
                return 0;
        case 'v':
                ret->level = LOG_LEVEL_DEBUG;
                ret->has_level = true;
                return 0;
        case 'q':
                ret->level = LOG_LEVEL_WARNING;
                ret->has_level = true;
                return 0;
        default:
                return -EINVAL;
        }
}

/* 0, or -EINVAL after getopt said what is wrong, or an error; *@ret_done is set when the
 * arguments asked for text only and got it */
static int main_parse(int argc, char **argv, Arguments *ret, bool *ret_done) {
        static const struct option options[] = {
                { "socket", required_argument, NULL, 's' },
                { "cache-dir", required_argument, NULL, 'd' },
                { "config", required_argument, NULL, 'c' },
                { "once", no_argument, NULL, 'o' },
                { "verbose", no_argument, NULL, 'v' },
                { "quiet", no_argument, NULL, 'q' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                {},
        };
        int c, r = 0;

        while (r == 0 && (c = getopt_long(argc, argv, "vqhV", options, NULL)) >= 0) {
                *ret_done = c == 'h' || c == 'V';
                if (c == 'h')
                        (void) fputs(main_help, stdout);
                else if (c == 'V')
                        (void) printf("dpuccd %s\n", DPUCC_VERSION);
                else
                        r = main_option(c, ret);
                if (*ret_done)
                        return 0;
        }
        if (r == 0 && optind < argc) {
                (void) fprintf(stderr, "dpuccd: takes no arguments, only options\n");
                return -EINVAL;
        }
        return r;
}

/* of this installation, wherever it was put; new string */
static char *main_default_conf(void) {
        _cleanup_(freep) char *directory = NULL, *path = NULL;

        if (program_directory(&directory) == 0)
                path = path_join(directory, "../" DPUCC_CONF_BESIDE);
        if (path && access(path, F_OK) == 0)
                return TAKE_PTR(path);
        return strdup(DPUCC_CONF_DEFAULT);
}

/* what the arguments left open, from the environment and the home directory */
static int main_fill_in(Arguments *a, Problem *problem) {
        const char *conf = getenv("DPUCC_CONFIG"), *cache = getenv("DPUCC_CACHE_DIR");
        _cleanup_(freep) char *conf_home = path_config_home();
        int r = 0;

        a->cache_dir_is_given = a->cache_dir || (cache && cache[0] == '/');
        if (!a->cache_dir)
                a->cache_dir = path_cache_home();
        a->state_dir = path_state_home();
        if (!a->cache_dir || !a->state_dir || !conf_home)
                return problem_set(problem, -ENOENT,
                                   "neither HOME nor the XDG directories are "
                                   "set: where is the cache?");
        if (!a->socket)
                a->socket = path_default_socket();
        if (!a->socket)
                return -ENOMEM;
        if (!a->conf_file && conf && conf[0] != '\0')
                r = main_set_path(&a->conf_file, conf);
        if (r < 0)
                return r;
        if (a->conf_file && access(a->conf_file, F_OK) < 0) /* asked for by name */
                return problem_set(problem, error_from_errno(), "%s: %s", a->conf_file,
                                   strerror(errno));
        if (!a->conf_file)
                a->conf_file = path_join(conf_home, "dpuccd.json");
        a->conf_default = main_default_conf();
        if (!a->conf_file || !a->conf_default)
                return -ENOMEM;

        r = program_find("dpucc", &a->dpucc);
        if (r < 0)
                return problem_set(problem, r,
                                   "cannot find the program dpucc, neither beside "
                                   "dpuccd nor on PATH: is dpucc installed?");
        return 0;
}

/* The client's connection, moved away from the standard input: no child is to find it there. */
static int main_take_connection(int *ret, Problem *problem) {
        _cleanup_(closep) int fd = -1, null = -1;

        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
                return problem_set(problem, error_from_errno(), "the standard input: %s",
                                   strerror(errno));
        *ret = TAKE_FD(fd);
        return 0;
}

/* Connections (SERVER_PEERS_MAX), what comes with their requests (PEERS_FDS_MAX), and as much again
 * for our own. Children get the usual limit back (proc.c). */
#define MAIN_DESCRIPTORS 6144

static void main_raise_limits(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= MAIN_DESCRIPTORS)
                return;
        limit.rlim_cur = limit.rlim_max < MAIN_DESCRIPTORS ? limit.rlim_max : MAIN_DESCRIPTORS;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
}

static int main_run(Arguments *a, Problem *problem) {
        int connection = -1, r;

        r = main_fill_in(a, problem);
        if (r == 0 && a->once)
                r = main_take_connection(&connection, problem);
        if (r < 0)
                return r;

        const ManagerSpec spec = {
                .cache_dir = a->cache_dir,
                .cache_dir_is_given = a->cache_dir_is_given,
                .state_dir = a->state_dir,
                .socket = a->socket,
                .dpucc = a->dpucc,
                .conf_file = a->conf_file,
                .conf_default = a->conf_default,
                .umask = a->umask,
                .once = a->once,
                .connection = connection,
        };
        log_info("dpuccd %s, cache %s, configuration %s", DPUCC_VERSION, spec.cache_dir,
                 spec.conf_file);
        return manager_run(&spec, problem);
}

static int main_flush(void) {
        int r = program_flush_output();

        if (r < 0)
                (void) fprintf(stderr, "dpuccd: writing the output: %s\n", strerror(-r));
        return r < 0 ? 1 : 0;
}

int main(int argc, char **argv) {
        _cleanup_(arguments_deinit) Arguments arguments = { .level = LOG_LEVEL_INFO };
        Problem problem = {};
        bool done = false;
        int r;

        program_keep_streams();
        service_close_inherited();
        main_raise_limits();
        /* before libuv starts its pool: hashing must not keep copying and syncing waiting */
        (void) setenv("UV_THREADPOOL_SIZE", "15", 0); /* WORK_THREADS */
        /* by default glibc keeps free memory of each pool thread for that thread */
        (void) mallopt(M_ARENA_MAX, 2);
        arguments.umask = umask(0077);
        (void) signal(SIGPIPE, SIG_IGN);

        r = main_parse(argc, argv, &arguments, &done);
        if (r == -EINVAL) {
                (void) fprintf(stderr, "Try 'dpuccd --help'.\n");
                return 2;
        }
        if (done)
                return main_flush();

        if (arguments.once && !arguments.has_level)
                arguments.level = LOG_LEVEL_WARNING; /* stderr is the client's */
        log_open(arguments.level);
        log_set_sink(journal_send);
        if (r == 0)
                r = main_run(&arguments, &problem);
        if (r < 0) {
                log_error("%s", problem.text[0] ? problem.text : strerror(-r));
                return 1;
        }
        log_info("stopped");
        return 0;
}
