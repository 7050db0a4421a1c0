#pragma once

/* A toolchain in an image, its engine's client a copy of tests/support/double-docker.sh in bin/ of
 * the test's directory; its state is bin/control. */

#include "unit.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "daemon/config.h"

#define ID_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_2 "2222222222222222222222222222222222222222222222222222222222222222"

typedef struct ContainerFixture {
        UnitDir *dir;
        char jobs[128];
        ConfigToolchain config;
} ContainerFixture;

static inline void write_in(ContainerFixture *f, const char *name, const char *text, mode_t mode) {
        _cleanup_(freep) char *folder = path_dirname(name);
        _cleanup_(closep) int folder_fd = file_make_dirs(f->dir->fd, folder, 0755);
        _cleanup_(closep) int fd = -1;

        assert_true(folder_fd >= 0);
        fd = openat(f->dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        assert_int_equal(fchmod(fd, mode), 0);
}

static inline void install_engine(ContainerFixture *f, const char *name) {
        _cleanup_(bytes_cleanup) Bytes script = BYTES_INIT(65536);
        _cleanup_(freep) char *text = NULL;

        assert_int_equal(
                file_read(AT_FDCWD, TEST_SOURCE_DIR "/tests/support/double-docker.sh", &script), 0);
        text = bytes_take_string(&script);
        assert_non_null(text);
        write_in(f, name, text, 0755);
}

static inline int container_fixture_setup(ContainerFixture *f, void **state) {
        char path[256];

        if (unit_dir_setup(state) < 0)
                return -1;
        *f = (ContainerFixture){ .dir = *state };
        (void) snprintf(f->jobs, sizeof(f->jobs), "%s/jobs", f->dir->path);
        (void) snprintf(path, sizeof(path), "%s/bin:/usr/bin:/bin", f->dir->path);
        setenv("PATH", path, 1);
        setenv("DOCKER_HOST", "unix:///nowhere", 1);
        install_engine(f, "bin/docker");
        write_in(f, "bin/control/images/vendor%image:1.0", "sha256:" ID_1 "\n", 0644);
        f->config = (ConfigToolchain){
                .name = (char *) "box",
                .kind = TOOLCHAIN_CONTAINER,
                .engine = ENGINE_DOCKER,
                .time_limit_s = 60,
        };
        assert_int_equal(strings_add(&f->config.images, "vendor/image:1.0"), 0);
        return 0;
}

static inline int container_fixture_teardown(ContainerFixture *f, void **state) {
        strings_deinit(&f->config.images);
        strings_deinit(&f->config.launcher);
        strings_deinit(&f->config.environment);
        *state = f->dir;
        return unit_dir_teardown(state);
}
