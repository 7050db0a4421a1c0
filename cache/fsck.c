/*
 * In phases, each of which is a function that does one small thing and says whether there is more:
 *
 *      top       what lies about, modes of directories
 *      records   all are read; what they name is noted (references.h)
 *      index     compared with the records, if something is to be mended
 *      leases    what somebody was told of a short while ago is in use
 *      objects   those that were noted, and those that nobody named
 *      missing   what was noted and not met
 *                (and again from "records", as long as not all objects have been looked at)
 *      views     do their links lead to something?
 *
 * Others work meanwhile. An object that is bad is bad, since nobody writes to objects. But what
 * is missing may have been evicted with its record, and what nobody names may have been put there
 * for a record that is about to be written. So before a record is called incomplete it is read
 * again, under the lock that keeps eviction out; and before anything is removed, the lock that
 * keeps all writers out is taken and the index asked, which knows of every record before it is
 * there. If somebody has the lock, what is to be removed stays for another time.
 */

#include "cache/fsck.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cache/index.h"
#include "cache/layout.h"
#include "cache/lease.h"
#include "cache/lock.h"
#include "cache/names.h"
#include "cache/record.h"
#include "cache/references.h"
#include "cache/survey.h"

#define FSCK_READ  ((size_t) 256 * 1024)
#define FSCK_READS 16 /* before the clock is looked at */
#define FSCK_PATH  160

/* one directory of shards, file by file */
typedef struct FsckWalk {
        const char *directory;
        unsigned shard, last;
        int fd; /* of the shard */
        Names names;
        size_t at;
        bool again; /* what does not belong there was reported */
} FsckWalk;

/* an object that is being read */
typedef struct FsckObject {
        int fd; /* -1: none */
        Hasher *hasher;
        Digest digest;
        uint64_t size;
} FsckObject;

struct Fsck {
        const char *root;
        Index *index;
        bool repair;
        size_t references_max;
        unsigned phase;
        FsckWalk walk;
        References references;
        size_t at; /* reference that is looked at */
        Survey survey;
        Names leased; /* objects that leased views show; sorted */
        FsckObject object;
        uint8_t *chunk;
        DIR *views; /* NULL: not begun */
        FsckTotals totals;
        Defects defects;
};

int fsck_new(Fsck **ret, const char *root, Index *index, bool repair, size_t references_max) {
        _cleanup_(fsck_freep) Fsck *fsck = calloc(1, sizeof(*fsck));

        if (!fsck)
                return -ENOMEM;
        fsck->walk.fd = fsck->object.fd = -1;
        fsck->chunk = malloc(FSCK_READ);
        if (!fsck->chunk)
                return -ENOMEM;
        fsck->root = root;
        fsck->index = index;
        fsck->repair = repair;
        fsck->references_max = references_max;
        references_begin(&fsck->references, 0, references_max);
        *ret = TAKE_PTR(fsck);
        return 0;
}

static void fsck_end_object(Fsck *fsck) {
        closep(&fsck->object.fd);
        fsck->object.fd = -1;
        fsck->object.hasher = hasher_free(fsck->object.hasher);
}

static void fsck_end_walk(Fsck *fsck) {
        closep(&fsck->walk.fd);
        fsck->walk.fd = -1;
        names_deinit(&fsck->walk.names);
}

Fsck *fsck_free(Fsck *fsck) {
        if (!fsck)
                return NULL;

        fsck_end_object(fsck);
        fsck_end_walk(fsck);
        references_deinit(&fsck->references);
        defects_deinit(&fsck->defects);
        closedirp(&fsck->views);
        names_deinit(&fsck->leased);
        free(fsck->chunk);
        free(fsck);
        return NULL;
}

static void fsck_path(char ret[FSCK_PATH], const char *directory, const Digest *digest) {
        char hex[DIGEST_HEX];

        digest_to_hex(digest, hex);
        (void) snprintf(ret, FSCK_PATH, "%s/%.2s/%s", directory, hex, hex + 2);
}

/* --- what lies about --------------------------------------------------------------------- */

/* Tells of a mode that gives others more, or us less, than @wanted. What it is called there is
 * @leaf, in @dir_fd; "." is the directory itself. */
