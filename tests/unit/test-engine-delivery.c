/* What becomes of artifacts beyond the cache: outputs, limits, the project file. */

#include "engine_fixture.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/work.h"
#include "tests/support/jam.h"

#define PROJECT(more) "{\"models\": [{\"xmodel\": \"Net_int.xmodel\"" more "}]}"
#define OVER_LIMIT    ", \"limits\": {\"cpu_ops\": [\"fix2float\"]}"

static void assert_same_content(const char *artifact, const char *delivered) {
        _cleanup_(bytes_cleanup) Bytes made = BYTES_INIT(4096), there = BYTES_INIT(4096);

        assert_int_equal(file_read(AT_FDCWD, delivered, &there), 0);
        assert_int_equal(file_read(AT_FDCWD, artifact, &made), 0);
        assert_true(slice_equal(bytes_slice(&made), bytes_slice(&there)));
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
        assert_int_equal(wait_for_all(f), ASK_DONE); /* the watcher knows the file */
        assert_int_equal(unlink(delivered), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(access(delivered, R_OK), 0);

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

/* *ret is the path of what was delivered. */
static void deliver_to_out(Fixture *f, char *ret, size_t room) {
        watch_root(f);
        path_in(ret, room, f->root, "out/Net.xmodel");
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json", PROJECT(", \"output_dir\": \"out\""));
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(wait_for_all(f), ASK_DONE); /* the watcher knows the file */
}

/* Somebody may be about to remove the directory, too. */
static void what_was_removed_is_delivered_when_it_is_quiet(void **state) {
        Fixture *f = *state;
        char delivered[300];
        int64_t before;

        configure_engine(f, "{\"settle_ms\": 300}");
        deliver_to_out(f, delivered, sizeof(delivered));
        before = clock_monotonic_ns();
        assert_int_equal(unlink(delivered), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(access(delivered, R_OK), 0);
        assert_true(clock_monotonic_ns() - before >= 300 * CLOCK_NS_PER_MS);
}

/* --- two models for one file: neither would be the right one ------------------------------------ */

#define SHARED "{\"models\": [{\"xmodel\": \"*/Net_int.xmodel\", \"output_dir\": \"out\"}]}"
#define SEPARATE                                                                                   \
        "{\"models\": [{\"xmodel\": \"old/Net_int.xmodel\", \"output_dir\": \"out/old\"}, "        \
        "{\"xmodel\": \"new/Net_int.xmodel\", \"output_dir\": \"out/new\"}]}"

static void watch_rivals(Fixture *f) {
        char path[200];

        watch_root(f);
        path_in(path, sizeof(path), f->root, "old");
        assert_int_equal(mkdir(path, 0755), 0);
        path_in(path, sizeof(path), f->root, "new");
        assert_int_equal(mkdir(path, 0755), 0);
        write_text(f->root, "dpucc.json", SHARED);
        save_model(f, "old/Net_int.xmodel", 1, false);
        save_model(f, "new/Net_int.xmodel", 2, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED); /* no target yet */
        save_arch(f, "arch.json", "0x101000056010402");
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_int_equal(statistic(f, "deliveries"), 0);
        assert_int_equal(statistic(f, "deliveries_refused"), 2);
}

static void who_is_left_delivers(void **state) {
        Fixture *f = *state;
        char path[200];

        watch_rivals(f);
        path_in(path, sizeof(path), f->root, "old/Net_int.xmodel");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(statistic(f, "deliveries"), 1);
        assert_int_equal(statistic(f, "deliveries_refused"), 2);
        path_in(path, sizeof(path), f->root, "out/Net.xmodel");
        assert_same_content(look(f, "Net_int.xmodel", NULL).artifact, path);
}

/* and nothing more to the one that they shared, though one gives it up before the other */
static void who_gets_a_place_of_its_own_delivers_there(void **state) {
        Fixture *f = *state;

        watch_rivals(f);
        write_text(f->root, "dpucc.json", SEPARATE);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(statistic(f, "deliveries"), 2);
        assert_true(exists(f->root, "out/old/Net.xmodel"));
        assert_true(exists(f->root, "out/new/Net.xmodel"));
        assert_false(exists(f->root, "out/Net.xmodel"));
}

/* That there is nothing to be delivered to any more is no trouble either. */
static void who_gives_up_leaves_it_to_the_other(void **state) {
        Fixture *f = *state;

        watch_rivals(f);
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"old/Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(statistic(f, "deliveries"), 1);
        assert_true(exists(f->root, "out/Net.xmodel"));
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

/* The compile goes on, and what it made is judged by what the project says then. */
static void limits_may_change_under_a_compile(void **state) {
        Fixture *f = *state;
        uint64_t misses;
        char out[200];

        watch_root(f);
        make_gate(f);
        path_in(out, sizeof(out), f->root, "out");
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json", PROJECT(", \"output_dir\": \"out\""));
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        misses = statistic(f, "misses");
        write_text(f->root, "dpucc.json", PROJECT(", \"output_dir\": \"out\"" OVER_LIMIT));
        WAIT_UNTIL(f, statistic(f, "misses") > misses);
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_OVER_LIMIT));
        assert_false(exists(out, "Net.xmodel"));
        assert_int_equal(n_started(f), 1);
        remove_gate(f);
}

