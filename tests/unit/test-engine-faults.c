/*
 * What is asked while the system fails: a system call that it does not have, or any one that fails.
 * Then it is answered all the same, exactly once: rightly, or with the reason, and never with what
 * another file, target or name would have got. Afterwards all is as before. Teardown proves that
 * nothing leaked (handles and descriptors here, memory under ASan).
 *
 * Truth is not what the engine says: an artifact of the double names the md5 of what it was made
 * from, and the canonical form of each model is written here as well.
 */

#include "engine_fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/path.h"
#include "daemon/identify.h"
#include "daemon/queue.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fail_io.h"

#define FAULTS_MAX 20000 /* more than there are: a sweep that does not end is a failure */
#define OURS       "0x101000056010402" /* the target that the double makes everything for */
#define THEIRS     "0x101000056010407"

static const int errors[] = { EIO, EMFILE, ENOMEM, ENOSPC, EINTR };

/* --- time ---------------------------------------------------------------------------------------- */

#define HURRY           50   /* times as fast */
#define ENGINE_RETRY_MS 3000 /* daemon/engine.c */

int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t ms, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t ms, uint64_t repeat);
uint64_t __real_uv_now(const uv_loop_t *loop);
uint64_t __wrap_uv_now(const uv_loop_t *loop);

static const uv_timer_t *retry; /* the engine's, which waits longer and longer */

/* What is tried again after a while is tried again soon, however often it was in vain. */
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t ms, uint64_t repeat) {
        bool again = ms >= 200 && ms < DEADLINE_MS;

        if (ms == ENGINE_RETRY_MS)
                retry = timer;
        if (timer == retry)
                ms = ENGINE_RETRY_MS;
        return __real_uv_timer_start(timer, fn, again || timer == retry ? 1 + ms / HURRY : ms,
                                     repeat);
}

uint64_t __wrap_uv_now(const uv_loop_t *loop) {
        return __real_uv_now(loop) * HURRY;
}

/* --- what is right ------------------------------------------------------------------------------- */

typedef struct Truth {
        int32_t weight; /* of the model that is on disk now */
        char md5[MD5_HEX];
} Truth;

/* the md5 of what a compiler is given for a model of @weight */
static void find_truth(Fixture *f, int32_t weight, Truth *ret) {
        _cleanup_(state_closep) State *memory = NULL;
        _cleanup_(closep) int from = -1, to = -1;
        Identity identity;
        Digest digest;
        Sha256 sha256;
        uint64_t size;
        Work work = {};
        Md5 md5;

        ret->weight = weight;
        from = create_file(f->dir->path, "truth");
        write_model(from, weight, false);
        closep(&from);
        from = openat(f->dir->fd, "truth", O_RDONLY | O_CLOEXEC);
        to = openat(f->dir->fd, "snapshot", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_int_equal(state_open(&memory, NULL, NULL), 0);
        assert_int_equal(identify_fd(memory, from, &work, &identity), 0);
        assert_int_equal(identify_snapshot(from, SNAPSHOT_FORM_CANONICAL, &identity.canonical, to,
                                           &sha256, &size),
                         0);
        assert_int_equal(lseek(to, 0, SEEK_SET), 0);
        assert_int_equal(digest_fd(to, &digest, NULL, &md5, NULL), 0);
        md5_to_hex(&md5, ret->md5);
}

/* whether @fd is the artifact of @truth */
static bool is_right(int fd, const Truth *truth) {
        char text[256] = "";

        return pread(fd, text, sizeof(text) - 1, 0) > 0 && strstr(text, truth->md5) &&
               strstr(text, OURS + 2);
}

static bool is_right_at(const char *path, const Truth *truth) {
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd >= 0 && is_right(fd, truth);
}

/* --- a call that there is not -------------------------------------------------------------------- */

typedef struct Diagnosed {
        Answer answer;
        bool failed; /* the finding about openat2() */
        char text[512];
} Diagnosed;

static void on_examined(const AskResult *result, void *userdata) {
        Diagnosed *diagnosed = userdata;

        engine_fixture_handlers.done(result, &diagnosed->answer);
        for (size_t i = 0; i < result->n_findings; i++) {
                const Finding *finding = &result->findings[i];

                if (strcmp(finding->subject, "openat2") != 0)
                        continue;
                diagnosed->failed = finding->state == FINDING_FAILED;
                (void) snprintf(diagnosed->text, sizeof(diagnosed->text), "%s", finding->text);
        }
}

static void examine(Fixture *f, Diagnosed *diagnosed) {
        static const AskHandlers handlers = { .done = on_examined };
        Problem problem = {};

        *diagnosed = (Diagnosed){};
        assert_int_equal(engine_examine(f->engine, NULL, &handlers, diagnosed,
                                        &diagnosed->answer.ask, &problem),
                         0);
        WAIT_UNTIL(f, diagnosed->answer.done);
        assert_int_equal(diagnosed->answer.outcome, ASK_DONE);
        assert_true(diagnosed->text[0] != '\0');
}

/* doctor says what is missing and what to do */
static void a_system_call_is_missing(void **state) {
        static const int refusals[] = { ENOSYS, EPERM }; /* an old kernel, an old filter */
        Fixture *f = *state;
        Diagnosed diagnosed;

        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                fail_io_refuse(SYS_openat2, refusals[i]);
                assert_int_equal(file_open_plain(f->dir->fd, "ws", O_RDONLY, 0), -ENOSYS);
                assert_int_equal(file_open_beneath(f->dir->fd, "ws", O_RDONLY, 0), -ENOSYS);
                examine(f, &diagnosed);
                assert_true(diagnosed.failed);
                assert_non_null(strstr(diagnosed.text, "openat2() is missing"));
                assert_non_null(strstr(diagnosed.text, "use Linux 5.6 or newer"));
        }
        fail_io_refuse(0, 0);
        examine(f, &diagnosed);
        assert_false(diagnosed.failed);
}

