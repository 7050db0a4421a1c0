/*
 * The chain with the real dpucc-remote and a shared directory, whose content the test makes: what
 * a member of the team could do who has the secret, or somebody who can make XXH3 collisions.
 */

#include "cache_fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <uv.h>

#include "base/path.h"
#include "cache/envelope.h"
#include "cache/remote_name.h"
#include "collision.h"
#include "daemon/helper.h"
#include "daemon/tiers.h"

#define SOURCE  "what is compiled"
#define SECRET  "a secret of the team\n"
#define CONTENT "the compiled model"

typedef struct Fixture {
        UnitDir *dir;
        uv_loop_t loop;
        WorkPool pool;
        State *state;
        Cache *cache;
        Config *config;
        Tiers *tiers;
        HelperLeft left;
        Secret secret;
        Sample sample;
        Digest snapshot;
        bool done, found, stopped;
} Fixture;

static void configure(Fixture *f) {
        char text[1024];
        Problem problem = {};

        (void) snprintf(text, sizeof(text),
                        "{\"remotes\": [{\"name\": \"r\", \"url\": \"file://%s\","
                        " \"secret_file\": \"%s\"}]}",
                        below(f->dir, "shared"), below(f->dir, "secret"));
        assert_int_equal(config_new(&f->config), 0);
        if (config_apply(f->config, slice_of_string(text), &problem) < 0)
                fail_msg("%s", problem.text);
}

/* what libuv opens with the first loop that has children, and keeps */
static int open_for_good(void) {
        uv_loop_t loop;
        uv_signal_t signal;
        int r;

        r = uv_loop_init(&loop);
        if (r < 0)
                return r;
        (void) uv_signal_init(&loop, &signal);
        uv_close((uv_handle_t *) &signal, NULL);
        (void) uv_run(&loop, UV_RUN_DEFAULT);
        return uv_loop_close(&loop);
}

static int setup(void **state) {
        static Fixture f;
        Problem problem = {};

        f = (Fixture){};
        (void) setenv("PATH", TEST_BINARY_DIR "/bin:/usr/bin:/bin", 1);
        if (open_for_good() < 0 || unit_dir_setup((void **) &f.dir) < 0 ||
            uv_loop_init(&f.loop) < 0)
                return -1;
        f.state = memory_state();
        sample_init(&f.sample, 1);
        f.snapshot = digest_of(SOURCE, strlen(SOURCE));
        write_file(below(f.dir, "secret"), SECRET, strlen(SECRET));
        write_file(below(f.dir, "source"), SOURCE, strlen(SOURCE));
        assert_int_equal(mkdir(below(f.dir, "shared"), 0700), 0);
        assert_int_equal(secret_read(below(f.dir, "secret"), 16, &f.secret, &problem), 0);
        configure(&f);
        assert_int_equal(cache_open(&f.cache, below(f.dir, "c"), f.state, CACHE_NORMAL, NULL), 0);
        work_pool_init(&f.pool, &f.loop);
        assert_int_equal(tiers_new(&f.tiers, &f.loop, &f.pool, f.cache, f.config, &f.left), 0);
        *state = &f;
        return 0;
}

static void on_stopped(void *userdata) {
        Fixture *f = userdata;

        f->stopped = true;
}

static int teardown(void **state) {
        Fixture *f = *state;

        tiers_stop(f->tiers, false, on_stopped, f);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        assert_true(f->stopped);
        /* whoever was to go on writing has ended, and was seen to */
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        (void) cache_close(f->cache);
        (void) state_close(f->state);
        (void) config_free(f->config);
        sample_deinit(&f->sample);
        if (uv_loop_close(&f->loop) < 0)
                return -1;
        return unit_dir_teardown((void **) &f->dir);
}

static RecordObject object_of(const void *content, size_t n) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        RecordObject object = { .role = RECORD_ROLE_XMODEL, .mode = 0644, .size = n };

        assert_int_equal(hasher_new(&hasher, HASHER_XXH3 | HASHER_SHA256 | HASHER_MD5), 0);
        assert_int_equal(hasher_update(hasher, content, n), 0);
        hasher_xxh3(hasher, &object.digest);
        assert_int_equal(hasher_sha256(hasher, &object.sha256), 0);
        assert_int_equal(hasher_md5(hasher, &object.md5), 0);
        return object;
}

