#include "cache/memo.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "cache/database.h"
#include "cache/recent.h"
#include "cache/state.h"

/* 64-bit device and inode numbers keep their bits in SQLite's signed integers */
#define MEMO_I64(n) ((int64_t) (n))

typedef struct MemoDigest {
        Digest digest;
        bool found;
} MemoDigest;

static int memo_take_digest(const DatabaseRow *row, void *userdata) {
        MemoDigest *ret = userdata;

        ret->found = database_digest(row, 0, &ret->digest) == 0;
        return 0;
}

/* --- files ------------------------------------------------------------------------------- */

bool memo_is_racy(const StatId *id, int64_t observed_ns) {
        int64_t slack =
                id->ctime_ns % CLOCK_NS_PER_MS == 0 ? MEMO_SLACK_COARSE_NS : MEMO_SLACK_FINE_NS;
        int64_t newest = observed_ns - slack;

        return id->mtime_ns >= newest || id->ctime_ns >= newest;
}

/* The identity as a name; StatId has no holes. */
static Digest memo_name_of(const StatId *id) {
        return digest_of(id, sizeof(*id));
}

int memo_find_file(State *state, const StatId *id, int64_t observed_ns, Digest *ret) {
        Digest name = memo_name_of(id);
        MemoDigest memo = { .found = false };
        int r;

        if (memo_is_racy(id, observed_ns))
                return MEMO_MISS;
        if (recent_find(state_recent_files(state), &name, ret))
                return 0;

        r = database_run(state_database(state), memo_take_digest, &memo,
                         "SELECT digest FROM file_memo WHERE dev = ? AND ino = ? AND size = ?"
                         " AND mtime_ns = ? AND ctime_ns = ?",
                         "iiiii", MEMO_I64(id->dev), MEMO_I64(id->ino), MEMO_I64(id->size),
                         id->mtime_ns, id->ctime_ns);
        if (r < 0)
                return r;
        if (!memo.found)
                return MEMO_MISS;
        recent_note(state_recent_files(state), &name, &memo.digest);
        *ret = memo.digest;
        return 0;
}

int memo_store_file(State *state, const StatId *id, int64_t observed_ns, const Digest *digest) {
        Slice blob = slice_of(digest->bytes, DIGEST_SIZE);
        Digest name = memo_name_of(id);
        int r;

        if (memo_is_racy(id, observed_ns))
                return MEMO_RACY;

        recent_note(state_recent_files(state), &name, digest);
        r = database_run(state_database(state), NULL, NULL,
                         "INSERT OR REPLACE INTO file_memo"
                         " (dev, ino, size, mtime_ns, ctime_ns, digest) VALUES (?, ?, ?, ?, ?, ?)",
                         "iiiiib", MEMO_I64(id->dev), MEMO_I64(id->ino), MEMO_I64(id->size),
                         id->mtime_ns, id->ctime_ns, &blob);
        if (r < 0)
                return r;
        return state_trim(state, "file_memo", MEMO_FILES_MAX);
}

int memo_digest_fd(State *state, int fd, Digest *ret, StatId *ret_id) {
        int64_t observed_ns = clock_real_ns();
        StatId before, after;
        Digest digest;
        int r;

        r = file_stat_id_fd(fd, &before);
        if (r < 0)
                return r;
        if (memo_find_file(state, &before, observed_ns, &digest) != 0) {
                if (lseek(fd, 0, SEEK_SET) < 0)
                        return error_from_errno();
                r = digest_fd(fd, &digest, NULL, NULL, NULL);
                if (r == 0)
                        r = file_stat_id_fd(fd, &after);
                if (r < 0)
                        return r;
                if (!stat_id_equal(&before, &after))
                        return -EAGAIN;
                (void) memo_store_file(state, &before, observed_ns, &digest);
        }

        *ret = digest;
        *ret_id = before;
        return 0;
}

int memo_digest(State *state, const char *path, Digest *ret, StatId *ret_id) {
        int64_t observed_ns = clock_real_ns();
        _cleanup_(closep) int fd = -1;
        StatId id;

        if (file_stat_id(AT_FDCWD, path, &id) == 0 &&
            memo_find_file(state, &id, observed_ns, ret) == 0) {
                *ret_id = id;
                return 0;
        }
        fd = file_open_regular(AT_FDCWD, path);
        return fd < 0 ? fd : memo_digest_fd(state, fd, ret, ret_id);
}

/* --- models ------------------------------------------------------------------------------ */

typedef struct MemoModelRow {
        MemoModel model;
        bool found;
} MemoModelRow;

static int memo_take_model(const DatabaseRow *row, void *userdata) {
        MemoModelRow *ret = userdata;
        Slice reason = database_blob(row, 3);
        MemoModel *model = &ret->model;

        if (reason.size >= sizeof(model->reason))
                return 0; /* we never wrote that */
        model->model_class = (int) database_int(row, 0);
        model->has_canonical = database_digest(row, 1, &model->canonical) == 0;
        model->has_map_sorted = database_digest(row, 2, &model->map_sorted) == 0;
        if (reason.size > 0)
                memcpy(model->reason, reason.data, reason.size);
        ret->found = true;
        return 0;
}

/* What is remembered of a model in memory: of sources only. */
typedef struct MemoDigests {
        Digest canonical, map_sorted;
        int64_t model_class;
        char reason[64];
} MemoDigests;

static_assert(sizeof(MemoDigests) == STATE_RECENT_MODEL, "as state.h says");