/* a compile says so before it starts */
static void a_compile_without_a_system_call(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", OURS);
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        fail_io_refuse(SYS_openat2, ENOSYS);
        save_model(f, "Net_int.xmodel", 2, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        fail_io_refuse(0, 0);
        assert_int_equal(answer.outcome, ASK_FAILED);
        assert_non_null(strstr(answer.message, "openat2() is missing"));
        assert_int_equal(n_started(f), 1);
}

/* --- calls that fail ------------------------------------------------------------------------------ */

/* What is asked, over and over. */
typedef struct Question {
        const char *folder; /* of the model */
        const char *net;    /* the name that it has to have */
        bool changes;       /* another model each time */
        bool touched;       /* the same, to be read again each time */
        long dense;         /* each call up to here, then farther and farther apart */
} Question;

typedef struct Asked {
        Fixture *f;
        Truth truth;
        Answer answer;
        char source[512];
        bool wrong; /* what was answered is not what it should be */
} Asked;

static void on_answered(const AskResult *result, void *userdata) {
        Asked *asked = userdata;

        fail_io_spare(true);
        engine_fixture_handlers.done(result, &asked->answer);
        if (result->outcome == ASK_DONE)
                asked->wrong = !is_right(result->artifact_fd, &asked->truth) ||
                               !is_right_at(result->path, &asked->truth);
        fail_io_spare(false);
}

static int start(Asked *asked, int source_fd) {
        static const AskHandlers handlers = { .done = on_answered };
        const GetSpec spec = {
                .source_fd = source_fd,
                .source_path = asked->source,
                .arch_fd = -1,
                .output_dir_fd = -1,
                .adopt_fd = -1,
                .umask = -1,
                .wait = true,
                .want_fd = true,
                .want_log = true,
        };
        Problem problem = {};

        asked->answer = (Answer){};
        asked->wrong = false;
        return engine_get(asked->f->engine, &spec, &handlers, asked, &asked->answer.ask, &problem);
}

/* Asks while call number @nth fails; -1: none. True if it was reached. */
static bool ask_without(Asked *asked, const Question *question, long nth, int error) {
        _cleanup_(closep) int fd = open(asked->source, O_RDONLY | O_CLOEXEC);
        const char *failed = "none";
        bool reached;
        int r;

        assert_true(fd >= 0);
        fail_io_arm(nth, error);
        r = start(asked, fd);
        if (r == 0) {
                TAKE_FD(fd);
                WAIT_UNTIL(asked->f, asked->answer.done);
        }
        reached = fail_io_disarm();
        if (reached)
                failed = fail_io_call();

        if (asked->wrong || (r < 0 && r != -error) || (r == 0 && asked->answer.n_done != 1))
                fail_msg("call %ld, %s, %s: %d, %u answers, %s", nth, failed, strerror(error), r,
                         asked->answer.n_done, asked->wrong ? "a wrong one" : "");
        if (r == 0 && asked->answer.outcome != ASK_DONE &&
            (!reached || asked->answer.outcome != ASK_FAILED || asked->answer.message[0] == '\0'))
                fail_msg("call %ld, %s, %s: outcome %d, '%s'", nth, failed, strerror(error),
                         asked->answer.outcome, asked->answer.message);
        if (r == 0 && asked->answer.outcome == ASK_DONE &&
            strcmp(path_basename(asked->answer.path), question->net) != 0)
                fail_msg("call %ld, %s, %s: %s", nth, failed, strerror(error), asked->answer.path);
        return reached;
}

static void prepare(Asked *asked, const Question *question) {
        static const struct timespec now[2] = { { .tv_nsec = UTIME_NOW },
                                                { .tv_nsec = UTIME_NOW } };

        if (question->changes) {
                char path[512];

                find_truth(asked->f, asked->truth.weight + 1, &asked->truth);
                path_in(path, sizeof(path), question->folder, "Net_int.xmodel");
                save_model(asked->f, path, asked->truth.weight, false);
        }
        if (question->touched)
                assert_int_equal(utimensat(AT_FDCWD, asked->source, now, 0), 0);
}

/* One by one at first; then farther and farther apart, since looking for processes alone is
 * thousands of calls. */
static long next_fault(const Question *question, long nth) {
        bool thorough = getenv("DPUCC_LONG");

        return nth + 1 + (nth < (thorough ? 400 : question->dense) ? 0 : nth / (thorough ? 20 : 1));
}

/* Each error where a round is quick; where it compiles, the others in scripts/test-full. */
static size_t n_errors(const Question *question) {
        return question->dense < FAULTS_MAX && !getenv("DPUCC_LONG") ? 2 : ARRAY_SIZE(errors);
}

static void sweep(Asked *asked, const Question *question) {
        for (size_t i = 0; i < n_errors(question); i++) {
                bool reached = true;
                long nth;

                for (nth = 0; reached; nth = next_fault(question, nth)) {
                        assert_true(nth < FAULTS_MAX);
                        prepare(asked, question);
                        reached = ask_without(asked, question, nth, errors[i]);
                        (void) ask_without(asked, question, -1, 0);
                }
                assert_true(nth > 20);
        }
}

/* @question->folder is below the root, with an arch file of its own and another one above. */
static void begin(Fixture *f, const Question *question, Asked *ret) {
        char path[512];

        *ret = (Asked){ .f = f };
        path_in(path, sizeof(path), f->root, question->folder);
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        save_arch(f, "arch.json", THEIRS);
        path_in(path, sizeof(path), question->folder, "arch.json");
        save_arch(f, path, OURS);
        find_truth(f, 1, &ret->truth);
        path_in(path, sizeof(path), question->folder, "Net_int.xmodel");
        save_model(f, path, 1, false);
        path_in(ret->source, sizeof(ret->source), f->root, path);
}

static void use_project(Fixture *f) {
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"sub/Net_int.xmodel\", \"net_name\": \"deep\","
                   " \"output_dir\": \"out\"}]}");
}

