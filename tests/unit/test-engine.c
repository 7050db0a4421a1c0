/*
 * The real engine on a real loop, with real inotify and a real disk; only the programs that
 * jobs run are doubles (tests/support/double-dpucc.sh). Nothing sleeps: tests turn the loop until a
 * condition holds, and a compile that must be caught in the middle reads a FIFO.
 */

#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "cache/state.h"
#include "daemon/engine.h"
#include "daemon/jobdir.h"
#include "tests/support/sample_graph.h"

/* far more than anything here takes, even under a sanitizer on a busy machine */
#define DEADLINE_MS 30000

typedef struct Answer {
        bool done;
        unsigned n_done;
        AskOutcome outcome;
        bool hit;
        char message[512];
        char path[512];
        size_t n_hints;
        char notes[1024];
        char phases[256]; /* those that it went through, each with a blank behind it */
        Ask *ask;
} Answer;

typedef struct Fixture {
        UnitDir *dir;
        uv_loop_t loop;
        uv_timer_t deadline, turn;
        Engine *engine;
        bool stopped, late;
        const char *conf_file; /* NULL: none */
        char root[128], cache[128], state[128], program[128], control[128], conf[128];
} Fixture;

static Fixture fixture;

/* --- files -------------------------------------------------------------------------------- */

static void path_in(char *ret, size_t room, const char *directory, const char *name) {
        assert_true((size_t) snprintf(ret, room, "%s/%s", directory, name) < room);
}

static int create_file(const char *directory, const char *name) {
        char path[512];
        int fd;

        path_in(path, sizeof(path), directory, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        return fd;
}

static void write_file(const char *directory, const char *name, const void *data, size_t n) {
        int fd = create_file(directory, name);

        assert_int_equal(file_write_all(fd, data, n), 0);
        close(fd);
}

static void write_text(const char *directory, const char *name, const char *text) {
        write_file(directory, name, text, strlen(text));
}

/* A model that differs from others by @weight, and only in bytes by @shuffled. */
static void write_model(int fd, int32_t weight, bool shuffled) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT((size_t) 1 << 20);
        Graph *graph = sample_graph_quantized();
        Problem problem = {};

        assert_non_null(graph);
        assert_int_equal(
                graph_set_int32(graph, &graph_find_op(graph, "conv")->attrs, "test_weight", weight),
                0);
        assert_int_equal(graph_write(graph, shuffled, &bytes, &problem), 0);
        (void) graph_free(graph);
        assert_int_equal(file_write_all(fd, bytes.data, bytes.size), 0);
}

static void save_model(Fixture *f, const char *name, int32_t weight, bool shuffled) {
        int fd = create_file(f->root, name);

        write_model(fd, weight, shuffled);
        close(fd);
}

static void save_arch(Fixture *f, const char *name, const char *fingerprint) {
        char text[128];

        (void) snprintf(text, sizeof(text), "{\"fingerprint\":\"%s\"}", fingerprint);
        write_text(f->root, name, text);
}

static bool exists(const char *directory, const char *name) {
        char path[512];

        path_in(path, sizeof(path), directory, name);
        return access(path, F_OK) == 0;
}

static size_t count_lines(const char *directory, const char *name) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(65536);
        char path[512];
        size_t n = 0;

        path_in(path, sizeof(path), directory, name);
        if (file_read(AT_FDCWD, path, &text) < 0)
                return 0;
        for (size_t i = 0; i < text.size; i++)
                n += text.data[i] == '\n';
        return n;
}

static long read_number(const char *directory, const char *name) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096);
        _cleanup_(freep) char *string = NULL;
        char path[512];

        path_in(path, sizeof(path), directory, name);
        if (file_read(AT_FDCWD, path, &text) < 0)
                return 0;
        string = bytes_take_string(&text);
        return string ? strtol(string, NULL, 10) : 0;
}

/* --- the loop ----------------------------------------------------------------------------- */

static void on_deadline(uv_timer_t *timer) {
        ((Fixture *) timer->data)->late = true;
}

static void on_turn(uv_timer_t *timer) {
        (void) timer;
}

static void on_stopped(void *userdata) {
        Fixture *f = userdata;

        f->stopped = true;
        f->engine = NULL;
}

/* Turns the loop until @condition. It is looked at every few milliseconds, too: what a child
 * does to a file is no event of the loop. */
#define WAIT_UNTIL(f, condition)                                                                   \
        do {                                                                                       \
                (f)->late = false;                                                                 \
                (void) uv_timer_start(&(f)->deadline, on_deadline, DEADLINE_MS, 0);                \
                (void) uv_timer_start(&(f)->turn, on_turn, 2, 2);                                  \
                while (!(condition) && !(f)->late)                                                 \
                        (void) uv_run(&(f)->loop, UV_RUN_ONCE);                                    \
                (void) uv_timer_stop(&(f)->deadline);                                              \
                (void) uv_timer_stop(&(f)->turn);                                                  \
                assert_false((f)->late);                                                           \
        } while (0)

static int start_engine(Fixture *f) {
        const EngineSpec spec = {
                .loop = &f->loop,
                .cache_dir = f->cache,
                .state_dir = f->state,
                .dpucc = f->program,
                .conf_file = f->conf_file,
        };
        Problem problem = {};
        int r;

        f->stopped = false;
        r = engine_new(&f->engine, &spec, &problem);
        if (r < 0)
                print_message("engine: %s\n", problem.text);
        return r;
}

static void stop_engine(Fixture *f) {
        engine_stop(f->engine, on_stopped, f);
        WAIT_UNTIL(f, f->stopped);
}

static void watch_root(Fixture *f) {
        Problem problem = {};
        RootView view;

        assert_int_equal(engine_watch(f->engine, f->root, false, &view, &problem), 0);
}