/* Then there is nothing to compile for, until it is back. */
static void a_target_may_go_under_a_compile(void **state) {
        Fixture *f = *state;
        char out[200], arch[200];
        int held;

        watch_root(f);
        make_gate(f);
        path_in(out, sizeof(out), f->root, "out");
        path_in(arch, sizeof(arch), f->root, "board.json");
        save_arch(f, "board.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"targets\": {\"board\": \"board.json\"}, \"models\": [{\"xmodel\": "
                   "\"Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        save_model(f, "Net_int.xmodel", 1, false);
        held = hold_gate(f);
        assert_int_equal(unlink(arch), 0);
        WAIT_UNTIL(f, statistic(f, "jobs_cancelled") == 1);
        close(held);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_INVALID));
        assert_false(exists(out, "Net.xmodel"));

        save_arch(f, "board.json", "0x101000056010402");
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(exists(out, "Net.xmodel"));
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
                save_model(f, "Net_int.xmodel", i / 2, false);
                get(f, &answer, "Net_int.xmodel", NULL);
                assert_int_equal(answer.outcome, ASK_DONE);
                assert_string_equal(answer.notes, "");
                assert_same_content(answer.path, path);

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

/* --- in front of everybody ----------------------------------------------------------------------- */

/* so many works wait behind a jam, of which half waits itself */
static bool is_behind(Fixture *f, WorkClass class, unsigned n) {
        const Work *work = engine_pool(f->engine)->classes[class].head;

        for (n += engine_pool(f->engine)->classes[class].cap; work; work = work->next)
                n--;
        return n == 0;
}

/* What the loop has to do now, without what pool threads are at. */
static void turn_a_little(Fixture *f) {
        for (unsigned i = 0; i < 20; i++)
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* Others wait to be hashed, and to be delivered. One place in each line is enough for whoever is
 * waited for. */
static void what_a_get_waits_for_goes_first(void **state) {
        Fixture *f = *state;
        uint64_t n_hits;
        Answer answer;
        Jam hashing, storing;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json", PROJECT(", \"output_dir\": \"out\""));
        save_model(f, "Net_int.xmodel", 2, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);

        jam_init(&hashing, engine_pool(f->engine), WORK_HASH);
        jam_init(&storing, engine_pool(f->engine), WORK_STORE);
        n_hits = statistic(f, "hits");
        save_model(f, "Net_int.xmodel", 2, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        turn_a_little(f);
        jam_let_go(&hashing, 1);
        WAIT_UNTIL(f, statistic(f, "hits") > n_hits); /* the get has it, its unit does not */
        turn_a_little(f);
        assert_false(answer.done);

        jam_let_go(&hashing, 1);
        WAIT_UNTIL(f, statistic(f, "hits") > n_hits + 1); /* now it has */
        turn_a_little(f);
        assert_false(answer.done);

        jam_let_go(&storing, 1);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_string_equal(answer.notes, "");
        jam_end(&hashing);
        jam_end(&storing);
}

static unsigned n_preferred(Fixture *f, WorkClass class) {
        unsigned n = 0;

        for (const Work *work = engine_pool(f->engine)->classes[class].head; work;
             work = work->next)
                n += work->first;
        return n;
}

/* A source that is saved all the time is never idle. */
static void who_gave_up_waits_for_nothing(void **state) {
        Fixture *f = *state;
        Jam hashing, storing;
        Answer answer;
        unsigned n;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json", PROJECT(", \"output_dir\": \"out\""));
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        jam_init(&storing, engine_pool(f->engine), WORK_STORE);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_preferred(f, WORK_STORE) == 1);
        ask_cancel(answer.ask);
        WAIT_UNTIL(f, answer.done);

        jam_init(&hashing, engine_pool(f->engine), WORK_HASH);
        save_model(f, "Net_int.xmodel", 2, false);
        WAIT_UNTIL(f, is_behind(f, WORK_HASH, 1));
        n = n_preferred(f, WORK_HASH);
        jam_end(&hashing);
        jam_end(&storing);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n, 0);
}