static void put(const Fixture *f, const char *name, const void *data, size_t n) {
        _cleanup_(freep) char *path = path_join(below(f->dir, "shared"), name);
        _cleanup_(freep) char *folder = path_dirname(path);
        _cleanup_(closep) int fd = file_make_dirs(AT_FDCWD, folder, 0700);

        assert_true(fd >= 0);
        write_file(path, data, n);
}

/* a record with a right signature, of @object, and @content under the object's name */
static void share(Fixture *f, const RecordObject *object, const void *content, size_t n) {
        _cleanup_(bytes_cleanup) Bytes envelope = BYTES_INIT(ENVELOPE_BYTES_MAX);
        char name[REMOTE_NAME_MAX];

        f->sample.record.objects = object;
        f->sample.record.n_objects = 1;
        assert_int_equal(envelope_seal(&f->sample.record, &f->secret, &envelope), 0);
        remote_name_record(&f->sample.record.key, name);
        put(f, name, envelope.data, envelope.size);
        remote_name_object(&object->sha256, name);
        put(f, name, content, n);
}

/* the snapshot that the record says it was made of is ours */
static void make_snapshot_right(Fixture *f) {
        const RecordObject source = object_of(SOURCE, strlen(SOURCE));

        f->sample.record.snapshot_sha256 = source.sha256;
        f->sample.record.snapshot_size = source.size;
}

static void on_done(bool found, void *userdata) {
        Fixture *f = userdata;

        assert_false(f->done);
        f->done = true;
        f->found = found;
}

static bool fetch(Fixture *f) {
        const FetchSpec spec = {
                .key = f->sample.record.key,
                .source_fd = -1,
                .source_path = below(f->dir, "source"),
                .form = SNAPSHOT_FORM_VERBATIM,
                .snapshot = f->snapshot,
        };
        TiersWait *wait;

        f->done = false;
        assert_int_equal(tiers_fetch(f->tiers, &spec, on_done, f, &wait), 0);
        while (!f->done)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        return f->found;
}

typedef struct Counted {
        const char *name;
        uint64_t value;
} Counted;

static void on_statistic(const char *name, uint64_t value, void *userdata) {
        Counted *counted = userdata;

        if (strcmp(name, counted->name) == 0)
                counted->value = value;
}

static uint64_t count(const Fixture *f, const char *name) {
        Counted counted = { .name = name, .value = UINT64_MAX };

        tiers_each_statistic(f->tiers, on_statistic, &counted);
        return counted.value;
}

static bool is_here(Fixture *f) {
        _cleanup_(record_freep) Record *record = NULL;

        return cache_lookup(f->cache, &f->sample.record.key, &record) == 0;
}

static void takes_what_is_right(void **state) {
        Fixture *f = *state;
        const RecordObject object = object_of(CONTENT, strlen(CONTENT));

        make_snapshot_right(f);
        assert_false(fetch(f));
        assert_int_equal(count(f, "remote_r_misses"), 1);
        share(f, &object, CONTENT, strlen(CONTENT));
        assert_true(fetch(f));
        assert_true(is_here(f));
        assert_int_equal(count(f, "remote_r_hits"), 1);
        assert_int_equal(count(f, "remote_r_refused"), 0);
        assert_int_equal(count(f, "remote_helper_deaths"), 0);
}

/* The key is that of our model, for the XXH3 of the two is the same; the artifact is another's. */
static void refuses_the_artifact_of_another_model(void **state) {
        Fixture *f = *state;
        const RecordObject object = object_of(CONTENT, strlen(CONTENT));

        make_snapshot_right(f);
        f->sample.record.snapshot_sha256.bytes[0] ^= 1;
        share(f, &object, CONTENT, strlen(CONTENT));
        assert_false(fetch(f));
        assert_false(is_here(f));
        assert_int_equal(count(f, "remote_r_refused"), 1);
}

static void refuses_crafted_objects(void **state) {
        Fixture *f = *state;
        uint8_t good[COLLISION_SIZE], crafted[COLLISION_SIZE];
        RecordObject object, other;

        collision_make(good, crafted);
        object = object_of(good, sizeof(good));
        other = object_of(crafted, sizeof(crafted));
        make_snapshot_right(f);
        share(f, &object, crafted, sizeof(crafted)); /* the server's doing */
        assert_false(fetch(f));
        assert_int_equal(count(f, "remote_r_refused"), 1);
        share(f, &object, good, sizeof(good));
        assert_true(fetch(f));

        /* a member's: the record is honest about an object that would take the place of ours */
        share(f, &other, crafted, sizeof(crafted));
        assert_false(fetch(f));
        assert_int_equal(count(f, "remote_r_refused"), 2);
        assert_true(is_here(f));
}

