#include "engine_fixture.h"

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "tests/support/sample_graph.h"

static Fixture fixture;

/* --- files -------------------------------------------------------------------------------- */

void path_in(char *ret, size_t room, const char *directory, const char *name) {
        assert_true((size_t) snprintf(ret, room, "%s/%s", directory, name) < room);
}

int create_file(const char *directory, const char *name) {
        char path[512];
        int fd;

        path_in(path, sizeof(path), directory, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        return fd;
}

void write_file(const char *directory, const char *name, const void *data, size_t n) {
        int fd = create_file(directory, name);

        assert_int_equal(file_write_all(fd, data, n), 0);
        close(fd);
}

void write_text(const char *directory, const char *name, const char *text) {
        write_file(directory, name, text, strlen(text));
}

void write_model(int fd, int32_t weight, bool shuffled) {
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

void save_model(Fixture *f, const char *name, int32_t weight, bool shuffled) {
        int fd = create_file(f->root, name);

        write_model(fd, weight, shuffled);
        close(fd);
}

void save_arch(Fixture *f, const char *name, const char *fingerprint) {
        char text[128];

        (void) snprintf(text, sizeof(text), "{\"fingerprint\":\"%s\"}", fingerprint);
        write_text(f->root, name, text);
}

bool exists(const char *directory, const char *name) {
        char path[512];

        path_in(path, sizeof(path), directory, name);
        return access(path, F_OK) == 0;
}

size_t count_lines(const char *directory, const char *name) {
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

long read_number(const char *directory, const char *name) {
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

void engine_fixture_on_deadline(uv_timer_t *timer) {
        ((Fixture *) timer->data)->late = true;
}

void engine_fixture_on_turn(uv_timer_t *timer) {
        (void) timer;
}

static void on_stopped(void *userdata) {
        Fixture *f = userdata;

        f->stopped = true;
        f->engine = NULL;
}

int start_engine(Fixture *f) {
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

void stop_engine(Fixture *f) {
        engine_stop(f->engine, false, on_stopped, f);
        WAIT_UNTIL(f, f->stopped);
}

static void restart_with_conf(Fixture *f) {
        path_in(f->conf, sizeof(f->conf), f->dir->path, "dpuccd.json");
        stop_engine(f);
        f->conf_file = f->conf;
        assert_int_equal(start_engine(f), 0);
}

void configure_engine(Fixture *f, const char *text) {
        write_text(f->dir->path, "dpuccd.json", text);
        restart_with_conf(f);
}

void install_vendor(Fixture *f) {
        _cleanup_(bytes_cleanup) Bytes script = BYTES_INIT(65536);
        char tool[200];

        path_in(tool, sizeof(tool), f->dir->path, "bin/vai_c_xir");
        assert_int_equal(file_read(AT_FDCWD, f->program, &script), 0);
        write_file(f->dir->path, "bin/vai_c_xir", script.data, script.size);
        assert_int_equal(chmod(tool, 0755), 0);
}

void write_vendor_conf(Fixture *f) {
        char text[400];

        (void) snprintf(text, sizeof(text),
                        "{\"toolchains\": {\"vendor\": {\"kind\": \"native\", \"path\": "
                        "\"%s/bin/vai_c_xir\"}}}",
                        f->dir->path);
        write_text(f->dir->path, "dpuccd.json", text);
}

void configure_vendor(Fixture *f) {
        write_vendor_conf(f);
        restart_with_conf(f);
}

void watch_root(Fixture *f) {
        Problem problem = {};
        RootView view;

        assert_int_equal(engine_watch(f->engine, f->root, false, &view, &problem), 0);
}

int engine_fixture_setup(void **state) {
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
int engine_fixture_teardown(void **state) {
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

const AskHandlers engine_fixture_handlers = { .progress = on_progress, .done = on_answer };

void start_get(Fixture *f, Answer *answer, const char *name, const char *target, bool wait) {
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
        assert_int_equal(engine_get(f->engine, &spec, &engine_fixture_handlers, answer,
                                    &answer->ask, &problem),
                         0);
        assert_false(answer->done);
}

void get(Fixture *f, Answer *answer, const char *name, const char *target) {
        start_get(f, answer, name, target, true);
        WAIT_UNTIL(f, answer->done);
        assert_int_equal(answer->n_done, 1);
}

AskOutcome wait_for_all(Fixture *f) {
        Answer answer = {};
        Problem problem = {};

        assert_int_equal(engine_wait(f->engine, NULL, &engine_fixture_handlers, &answer,
                                     &answer.ask, &problem),
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

uint64_t statistic(Fixture *f, const char *name) {
        Counted counted = { .name = name };

        engine_each_statistic(f->engine, on_statistic, &counted);
        assert_true(counted.found);
        return counted.value;
}

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

Looked look(Fixture *f, const char *source, const char *target) {
        Looked looked = { .source = source, .target = target };

        assert_int_equal(engine_each_unit(f->engine, on_unit, &looked), 0);
        return looked;
}

bool is_in_state(Fixture *f, const char *source, UnitState state) {
        Looked looked = look(f, source, NULL);

        return looked.n > 0 && looked.state == state;
}

/* --- gates: a compile that waits for us --------------------------------------------------- */

void make_gate(Fixture *f) {
        char path[512];

        path_in(path, sizeof(path), f->control, "gate");
        assert_int_equal(mkfifo(path, 0600), 0);
}

void open_gate(Fixture *f) {
        char path[512];
        int fd = -1;

        path_in(path, sizeof(path), f->control, "gate");
        WAIT_UNTIL(f, (fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
        assert_int_equal(write(fd, "go\n", 3), 3);
        close(fd);
}

void remove_gate(Fixture *f) {
        char path[512];

        path_in(path, sizeof(path), f->control, "gate");
        assert_int_equal(unlink(path), 0);
}

int hold_gate(Fixture *f) {
        char path[512];
        int fd = -1;

        path_in(path, sizeof(path), f->control, "gate");
        WAIT_UNTIL(f, (fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
        remove_gate(f);
        return fd;
}

size_t n_started(Fixture *f) {
        return count_lines(f->control, "started");
}
