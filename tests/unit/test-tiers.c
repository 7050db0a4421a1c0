/*
 * The chain with the real dpucc-remote and a shared directory, whose content the test makes: what
 * a member of the team could do who has the secret, or somebody who can make XXH3 collisions.
 */

#include "tiers_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/path.h"
#include "cache/envelope.h"
#include "cache/remote_name.h"
#include "collision.h"

#define CONTENT "the compiled model"

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
        const RecordObject source = object_of(TIERS_FIXTURE_SOURCE, strlen(TIERS_FIXTURE_SOURCE));

        f->sample.record.snapshot_sha256 = source.sha256;
        f->sample.record.snapshot_size = source.size;
}

static void on_done(TiersAnswer answer, void *userdata) {
        Fixture *f = userdata;

        assert_false(f->done);
        f->done = true;
        f->answer = answer;
}

static bool fetch(Fixture *f) {
        const FetchSpec spec = spec_of(f, &f->sample.record.key);
        TiersWait *wait;

        f->done = false;
        assert_int_equal(tiers_fetch(f->tiers, &spec, on_done, f, &wait), 0);
        while (!f->done)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        return f->answer == TIERS_FOUND;
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
        const FetchSpec spec = spec_of(f, &f->sample.record.key);
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

/* --- a crowd ---------------------------------------------------------------------------------- */

#define CROWD 1000 /* more than dpucc-remote lets wait */

/* A double of a server that has nothing, and takes its time to say so. Whoever asks waits for the
 * answer, so what comes at once is one question. */
static void double_server(int listener) {
        static const char answer[] = "HTTP/1.1 404 Double\r\nContent-Length: 0\r\n\r\n";
        static const struct timespec moment = { .tv_nsec = CLOCK_NS_PER_MS / 2 };
        struct pollfd polls[16] = { { .fd = listener, .events = POLLIN } };
        char question[4096];
        size_t n = 1;

        while (poll(polls, n, -1) > 0) {
                for (size_t i = 1; i < n; i++) {
                        if (polls[i].revents == 0)
                                continue;
                        (void) nanosleep(&moment, NULL);
                        if (read(polls[i].fd, question, sizeof(question)) <= 0 ||
                            file_write_all(polls[i].fd, answer, strlen(answer)) < 0)
                                polls[i].fd = -1; /* closed when the process ends */
                }
                if (polls[0].revents && n < ARRAY_SIZE(polls))
                        polls[n++] = (struct pollfd){
                                .fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC),
                                .events = POLLIN,
                        };
        }
}

static pid_t double_server_start(unsigned *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET };
        _cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t n = sizeof(address);
        pid_t pid;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, n), 0);
        assert_int_equal(listen(fd, 16), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &n), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                double_server(fd);
                _exit(1);
        }
        *ret_port = ntohs(address.sin_port);
        return pid;
}

static void on_done_of_crowd(TiersAnswer answer, void *userdata) {
        unsigned *n_done = userdata;

        assert_int_equal(answer, TIERS_NOT_FOUND);
        (*n_done)++;
}

static void fetch_crowd(Fixture *f) {
        unsigned n_done = 0;

        for (unsigned i = 0; i < CROWD; i++) {
                const Digest key = digest_of(&i, sizeof(i));
                const FetchSpec spec = spec_of(f, &key);
                TiersWait *wait;

                assert_int_equal(tiers_fetch(f->tiers, &spec, on_done_of_crowd, &n_done, &wait), 0);
        }
        while (n_done < CROWD)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
}

/* each is asked for, and none of them turned away */
static void a_thousand_at_once(void **state) {
        Fixture *f = *state;
        unsigned port;
        pid_t server = double_server_start(&port);
        char url[64];

        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
        tiers_fixture_stop(f, false);
        tiers_fixture_await(f);
        tiers_fixture_start(f, url);
        fetch_crowd(f);
        assert_int_equal(count(f, "remote_r_misses"), CROWD);
        assert_int_equal(count(f, "remote_r_errors"), 0);
        assert_int_equal(kill(server, SIGKILL), 0);
        assert_int_equal(waitpid(server, NULL, 0), server);
}

/* stopped in the middle of it: answered, and nothing is left (teardown) */
static void stops_in_the_middle(void **state) {
        Fixture *f = *state;
        const FetchSpec spec = spec_of(f, &f->sample.record.key);
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
        tiers_fixture_stop(f, false);
        tiers_fixture_await(f);
        while (!LIST_EMPTY(&f->left.runs))
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        remote_name_object(&record->objects[0].sha256, name);
        path = path_join(below(f->dir, "shared"), name);
        assert_non_null(path);
        assert_int_equal(access(path, F_OK), 0);
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
        tiers_each_statistic(NULL, NULL, NULL);
        assert_int_equal(tiers_each_warning(NULL, NULL, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(takes_what_is_right, tiers_fixture_setup,
                                                tiers_fixture_teardown),
                cmocka_unit_test_setup_teardown(refuses_the_artifact_of_another_model,
                                                tiers_fixture_setup, tiers_fixture_teardown),
                cmocka_unit_test_setup_teardown(refuses_crafted_objects, tiers_fixture_setup,
                                                tiers_fixture_teardown),
                cmocka_unit_test_setup_teardown(a_source_that_changed_is_a_miss,
                                                tiers_fixture_setup, tiers_fixture_teardown),
                cmocka_unit_test_setup_teardown(asks_once_for_many, tiers_fixture_setup,
                                                tiers_fixture_teardown),
                cmocka_unit_test_setup_teardown(a_thousand_at_once, tiers_fixture_setup,
                                                tiers_fixture_teardown),
                cmocka_unit_test_setup_teardown(stops_in_the_middle, tiers_fixture_setup,
                                                tiers_fixture_teardown),
                cmocka_unit_test_setup_teardown(what_is_being_written_is_waited_for,
                                                tiers_fixture_setup, tiers_fixture_teardown),
                cmocka_unit_test_setup_teardown(without_remotes, tiers_fixture_setup,
                                                tiers_fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