/* --- the project changes under a delivery ------------------------------------------------------- */

static atomic_bool held, waiting; /* a delivery, at its first file */
static atomic_bool spared;        /* it goes on then, and does not fail */
static sem_t go_on;

int __real_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags);

int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
        if (!atomic_exchange(&held, false))
                return __real_renameat2(a, from, b, to, flags);
        atomic_store(&waiting, true);
        (void) sem_wait(&go_on);
        if (atomic_exchange(&spared, false))
                return __real_renameat2(a, from, b, to, flags);
        errno = EIO; /* it tells what it was about */
        return -1;
}

/* @project: where nothing is delivered to any more */
static void change_under_a_delivery(Fixture *f, const char *project) {
        Answer answer;
        char first[200];

        write_text(f->root, "dpucc.json", PROJECT(", \"output_dir\": \"the/first/place\""));
        path_in(first, sizeof(first), f->root, "the/first/place");
        atomic_store(&waiting, false);
        atomic_store(&held, true);
        start_get(f, &answer, "Net_int.xmodel", NULL, true); /* asks for a second one */
        WAIT_UNTIL(f, atomic_load(&waiting));
        write_text(f->root, "dpucc.json", project);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_OVER_LIMIT));
        assert_int_equal(sem_post(&go_on), 0);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_false(exists(first, "Net.xmodel"));
}

static void a_project_may_change_under_a_delivery(void **state) {
        Fixture *f = *state;

        assert_int_equal(sem_init(&go_on, 0, 0), 0);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        change_under_a_delivery(f, PROJECT(", \"output_dir\": \"the second\"" OVER_LIMIT));
        change_under_a_delivery(f, PROJECT(OVER_LIMIT));
        (void) sem_destroy(&go_on);
}

/* A second delivery was asked for under the first, and then there is nothing to deliver. */
static void an_artifact_may_go_under_a_delivery(void **state) {
        Fixture *f = *state;
        uint64_t n_answered;
        Answer answer;

        assert_int_equal(sem_init(&go_on, 0, 0), 0);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        atomic_store(&waiting, false);
        atomic_store(&held, true);
        write_text(f->root, "dpucc.json", PROJECT(", \"output_dir\": \"out\""));
        WAIT_UNTIL(f, atomic_load(&waiting));
        n_answered = statistic(f, "hits");
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, statistic(f, "hits") > n_answered);

        assert_int_equal(unlink(f->program), 0);
        save_model(f, "Net_int.xmodel", 2, false);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_INVALID));
        assert_int_equal(sem_post(&go_on), 0);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(statistic(f, "deliveries_refused"), 1); /* the first */
        (void) sem_destroy(&go_on);
}

