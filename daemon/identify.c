#include "daemon/identify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "cache/memo.h"

#define IDENTIFY_TRIES_MAX 4

static Identity identity_from_memo(const StatId *stat, const Digest *bytes, const MemoModel *memo) {
        Identity identity = {
                .stat = *stat,
                .bytes = *bytes,
                .class = (XmodelClass) memo->model_class,
                .canonical = memo->canonical,
                .map_sorted = memo->map_sorted,
        };

        (void) problem_set(&identity.reason, 0, "%s", memo->reason);
        return identity;
}

static bool identify_from_memo(State *state, const StatId *stat, int64_t observed, Identity *ret) {
        MemoModel memo;
        Digest bytes;

        if (memo_find_file(state, stat, observed, &bytes) != 0 ||
            memo_find_model(state, &bytes, CANON_VERSION, &memo) != 0)
                return false;
        *ret = identity_from_memo(stat, &bytes, &memo);
        return true;
}

static bool identify_goes_on(const void *userdata) {
        return !work_cancelled(userdata);
}

static int identify_content(Slice file, const Work *work, Identity *ret) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        int r;

        r = classify(file, &ret->class, &walk, &ret->reason);
        if (r < 0 || ret->class != XMODEL_QUANTIZED)
                return r;
        if (work_cancelled(work))
                return -ECANCELED;
        r = canon_digest(walk, CANON_CANONICAL, &ret->canonical);
        if (r < 0)
                return r;
        return work_cancelled(work) ? -ECANCELED
                                    : canon_digest(walk, CANON_MAP_SORTED, &ret->map_sorted);
}

static void identify_remember(State *state, const Identity *identity, int64_t observed) {
        bool quantized = identity->class == XMODEL_QUANTIZED;
        MemoModel memo = {
                .model_class = (int) identity->class,
                .has_canonical = quantized,
                .has_map_sorted = quantized,
                .canonical = identity->canonical,
                .map_sorted = identity->map_sorted,
        };

        memcpy(memo.reason, identity->reason.text, sizeof(memo.reason));
        (void) memo_store_model(state, &identity->bytes, CANON_VERSION, &memo);
        (void) memo_store_file(state, &identity->stat, observed, &identity->bytes);
}

/* One reading: -EAGAIN if the file changed meanwhile. */
static int identify_read(State *state, int fd, const Work *work, const StatId *stat,
                         int64_t observed, Identity *ret) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        Identity identity = { .stat = *stat, .was_read = true };
        MemoModel memo;
        StatId after;
        int r;

        r = file_read_fd_while(fd, &file, identify_goes_on, work);
        if (r < 0)
                return r;
        r = file_stat_id_fd(fd, &after);
        if (r < 0)
                return r;
        if (!stat_id_equal(stat, &after))
                return -EAGAIN;

        identity.bytes = digest_of(file.data, file.size);
        if (memo_find_model(state, &identity.bytes, CANON_VERSION, &memo) == 0) {
                identity = identity_from_memo(stat, &identity.bytes, &memo);
                identity.was_read = true;
        } else {
                r = identify_content(bytes_slice(&file), work, &identity);
                if (r < 0)
                        return r;
        }
        identify_remember(state, &identity, observed);
        *ret = identity;
        return 0;
}

/* A file beyond what the format can hold is no model: an answer, not an error. */
static void identify_too_big(const StatId *stat, Identity *ret) {
        *ret = (Identity){ .stat = *stat, .class = XMODEL_REFUSED };
        (void) problem_set(&ret->reason, 0,
                           "the file has %llu bytes, more than an XIR graph can have",
                           (unsigned long long) stat->size);
}

int identify_open(int fd, const char *path) {
        return fd >= 0 ? file_reopen(fd) : file_open_regular(AT_FDCWD, path);
}