static int setup(void **state) {
        Fixture *f = &fixture;
        char folder[200];

        if (unit_dir_setup(state) < 0)
                return -1;
        *f = (Fixture){ .dir = *state };
        path_in(f->root, sizeof(f->root), f->dir->path, "ws");
        path_in(f->cache, sizeof(f->cache), f->dir->path, "cache");
        path_in(f->state, sizeof(f->state), f->dir->path, "state");
        path_in(folder, sizeof(folder), f->dir->path, "bin");
        path_in(f->program, sizeof(f->program), folder, "dpucc");
        path_in(f->control, sizeof(f->control), folder, "control");
        if (mkdir(f->root, 0755) < 0 || mkdir(folder, 0755) < 0 || mkdir(f->control, 0755) < 0)
                return -1;
        unsetenv("DPUCC_CACHE_DIR");
        setenv("PATH", "/usr/bin:/bin", 1); /* no vai_c_xir of this machine */

        _cleanup_(bytes_cleanup) Bytes script = BYTES_INIT(65536);

        if (file_read(AT_FDCWD, TEST_SOURCE_DIR "/tests/support/double-dpucc.sh", &script) < 0)
                return -1;
        write_file(folder, "dpucc", script.data, script.size);
        if (chmod(f->program, 0755) < 0)
                return -1;

        if (uv_loop_init(&f->loop) < 0)
                return -1;
        (void) uv_timer_init(&f->loop, &f->deadline);
        (void) uv_timer_init(&f->loop, &f->turn);
        f->deadline.data = f;
        *state = f;
        return start_engine(f);
}

/* nothing is left open: the strongest assertion we have */
static int teardown(void **state) {
        Fixture *f = *state;

        if (f->engine)
                stop_engine(f);
        uv_close((uv_handle_t *) &f->deadline, NULL);
        uv_close((uv_handle_t *) &f->turn, NULL);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        if (uv_loop_close(&f->loop) != 0)
                return -1;
        *state = f->dir;
        return unit_dir_teardown(state);
}

/* --- asking ------------------------------------------------------------------------------- */

static void on_answer(const AskResult *result, void *userdata) {
        Answer *answer = userdata;

        answer->done = true;
        answer->n_done++;
        answer->outcome = result->outcome;
        answer->hit = result->hit;
        answer->n_hints = result->n_hints;
        (void) snprintf(answer->message, sizeof(answer->message), "%s", result->message ?: "");
        (void) snprintf(answer->path, sizeof(answer->path), "%s", result->path ?: "");
        for (size_t i = 0; i < result->n_notes; i++) {
                size_t used = strlen(answer->notes);

                (void) snprintf(answer->notes + used, sizeof(answer->notes) - used, "%s\n",
                                result->notes[i]);
        }
}

static void on_progress(const AskProgress *progress, void *userdata) {
        Answer *answer = userdata;
        size_t n = strlen(answer->phases);

        (void) snprintf(answer->phases + n, sizeof(answer->phases) - n, "%s ", progress->phase);
}

static const AskHandlers handlers = { .progress = on_progress, .done = on_answer };

static void start_get(Fixture *f, Answer *answer, const char *name, const char *target, bool wait) {
        char path[512];
        const GetSpec spec = {
                .source_fd = -1,
                .source_path = path,
                .arch_fd = -1,
                .output_dir_fd = -1,
                .adopt_fd = -1,
                .umask = -1,
                .target = target,
                .wait = wait,
        };
        Problem problem = {};

        path_in(path, sizeof(path), f->root, name);
        *answer = (Answer){};
        assert_int_equal(engine_get(f->engine, &spec, &handlers, answer, &answer->ask, &problem),
                         0);
        assert_false(answer->done);
}

static void get(Fixture *f, Answer *answer, const char *name, const char *target) {
        start_get(f, answer, name, target, true);
        WAIT_UNTIL(f, answer->done);
        assert_int_equal(answer->n_done, 1);
}

static AskOutcome wait_for_all(Fixture *f) {
        Answer answer = {};
        Problem problem = {};

        assert_int_equal(engine_wait(f->engine, NULL, &handlers, &answer, &answer.ask, &problem),
                         0);
        WAIT_UNTIL(f, answer.done);
        return answer.outcome;
}

typedef struct Counted {
        const char *name;
        uint64_t value;
        bool found;
} Counted;

static void on_statistic(const char *name, uint64_t value, void *userdata) {
        Counted *counted = userdata;

        if (strcmp(name, counted->name) != 0)
                return;
        counted->found = true;
        counted->value = value;
}

static uint64_t statistic(Fixture *f, const char *name) {
        Counted counted = { .name = name };

        engine_each_statistic(f->engine, on_statistic, &counted);
        assert_true(counted.found);
        return counted.value;
}

typedef struct Looked {
        const char *source;
        const char *target;
        unsigned n;
        UnitState state;
        char detail[512];
        char artifact[512];
        char toolchain[64];
} Looked;

static int on_unit(const UnitView *unit, void *userdata) {
        Looked *looked = userdata;

        if (strcmp(path_basename(unit->source_path), looked->source) != 0 ||
            (looked->target && (!unit->target || strcmp(unit->target, looked->target) != 0)))
                return 0;
        looked->n++;
        looked->state = unit->state;
        (void) snprintf(looked->detail, sizeof(looked->detail), "%s", unit->detail ?: "");
        (void) snprintf(looked->artifact, sizeof(looked->artifact), "%s",
                        unit->artifact_path ?: "");
        (void) snprintf(looked->toolchain, sizeof(looked->toolchain), "%s", unit->toolchain ?: "");
        return 0;
}

static Looked look(Fixture *f, const char *source, const char *target) {
        Looked looked = { .source = source, .target = target };

        assert_int_equal(engine_each_unit(f->engine, on_unit, &looked), 0);
        return looked;
}

static bool is_in_state(Fixture *f, const char *source, UnitState state) {
        Looked looked = look(f, source, NULL);

        return looked.n > 0 && looked.state == state;
}

/* --- gates: a compile that waits for us --------------------------------------------------- */

static void make_gate(Fixture *f) {
        char path[512];

        path_in(path, sizeof(path), f->control, "gate");
        assert_int_equal(mkfifo(path, 0600), 0);
}

