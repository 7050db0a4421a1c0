#pragma once

/*
 * What every unit test starts with: cmocka and the headers that it expects before itself, and
 * a directory of the test's own.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* cmocka gives every test a state, and most need none */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* For setup and teardown: *state is a UnitDir, an empty directory. Teardown
 * removes it and fails when the test left a descriptor open. */
typedef struct UnitDir {
        int fd;
        int lowest; /* the descriptor that open(2) would give before the test */
        char path[64];
} UnitDir;

static inline int unit_lowest_fd(void) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (fd >= 0)
                close(fd);
        return fd;
}

static inline int unit_dir_setup(void **state) {
        static UnitDir dir;
        const char *base = getenv("TMPDIR");

        (void) snprintf(dir.path, sizeof(dir.path), "%s/dpucc-unit-XXXXXX",
                        base && strlen(base) < 32 ? base : "/tmp");
        if (!mkdtemp(dir.path))
                return -1;
        dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir.fd < 0)
                return -1;
        dir.lowest = unit_lowest_fd();
        *state = &dir;
        return 0;
}

static inline int unit_dir_teardown(void **state) {
        UnitDir *dir = *state;
        bool leaked = unit_lowest_fd() != dir->lowest;

        close(dir->fd);
        if (file_remove_tree(AT_FDCWD, dir->path) < 0)
                return -1;
        return leaked ? -1 : 0;
}