/* As `rm -rf` has it, which meets what was delivered again under it. */
static void a_directory_may_go_under_a_delivery(void **state) {
        Fixture *f = *state;
        char out[200], delivered[300];

        assert_int_equal(sem_init(&go_on, 0, 0), 0);
        deliver_to_out(f, delivered, sizeof(delivered));
        path_in(out, sizeof(out), f->root, "out");
        assert_int_equal(file_remove_tree(AT_FDCWD, out), 0);
        atomic_store(&waiting, false);
        atomic_store(&spared, true);
        atomic_store(&held, true);
        WAIT_UNTIL(f, atomic_load(&waiting));
        assert_int_equal(file_remove_tree(AT_FDCWD, out), 0);
        assert_int_equal(sem_post(&go_on), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(access(delivered, R_OK), 0);
        assert_int_equal(statistic(f, "deliveries_refused"), 0);
        (void) sem_destroy(&go_on);
}

/* As it goes after a while, and then somebody removes what was made of it. */
static void what_is_to_be_delivered_may_go(void **state) {
        Fixture *f = *state;
        char delivered[300], views[200], records[200];

        deliver_to_out(f, delivered, sizeof(delivered));
        path_in(views, sizeof(views), f->cache, "views");
        path_in(records, sizeof(records), f->cache, "records");
        assert_int_equal(file_remove_tree(AT_FDCWD, views), 0);
        assert_int_equal(unlink(delivered), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(access(delivered, R_OK), 0);
        assert_int_equal(n_started(f), 1);

        assert_int_equal(file_remove_tree(AT_FDCWD, views), 0);
        assert_int_equal(file_remove_tree(AT_FDCWD, records), 0);
        assert_int_equal(unlink(delivered), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(access(delivered, R_OK), 0);
        assert_int_equal(n_started(f), 2);
        assert_int_equal(statistic(f, "deliveries_refused"), 0);
}

static int ignore_job(const JobView *job, void *userdata) {
        (void) job;
        (void) userdata;
        return 0;
}

/* What was evicted is not what the unit has any more: there is nothing to make again. */
static void what_was_cancelled_is_not_made_for_a_delivery(void **state) {
        Fixture *f = *state;
        char delivered[300], path[200];
        Problem problem = {};
        Jam storing;
        int gate;

        deliver_to_out(f, delivered, sizeof(delivered));
        make_gate(f);
        save_model(f, "Net_int.xmodel", 2, false);
        gate = hold_gate(f);
        jam_init(&storing, engine_pool(f->engine), WORK_STORE);
        assert_int_equal(unlink(delivered), 0);
        WAIT_UNTIL(f, is_behind(f, WORK_STORE, 1));
        path_in(path, sizeof(path), f->cache, "views");
        assert_int_equal(file_remove_tree(AT_FDCWD, path), 0);

        path_in(path, sizeof(path), f->root, "Net_int.xmodel");
        assert_int_equal(engine_cancel(f->engine, path, path, ignore_job, NULL, &problem), 0);
        WAIT_UNTIL(f, is_behind(f, WORK_STORE, 2)); /* the job cleans up, and goes first */
        jam_let_go(&storing, 1);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_FAILED));
        jam_end(&storing);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_non_null(strstr(look(f, "Net_int.xmodel", NULL).detail, "cancelled"));
        assert_int_equal(n_started(f), 2);
        close(gate);
}

static void on_event(const EventView *event, void *userdata) {
        if (event->kind == EVENT_UNIT && event->unit->state == UNIT_FAILED)
                ++*(unsigned *) userdata;
}

static void on_end(const AskResult *result, void *userdata) {
        (void) result;
        (void) userdata;
}

/* A copy over it has just begun: what is there then is no model, and nothing to be made of. */
static void what_is_to_be_delivered_may_go_while_it_is_written(void **state) {
        static const AskHandlers handlers = { .event = on_event, .done = on_end };
        Fixture *f = *state;
        char delivered[300], views[200];
        unsigned n_failures = 0;
        Problem problem = {};
        uint64_t n_hashes;
        Answer answer;
        Jam storing;
        Ask *monitor;

        configure_engine(f, "{}");
        deliver_to_out(f, delivered, sizeof(delivered));
        write_text(f->dir->path, "dpuccd.json", "{\"settle_ms\": 60000, \"settle_max_ms\": 60000}");
        assert_int_equal(engine_reload(f->engine, &problem), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(
                engine_monitor(f->engine, NULL, &handlers, &n_failures, &monitor, &problem), 0);
        jam_init(&storing, engine_pool(f->engine), WORK_STORE);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, is_behind(f, WORK_STORE, 1));
        path_in(views, sizeof(views), f->cache, "views");
        assert_int_equal(file_remove_tree(AT_FDCWD, views), 0);

        n_hashes = statistic(f, "hashes");
        write_text(f->root, "Net_int.xmodel", "");
        WAIT_UNTIL(f, statistic(f, "hashes") > n_hashes);
        jam_end(&storing);
        turn_a_little(f);
        assert_false(answer.done);
        assert_int_equal(n_failures, 0);

        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_string_equal(answer.notes, "");
        assert_int_equal(n_started(f), 1);
        assert_int_equal(n_failures, 0);
}

int main(void) {
#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(outputs_are_delivered_and_withdrawn),
                TEST(what_was_removed_is_delivered_when_it_is_quiet),
                TEST(who_is_left_delivers),
                TEST(who_gets_a_place_of_its_own_delivers_there),
                TEST(who_gives_up_leaves_it_to_the_other),
                TEST(limits_of_the_project_hold),
                TEST(limits_may_change_under_a_compile),
                TEST(a_target_may_go_under_a_compile),
                TEST(a_bad_project_file_leaves_the_old_one_in_force),
                TEST(a_foreign_file_in_the_way_stays),
                TEST(a_get_is_answered_after_the_delivery),
                TEST(a_refused_delivery_is_noted),
                TEST(what_a_get_waits_for_goes_first),
                TEST(who_gave_up_waits_for_nothing),
                TEST(a_project_may_change_under_a_delivery),
                TEST(an_artifact_may_go_under_a_delivery),
                TEST(a_directory_may_go_under_a_delivery),
                TEST(what_is_to_be_delivered_may_go),
                TEST(what_was_cancelled_is_not_made_for_a_delivery),
                TEST(what_is_to_be_delivered_may_go_while_it_is_written),
        };
#undef TEST

        (void) setenv("UV_THREADPOOL_SIZE", "15", 0); /* as in the daemon: WORK_THREADS */
        log_open(LOG_LEVEL_ERROR);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