bool identify_known(State *state, int fd, const char *path, Identity *ret) {
        int64_t observed = clock_real_ns();
        MemoModel memo;
        Digest bytes;
        StatId stat;
        int r;

        r = fd >= 0 ? file_stat_id_fd(fd, &stat) : file_stat_id(AT_FDCWD, path, &stat);
        if (r < 0 || memo_recall(state, &stat, observed, CANON_VERSION, &bytes, &memo) != 0)
                return false;
        *ret = identity_from_memo(&stat, &bytes, &memo);
        return ret->class == XMODEL_QUANTIZED;
}

int identify_fd(State *state, int fd, const Work *work, Identity *ret) {
        StatId stat;
        int r = -EAGAIN;

        for (unsigned i = 0; r == -EAGAIN && i < IDENTIFY_TRIES_MAX; i++) {
                int64_t observed = clock_real_ns();

                r = file_stat_id_fd(fd, &stat);
                if (r < 0)
                        return r;
                if (identify_from_memo(state, &stat, observed, ret))
                        return 0;
                if (stat.size > WALK_FILE_MAX) {
                        identify_too_big(&stat, ret);
                        return 0;
                }
                r = identify_read(state, fd, work, &stat, observed, ret);
        }
        return r;
}

SnapshotForm snapshot_form_of(CanonForm form) {
        return form == CANON_CANONICAL ? SNAPSHOT_FORM_CANONICAL : SNAPSHOT_FORM_MAP_SORTED;
}

const char *snapshot_form_name(SnapshotForm form) {
        switch (form) {
        case SNAPSHOT_FORM_CANONICAL:
                return canon_form_name(CANON_CANONICAL);
        case SNAPSHOT_FORM_MAP_SORTED:
                return canon_form_name(CANON_MAP_SORTED);
        case SNAPSHOT_FORM_VERBATIM:
                return "verbatim";
        }
        return "";
}

const Digest *identity_digest(const Identity *identity, SnapshotForm form) {
        switch (form) {
        case SNAPSHOT_FORM_CANONICAL:
                return &identity->canonical;
        case SNAPSHOT_FORM_MAP_SORTED:
                return &identity->map_sorted;
        case SNAPSHOT_FORM_VERBATIM:
                return &identity->bytes;
        }
        return NULL;
}

/* --- snapshots -------------------------------------------------------------------------------- */

static int identify_write_verbatim(Slice file, int to, Digest *ret, Sha256 *ret_sha256) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        int r;

        r = hasher_new(&hasher, HASHER_XXH3 | HASHER_SHA256);
        if (r == 0)
                r = hasher_update(hasher, file.data, file.size);
        if (r == 0)
                r = hasher_sha256(hasher, ret_sha256);
        if (r < 0)
                return r;
        hasher_xxh3(hasher, ret);
        return file_write_all(to, file.data, file.size);
}

static int identify_write_form(Slice file, SnapshotForm form, int to, Digest *ret,
                               Sha256 *ret_sha256, uint64_t *ret_size) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        int r;

        if (form == SNAPSHOT_FORM_VERBATIM) {
                *ret_size = file.size;
                return identify_write_verbatim(file, to, ret, ret_sha256);
        }
        r = walk_new(&walk, file, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -ESTALE; /* it was a graph when it was hashed */
        return canon_write(walk,
                           form == SNAPSHOT_FORM_CANONICAL ? CANON_CANONICAL : CANON_MAP_SORTED, to,
                           ret, ret_sha256, ret_size);
}

int identify_snapshot(int fd, SnapshotForm form, const Digest *expected, int to, Sha256 *ret_sha256,
                      uint64_t *ret_size) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        Digest digest;
        Sha256 sha256;
        uint64_t size;
        int r;

        r = file_read_fd(fd, &file);
        if (r < 0)
                return r;
        r = identify_write_form(bytes_slice(&file), form, to, &digest, &sha256, &size);
        if (r < 0)
                return r;
        if (!digest_equal(&digest, expected))
                return -ESTALE;

        *ret_sha256 = sha256;
        *ret_size = size;
        return 0;
}