/* Lets one compile, which waits, go on. */
static void open_gate(Fixture *f) {
        char path[512];
        int fd = -1;

        path_in(path, sizeof(path), f->control, "gate");
        WAIT_UNTIL(f, (fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
        assert_int_equal(write(fd, "go\n", 3), 3);
        close(fd);
}

static void remove_gate(Fixture *f) {
        char path[512];

        path_in(path, sizeof(path), f->control, "gate");
        assert_int_equal(unlink(path), 0);
}

static size_t n_started(Fixture *f) {
        return count_lines(f->control, "started");
}

/* --- tests -------------------------------------------------------------------------------- */

static void compiles_a_save_and_answers(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_int_equal(n_started(f), 1);

        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_true(answer.hit);
        assert_string_equal(path_basename(answer.path), "Net.xmodel");
        assert_int_equal(access(answer.path, R_OK), 0);
        assert_int_equal(n_started(f), 1);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "dpucc");
}

static void the_view_has_the_nets_own_names(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes meta = BYTES_INIT(4096), log = BYTES_INIT(4096);
        _cleanup_(freep) char *directory = NULL;
        Answer answer;
        int fd;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "My Net_int.xmodel", 1, false);
        get(f, &answer, "My Net_int.xmodel", NULL);
        directory = path_dirname(answer.path);
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(file_read(fd, "meta.json", &meta), 0);
        assert_int_equal(file_read(fd, "compile.log", &log), 0);
        assert_int_equal(faccessat(fd, "md5sum.txt", R_OK, 0), 0);
        assert_int_equal(faccessat(fd, "report.json", R_OK, 0), 0);
        close(fd);
        assert_non_null(memmem(meta.data, meta.size, "\"My Net.xmodel\"", 15));
        assert_non_null(memmem(log.data, log.size, "./out/My Net.xmodel", 19));
        assert_null(memmem(log.data, log.size, "jobs/", 5));
}

static void a_re_export_is_a_hit(void **state) {
        Fixture *f = *state;
        uint64_t hits;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);

        hits = statistic(f, "hits");
        save_model(f, "Net_int.xmodel", 1, true); /* other bytes, the same model */
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(statistic(f, "hits") > hits);
        assert_int_equal(n_started(f), 1);
        assert_int_equal(statistic(f, "cache_published"), 1);
        assert_true(statistic(f, "cache_bytes_written") > 0);
        assert_int_equal(statistic(f, "cache_quarantined"), 0);
        assert_int_equal(statistic(f, "state_recreated"), 0);
}

static void a_change_compiles_again(void **state) {
        Fixture *f = *state;
        Answer first, second;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &first, "Net_int.xmodel", NULL);
        save_model(f, "Net_int.xmodel", 2, false);
        get(f, &second, "Net_int.xmodel", NULL);
        assert_int_equal(second.outcome, ASK_DONE);
        assert_string_not_equal(first.path, second.path);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 2);
}

/* The engine anew, configured and watching, with an arch file for what is to come. */
static void restart_configured(Fixture *f, const char *text) {
        path_in(f->conf, sizeof(f->conf), f->dir->path, "dpuccd.json");
        write_text(f->dir->path, "dpuccd.json", text);
        stop_engine(f);
        f->conf_file = f->conf;
        assert_int_equal(start_engine(f), 0);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        assert_int_equal(wait_for_all(f), ASK_DONE);
}

static void a_burst_of_saves_is_one_compile(void **state) {
        Fixture *f = *state;

        /* quiet for longer than a busy machine takes between two saves */
        restart_configured(f, "{\"settle_ms\": 1000, \"settle_max_ms\": 20000}");
        for (int32_t i = 0; i < 20; i++) {
                uint64_t misses = statistic(f, "misses");

                /* each is hashed and looked up before the next one comes */
                save_model(f, "Net_int.xmodel", i, false);
                WAIT_UNTIL(f, statistic(f, "misses") > misses);
        }
        assert_int_equal(n_started(f), 0);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_SETTLING));
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
        assert_int_equal(statistic(f, "jobs_superseded"), 0);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

static void a_file_that_is_never_closed_is_compiled(void **state) {
        Fixture *f = *state;
        int fd;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        assert_int_equal(wait_for_all(f), ASK_DONE);

        fd = create_file(f->root, "Net_int.xmodel");
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_WRITING));
        write_model(fd, 1, false);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_int_equal(n_started(f), 1);

        /* its writer goes on, and what it writes then counts as well */
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        write_model(fd, 2, false);
        WAIT_UNTIL(f, n_started(f) == 2);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
        close(fd);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 2);
}

static void a_reload_changes_how_long_saves_settle(void **state) {
        Fixture *f = *state;
        Problem problem = {};

        restart_configured(f, "{\"settle_ms\": 60000, \"settle_max_ms\": 60000}");
        write_text(f->dir->path, "dpuccd.json", "{\"settle_ms\": 1}");
        assert_int_equal(engine_reload(f->engine, &problem), 0);
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
}

static void a_newer_save_supersedes_an_older_job(void **state) {
        Fixture *f = *state;
        long first;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        first = read_number(f->control, "started");

        save_model(f, "Net_int.xmodel", 2, false);
        WAIT_UNTIL(f, n_started(f) == 2);
        /* no two jobs of a unit at once: when the second began, the first was dead */
        assert_int_equal(kill((pid_t) first, 0), -1);
        assert_int_equal(errno, ESRCH);
        assert_int_equal(statistic(f, "jobs_superseded"), 1);
        assert_int_equal(statistic(f, "jobs_cancelled"), 1);

        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(count_lines(f->control, "ended"), 1);
        assert_int_equal(n_started(f), 2);
        remove_gate(f);
}

static void saving_the_same_again_keeps_the_job(void **state) {
        Fixture *f = *state;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        save_model(f, "Net_int.xmodel", 1, true);
        WAIT_UNTIL(f, statistic(f, "misses") >= 2);
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        remove_gate(f);
}

