#include "cache/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cache/layout.h"

/* Each file that comes in trims, so there are never many more than the maximum; what is beyond
 * this was put there by somebody else, and goes with the next trims. */
#define QUARANTINE_LOOK_MAX (4 * QUARANTINE_FILES_MAX)

typedef struct QuarantineFile {
        char name[NAME_MAX + 1];
        int64_t since_ns;
        uint64_t bytes;
} QuarantineFile;

typedef struct QuarantineList {
        QuarantineFile *files;
        size_t n, capacity;
} QuarantineList;

static void quarantine_list_deinit(QuarantineList *list) {
        free(list->files);
}

/* The time since when a file is here is its ctime: the rename set it. */
static int quarantine_add(QuarantineList *list, int dir_fd, const char *name) {
        QuarantineFile *file;
        struct stat st;
        int r;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : error_from_errno();
        r = array_reserve(&list->files, &list->capacity, list->n + 1, sizeof(*list->files));
        if (r < 0)
                return r;
        file = &list->files[list->n++];
        (void) snprintf(file->name, sizeof(file->name), "%s", name);
        file->since_ns = st.st_ctim.tv_sec * CLOCK_NS_PER_S + st.st_ctim.tv_nsec;
        file->bytes = (uint64_t) st.st_blocks * 512;
        return 0;
}

static int quarantine_list(const char *root, QuarantineList *list, int *ret_fd) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_(closep) int fd = layout_open(root, LAYOUT_QUARANTINE, false);
        struct dirent *entry;
        int r = 0;

        if (fd < 0)
                return fd;
        dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
        if (!dir)
                return error_from_errno();
        while (r == 0 && list->n < QUARANTINE_LOOK_MAX) {
                errno = 0;
                entry = readdir(dir);
                if (!entry) {
                        r = -errno;
                        break;
                }
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        r = quarantine_add(list, fd, entry->d_name);
        }
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

static int quarantine_newest_first(const void *a, const void *b) {
        const QuarantineFile *x = a, *y = b;

        return (x->since_ns < y->since_ns) - (x->since_ns > y->since_ns);
}

int quarantine_trim(const char *root, int64_t now_ns) {
        _cleanup_(quarantine_list_deinit) QuarantineList list = {};
        _cleanup_(closep) int fd = -1;
        uint64_t n_kept = 0, bytes = 0;
        int r;

        r = quarantine_list(root, &list, &fd);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (list.n > 0)
                qsort(list.files, list.n, sizeof(*list.files), quarantine_newest_first);
        for (size_t i = 0; r == 0 && i < list.n; i++) {
                const QuarantineFile *file = &list.files[i];
                bool old = file->since_ns < now_ns - QUARANTINE_AGE_MAX_S * CLOCK_NS_PER_S;

                if (!old && n_kept < QUARANTINE_FILES_MAX &&
                    bytes + file->bytes <= QUARANTINE_BYTES_MAX) {
                        bytes += file->bytes;
                        n_kept++;
                } else {
                        r = file_remove_tree(fd, file->name);
                }
        }
        return r;
}

int quarantine_usage(const char *root, QuarantineUsage *ret) {
        _cleanup_(quarantine_list_deinit) QuarantineList list = {};
        _cleanup_(closep) int fd = -1;
        QuarantineUsage usage = {};
        int r;

        r = quarantine_list(root, &list, &fd);
        if (r < 0 && r != -ENOENT)
                return r;
        usage.n_files = list.n;
        for (size_t i = 0; i < list.n; i++)
                usage.bytes += list.files[i].bytes;
        *ret = usage;
        return 0;
}

/* --- taking ------------------------------------------------------------------------------ */

/* true if @name in @dirfd is the file that @fd has open */
static bool quarantine_is_same_file(int dirfd, const char *name, int fd) {
        StatId named, opened;
        struct stat st;

        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || file_stat_id_fd(fd, &opened) < 0)
                return false;
        named = stat_id_of(&st);
        return stat_id_is_same_file(&named, &opened);
}

int quarantine_take(const char *root, const char *directory, const Digest *digest, int fd) {
        _cleanup_(closep) int quarantine = -1, shard = -1;
        char leaf[LAYOUT_LEAF], hex[DIGEST_HEX], name[96];
        uint64_t random;

        shard = layout_open_shard(root, directory, digest, false, leaf);
        if (shard < 0)
                return shard == -ENOENT ? 0 : shard;
        if (!quarantine_is_same_file(shard, leaf, fd))
                return 0;

        quarantine = layout_open(root, LAYOUT_QUARANTINE, true);
        if (quarantine < 0)
                return quarantine;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return error_from_errno();
        digest_to_hex(digest, hex);
        (void) snprintf(name, sizeof(name), "%s-%s.%016llx", directory, hex,
                        (unsigned long long) random);
        if (renameat(shard, leaf, quarantine, name) < 0 && errno != ENOENT)
                return error_from_errno();
        (void) quarantine_trim(root, clock_real_ns()); /* else next time */
        return 0;
}
