#include "daemon/identify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "cache/memo.h"

#define IDENTIFY_TRIES_MAX 4

/* Not from a damaged row: what is quantized has its digests, and nothing else has. */
static bool identity_from_memo(const StatId *stat, const Digest *bytes, const MemoModel *memo,
                               Identity *ret) {
        bool quantized = memo->model_class == XMODEL_QUANTIZED;

        if (memo->model_class < XMODEL_QUANTIZED || memo->model_class > XMODEL_REFUSED ||
            memo->has_canonical != quantized || memo->has_map_sorted != quantized)
                return false;
        *ret = (Identity){
                .stat = *stat,
                .bytes = *bytes,
                .class = (XmodelClass) memo->model_class,
                .canonical = memo->canonical,
                .map_sorted = memo->map_sorted,
        };
        (void) problem_set(&ret->reason, 0, "%s", memo->reason);
        return true;
}

static bool identify_from_memo(State *state, const StatId *stat, int64_t observed, Identity *ret) {
        MemoModel memo;
        Digest bytes;

        return memo_find_file(state, stat, observed, &bytes) == 0 &&
               memo_find_model(state, &bytes, CANON_VERSION, &memo) == 0 &&
               identity_from_memo(stat, &bytes, &memo, ret);
}

static bool identify_goes_on(const void *userdata) {
        return !work_cancelled(userdata);
}

static int identify_content(const Skeleton *model, const Work *work, Identity *ret) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        int r;

        r = classify(model->file, &ret->class, &walk, &ret->reason);
        if (r < 0 || ret->class != XMODEL_QUANTIZED)
                return r;
        if (work_cancelled(work))
                return -ECANCELED;
        r = canon_digest(walk, model, CANON_CANONICAL, &ret->canonical);
        if (r == 0)
                r = work_cancelled(work)
                            ? -ECANCELED
                            : canon_digest(walk, model, CANON_MAP_SORTED, &ret->map_sorted);
        return r == -ESTALE ? -EAGAIN : r;
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
        const SkeletonSpec spec = {
                .fd = fd, .grain = SKELETON_GRAIN, .go_on = identify_goes_on, .userdata = work
        };
        _cleanup_(skeleton_deinit) Skeleton model = {};
        Identity identity = { .stat = *stat };
        MemoModel memo;
        StatId after;
        int r;

        r = skeleton_read(&model, &spec, &identity.bytes);
        if (r < 0)
                return r == -ESTALE ? -EAGAIN : r;
        r = file_stat_id_fd(fd, &after);
        if (r < 0)
                return r;
        if (!stat_id_equal(stat, &after))
                return -EAGAIN;

        if (memo_find_model(state, &identity.bytes, CANON_VERSION, &memo) != 0 ||
            !identity_from_memo(stat, &identity.bytes, &memo, &identity)) {
                r = identify_content(&model, work, &identity);
                if (r < 0)
                        return r;
        }
        identity.was_read = true;
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
        return identity_from_memo(&stat, &bytes, &memo, ret) && ret->class == XMODEL_QUANTIZED;
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

typedef struct VerbatimCopy {
        Hasher *hasher;
        int to;
} VerbatimCopy;

static int identify_copy(void *userdata, const void *data, size_t n) {
        VerbatimCopy *copy = userdata;
        int r;

        r = hasher_update(copy->hasher, data, n);
        return r < 0 ? r : file_write_all(copy->to, data, n);
}

static int identify_write_verbatim(const Skeleton *model, int to, Digest *ret, Sha256 *ret_sha256) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        VerbatimCopy copy = { .to = to };
        int r;

        r = hasher_new(&hasher, HASHER_XXH3 | HASHER_SHA256);
        if (r < 0)
                return r;
        copy.hasher = hasher;
        r = skeleton_each(model, model->file, identify_copy, &copy);
        if (r == 0)
                r = hasher_sha256(hasher, ret_sha256);
        if (r == 0)
                hasher_xxh3(hasher, ret);
        return r;
}

static int identify_write_form(const Skeleton *model, SnapshotForm form, int to, Digest *ret,
                               Sha256 *ret_sha256, uint64_t *ret_size) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        int r;

        if (form == SNAPSHOT_FORM_VERBATIM) {
                *ret_size = model->file.size;
                return identify_write_verbatim(model, to, ret, ret_sha256);
        }
        r = walk_new(&walk, model->file, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -ESTALE; /* it was a graph when it was hashed */
        return canon_write(walk, model,
                           form == SNAPSHOT_FORM_CANONICAL ? CANON_CANONICAL : CANON_MAP_SORTED, to,
                           ret, ret_sha256, ret_size);
}

int identify_snapshot(int fd, SnapshotForm form, const Digest *expected, int to, Sha256 *ret_sha256,
                      uint64_t *ret_size) {
        const SkeletonSpec spec = { .fd = fd, .grain = SKELETON_GRAIN };
        _cleanup_(skeleton_deinit) Skeleton model = {};
        Digest digest;
        Sha256 sha256;
        uint64_t size;
        int r;

        r = skeleton_read(&model, &spec, NULL); /* what is written is compared instead */
        if (r < 0)
                return r;
        r = identify_write_form(&model, form, to, &digest, &sha256, &size);
        if (r < 0)
                return r;
        if (!digest_equal(&digest, expected))
                return -ESTALE;

        *ret_sha256 = sha256;
        *ret_size = size;
        return 0;
}