static void asks_and_units_share_one_job(void **state) {
        Fixture *f = *state;
        Answer a, b, late;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        save_model(f, "Copy_int.xmodel", 1, false); /* another unit with the same key */
        start_get(f, &a, "Net_int.xmodel", NULL, true);
        start_get(f, &b, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1 && statistic(f, "single_flight_joins") >= 2);
        start_get(f, &late, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, strstr(late.phases, "compiling")); /* it hears how far the job is */
        open_gate(f);
        WAIT_UNTIL(f, a.done && b.done && late.done);
        assert_int_equal(a.outcome, ASK_DONE);
        assert_int_equal(b.outcome, ASK_DONE);
        assert_int_equal(late.outcome, ASK_DONE);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
        assert_true(is_in_state(f, "Copy_int.xmodel", UNIT_READY));
        remove_gate(f);
}

/* Reads what the watcher should have read: these events are lost to it. */
static void steal_events(void) {
        char link[64], target[64], events[4096] __attribute__((aligned(8)));

        for (int fd = 3; fd < 256; fd++) {
                ssize_t n;

                (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
                n = readlink(link, target, sizeof(target) - 1);
                if (n < 0)
                        continue;
                target[n] = '\0';
                if (strcmp(target, "anon_inode:inotify") != 0)
                        continue;
                while (read(fd, events, sizeof(events)) > 0)
                        ;
        }
}

static void a_get_is_never_stale(void **state) {
        Fixture *f = *state;
        Answer before, after;
        uint64_t saves;

        watch_root(f);
        assert_int_equal(mkdirat(f->dir->fd, "ws/sub", 0755), 0);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "sub/Net_int.xmodel", 1, false);
        get(f, &before, "sub/Net_int.xmodel", NULL);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        saves = statistic(f, "saves_seen");

#define IS_NEWS()                                                                                  \
        do {                                                                                       \
                steal_events();                                                                    \
                get(f, &after, "sub/Net_int.xmodel", NULL);                                        \
                assert_int_equal(after.outcome, ASK_DONE);                                         \
                assert_string_not_equal(before.path, after.path);                                  \
                before = after;                                                                    \
        } while (0)
        save_model(f, "sub/Net_int.xmodel", 2, false);
        IS_NEWS();
        save_arch(f, "arch.json", "0x101000016010407"); /* another target */
        IS_NEWS();
        save_arch(f, "sub/arch.json", "0x101000056010402"); /* a nearer one */
        IS_NEWS();
        write_text(f->root, "dpucc.json",
                   "{\"targets\": {\"board\": \"arch.json\"}, \"models\": [{\"xmodel\": "
                   "\"sub/Net_int.xmodel\", \"net_name\": \"other\"}]}");
        IS_NEWS();
        assert_string_equal(path_basename(after.path), "other.xmodel");
#undef IS_NEWS
        assert_int_equal(statistic(f, "saves_seen"), saves); /* the watcher knew nothing */
}

static void a_get_sees_a_new_toolchain(void **state) {
        Fixture *f = *state;
        Answer before, after;
        int fd;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &before, "Net_int.xmodel", NULL);

        fd = open(f->program, O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, "# newer\n", 8), 0);
        close(fd);
        get(f, &after, "Net_int.xmodel", NULL);
        assert_int_equal(after.outcome, ASK_DONE);
        assert_string_not_equal(before.path, after.path);
}

static void a_toolchain_that_changes_meanwhile_made_nothing(void **state) {
        Fixture *f = *state;
        Answer answer;
        int fd;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        /* both the unit and the get are on that job, neither still on its way to a key */
        WAIT_UNTIL(f, n_started(f) == 1 && strstr(answer.phases, "compiling"));
        WAIT_UNTIL(f, statistic(f, "single_flight_joins") == 1);
        fd = open(f->program, O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, "# newer\n", 8), 0);
        close(fd);
        open_gate(f);
        WAIT_UNTIL(f, n_started(f) == 2); /* under the new key */
        assert_false(answer.done);
        assert_int_equal(statistic(f, "jobs_stale"), 1);
        assert_int_equal(statistic(f, "jobs_done"), 0);
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        remove_gate(f);
}

static void without_wait_it_says_not_ready(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, false);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_NOT_READY);
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        start_get(f, &answer, "Net_int.xmodel", NULL, false);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        remove_gate(f);
}

static void several_targets_need_a_choice(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch-leopard.json", "0x101000056010402");
        save_arch(f, "antelope.arch.json", "0x101000016010407");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 2);

        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_USAGE);
        assert_int_equal(answer.n_hints, 2);
        get(f, &answer, "Net_int.xmodel", "leopard");
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_true(answer.hit);
        get(f, &answer, "Net_int.xmodel", "0x101000016010407");
        assert_int_equal(answer.outcome, ASK_DONE);
        get(f, &answer, "Net_int.xmodel", "zebra");
        assert_int_equal(answer.outcome, ASK_USAGE);
}

static void what_is_no_source_is_told_apart(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT((size_t) 1 << 20);
        Graph *compiled = sample_graph_compiled();
        Problem problem = {};
        Answer answer;

        assert_int_equal(graph_write(compiled, true, &bytes, &problem), 0);
        (void) graph_free(compiled);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_file(f->root, "Done.xmodel", bytes.data, bytes.size);
        write_file(f->root, "Cut.xmodel", bytes.data, bytes.size / 2);
        write_text(f->root, "Text.xmodel", "this is no graph at all, whatever it is called");
        write_text(f->root, "Empty.xmodel", "");
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 0);
        assert_true(is_in_state(f, "Done.xmodel", UNIT_NOT_SOURCE));
        assert_true(is_in_state(f, "Cut.xmodel", UNIT_NOT_SOURCE));
        assert_true(is_in_state(f, "Text.xmodel", UNIT_NOT_SOURCE));
        assert_true(is_in_state(f, "Empty.xmodel", UNIT_NOT_SOURCE));
        get(f, &answer, "Done.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_NOT_FOUND);
        assert_true(strlen(answer.message) > 0);
        get(f, &answer, "Missing.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_NOT_FOUND);
}

static void without_a_target_there_is_a_remedy(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_NO_TARGET));
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_NOT_FOUND);
        assert_non_null(strstr(answer.message, "arch.json"));

        save_arch(f, "arch.json", "0x101000056010402"); /* takes effect at once */
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