/* in a workspace, with a project file, delivered */
static void a_hit(void **state) {
        const Question question = { .folder = "sub", .net = "deep.xmodel", .dense = FAULTS_MAX };
        Fixture *f = *state;
        Asked asked;

        begin(f, &question, &asked);
        use_project(f);
        watch_root(f);
        (void) ask_without(&asked, &question, -1, 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        sweep(&asked, &question);
}

/* in no workspace: the source is hashed, the arch files are looked for */
static void a_hit_of_what_has_to_be_read(void **state) {
        const Question question = {
                .folder = "sub", .net = "Net.xmodel", .touched = true, .dense = FAULTS_MAX
        };
        Asked asked;

        begin(*state, &question, &asked);
        sweep(&asked, &question);
}

static void a_miss(void **state) {
        const Question question = {
                .folder = "sub", .net = "Net.xmodel", .changes = true, .dense = 20
        };
        Asked asked;

        begin(*state, &question, &asked);
        sweep(&asked, &question);
}

/* --- nobody asks ------------------------------------------------------------------------------------ */

/* The unit is what the files say, and so is what was delivered. */
static bool is_over(Asked *asked) {
        Looked looked = look(asked->f, "Net_int.xmodel", NULL);
        char path[512];
        bool over;

        path_in(path, sizeof(path), asked->f->root, "out/deep.xmodel");
        fail_io_spare(true);
        over = looked.n == 1 && looked.state == UNIT_READY &&
               is_right_at(looked.artifact, &asked->truth) && is_right_at(path, &asked->truth);
        fail_io_spare(false);
        return over;
}

/* For messages: is never true. */
static bool is_late(const Asked *asked, long nth, int error) {
        Looked looked;

        if (!asked->f->late)
                return false;
        looked = look(asked->f, "Net_int.xmodel", NULL);
        print_message("call %ld, %s, %s: %u units, state %d, '%s', artifact %s (%s)\n", nth,
                      fail_io_call(), strerror(error), looked.n, looked.state, looked.detail,
                      looked.artifact,
                      is_right_at(looked.artifact, &asked->truth) ? "right" : "wrong");
        return false;
}

/* True if call number @nth was reached before all was done. */
static bool save_without(Asked *asked, const Question *question, long nth, int error) {
        Fixture *f = asked->f;
        bool reached;

        fail_io_arm(nth, error);
        fail_io_spare(true);
        prepare(asked, question);
        fail_io_spare(false);
        WAIT_UNTIL(f, fail_io_is_reached() || is_over(asked) || is_late(asked, nth, error));
        reached = fail_io_disarm();
        WAIT_UNTIL(f, is_over(asked) || is_late(asked, nth, error));
        return reached;
}

/* what a save leads to, with no other save and no question to help it */
static void a_save(void **state) {
        const Question question = {
                .folder = "sub", .net = "deep.xmodel", .changes = true, .dense = 20
        };
        Fixture *f = *state;
        Asked asked;

        begin(f, &question, &asked);
        use_project(f);
        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        for (size_t i = 0; i < n_errors(&question); i++) {
                long nth = 0;

                while (save_without(&asked, &question, nth, errors[i]))
                        nth = next_fault(&question, nth);
                assert_true(nth > 20);
        }
}

/* --- other questions -------------------------------------------------------------------------------- */

typedef int (*AskFn)(Fixture *f, Answer *answer, Problem *problem);

static int ask_to_wait(Fixture *f, Answer *answer, Problem *problem) {
        return engine_wait(f->engine, NULL, &engine_fixture_handlers, answer, &answer->ask,
                           problem);
}

static int ask_the_doctor(Fixture *f, Answer *answer, Problem *problem) {
        return engine_examine(f->engine, NULL, &engine_fixture_handlers, answer, &answer->ask,
                              problem);
}

/* Whatever it says: once, and with a reason unless it is done. True if the call was reached. */
static bool ask_other(Fixture *f, AskFn ask, long nth, int error) {
        Answer answer = {};
        Problem problem = {};
        bool reached;
        int r;

        fail_io_arm(nth, error);
        r = ask(f, &answer, &problem);
        if (r == 0)
                WAIT_UNTIL(f, answer.done);
        reached = fail_io_disarm();
        assert_true(r == 0 || r == -error);
        assert_int_equal(answer.n_done, r == 0);
        if (r == 0 && answer.outcome != ASK_DONE)
                assert_true(reached && answer.message[0] != '\0');
        return reached;
}

static void sweep_other(void **state, AskFn ask, const Question *pace) {
        Fixture *f = *state;
        Asked asked;

        begin(f, pace, &asked);
        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        for (size_t i = 0; i < n_errors(pace); i++) {
                for (long nth = 0; ask_other(f, ask, nth, errors[i]); nth = next_fault(pace, nth))
                        assert_true(nth < FAULTS_MAX);
                (void) ask_without(&asked, pace, -1, 0);
        }
}

static void a_wait(void **state) {
        const Question pace = { .folder = "sub", .net = "Net.xmodel", .dense = FAULTS_MAX };

        sweep_other(state, ask_to_wait, &pace);
}

static void a_checkup(void **state) {
        const Question pace = { .folder = "sub", .net = "Net.xmodel", .dense = 20 };

        sweep_other(state, ask_the_doctor, &pace);
}

/* --- it is tried again --------------------------------------------------------------------------- */

/* @name of the fixture's directory is a link to @target from now on. Nothing of that is watched. */
static void set_link(Fixture *f, const char *name, const char *target) {
        assert_int_equal(symlinkat(target, f->dir->fd, "link"), 0);
        assert_int_equal(renameat(f->dir->fd, "link", f->dir->fd, name), 0);
}

#define CANNOT_BE_READ "/proc/self/mem"        /* from its beginning: EIO */
#define NOT_FOR_US     "/proc/self/clear_refs" /* EACCES; for root EINVAL */

static bool is_retrying(void) {
        return retry && uv_is_active((const uv_handle_t *) retry);
}

/* The full disk that kept a model from being delivered keeps the next one from being compiled. */
static void what_cannot_be_compiled_for_now_withdraws_nothing(void **state) {
        const Question question = { .folder = "sub", .net = "deep.xmodel", .changes = true };
        Fixture *f = *state;
        char path[512];
        Asked asked;
        Truth truth;

        begin(f, &question, &asked);
        truth = asked.truth;
        use_project(f);
        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        prepare(&asked, &question);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        save_model(f, "sub/Net_int.xmodel", truth.weight, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);

        retry = NULL;
        fail_io_refuse(SYS_openat2, ENOSPC);
        save_model(f, "sub/Net_int.xmodel", asked.truth.weight, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_true(statistic(f, "deliveries_refused") > 0);
        prepare(&asked, &question);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_FAILED));
        fail_io_refuse(0, 0);

        assert_non_null(retry);
        WAIT_UNTIL(f, !is_retrying());
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        path_in(path, sizeof(path), f->root, "out/deep.xmodel");
        assert_true(is_right_at(path, &truth));
}