static Digest memo_model_name(const Digest *bytes, uint32_t version) {
        struct {
                Digest bytes;
                uint32_t version;
        } name = { *bytes, version };

        return digest_of(&name, sizeof(name));
}

static bool memo_recall_model(State *state, const Digest *bytes, uint32_t version, MemoModel *ret) {
        Digest name = memo_model_name(bytes, version);
        MemoDigests digests;

        if (!recent_find(state_recent_models(state), &name, &digests))
                return false;
        *ret = (MemoModel){
                .model_class = (int) digests.model_class,
                .has_canonical = true,
                .has_map_sorted = true,
                .canonical = digests.canonical,
                .map_sorted = digests.map_sorted,
        };
        memcpy(ret->reason, digests.reason, sizeof(digests.reason));
        return true;
}

static void memo_note_model(State *state, const Digest *bytes, uint32_t version,
                            const MemoModel *model) {
        Digest name = memo_model_name(bytes, version);
        MemoDigests digests = { model->canonical, model->map_sorted, model->model_class, "" };
        size_t n = strnlen(model->reason, sizeof(digests.reason));

        if (!model->has_canonical || !model->has_map_sorted || n == sizeof(digests.reason))
                return;
        memcpy(digests.reason, model->reason, n);
        recent_note(state_recent_models(state), &name, &digests);
}

int memo_recall(State *state, const StatId *id, int64_t observed_ns, uint32_t version,
                Digest *ret_bytes, MemoModel *ret) {
        Digest name = memo_name_of(id), bytes;

        if (memo_is_racy(id, observed_ns) ||
            !recent_find(state_recent_files(state), &name, &bytes) ||
            !memo_recall_model(state, &bytes, version, ret))
                return MEMO_MISS;
        *ret_bytes = bytes;
        return 0;
}

int memo_find_model(State *state, const Digest *bytes, uint32_t version, MemoModel *ret) {
        Slice blob = slice_of(bytes->bytes, DIGEST_SIZE);
        MemoModelRow memo = { .found = false };
        int r;

        if (memo_recall_model(state, bytes, version, ret))
                return 0;
        r = database_run(state_database(state), memo_take_model, &memo,
                         "SELECT class, canonical, map_sorted, reason FROM model_memo"
                         " WHERE bytes = ? AND version = ?",
                         "bi", &blob, (int64_t) version);
        if (r < 0)
                return r;
        if (!memo.found)
                return MEMO_MISS;
        memo_note_model(state, bytes, version, &memo.model);
        *ret = memo.model;
        return 0;
}

int memo_store_model(State *state, const Digest *bytes, uint32_t version, const MemoModel *model) {
        Slice blob = slice_of(bytes->bytes, DIGEST_SIZE);
        Slice canonical = slice_of(model->has_canonical ? model->canonical.bytes : NULL,
                                   model->has_canonical ? DIGEST_SIZE : 0);
        Slice map_sorted = slice_of(model->has_map_sorted ? model->map_sorted.bytes : NULL,
                                    model->has_map_sorted ? DIGEST_SIZE : 0);
        Slice reason = slice_of(model->reason, strnlen(model->reason, sizeof(model->reason) - 1));
        int r;

        memo_note_model(state, bytes, version, model);
        r = database_run(state_database(state), NULL, NULL,
                         "INSERT OR REPLACE INTO model_memo"
                         " (bytes, version, class, canonical, map_sorted, reason)"
                         " VALUES (?, ?, ?, ?, ?, ?)",
                         "biibbb", &blob, (int64_t) version, (int64_t) model->model_class,
                         &canonical, &map_sorted, &reason);
        if (r < 0)
                return r;
        return state_trim(state, "model_memo", MEMO_MODELS_MAX);
}

/* --- verified objects -------------------------------------------------------------------- */

/* After a boot the page cache is new and power may have been lost: what was verified before
 * says nothing, hence the boot id. */

int memo_find_verified(State *state, const Digest *object, const StatId *id) {
        MemoDigest memo = { .found = false };
        int r;

        r = database_run(state_database(state), memo_take_digest, &memo,
                         "SELECT object FROM verified WHERE dev = ? AND ino = ? AND size = ?"
                         " AND mtime_ns = ? AND ctime_ns = ? AND boot = ?",
                         "iiiiit", MEMO_I64(id->dev), MEMO_I64(id->ino), MEMO_I64(id->size),
                         id->mtime_ns, id->ctime_ns, state_boot_id(state));
        if (r < 0)
                return r;
        return memo.found && digest_equal(&memo.digest, object) ? 0 : MEMO_MISS;
}

int memo_store_verified(State *state, const Digest *object, const StatId *id) {
        Slice blob = slice_of(object->bytes, DIGEST_SIZE);
        int r;

        r = database_run(state_database(state), NULL, NULL,
                         "INSERT OR REPLACE INTO verified"
                         " (dev, ino, size, mtime_ns, ctime_ns, object, boot)"
                         " VALUES (?, ?, ?, ?, ?, ?, ?)",
                         "iiiiibt", MEMO_I64(id->dev), MEMO_I64(id->ino), MEMO_I64(id->size),
                         id->mtime_ns, id->ctime_ns, &blob, state_boot_id(state));
        if (r < 0)
                return r;
        return state_trim(state, "verified", MEMO_VERIFIED_MAX);
}

int memo_forget_verified(State *state) {
        return database_run(state_database(state), NULL, NULL, "DELETE FROM verified", "");
}
