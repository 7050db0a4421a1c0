#include "tests/support/racy_file.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cache/memo.h"

int racy_file_open(RacyFile *file, const char *path, const char *text) {
        size_t n = strlen(text);
        int r;

        *file = (RacyFile){ .fd = -1, .map = MAP_FAILED, .n = n };
        file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (file->fd >= 0 && ftruncate(file->fd, (off_t) n) == 0)
                file->map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
        if (file->map == MAP_FAILED) {
                r = error_from_errno();
                racy_file_close(file);
                return r;
        }
        memcpy(file->map, text, n);
        return file_stat_id_fd(file->fd, &file->id);
}

bool racy_file_change(RacyFile *file, const char *text) {
        StatId id;

        assert(strlen(text) == file->n);
        memcpy(file->map, text, file->n);
        return memo_is_racy(&file->id, clock_real_ns()) && file_stat_id_fd(file->fd, &id) == 0 &&
               stat_id_equal(&file->id, &id);
}

void racy_file_close(RacyFile *file) {
        if (file->map != MAP_FAILED)
                (void) munmap(file->map, file->n);
        if (file->fd >= 0)
                close(file->fd);
}