static int count_build(const StateBuild *build, void *userdata) {
        assert_string_equal(path_basename(build->source), "Net_int.xmodel");
        ++*(unsigned *) userdata;
        return 0;
}

static unsigned count_history(Fixture *f) {
        _cleanup_(state_closep) State *history = NULL;
        Problem problem = {};
        unsigned n = 0;

        assert_int_equal(state_open(&history, f->state, &problem), 0);
        assert_int_equal(state_each_build(history, NULL, 100, count_build, &n), 0);
        return n;
}

static void a_failure_is_stored_and_answered(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        write_text(f->control, "mode", "fail");
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_FAILED));
        assert_int_equal(n_started(f), 1);

        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "this model is beyond me"));
        assert_int_equal(n_started(f), 1); /* the diagnosis answered */
        assert_int_equal(statistic(f, "diagnoses_answered"), 1);

        write_text(f->control, "mode", "good");
        save_model(f, "Net_int.xmodel", 2, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        stop_engine(f);
        assert_int_equal(count_history(f), 2); /* failures are remembered, too */
}

static void exit_status_0_is_not_success(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "no-output");
        save_model(f, "A_int.xmodel", 1, false);
        get(f, &answer, "A_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "wrote no .xmodel"));

        write_text(f->control, "mode", "wrong-md5");
        save_model(f, "B_int.xmodel", 2, false);
        get(f, &answer, "B_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "md5sum.txt"));

        write_text(f->control, "mode", "good");
        write_text(f->control, "check",
                   "{\"check\": 1, \"ok\": false, \"problems\": [\"it is for another DPU\"]}");
        save_model(f, "C_int.xmodel", 3, false);
        get(f, &answer, "C_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_string_equal(answer.message, "it is for another DPU");
}

static void a_killed_compiler_is_tried_again_and_never_cached(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "killed");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        open_gate(f);
        WAIT_UNTIL(f, n_started(f) == 2);
        write_text(f->control, "mode", "good");
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(n_started(f), 2);
        assert_int_equal(statistic(f, "jobs_transient"), 1);
        assert_int_equal(statistic(f, "jobs_failed"), 0);
        remove_gate(f);
}

/* A newer save: nothing is said of the older one any more, and it has tries of its own. */
static void a_newer_save_forgets_an_older_failure(void **state) {
        Fixture *f = *state;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "fail");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_string_not_equal(look(f, "Net_int.xmodel", NULL).detail, "");

        make_gate(f);
        write_text(f->control, "mode", "good");
        save_model(f, "Net_int.xmodel", 2, false);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_COMPILING));
        assert_string_equal(look(f, "Net_int.xmodel", NULL).detail, "");
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        remove_gate(f);
}

/* The log tells when the compiler is almost through. */
static void progress_follows_the_log(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        assert_null(strstr(answer.phases, "writing"));
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_non_null(strstr(answer.phases, "compiling writing checking "));
        remove_gate(f);
}

/* The vendor's tool ends with 0 all the same. */
static void a_fatal_error_is_named(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "fatal");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "XCOM_DATA_OUTRANGE"));
        assert_non_null(strstr(answer.message, "do not fit"));
        assert_non_null(strstr(answer.message, "the tile is too large"));
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(n_started(f), 1); /* the diagnosis answered */
}

static void a_flaky_error_gets_one_more_try(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "flaky-once");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(n_started(f), 2);
        assert_int_equal(statistic(f, "jobs_transient"), 0);
}

/* and only one; what it said is told, and does not answer for ever */
static void a_flaky_error_is_not_remembered(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "flaky");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "XCOM_ACGEN_ERROR"));
        assert_int_equal(n_started(f), 2);
        assert_int_equal(statistic(f, "jobs_failed"), 1);

        write_text(f->control, "mode", "good");
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(n_started(f), 3);
}

/* A shell around the compiler may swallow how it ended. */
static void a_kill_behind_status_0_is_transient(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "silent-kill");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        open_gate(f);
        WAIT_UNTIL(f, n_started(f) == 2);
        write_text(f->control, "mode", "good");
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(statistic(f, "jobs_transient"), 1);
        remove_gate(f);
}

/* gone, or a zombie that nobody reaps because its parent is not us */
static bool is_dead(long pid) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096);
        char path[64];
        const char *bracket;

        (void) snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
        if (file_read(AT_FDCWD, path, &text) < 0 || bytes_append(&text, "", 1) < 0)
                return true;
        bracket = strrchr((const char *) text.data, ')');
        return !bracket || bracket[2] == 'Z' || bracket[2] == 'X';
}

static void what_a_compiler_leaves_running_is_killed(void **state) {
        Fixture *f = *state;
        Answer answer;
        long lingering;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "linger");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        lingering = read_number(f->control, "lingering");
        assert_true(lingering > 1);
        WAIT_UNTIL(f, is_dead(lingering));
}

static void outputs_are_delivered_and_withdrawn(void **state) {
        Fixture *f = *state;
        char out[200], delivered[300];

        watch_root(f);
        path_in(out, sizeof(out), f->root, "out");
        path_in(delivered, sizeof(delivered), out, "net.xmodel");
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"targets\": {\"board\": \"arch.json\"}, \"models\": [{\"xmodel\": "
                   "\"Net_int.xmodel\", \"net_name\": \"net\", \"output_dir\": \"out\"}]}");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(access(delivered, R_OK), 0);
        assert_true(exists(out, "meta.json"));
        assert_true(exists(out, "md5sum.txt"));
        assert_int_equal(statistic(f, "deliveries"), 1);
        assert_int_equal(n_started(f), 1);
        assert_int_equal(look(f, "net.xmodel", NULL).n, 0); /* our own output is no source */

        /* deleted by somebody: restored */
        assert_int_equal(unlink(delivered), 0);
        WAIT_UNTIL(f, access(delivered, R_OK) == 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);

        /* the newest compile fails for good: nobody shall ship the old one */
        write_text(f->control, "mode", "fail");
        save_model(f, "Net_int.xmodel", 2, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_int_equal(access(delivered, R_OK), -1);

        /* and back to what was good */
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(access(delivered, R_OK), 0);
}

