#include "cache/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "cache/layout.h"
#include "cache/lease.h"
#include "cache/lock.h"
#include "cache/names.h"

/*
 * A publisher enters his record into the index before he writes it, so a record that is found here
 * and not there was entered by nobody. A row without a record may be that of a publisher who is
 * about to write it: such rows are removed under the exclusive lock, when there is none.
 */

/*
 * The size of the mark's file, which has no content and takes no room, is the number of times that
 * somebody marked. A survey looks at it at the beginning, and removes the mark at its end if nobody
 * has marked since. In between the mark stays: an index that only this survey has corrected in part
 * is not complete for anybody else. What was marked before may have been published on the way
 * behind the survey's back, so it begins under the exclusive lock; if that cannot be had the mark
 * stays for another survey.
 */

#define SURVEY_MARK        "index.stale"
#define SURVEY_PATIENCE_MS 20 /* for those to go who are on the way */

void survey_init(Survey *survey, const char *root, Index *index) {
        index_follow(index);
        *survey = (Survey){ .root = root, .index = index, .recreated = index_recreated(index) };
}

/* --- the mark --------------------------------------------------------------------------------- */

/* The mark, locked: it is not removed meanwhile. */
static int survey_open_mark(int dirfd, int flags, struct stat *ret) {
        for (;;) {
                _cleanup_(closep) int fd = -1;

                fd = openat(dirfd, SURVEY_MARK, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | flags,
                            0600);
                if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, ret) < 0)
                        return error_from_errno();
                if (ret->st_nlink > 0)
                        return TAKE_FD(fd);
        }
}

int survey_mark(const char *root) {
        _cleanup_(closep) int dirfd = layout_open(root, NULL, true), fd = -1;
        struct stat st;

        if (dirfd < 0)
                return dirfd;
        fd = survey_open_mark(dirfd, O_CREAT, &st);
        if (fd < 0)
                return fd;
        if (ftruncate(fd, st.st_size + 1) < 0)
                return error_from_errno();
        return file_sync_dir(dirfd);
}

bool survey_is_marked(const char *root) {
        _cleanup_(closep) int dirfd = layout_open(root, NULL, false);

        if (dirfd < 0)
                return dirfd != -ENOENT;
        return faccessat(dirfd, SURVEY_MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Before anything is looked at: who marks from now on wants another survey. */
static off_t survey_count_marks(const char *root) {
        _cleanup_(closep) int dirfd = layout_open(root, NULL, false), lock = -1, fd = -1;
        struct stat st;

        if (dirfd < 0 || !survey_is_marked(root) ||
            lock_store_exclusive(root, SURVEY_PATIENCE_MS, &lock) != 0)
                return 0;
        fd = survey_open_mark(dirfd, 0, &st);
        return fd < 0 ? 0 : 1 + st.st_size; /* who was killed may have left an empty one */
}

static int survey_unmark(const Survey *survey) {
        _cleanup_(closep) int dirfd = -1, fd = -1;
        struct stat st;

        if (survey->n_marks == 0)
                return 0;
        dirfd = layout_open(survey->root, NULL, false);
        fd = dirfd < 0 ? dirfd : survey_open_mark(dirfd, 0, &st);
        if (fd < 0)
                return fd == -ENOENT || fd == -EROFS || fd == -EACCES ? 0 : fd;
        if (1 + st.st_size == survey->n_marks && unlinkat(dirfd, SURVEY_MARK, 0) < 0 &&
            errno != ENOENT && errno != EROFS && errno != EACCES)
                return error_from_errno();
        return 0;
}

/* --- one shard -------------------------------------------------------------------------------- */

static int survey_collect(const Digest *key, void *userdata) {
        return names_add(userdata, key);
}

/* 1: the index has it now; 0: it is gone, or not to be understood */
static int survey_enter(Survey *survey, const Digest *key) {
        _cleanup_(record_freep) Record *record = NULL;
        struct stat st;
        int64_t used_ns = 0;
        int r;

        r = names_stat(survey->root, LAYOUT_RECORDS, key, &st);
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = record_read(survey->root, key, &record);
        if (r == RECORD_NEWER)
                survey->n_unknown++;
        if (r != 0)
                return r < 0 ? r : 0;
        (void) lease_read(survey->root, key, &used_ns); /* recency, no more */
        if (used_ns < record->created_ns)
                used_ns = record->created_ns;
        r = index_add(survey->index, record, (uint64_t) st.st_size, used_ns);
        return r < 0 ? r : 1;
}

/* where the lock cannot be had now the rows stay for the next survey: they do no harm */
static int survey_remove_all(Survey *survey, const Names *gone) {
        _cleanup_(closep) int lock = -1;
        struct stat st;
        int r;

        if (gone->n == 0 || lock_store_exclusive(survey->root, 0, &lock) != 0)
                return 0;
        r = index_begin(survey->index);
        if (r < 0)
                return r;
        for (size_t i = 0; i < gone->n && r == 0; i++) {
                if (names_stat(survey->root, LAYOUT_RECORDS, &gone->items[i], &st) != -ENOENT)
                        continue;
                r = index_remove(survey->index, &gone->items[i], false, NULL, NULL);
                survey->n_removed += r == 0;
        }
        return index_end(survey->index, r);
}

/* @there and @known are sorted. */
static int survey_compare(Survey *survey, const Names *there, const Names *known, Names *gone) {
        size_t i = 0, k = 0;
        int r = 0;

        while (r >= 0 && (i < there->n || k < known->n)) {
                int order = i == there->n   ? 1
                            : k == known->n ? -1
                                            : memcmp(there->items[i].bytes, known->items[k].bytes,
                                                     DIGEST_SIZE);

                if (order > 0)
                        r = names_add(gone, &known->items[k]);
                else if (order < 0 || survey->n_marks > 0) /* whoever marked may have replaced it */
                        r = survey_enter(survey, &there->items[i]);
                survey->n_added += order < 0 && r > 0;
                i += order <= 0;
                k += order >= 0;
        }
        return r < 0 ? r : 0;
}

static int survey_shard(Survey *survey, uint8_t shard) {
        _cleanup_(names_cleanup) Names there = {}, known = {}, gone = {};
        int r;

        r = names_list(survey->root, LAYOUT_RECORDS, shard, &there);
        if (r == 0)
                r = index_each_in_shard(survey->index, shard, survey_collect, &known);
        if (r == 0)
                r = index_begin(survey->index);
        if (r < 0)
                return r;
        r = survey_compare(survey, &there, &known, &gone);
        r = index_end(survey->index, r);
        return r < 0 ? r : survey_remove_all(survey, &gone);
}

int survey_step(Survey *survey) {
        int r;

        if (survey->shard == 0)
                survey->n_marks = survey_count_marks(survey->root);
        r = survey_shard(survey, (uint8_t) survey->shard);
        if (r < 0)
                return r;
        if (++survey->shard < NAMES_SHARDS)
                return SURVEY_MORE;

        if (index_recreated(survey->index) != survey->recreated) {
                survey_init(survey, survey->root, survey->index); /* from the beginning */
                return SURVEY_MORE;
        }
        r = index_set_complete(survey->index, true);
        return r < 0 ? r : survey_unmark(survey);
}

int survey_complete(const char *root, Index *index) {
        Survey survey;
        int r;

        index_follow(index);
        /* what others publish is not entered into an index that they do not see */
        if (index_is_complete(index) && !survey_is_marked(root) && !index_is_private(index))
                return 0;
        survey_init(&survey, root, index);
        do
                r = survey_step(&survey);
        while (r == SURVEY_MORE);
        return r;
}