static void fsck_check_mode(Fsck *fsck, int dir_fd, const char *leaf, const char *path,
                            const struct stat *st, mode_t wanted) {
        bool foreign = st->st_uid != geteuid(), mended = false;

        if (!foreign && (st->st_mode & 07777) == wanted)
                return;
        if (fsck->repair && !foreign)
                mended = fchmodat(dir_fd, leaf, wanted, 0) == 0;
        if (foreign)
                defects_add(&fsck->defects, DEFECT_PERMISSIONS, mended, path,
                            "belongs to user id %lu", (unsigned long) st->st_uid);
        else
                defects_add(&fsck->defects, DEFECT_PERMISSIONS, mended, path,
                            "mode %04o instead of %04o", (unsigned) st->st_mode & 07777,
                            (unsigned) wanted);
}

/* A temporary file is a leftover if nobody can be writing it. */
static void fsck_meet_temp(Fsck *fsck, int dir_fd, const char *name, const char *path) {
        _cleanup_(closep) int lock = -1;
        struct stat st;

        if (lock_store_exclusive(fsck->root, 0, &lock) != 0 ||
            fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        defects_add(&fsck->defects, DEFECT_TEMPORARY,
                    fsck->repair && file_remove_tree(dir_fd, name) == 0, path,
                    "left by a writer that was killed");
}

static bool fsck_is_shard(const char *name) {
        return strlen(name) == 2 && strspn(name, "0123456789abcdef") == 2;
}

static bool fsck_is_view(const char *name) {
        return strlen(name) == DIGEST_HEX - 1 && strspn(name, "0123456789abcdef") == DIGEST_HEX - 1;
}

/* Names in the cache directory itself that are somebody's: ours, of the daemon, of SQLite. */
static bool fsck_is_known(const char *name) {
        static const char *const known[] = {
                LAYOUT_OBJECTS, LAYOUT_RECORDS, LAYOUT_VIEWS,   LAYOUT_QUARANTINE,
                "jobs",         "run",          "daemon.lock",  "store.lock",
                "store.turn",   "keys.lock",    "CACHEDIR.TAG",
        };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strcmp(name, known[i]) == 0)
                        return true;
        return strncmp(name, "index.", strlen("index.")) == 0;
}

static int fsck_meet(Fsck *fsck, int dir_fd, const char *directory, const char *name,
                     bool (*is_ours)(const char *name)) {
        char path[FSCK_PATH];
        struct stat st;

        (void) snprintf(path, sizeof(path), "%s%s%s", directory ?: "", directory ? "/" : "", name);
        if (file_is_temp_name(name)) {
                fsck_meet_temp(fsck, dir_fd, name, path);
                return 0;
        }
        if (!is_ours(name)) {
                defects_add(&fsck->defects, DEFECT_FOREIGN, false, path, "not of the cache");
                return 0;
        }
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : error_from_errno();
        if (S_ISDIR(st.st_mode))
                fsck_check_mode(fsck, dir_fd, name, path, &st, 0700);
        return 0;
}

/* Everything in @directory (NULL: in the cache directory). */
static int fsck_look_into(Fsck *fsck, const char *directory, bool (*is_ours)(const char *name)) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd = layout_open(fsck->root, directory, false), r = 0;
        struct dirent *entry;
        struct stat st;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        r = file_list(fd, &dir);
        if (r < 0)
                return r;
        if (!directory && fstat(fd, &st) == 0)
                fsck_check_mode(fsck, fd, ".", ".", &st, 0700);
        while (r == 0) {
                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return errno > 0 ? -errno : 0;
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        r = fsck_meet(fsck, fd, directory, entry->d_name, is_ours);
        }
        return r;
}

static void fsck_begin_walk(Fsck *fsck, const char *directory, unsigned first, unsigned last,
                            bool again) {
        fsck->walk.directory = directory;
        fsck->walk.shard = first;
        fsck->walk.last = last;
        fsck->walk.again = again;
}

static int fsck_top(Fsck *fsck) {
        int r;

        r = fsck_look_into(fsck, NULL, fsck_is_known);
        if (r == 0)
                r = fsck_look_into(fsck, LAYOUT_OBJECTS, fsck_is_shard);
        if (r == 0)
                r = fsck_look_into(fsck, LAYOUT_RECORDS, fsck_is_shard);
        if (r == 0)
                r = fsck_look_into(fsck, LAYOUT_VIEWS, fsck_is_view);
        if (r == 0)
                r = quarantine_usage(fsck->root, &fsck->totals.quarantine);
        fsck_begin_walk(fsck, LAYOUT_RECORDS, 0, UINT8_MAX, false);
        return r;
}