static void limits_of_the_project_hold(void **state) {
        Fixture *f = *state;
        Answer answer;
        char out[200];

        watch_root(f);
        path_in(out, sizeof(out), f->root, "out");
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"targets\": {\"board\": \"arch.json\"}, \"models\": [{\"xmodel\": "
                   "\"Net_int.xmodel\", \"output_dir\": \"out\", \"limits\": "
                   "{\"cpu_ops\": [\"fix2float\"]}}]}");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_LIMIT_EXCEEDED);
        assert_non_null(strstr(answer.message, "softmax"));
        (void) wait_for_all(f);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_OVER_LIMIT));
        assert_false(exists(out, "Net.xmodel"));

        /* a changed project file takes effect at once */
        write_text(f->root, "dpucc.json",
                   "{\"targets\": {\"board\": \"arch.json\"}, \"models\": [{\"xmodel\": "
                   "\"Net_int.xmodel\", \"output_dir\": \"out\", \"limits\": "
                   "{\"cpu_ops\": [\"softmax\"]}}]}");
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(exists(out, "Net.xmodel"));
        assert_int_equal(n_started(f), 1);
}

static int count_warning(const char *text, void *userdata) {
        (void) text;
        ++*(unsigned *) userdata;
        return 0;
}

static void a_bad_project_file_leaves_the_old_one_in_force(void **state) {
        Fixture *f = *state;
        unsigned n = 0;
        char out[200];

        watch_root(f);
        path_in(out, sizeof(out), f->root, "out");
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED); /* there is no such model yet */
        write_text(f->root, "dpucc.json", "{\"models\": [ oh no");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(exists(out, "Net.xmodel"));
        assert_int_equal(engine_each_warning(f->engine, count_warning, &n), 0);
        assert_int_equal(n, 1);
}

static int take_count(const RootView *root, void *userdata) {
        *(uint64_t *) userdata = root->n_sources;
        return 0;
}

static void a_root_counts_its_models_only(void **state) {
        Fixture *f = *state;
        char path[300];
        uint64_t n;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        write_text(f->root, "Text.xmodel", "hello, world");
        write_text(f->root, "Lfs.xmodel", "version https://git-lfs.github.com/spec/v1\n");
        save_model(f, "Net_int.xmodel", 1, false);
        save_model(f, "Other_int.xmodel", 2, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(engine_each_root(f->engine, take_count, &n), 0);
        assert_int_equal(n, 2);
        path_in(path, sizeof(path), f->root, "Other_int.xmodel");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(engine_each_root(f->engine, take_count, &n), 0);
        assert_int_equal(n, 1);
}

static int take_detail(const RootView *root, void *userdata) {
        (void) snprintf(userdata, 512, "%s", root->detail ?: "");
        return 0;
}

/* Each slip in a file is told by wait, which says 0 only if everything is as the files say. */
static void wait_tells_what_is_not_as_the_files_say(void **state) {
        Fixture *f = *state;
        char path[300], detail[512];

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);

        write_text(f->root, "dpucc.json", "{\"models\": [{\"xmodel\": \"Nte_int.xmodel\"}]}");
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_int_equal(engine_each_root(f->engine, take_detail, detail), 0);
        assert_non_null(strstr(detail, "models[0].xmodel"));
        assert_non_null(strstr(detail, "\"Nte_int.xmodel\""));
        save_model(f, "Nte_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(engine_each_root(f->engine, take_detail, detail), 0);
        assert_string_equal(detail, "");

        write_text(f->root, "arch.json", "{ oh no");
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        path_in(path, sizeof(path), f->root, "arch.json");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_NO_TARGET));
        save_arch(f, "arch.json", "0x101000056010402");
        assert_int_equal(wait_for_all(f), ASK_DONE);
}

static void a_foreign_file_in_the_way_stays(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(64);
        char out[200], path[300];

        watch_root(f);
        path_in(out, sizeof(out), f->root, "out");
        path_in(path, sizeof(path), out, "Net.xmodel");
        assert_int_equal(mkdir(out, 0755), 0);
        write_text(out, "Net.xmodel", "mine");
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        save_model(f, "Net_int.xmodel", 1, false);
        (void) wait_for_all(f);
        assert_int_equal(statistic(f, "deliveries_refused"), 1);
        assert_non_null(strstr(look(f, "Net_int.xmodel", NULL).detail, "in the way"));
        assert_int_equal(file_read(AT_FDCWD, path, &bytes), 0);
        assert_true(slice_is(bytes_slice(&bytes), "mine"));
        assert_false(exists(out, "meta.json")); /* refused before anything was written */
}

/* The answer itself says it: nothing is turned between it and the look at the file. */
static void a_get_is_answered_after_the_delivery(void **state) {
        Fixture *f = *state;
        char path[512], out[300];
        Answer answer;

        path_in(out, sizeof(out), f->root, "out");
        path_in(path, sizeof(path), out, "Net.xmodel");
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        for (int32_t i = 0; i < 20; i++) {
                _cleanup_(bytes_cleanup) Bytes made = BYTES_INIT(4096), there = BYTES_INIT(4096);

                save_model(f, "Net_int.xmodel", i / 2, false);
                get(f, &answer, "Net_int.xmodel", NULL);
                assert_int_equal(answer.outcome, ASK_DONE);
                assert_string_equal(answer.notes, "");
                assert_int_equal(file_read(AT_FDCWD, path, &there), 0);
                assert_int_equal(file_read(AT_FDCWD, answer.path, &made), 0);
                assert_true(slice_equal(bytes_slice(&made), bytes_slice(&there)));

                assert_int_equal(unlink(path), 0);
                start_get(f, &answer, "Net_int.xmodel", NULL, false);
                WAIT_UNTIL(f, answer.done);
                assert_int_equal(answer.outcome, ASK_DONE);
                assert_int_equal(access(path, F_OK), 0);
        }
        assert_int_equal(n_started(f), 10);
}