/* What it ignores no more is found without any event. */
static void a_project_that_could_not_be_read(void **state) {
        const Question question = { .folder = "sub", .net = "Net.xmodel" };
        Fixture *f = *state;
        Problem problem = {};
        char path[512];
        Asked asked;

        begin(f, &question, &asked);
        write_text(f->dir->path, "before", "{\"ignore\": [\"sub\"]}");
        write_text(f->dir->path, "after", "{}");
        set_link(f, "project", "before");
        path_in(path, sizeof(path), f->root, "dpucc.json");
        assert_int_equal(symlink("../project", path), 0);
        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(look(f, "Net_int.xmodel", NULL).n, 0);

        set_link(f, "project", CANNOT_BE_READ);
        assert_int_equal(engine_reload(f->engine, &problem), 0); /* reads it */
        set_link(f, "project", "after");
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

/* Not all that a project names could be taken in when the workspace was opened, and no event tells of
 * it. */
static void a_workspace_without_memory(void **state) {
        Fixture *f = *state;
        Problem problem = {};
        bool reached = true;
        RootView view;
        char path[512];
        long nth;
        int r;

        path_in(path, sizeof(path), f->root, "boards");
        assert_int_equal(mkdir(path, 0755), 0);
        save_arch(f, "boards/own", OURS);
        write_text(f->root, "dpucc.json",
                   "{\"targets\": {\"own\": \"boards/own\"}, \"ignore\": [\"boards\"]}");
        save_model(f, "Net_int.xmodel", 1, false);
        for (nth = 0; reached; nth++) {
                fail_alloc_arm(nth);
                r = engine_watch(f->engine, f->root, false, &view, &problem);
                reached = fail_alloc_disarm();
                assert_true(r == 0 || (r == -ENOMEM && reached));
                if (r < 0)
                        continue;
                WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
                assert_int_equal(engine_unwatch(f->engine, f->root, &problem), 0);
        }
        assert_true(nth > 20);
}

/* The vendor's compiler, of which one library is a link to @library, at work on the first model. */
static void begin_with_vendor(Fixture *f, const char *library) {
        assert_int_equal(mkdirat(f->dir->fd, "lib", 0755), 0);
        write_text(f->dir->path, "good", "the compiler");
        set_link(f, "lib/libxcompiler.so", library);
        install_vendor(f);
        configure_vendor(f);

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", OURS);
        save_model(f, "Net_int.xmodel", 1, false);
}

#define GOOD_LIBRARY "../good"

/* Who waits, waits for what is tried again, too. */
static void a_wait_for_what_is_tried_again(void **state) {
        Fixture *f = *state;
        Answer answer = {};
        Problem problem = {};

        begin_with_vendor(f, CANNOT_BE_READ);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_int_equal(n_started(f), 0);
        set_link(f, "lib/libxcompiler.so", GOOD_LIBRARY);
        WAIT_UNTIL(f, n_started(f) == 1);
        assert_int_equal(ask_to_wait(f, &answer, &problem), 0);
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        remove_gate(f);
}

/* Nothing can be said of what it made, and nothing is compiled in vain. */
static void a_compiler_that_is_closed_to_us_meanwhile(void **state) {
        Fixture *f = *state;

        begin_with_vendor(f, GOOD_LIBRARY);
        WAIT_UNTIL(f, n_started(f) == 1);
        set_link(f, "lib/libxcompiler.so", NOT_FOR_US);
        open_gate(f);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_FAILED));
        assert_int_equal(n_started(f), 1);
        set_link(f, "lib/libxcompiler.so", GOOD_LIBRARY);
        open_gate(f);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_int_equal(n_started(f), 2);
        remove_gate(f);
}

