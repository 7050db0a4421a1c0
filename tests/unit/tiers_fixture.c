#include "tiers_fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TIERS_FIXTURE_SECRET "a secret of the team\n"

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

void tiers_fixture_start(Fixture *f, const char *url) {
        _cleanup_(config_freep) Config *config = NULL;
        char text[1024];
        Problem problem = {};

        (void) snprintf(
                text, sizeof(text),
                "{\"remotes\": [{\"name\": \"r\", \"url\": \"%s\", \"secret_file\": \"%s\"}]}", url,
                below(f->dir, "secret"));
        assert_int_equal(config_new(&config), 0);
        if (config_apply(config, slice_of_string(text), &problem) < 0)
                fail_msg("%s", problem.text);
        assert_int_equal(tiers_new(&f->tiers, &f->loop, &f->pool, f->cache, config, &f->left), 0);
}

static void on_stopped(void *userdata) {
        Fixture *f = userdata;

        f->tiers = NULL;
}

void tiers_fixture_stop(Fixture *f, bool patient) {
        tiers_stop(f->tiers, patient, on_stopped, f);
}

void tiers_fixture_await(Fixture *f) {
        while (f->tiers)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
}

int tiers_fixture_setup(void **state) {
        static Fixture f;
        Problem problem = {};
        char url[600];

        f = (Fixture){};
        (void) setenv("PATH", TEST_BINARY_DIR "/bin:/usr/bin:/bin", 1);
        if (open_for_good() < 0 || unit_dir_setup((void **) &f.dir) < 0 ||
            uv_loop_init(&f.loop) < 0)
                return -1;
        f.state = memory_state();
        sample_init(&f.sample, 1);
        f.snapshot = digest_of(TIERS_FIXTURE_SOURCE, strlen(TIERS_FIXTURE_SOURCE));
        write_file(below(f.dir, "secret"), TIERS_FIXTURE_SECRET, strlen(TIERS_FIXTURE_SECRET));
        (void) snprintf(f.source, sizeof(f.source), "%s/source", f.dir->path);
        write_file(f.source, TIERS_FIXTURE_SOURCE, strlen(TIERS_FIXTURE_SOURCE));
        assert_int_equal(mkdir(below(f.dir, "shared"), 0700), 0);
        assert_int_equal(secret_read(below(f.dir, "secret"), 16, &f.secret, &problem), 0);
        assert_int_equal(cache_open(&f.cache, below(f.dir, "c"), f.state, CACHE_NORMAL, NULL), 0);
        work_pool_init(&f.pool, &f.loop);
        (void) snprintf(url, sizeof(url), "file://%s", below(f.dir, "shared"));
        tiers_fixture_start(&f, url);
        *state = &f;
        return 0;
}

int tiers_fixture_teardown(void **state) {
        Fixture *f = *state;

        if (f->tiers)
                tiers_fixture_stop(f, false);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        assert_null(f->tiers);
        /* whoever was to go on writing has ended, and was seen to */
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        (void) cache_close(f->cache);
        (void) state_close(f->state);
        sample_deinit(&f->sample);
        if (uv_loop_close(&f->loop) < 0)
                return -1;
        return unit_dir_teardown((void **) &f->dir);
}

FetchSpec spec_of(const Fixture *f, const Digest *key) {
        return (FetchSpec){
                .key = *key,
                .source_fd = -1,
                .source_path = f->source,
                .form = SNAPSHOT_FORM_VERBATIM,
                .snapshot = f->snapshot,
        };
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

uint64_t count(const Fixture *f, const char *name) {
        Counted counted = { .name = name, .value = UINT64_MAX };

        tiers_each_statistic(f->tiers, on_statistic, &counted);
        return counted.value;
}