static void a_refused_delivery_is_noted(void **state) {
        Fixture *f = *state;
        char out[300];
        Answer answer;

        path_in(out, sizeof(out), f->root, "out");
        assert_int_equal(mkdir(out, 0755), 0);
        write_text(out, "Net.xmodel", "mine");
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_non_null(strstr(answer.notes, "in the way"));
}

static void a_deleted_source_is_no_unit(void **state) {
        Fixture *f = *state;
        char path[300];

        watch_root(f);
        make_gate(f);
        path_in(path, sizeof(path), f->root, "Net_int.xmodel");
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(look(f, "Net_int.xmodel", NULL).n, 0);
        assert_int_equal(statistic(f, "jobs_cancelled"), 1);

        save_model(f, "Net_int.xmodel", 1, false); /* and back */
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        remove_gate(f);
}

static void unwatching_ends_the_work(void **state) {
        Fixture *f = *state;
        Problem problem = {};

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        assert_int_equal(engine_unwatch(f->engine, f->root, &problem), 0);
        WAIT_UNTIL(f, statistic(f, "jobs_cancelled") == 1);
        assert_int_equal(look(f, "Net_int.xmodel", NULL).n, 0);
        assert_int_equal(engine_unwatch(f->engine, f->root, &problem), -ENOENT);
}

static void a_restart_remembers_roots_and_artifacts(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        stop_engine(f);
        assert_true(f->stopped);

        save_model(f, "Later_int.xmodel", 2, false); /* while it is down */
        assert_int_equal(start_engine(f), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_true(is_in_state(f, "Later_int.xmodel", UNIT_READY));
        assert_int_equal(n_started(f), 2);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_true(answer.hit);
}

static void stopping_in_the_middle_leaves_nothing(void **state) {
        Fixture *f = *state;
        char jobs[200];
        Answer answer;
        long pid;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        pid = read_number(f->control, "started");
        stop_engine(f);
        assert_true(answer.done);
        assert_int_equal(answer.n_done, 1);
        assert_int_equal(answer.outcome, ASK_FAILED);
        assert_int_equal(kill((pid_t) pid, 0), -1);
        path_in(jobs, sizeof(jobs), f->cache, "jobs");
        assert_int_equal(rmdir(jobs), 0); /* empty */
}

static void a_cancelled_get_is_answered_once(void **state) {
        Fixture *f = *state;
        Answer answer;

        make_gate(f);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1 && statistic(f, "single_flight_joins") == 1);
        ask_cancel(answer.ask);
        ask_cancel(answer.ask);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_FAILED);
        open_gate(f); /* the unit still wants it */
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(answer.n_done, 1);
        assert_int_equal(n_started(f), 1);
        remove_gate(f);
}

static void a_second_daemon_is_refused(void **state) {
        Fixture *f = *state;
        const EngineSpec spec = {
                .loop = &f->loop,
                .cache_dir = f->cache,
                .state_dir = f->state,
                .dpucc = f->program,
        };
        Problem problem = {};
        Engine *other;

        assert_int_equal(engine_new(&other, &spec, &problem), -EBUSY);
        assert_non_null(strstr(problem.text, "another daemon"));
}

static void orphans_of_a_killed_daemon_are_reaped(void **state) {
        Fixture *f = *state;
        char jobs[200], marker[64];
        JobDir *dir;
        pid_t child;
        int status;

        stop_engine(f);
        path_in(jobs, sizeof(jobs), f->cache, "jobs");
        assert_int_equal(jobdir_new(&dir, jobs), 0);
        (void) snprintf(marker, sizeof(marker), JOBDIR_MARKER "=%s", dir->id);
        child = fork();
        if (child == 0) {
                char *const env[] = { marker, NULL };

                (void) execle("/bin/sleep", "sleep", "1000", (char *) NULL, env);
                _exit(127);
        }
        assert_true(child > 0);

        /* as a kill -9 leaves it: the lock is free, the directory and the child are there */
        close(dir->lock_fd);
        close(dir->fd);
        close(dir->parent_fd);
        free(dir->path);
        free(dir);
        /* the child must have become `sleep` with its own environment before we look */
        WAIT_UNTIL(f, ({
                           char path[64], text[512] = "";
                           int fd;

                           (void) snprintf(path, sizeof(path), "/proc/%ld/environ", (long) child);
                           fd = open(path, O_RDONLY | O_CLOEXEC);
                           if (fd >= 0) {
                                   (void) !read(fd, text, sizeof(text) - 1);
                                   close(fd);
                           }
                           strcmp(text, marker) == 0;
                   }));

        assert_int_equal(start_engine(f), 0);
        assert_int_equal(statistic(f, "orphans_killed"), 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void the_vendors_tool_comes_first_and_stays(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes script = BYTES_INIT(65536), report = BYTES_INIT(4096);
        char conf[200], tool[200], path[300], view[600];
        Problem problem = {};
        Answer answer;

        /* not there when the daemon starts: the workspace is dpucc's */
        path_in(conf, sizeof(conf), f->dir->path, "dpuccd.json");
        path_in(tool, sizeof(tool), f->dir->path, "bin/vai_c_xir");
        (void) snprintf(path, sizeof(path),
                        "{\"toolchains\": {\"vendor\": {\"kind\": \"native\", \"path\": \"%s\"}}}",
                        tool);
        write_text(f->dir->path, "dpuccd.json", path);
        stop_engine(f);
        f->conf_file = conf;
        assert_int_equal(start_engine(f), 0);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "dpucc");

        /* installed later: what was picked stays, until the workspace is watched anew */
        assert_int_equal(file_read(AT_FDCWD, f->program, &script), 0);
        write_file(f->dir->path, "bin/vai_c_xir", script.data, script.size);
        assert_int_equal(chmod(tool, 0755), 0);
        save_model(f, "Net_int.xmodel", 2, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "dpucc");
        assert_int_equal(engine_unwatch(f->engine, f->root, &problem), 0);
        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "vendor");

        /* its artifact has a report although the tool writes none of its own */
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        (void) snprintf(view, sizeof(view), "%.*s/report.json",
                        (int) (path_basename(answer.path) - answer.path - 1), answer.path);
        assert_int_equal(file_read(AT_FDCWD, view, &report), 0);
        assert_non_null(memmem(report.data, report.size, "by", 2));
}