/* whoever changed the source meanwhile gets a miss, and the tier no blame */
static void a_source_that_changed_is_a_miss(void **state) {
        Fixture *f = *state;
        const RecordObject object = object_of(CONTENT, strlen(CONTENT));

        make_snapshot_right(f);
        share(f, &object, CONTENT, strlen(CONTENT));
        write_file(below(f->dir, "source"), "other", 5);
        assert_false(fetch(f));
        assert_false(is_here(f));
        assert_int_equal(count(f, "remote_r_refused"), 0);
        assert_int_equal(count(f, "remote_r_errors"), 0);
}

/* those who ask for one key share one fetch; who leaves hears nothing */
static void asks_once_for_many(void **state) {
        Fixture *f = *state;
        const FetchSpec spec = {
                .key = f->sample.record.key,
                .source_fd = -1,
                .source_path = below(f->dir, "source"),
                .form = SNAPSHOT_FORM_VERBATIM,
                .snapshot = f->snapshot,
        };
        Fixture other = {}, gone = {};
        TiersWait *wait;

        assert_int_equal(tiers_fetch(f->tiers, &spec, on_done, f, &wait), 0);
        assert_int_equal(tiers_fetch(f->tiers, &spec, on_done, &gone, &wait), 0);
        tiers_leave(wait);
        assert_int_equal(tiers_fetch(f->tiers, &spec, on_done, &other, &wait), 0);
        while (!f->done || !other.done)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        assert_int_equal(count(f, "remote_r_misses"), 1);
        assert_false(gone.done);
}

/* stopped in the middle of it: answered, and nothing is left (teardown) */
static void stops_in_the_middle(void **state) {
        Fixture *f = *state;
        const FetchSpec spec = {
                .key = f->sample.record.key,
                .source_fd = -1,
                .source_path = below(f->dir, "source"),
                .form = SNAPSHOT_FORM_VERBATIM,
                .snapshot = f->snapshot,
        };
        TiersWait *wait;

        assert_int_equal(tiers_fetch(f->tiers, &spec, on_done, f, &wait), 0);
        tiers_upload(f->tiers, &f->sample.record.key);
}

/* The helper goes on writing on its own; its end is noticed all the same (teardown). */
static void what_is_being_written_is_waited_for(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        const CacheFile file = { .role = RECORD_ROLE_XMODEL,
                                 .fd = -1,
                                 .data = slice_of_string(CONTENT) };
        _cleanup_(freep) char *path = NULL;
        char name[REMOTE_NAME_MAX];

        assert_int_equal(cache_publish(f->cache, &f->sample.record, &file, 1, &record), 0);
        tiers_upload(f->tiers, &record->key);
        tiers_stop(f->tiers, false, on_stopped, f);
        while (!f->stopped)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        while (!LIST_EMPTY(&f->left.runs))
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        remote_name_object(&record->objects[0].sha256, name);
        path = path_join(below(f->dir, "shared"), name);
        assert_non_null(path);
        assert_int_equal(access(path, F_OK), 0);

        f->stopped = false;
        assert_int_equal(tiers_new(&f->tiers, &f->loop, &f->pool, f->cache, f->config, &f->left),
                         0);
}

static void without_remotes(void **state) {
        Fixture *f = *state;
        _cleanup_(config_freep) Config *config = NULL;
        const FetchSpec spec = { .source_fd = -1, .source_path = "/" };
        Tiers *tiers = f->tiers;
        TiersWait *wait;

        assert_int_equal(config_new(&config), 0);
        assert_int_equal(tiers_new(&tiers, &f->loop, &f->pool, f->cache, config, &f->left), 0);
        assert_null(tiers);
        assert_int_equal(tiers_fetch(NULL, &spec, on_done, f, &wait), -ENOENT);
        tiers_upload(NULL, &f->sample.record.key);
        tiers_each_statistic(NULL, on_statistic, NULL);
        assert_int_equal(tiers_each_warning(NULL, NULL, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(takes_what_is_right, setup, teardown),
                cmocka_unit_test_setup_teardown(refuses_the_artifact_of_another_model, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(refuses_crafted_objects, setup, teardown),
                cmocka_unit_test_setup_teardown(a_source_that_changed_is_a_miss, setup, teardown),
                cmocka_unit_test_setup_teardown(asks_once_for_many, setup, teardown),
                cmocka_unit_test_setup_teardown(stops_in_the_middle, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_being_written_is_waited_for, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(without_remotes, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