/* It may be what it was: then the job is tried again, and after that the unit, with no other save. */
static void a_compiler_that_cannot_be_read_meanwhile(void **state) {
        Fixture *f = *state;

        begin_with_vendor(f, GOOD_LIBRARY);
        WAIT_UNTIL(f, n_started(f) == 1);
        set_link(f, "lib/libxcompiler.so", CANNOT_BE_READ);
        for (unsigned i = 1; i <= QUEUE_TRIES_MAX; i++) {
                WAIT_UNTIL(f, n_started(f) == i);
                open_gate(f);
        }
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_FAILED));
        assert_int_equal(n_started(f), QUEUE_TRIES_MAX);
        set_link(f, "lib/libxcompiler.so", GOOD_LIBRARY);
        open_gate(f);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
        remove_gate(f);
}

int main(void) {
#define TEST(_fn)                                                                                  \
        cmocka_unit_test_setup_teardown(_fn, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_system_call_is_missing),
                TEST(a_compile_without_a_system_call),
                TEST(a_hit),
                TEST(a_hit_of_what_has_to_be_read),
                TEST(a_wait),
                TEST(a_checkup),
                TEST(a_save),
                TEST(a_miss),
                TEST(what_cannot_be_compiled_for_now_withdraws_nothing),
                TEST(a_project_that_could_not_be_read),
                TEST(a_workspace_without_memory),
                TEST(a_wait_for_what_is_tried_again),
                TEST(a_compiler_that_is_closed_to_us_meanwhile),
                TEST(a_compiler_that_cannot_be_read_meanwhile),
        };

        log_open(LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