/* The user's configuration without the toolchain that was picked: nothing else is taken for it,
 * neither then nor when it is back. */
static void a_picked_toolchain_is_never_replaced(void **state) {
        static const char without[] = "{\"toolchains\": {\"dpucc\": {\"kind\": \"dpucc\"}}}";
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes script = BYTES_INIT(65536);
        char conf[200], tool[200], with[400];
        Problem problem = {};

        path_in(conf, sizeof(conf), f->dir->path, "dpuccd.json");
        path_in(tool, sizeof(tool), f->dir->path, "bin/vai_c_xir");
        assert_int_equal(file_read(AT_FDCWD, f->program, &script), 0);
        write_file(f->dir->path, "bin/vai_c_xir", script.data, script.size);
        assert_int_equal(chmod(tool, 0755), 0);
        (void) snprintf(with, sizeof(with),
                        "{\"toolchains\": {\"vendor\": {\"kind\": \"native\", \"path\": \"%s\"}}}",
                        tool);
        write_text(f->dir->path, "dpuccd.json", with);
        stop_engine(f);
        f->conf_file = conf;
        assert_int_equal(start_engine(f), 0);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "vendor");

        write_text(f->dir->path, "dpuccd.json", without);
        assert_int_equal(engine_reload(f->engine, &problem), 0);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_INVALID));
        assert_non_null(strstr(look(f, "Net_int.xmodel", NULL).detail, "'vendor'"));
        assert_non_null(strstr(look(f, "Net_int.xmodel", NULL).detail, "dpucc-client unwatch"));

        write_text(f->dir->path, "dpuccd.json", with);
        assert_int_equal(engine_reload(f->engine, &problem), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "vendor");
        assert_int_equal(n_started(f), 1);
}

static void a_cache_that_cannot_store_is_no_obstacle(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        write_text(f->cache, "objects", "a file where a directory should be");
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_string_equal(path_basename(answer.path), "Net.xmodel");
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_int_equal(access(look(f, "Net_int.xmodel", NULL).artifact, R_OK), 0);
}

static void a_file_truncated_while_it_is_read_harms_nobody(void **state) {
        Fixture *f = *state;
        char path[300];

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        path_in(path, sizeof(path), f->root, "Net_int.xmodel");
        for (int32_t i = 0; i < 50; i++) {
                int fd;

                save_model(f, "Net_int.xmodel", i, false);
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
                fd = open(path, O_WRONLY | O_CLOEXEC);
                assert_true(fd >= 0);
                assert_int_equal(ftruncate(fd, i * 7), 0);
                close(fd);
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        }
        (void) wait_for_all(f);
        save_model(f, "Net_int.xmodel", 99, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(compiles_a_save_and_answers),
                TEST(the_view_has_the_nets_own_names),
                TEST(a_re_export_is_a_hit),
                TEST(a_change_compiles_again),
                TEST(a_burst_of_saves_is_one_compile),
                TEST(a_file_that_is_never_closed_is_compiled),
                TEST(a_reload_changes_how_long_saves_settle),
                TEST(a_newer_save_supersedes_an_older_job),
                TEST(saving_the_same_again_keeps_the_job),
                TEST(asks_and_units_share_one_job),
                TEST(a_get_is_never_stale),
                TEST(a_get_sees_a_new_toolchain),
                TEST(a_toolchain_that_changes_meanwhile_made_nothing),
                TEST(without_wait_it_says_not_ready),
                TEST(several_targets_need_a_choice),
                TEST(what_is_no_source_is_told_apart),
                TEST(without_a_target_there_is_a_remedy),
                TEST(a_failure_is_stored_and_answered),
                TEST(exit_status_0_is_not_success),
                TEST(a_killed_compiler_is_tried_again_and_never_cached),
                TEST(a_newer_save_forgets_an_older_failure),
                TEST(progress_follows_the_log),
                TEST(a_fatal_error_is_named),
                TEST(a_flaky_error_gets_one_more_try),
                TEST(a_flaky_error_is_not_remembered),
                TEST(a_kill_behind_status_0_is_transient),
                TEST(what_a_compiler_leaves_running_is_killed),
                TEST(outputs_are_delivered_and_withdrawn),
                TEST(limits_of_the_project_hold),
                TEST(a_bad_project_file_leaves_the_old_one_in_force),
                TEST(wait_tells_what_is_not_as_the_files_say),
                TEST(a_root_counts_its_models_only),
                TEST(a_foreign_file_in_the_way_stays),
                TEST(a_get_is_answered_after_the_delivery),
                TEST(a_refused_delivery_is_noted),
                TEST(a_deleted_source_is_no_unit),
                TEST(unwatching_ends_the_work),
                TEST(a_restart_remembers_roots_and_artifacts),
                TEST(stopping_in_the_middle_leaves_nothing),
                TEST(a_cancelled_get_is_answered_once),
                TEST(a_second_daemon_is_refused),
                TEST(orphans_of_a_killed_daemon_are_reaped),
                TEST(the_vendors_tool_comes_first_and_stays),
                TEST(a_picked_toolchain_is_never_replaced),
                TEST(a_cache_that_cannot_store_is_no_obstacle),
                TEST(a_file_truncated_while_it_is_read_harms_nobody),
        };
#undef TEST

        log_open(LOG_LEVEL_ERROR);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