/* --- walking ----------------------------------------------------------------------------- */

/* @fd stays the caller's. */
static int fsck_list_again(int fd, DIR **ret) {
        int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return own < 0 ? error_from_errno() : file_list(own, ret);
}

/* What has no name of ours in the shard. */
static int fsck_look_into_shard(Fsck *fsck, int fd, unsigned shard) {
        _cleanup_(closedirp) DIR *dir = NULL;
        char hex[DIGEST_HEX], path[FSCK_PATH];
        struct dirent *entry;
        Digest digest;
        int r;

        r = fsck_list_again(fd, &dir);
        if (r < 0)
                return r;
        (void) snprintf(hex, sizeof(hex), "%02x", shard);
        while ((entry = readdir(dir))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                (void) snprintf(hex + 2, sizeof(hex) - 2, "%s", entry->d_name);
                if (strlen(entry->d_name) == LAYOUT_LEAF - 1 && digest_from_hex(hex, &digest) == 0)
                        continue;
                (void) snprintf(path, sizeof(path), "%s/%.2s/%s", fsck->walk.directory, hex,
                                entry->d_name);
                defects_add(&fsck->defects, DEFECT_FOREIGN, false, path, "not of the cache");
        }
        return 0;
}

/* The next shard. FSCK_MORE, or 0 if there is none. */
static int fsck_next_shard(Fsck *fsck) {
        FsckWalk *walk = &fsck->walk;
        const Digest first = { .bytes = { (uint8_t) walk->shard } };
        char leaf[LAYOUT_LEAF];
        int r = 0;

        fsck_end_walk(fsck);
        walk->at = 0;
        if (walk->shard > walk->last)
                return 0;
        walk->fd = layout_open_shard(fsck->root, walk->directory, &first, false, leaf);
        if (walk->fd == -ENOTDIR || walk->fd == -ELOOP) {
                if (!walk->again)
                        defects_add(&fsck->defects, DEFECT_FOREIGN, false, walk->directory,
                                    "%02x is no directory", walk->shard);
        } else if (walk->fd < 0) {
                r = walk->fd == -ENOENT ? 0 : walk->fd;
        } else {
                r = walk->again ? 0 : fsck_look_into_shard(fsck, walk->fd, walk->shard);
                if (r == 0)
                        r = names_list(fsck->root, walk->directory, (uint8_t) walk->shard,
                                       &walk->names);
        }
        if (walk->fd < 0)
                walk->fd = -1;
        if (r < 0)
                return r;
        walk->shard++;
        return FSCK_MORE;
}

/* Opens the next file of the walk: 0; -ENOENT: it is gone; -ELOOP, -EACCES ...: it cannot be
 * read, *ret_fd is a handle of it all the same. */
static int fsck_open_next(Fsck *fsck, Digest *ret, char ret_path[FSCK_PATH], int *ret_fd) {
        FsckWalk *walk = &fsck->walk;
        char hex[DIGEST_HEX], *leaf = hex + 2;
        struct stat st;
        int r = 0;

        *ret = walk->names.items[walk->at++];
        digest_to_hex(ret, hex);
        fsck_path(ret_path, walk->directory, ret);
        if (fstatat(walk->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_from_errno();
        if (S_ISREG(st.st_mode) && !walk->again)
                fsck_check_mode(fsck, walk->fd, leaf, ret_path, &st, 0444);
        *ret_fd = openat(walk->fd, leaf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        if (*ret_fd >= 0)
                return S_ISREG(st.st_mode) ? 0 : -EINVAL;
        r = error_from_errno();
        if (!error_is_shortage(r) && r != -ENOENT)
                *ret_fd = openat(walk->fd, leaf, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return r;
}

static bool fsck_quarantine(const Fsck *fsck, const char *directory, const Digest *digest, int fd) {
        return fsck->repair && fd >= 0 && quarantine_take(fsck->root, directory, digest, fd) == 0;
}

/* --- records ----------------------------------------------------------------------------- */

static int fsck_read_record(int fd, const Digest *key, Record **ret) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        r = file_read_fd(fd, &bytes);
        if (r < 0)
                return error_is_shortage(r) ? r : RECORD_DAMAGED;
        r = record_decode(bytes_slice(&bytes), &record);
        if (r != 0)
                return r;
        if (!digest_equal(&record->key, key))
                return RECORD_DAMAGED;
        *ret = TAKE_PTR(record);
        return 0;
}

static int fsck_record(Fsck *fsck) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(closep) int fd = -1;
        char path[FSCK_PATH];
        Digest key;
        int r;

        r = fsck_open_next(fsck, &key, path, &fd);
        if (r == -ENOENT || error_is_shortage(r))
                return r == -ENOENT ? 0 : r;
        r = r < 0 ? RECORD_DAMAGED : fsck_read_record(fd, &key, &record);
        if (r == 0)
                r = references_add(&fsck->references, record);
        if (fsck->walk.again || r < 0)
                return r < 0 ? r : 0;

        fsck->totals.n_records++;
        if (r == RECORD_NEWER)
                defects_add(&fsck->defects, DEFECT_RECORD_NEWER, false, path,
                            "written by a later version");
        if (r == RECORD_DAMAGED)
                defects_add(&fsck->defects, DEFECT_RECORD_DAMAGED,
                            fsck_quarantine(fsck, LAYOUT_RECORDS, &key, fd), path,
                            "does not read as the record of that key");
        return 0;
}

static int fsck_records(Fsck *fsck) {
        int r;

        if (fsck->walk.at < fsck->walk.names.n) {
                r = fsck_record(fsck);
                return r < 0 ? r : FSCK_MORE;
        }
        r = fsck_next_shard(fsck);
        if (r != 0)
                return r;
        references_sort(&fsck->references);
        survey_init(&fsck->survey, fsck->root, fsck->index);
        return 0;
}

/* --- the index --------------------------------------------------------------------------- */

static int fsck_compare_index(Fsck *fsck) {
        int r;

        if (fsck->repair && !fsck->walk.again) {
                r = survey_step(&fsck->survey);
                if (r != 0)
                        return r == SURVEY_MORE ? FSCK_MORE : r;
                if (fsck->survey.n_added + fsck->survey.n_removed > 0)
                        defects_add(&fsck->defects, DEFECT_INDEX, true, "index.db",
                                    "%zu records entered, %zu rows without record removed",
                                    fsck->survey.n_added, fsck->survey.n_removed);
        }
        return 0;
}

/* --- objects ----------------------------------------------------------------------------- */

/* Under the lock that keeps every writer out: is there a record by now? */
static bool fsck_remove_unused(const Fsck *fsck, const Digest *digest) {
        _cleanup_(closep) int lock = -1;

        return fsck->repair && lock_store_exclusive(fsck->root, 0, &lock) == 0 &&
               fsck->survey.n_unknown == 0 && !survey_is_marked(fsck->root) &&
               !index_is_private(fsck->index) && index_is_complete(fsck->index) &&
               !index_names_object(fsck->index, digest) &&
               names_unlink(fsck->root, LAYOUT_OBJECTS, digest) == 0;
}

/* The object is what it is called: is it what the records mean? */
static void fsck_judge_good(Fsck *fsck, const Sha256 *sha256, const char *path) {
        const FsckObject *object = &fsck->object;
        Reference *references;
        bool other = false;
        size_t n;

        references = references_find(&fsck->references, &object->digest, &n);
        for (size_t i = 0; i < n; i++) {
                bool good = references[i].size == object->size &&
                            memcmp(&references[i].sha256, sha256, sizeof(*sha256)) == 0;

                references[i].state = good ? REFERENCE_GOOD : REFERENCE_BAD;
                other |= !good;
        }
        if (n == 0 && !names_contain(&fsck->leased, &object->digest))
                defects_add(&fsck->defects, DEFECT_OBJECT_UNUSED,
                            fsck_remove_unused(fsck, &object->digest), path,
                            "no record names it (%llu bytes)", (unsigned long long) object->size);
        if (other)
                defects_add(&fsck->defects, DEFECT_OBJECT_MISMATCH,
                            fsck_quarantine(fsck, LAYOUT_OBJECTS, &object->digest, object->fd),
                            path, "a record that names it gives another SHA-256 or size");
}

static void fsck_judge_bad(Fsck *fsck, const Digest *digest, int fd, const char *path,
                           const char *why) {
        Reference *references;
        size_t n;

        references = references_find(&fsck->references, digest, &n);
        for (size_t i = 0; i < n; i++)
                references[i].state = REFERENCE_BAD;
        defects_add(&fsck->defects, DEFECT_OBJECT_DAMAGED,
                    fsck_quarantine(fsck, LAYOUT_OBJECTS, digest, fd), path, "%s", why);
}

static int fsck_finish_object(Fsck *fsck) {
        FsckObject *object = &fsck->object;
        char path[FSCK_PATH];
        Sha256 sha256;
        Digest found;
        int r;

        fsck_path(path, LAYOUT_OBJECTS, &object->digest);
        hasher_xxh3(object->hasher, &found);
        r = hasher_sha256(object->hasher, &sha256);
        if (r < 0)
                return r;
        if (digest_equal(&found, &object->digest))
                fsck_judge_good(fsck, &sha256, path);
        else
                fsck_judge_bad(fsck, &object->digest, object->fd, path, "is not what it is called");
        fsck_end_object(fsck);
        return FSCK_MORE;
}

static int fsck_read_object(Fsck *fsck) {
        FsckObject *object = &fsck->object;
        char path[FSCK_PATH];
        int r = 0;

        for (unsigned i = 0; i < FSCK_READS && r == 0; i++) {
                ssize_t n = read(object->fd, fsck->chunk, FSCK_READ);

                if (n == 0)
                        return fsck_finish_object(fsck);
                if (n < 0 && errno != EINTR) {
                        fsck_path(path, LAYOUT_OBJECTS, &object->digest);
                        fsck_judge_bad(fsck, &object->digest, object->fd, path, "cannot be read");
                        fsck_end_object(fsck);
                        return FSCK_MORE;
                }
                if (n > 0) {
                        r = hasher_update(object->hasher, fsck->chunk, (size_t) n);
                        object->size += (uint64_t) n;
                        fsck->totals.bytes += (uint64_t) n;
                }
        }
        return r < 0 ? r : FSCK_MORE;
}

static int fsck_begin_object(Fsck *fsck) {
        FsckObject *object = &fsck->object;
        char path[FSCK_PATH];
        int r;

        r = fsck_open_next(fsck, &object->digest, path, &object->fd);
        if (r == -ENOENT)
                return FSCK_MORE;
        if (error_is_shortage(r))
                return r;
        fsck->totals.n_objects++;
        object->size = 0;
        if (r == 0)
                r = hasher_new(&object->hasher, HASHER_XXH3 | HASHER_SHA256);
        else
                fsck_judge_bad(fsck, &object->digest, object->fd, path,
                               "cannot be opened as a file");
        if (!object->hasher)
                fsck_end_object(fsck);
        return r == -ENOMEM ? r : FSCK_MORE;
}

static int fsck_objects(Fsck *fsck) {
        int r;

        if (fsck->object.fd >= 0)
                return fsck_read_object(fsck);
        if (fsck->walk.at < fsck->walk.names.n)
                return fsck_begin_object(fsck);
        r = fsck_next_shard(fsck);
        fsck->at = 0;
        return r;
}

/* --- what is missing --------------------------------------------------------------------- */

static bool fsck_record_names(const Record *record, const Reference *reference) {
        const RecordObject *object = record_object(record, reference->role);

        return object && digest_equal(&object->digest, &reference->object) &&
               object->size == reference->size;
}

static int fsck_open_record(const Fsck *fsck, const Digest *key) {
        _cleanup_(closep) int shard = -1;
        char leaf[LAYOUT_LEAF];
        int fd;

        shard = layout_open_shard(fsck->root, LAYOUT_RECORDS, key, false, leaf);
        if (shard < 0)
                return shard;
        fd = openat(shard, leaf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? error_from_errno() : fd;
}

/* Nobody evicts meanwhile: does that record still name what is not there? */
static int fsck_is_incomplete(const Fsck *fsck, const Reference *reference, int *ret_fd) {
        _cleanup_(closep) int lock = -1, fd = -1;
        _cleanup_(record_freep) Record *record = NULL;
        struct stat st;
        int r;

        r = lock_store_shared(fsck->root, true, &lock);
        if (r < 0 && error_is_shortage(r))
                return r;
        fd = fsck_open_record(fsck, &reference->key);
        r = fd < 0 ? fd : fsck_read_record(fd, &reference->key, &record);
        if (r != 0 || !fsck_record_names(record, reference))
                return error_is_shortage(r) ? r : 0; /* gone, or replaced */
        if (reference->state == REFERENCE_UNSEEN)
                r = names_stat(fsck->root, LAYOUT_OBJECTS, &reference->object, &st);
        if (reference->state == REFERENCE_UNSEEN && r != -ENOENT)
                return error_is_shortage(r) ? r : 0; /* it came back */
        *ret_fd = TAKE_FD(fd);
        return 1;
}

/* Its row goes, too, so that nothing is taken for used because of it. */
static bool fsck_drop_record(const Fsck *fsck, const Digest *key, int fd) {
        if (!fsck_quarantine(fsck, LAYOUT_RECORDS, key, fd))
                return false;
        if (index_begin(fsck->index) == 0)
                (void) index_end(fsck->index, index_remove(fsck->index, key, false, NULL, NULL));
        return true;
}

static int fsck_missing(Fsck *fsck) {
        static const char *const roles[] = {
                [RECORD_ROLE_XMODEL] = "xmodel",
                [RECORD_ROLE_META] = "meta",
                [RECORD_ROLE_REPORT] = "report",
                [RECORD_ROLE_LOG] = "log",
        };
        const Reference *reference;
        _cleanup_(closep) int fd = -1;
        char path[FSCK_PATH], hex[DIGEST_HEX];
        int r;

        if (fsck->at == fsck->references.n) {
                if (fsck->references.last < UINT8_MAX) { /* the other objects */
                        references_begin(&fsck->references, fsck->references.last + 1,
                                         fsck->references_max);
                        fsck_begin_walk(fsck, LAYOUT_RECORDS, 0, UINT8_MAX, true);
                        fsck->phase = 1;
                        return FSCK_MORE;
                }
                return 0;
        }
        reference = &fsck->references.items[fsck->at++];
        r = reference->state == REFERENCE_GOOD ? 0 : fsck_is_incomplete(fsck, reference, &fd);
        if (r <= 0)
                return r < 0 ? r : FSCK_MORE;
        digest_to_hex(&reference->object, hex);
        fsck_path(path, LAYOUT_RECORDS, &reference->key);
        defects_add(&fsck->defects, DEFECT_RECORD_INCOMPLETE,
                    fsck_drop_record(fsck, &reference->key, fd), path, "its %s (object %s) is %s",
                    roles[reference->role], hex,
                    reference->state == REFERENCE_BAD ? "not what was stored" : "missing");
        return FSCK_MORE;
}

/* --- views ------------------------------------------------------------------------------- */

/* The first link in the view that leads nowhere: 1, else 0. */
static int fsck_view_is_broken(int key_fd, const char *net, char *ret_name, size_t size) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd = openat(key_fd, net, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct dirent *entry;
        struct stat st;
        int r;

        if (fd < 0)
                return error_is_shortage(-errno) ? -errno : 0;
        r = file_list(fd, &dir);
        if (r < 0)
                return r;
        while ((entry = readdir(dir))) {
                if (fstatat(fd, entry->d_name, &st, 0) == 0 || (errno != ENOENT && errno != ELOOP))
                        continue;
                if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue; /* replaced just now */
                (void) snprintf(ret_name, size, "%s", entry->d_name);
                return 1;
        }
        return 0;
}

static bool fsck_remove_view(const Fsck *fsck, int key_fd, const char *net) {
        _cleanup_(closep) int lock = -1;
        char name[NAME_MAX + 1];

        return fsck->repair && lock_store_exclusive(fsck->root, 0, &lock) == 0 &&
               (fsck_view_is_broken(key_fd, net, name, sizeof(name)) != 1 ||
                file_remove_tree(key_fd, net) == 0);
}

static int fsck_views_of(Fsck *fsck, int key_fd, const char *key) {
        _cleanup_(closedirp) DIR *dir = NULL;
        char name[NAME_MAX + 1], path[2 * NAME_MAX];
        struct dirent *entry;
        int r;

        r = fsck_list_again(key_fd, &dir);
        while (r >= 0 && (entry = readdir(dir))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                fsck->totals.n_views++;
                r = fsck_view_is_broken(key_fd, entry->d_name, name, sizeof(name));
                if (r <= 0)
                        continue;
                (void) snprintf(path, sizeof(path), LAYOUT_VIEWS "/%s/%s", key, entry->d_name);
                defects_add(&fsck->defects, DEFECT_VIEW_BROKEN,
                            fsck_remove_view(fsck, key_fd, entry->d_name), path, "%s leads nowhere",
                            name);
        }
        return r < 0 ? r : 0;
}

static bool fsck_remove_views(const Fsck *fsck, const Digest *key) {
        _cleanup_(closep) int lock = -1;
        struct stat st;

        return fsck->repair && lock_store_exclusive(fsck->root, 0, &lock) == 0 &&
               names_stat(fsck->root, LAYOUT_RECORDS, key, &st) == -ENOENT &&
               !lease_holds(fsck->root, key, clock_real_ns()) &&
               lease_remove_views(fsck->root, key) == 0;
}

static int fsck_look_at_views(Fsck *fsck, const char *name) {
        _cleanup_(closep) int fd = -1;
        char path[FSCK_PATH];
        struct stat st;
        Digest key;
        int r;

        if (digest_from_hex(name, &key) < 0)
                return 0; /* was seen before */
        fd = openat(dirfd(fsck->views), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return error_is_shortage(-errno) ? -errno : 0;
        r = fsck_views_of(fsck, fd, name);
        if (r < 0)
                return r;
        if (names_stat(fsck->root, LAYOUT_RECORDS, &key, &st) != -ENOENT ||
            lease_holds(fsck->root, &key, clock_real_ns()))
                return 0;
        (void) snprintf(path, sizeof(path), LAYOUT_VIEWS "/%s", name);
        defects_add(&fsck->defects, DEFECT_VIEW_UNUSED, fsck_remove_views(fsck, &key), path,
                    "there is no such record");
        return 0;
}

/* Calls @look for the next of the directories in views/: FSCK_MORE, or 0 if there is none. */
static int fsck_next_view(Fsck *fsck, int (*look)(Fsck *fsck, const char *name)) {
        struct dirent *entry;
        int r;

        if (!fsck->views) {
                int fd = layout_open(fsck->root, LAYOUT_VIEWS, false);

                if (fd < 0)
                        return fd == -ENOENT ? 0 : fd;
                r = file_list(fd, &fsck->views);
                if (r < 0)
                        return r;
        }
        errno = 0;
        entry = readdir(fsck->views);
        if (!entry) {
                r = -errno;
                closedirp(&fsck->views);
                fsck->views = NULL;
                return r;
        }
        r = look(fsck, entry->d_name);
        return r < 0 ? r : FSCK_MORE;
}

static int fsck_views(Fsck *fsck) {
        return fsck_next_view(fsck, fsck_look_at_views);
}

static int fsck_look_at_leases(Fsck *fsck, const char *name) {
        Digest key;

        return digest_from_hex(name, &key) < 0
                       ? 0
                       : lease_add_objects(fsck->root, &key, clock_real_ns(), &fsck->leased);
}

static int fsck_leases(Fsck *fsck) {
        int r = fsck->walk.again ? 0 : fsck_next_view(fsck, fsck_look_at_leases);

        if (r != 0)
                return r;
        names_sort(&fsck->leased);
        fsck_begin_walk(fsck, LAYOUT_OBJECTS, fsck->references.first, fsck->references.last, false);
        return 0;
}

/* --- slices ------------------------------------------------------------------------------ */

static const struct {
        const char *name;
        int (*step)(Fsck *fsck);
} fsck_phases[] = {
        { "directories", fsck_top }, { "records", fsck_records }, { "index", fsck_compare_index },
        { "views", fsck_leases },    { "objects", fsck_objects }, { "records", fsck_missing },
        { "views", fsck_views },
};

int fsck_step(Fsck *fsck) {
        int64_t end = clock_monotonic_ns() + FSCK_SLICE_MS * CLOCK_NS_PER_MS;
        int r;

        do {
                if (fsck->phase == ARRAY_SIZE(fsck_phases))
                        return 0;
                r = fsck_phases[fsck->phase].step(fsck);
                if (r < 0)
                        return r;
                fsck->phase += r == 0;
        } while (clock_monotonic_ns() < end);
        return FSCK_MORE;
}

const char *fsck_phase(const Fsck *fsck) {
        return fsck->phase < ARRAY_SIZE(fsck_phases) ? fsck_phases[fsck->phase].name : "done";
}

unsigned fsck_percent(const Fsck *fsck) {
        return fsck->walk.directory ? fsck->walk.shard * 100 / (UINT8_MAX + 1) : 0;
}

FsckTotals fsck_totals(const Fsck *fsck) {
        return fsck->totals;
}

const Defects *fsck_defects(const Fsck *fsck) {
        return &fsck->defects;
}
