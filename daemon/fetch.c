/*
 * Callbacks record what happened and call fetch_run(), which alone goes on. While an object comes
 * two things are under way: the helper's answer, and a worker that reads the pipe to its end. The
 * worker ends because the helper closes its end, answered or killed; it needs no time-out of its
 * own.
 */

#include "daemon/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strings.h"
#include "cache/envelope.h"
#include "cache/remote_name.h"

#define FETCH_RECORD_MS 5000 /* somebody waits: a record must come within this */
#define FETCH_GRACE_MS  5000 /* after that the helper is not what it should be */

typedef enum FetchState {
        FETCH_ASKING,
        FETCH_JUDGING,
        FETCH_RECEIVING,
        FETCH_KEEPING,
        FETCH_OVER,
} FetchState;

struct Fetch {
        FetchContext context;
        FetchDoneFn done;
        void *userdata;

        FetchState state;
        unsigned n_busy; /* operations that are under way */
        size_t tier;     /* the present one; n_tiers: none is left */
        bool first;      /* on the pool */

        Digest key;
        int source_fd; /* -1: source_path */
        char *source_path;
        SnapshotForm form;
        Digest snapshot;
        bool has_sha256;
        Sha256 snapshot_sha256;

        Work work;
        int work_result;
        HelperAnswer answer; /* without detail and data */
        Bytes envelope;
        Record *record; /* of this tier */
        bool missing[RECORD_OBJECTS_MAX];
        size_t object; /* the present one */
        int pipe_fd;   /* the worker's end */
};

static Tier *fetch_tier(const Fetch *fetch) {
        return &fetch->context.tiers[fetch->tier];
}

Fetch *fetch_free(Fetch *fetch) {
        if (!fetch)
                return NULL;

        closep(&fetch->source_fd);
        closep(&fetch->pipe_fd);
        free(fetch->source_path);
        bytes_deinit(&fetch->envelope);
        (void) record_free(fetch->record);
        free(fetch);
        return NULL;
}

static inline void fetch_freep(Fetch **fetch) {
        (void) fetch_free(*fetch);
}

static void fetch_run(Fetch *fetch);

/* --- the next tier ----------------------------------------------------------------------- */

static void fetch_go_to_next(Fetch *fetch) {
        fetch->record = record_free(fetch->record);
        bytes_deinit(&fetch->envelope);
        do
                fetch->tier++;
        while (fetch->tier < fetch->context.n_tiers && !tier_may_read(fetch_tier(fetch)));
        fetch->state = fetch->tier < fetch->context.n_tiers ? FETCH_ASKING : FETCH_OVER;
}

/* The tier answered something that is not right. */
static void fetch_refuse(Fetch *fetch, const char *reason) {
        tier_refuse(fetch_tier(fetch), &fetch->key, reason);
        fetch_go_to_next(fetch);
}

/* Our own side: no other tier would help. */
static void fetch_give_up(Fetch *fetch) {
        fetch->tier = fetch->context.n_tiers;
        fetch->state = FETCH_OVER;
}

/* The helper said no, in one way or another. */
static void fetch_take_failure(Fetch *fetch) {
        Tier *tier = fetch_tier(fetch);

        if (fetch->answer.result > 0)
                tier_count(tier, TIER_MISSES, 1);
        else
                tier_count(tier, TIER_ERRORS, 1);
        fetch_go_to_next(fetch);
}

/* --- ASKING ------------------------------------------------------------------------------ */

static void fetch_on_answer(const HelperAnswer *answer, void *userdata) {
        Fetch *fetch = userdata;

        fetch->n_busy--;
        fetch->answer = (HelperAnswer){ .result = answer->result, .n_bytes = answer->n_bytes };
        tier_judge(fetch_tier(fetch), answer->result, answer->detail);
        tier_count(fetch_tier(fetch), TIER_BYTES_IN, answer->n_bytes);
        if (answer->result == 0 && fetch->state == FETCH_ASKING &&
            bytes_append(&fetch->envelope, answer->data.data, answer->data.size) < 0)
                fetch->answer.result = -ENOMEM;
        fetch_run(fetch);
}

static int fetch_ask(Fetch *fetch, const char *name, uint64_t max, int fd, uint32_t limit_ms) {
        Dpucc__Remote__Request request = DPUCC__REMOTE__REQUEST__INIT;
        Dpucc__Remote__Get get = DPUCC__REMOTE__GET__INIT;
        uint64_t limit = limit_ms ?: fetch_tier(fetch)->config.transfer_ms;
        int r;

        get.tier = fetch_tier(fetch)->index;
        get.name = (char *) name;
        get.max = max;
        get.has_exact = true;
        get.exact = fd >= 0;
        get.has_limit_ms = limit_ms > 0;
        get.limit_ms = limit_ms;
        request.get = &get;
        r = helper_ask(fetch->context.helper, &request, &fd, fd >= 0 ? 1 : 0,
                       limit + FETCH_GRACE_MS, fetch_on_answer, fetch);
        if (r == 0)
                fetch->n_busy++;
        return r;
}

static int fetch_ask_record(Fetch *fetch) {
        char name[REMOTE_NAME_MAX];

        remote_name_record(&fetch->key, name);
        return fetch_ask(fetch, name, ENVELOPE_BYTES_MAX, -1, FETCH_RECORD_MS);
}

static int fetch_queue(Fetch *fetch, WorkRunFn run);

/* --- JUDGING: on a pool thread ----------------------------------------------------------- */

/* The SHA-256 of what we would compile. Whoever can make two models with equal XXH3 must not get
 * the artifact of one for the other. */
static int fetch_check_snapshot(Fetch *fetch) {
        _cleanup_(closep) int source = -1, to = -1;
        uint64_t size;
        int r = 0;

        if (!fetch->has_sha256) {
                source = identify_open(fetch->source_fd, fetch->source_path);
                if (source < 0)
                        return source;
                to = open("/dev/null", O_WRONLY | O_CLOEXEC);
                if (to < 0)
                        return error_from_errno();
                r = identify_snapshot(source, fetch->form, &fetch->snapshot, to,
                                      &fetch->snapshot_sha256, &size);
                fetch->has_sha256 = r == 0;
        }
        if (r < 0)
                return r;
        return memcmp(&fetch->snapshot_sha256, &fetch->record->snapshot_sha256, sizeof(Sha256)) == 0
                       ? 0
                       : CACHE_REFUSED;
}

static int fetch_check_objects(Fetch *fetch) {
        for (size_t i = 0; i < fetch->record->n_objects; i++) {
                int r = cache_check_object(fetch->context.cache, &fetch->record->objects[i]);

                if (r < 0 || r == CACHE_REFUSED)
                        return r;
                fetch->missing[i] = r == CACHE_MISS;
        }
        return 0;
}

/* 0, an outcome of envelope_open(), or minus CACHE_REFUSED below them */
#define FETCH_OTHER_SNAPSHOT 100
#define FETCH_CRAFTED        101

static int fetch_judge_work(Work *work) {
        Fetch *fetch = container_of(work, Fetch, work);
        int r;

        r = envelope_open(bytes_slice(&fetch->envelope), &fetch->key,
                          tier_secret(fetch_tier(fetch)), &fetch->record);
        if (r != 0)
                return r;
        r = fetch_check_snapshot(fetch);
        if (r != 0)
                return r == CACHE_REFUSED ? FETCH_OTHER_SNAPSHOT : r;
        r = fetch_check_objects(fetch);
        return r == CACHE_REFUSED ? FETCH_CRAFTED : r;
}

static const char *fetch_explain(int r) {
        switch (r) {
        case FETCH_OTHER_SNAPSHOT:
                return "it was made of another model with the same XXH3 digest";
        case FETCH_CRAFTED:
                return "an object has the XXH3 digest of another one that is here";
        default:
                return envelope_explain(r);
        }
}

static bool fetch_is_too_large(const Fetch *fetch) {
        for (size_t i = 0; i < fetch->record->n_objects; i++)
                if (fetch->record->objects[i].size > fetch_tier(fetch)->config.size_max)
                        return true;
        return false;
}

static void fetch_take_judgement(Fetch *fetch) {
        if (fetch->work_result < 0) {
                fetch_give_up(fetch);
        } else if (fetch->work_result == ENVELOPE_NEWER) {
                tier_count(fetch_tier(fetch), TIER_MISSES, 1);
                fetch_go_to_next(fetch);
        } else if (fetch->work_result > 0) {
                fetch_refuse(fetch, fetch_explain(fetch->work_result));
        } else if (fetch_is_too_large(fetch)) {
                tier_count(fetch_tier(fetch), TIER_MISSES, 1);
                fetch_go_to_next(fetch);
        } else {
                fetch->object = 0;
                fetch->state = FETCH_RECEIVING;
        }
}

/* --- RECEIVING --------------------------------------------------------------------------- */

static int fetch_receive_work(Work *work) {
        Fetch *fetch = container_of(work, Fetch, work);

        return cache_receive_object(fetch->context.cache, &fetch->record->objects[fetch->object],
                                    fetch->pipe_fd);
}

static int fetch_receive(Fetch *fetch) {
        const RecordObject *object = &fetch->record->objects[fetch->object];
        _cleanup_(closep) int write_fd = -1;
        char name[REMOTE_NAME_MAX];
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_from_errno();
        closep(&fetch->pipe_fd);
        fetch->pipe_fd = fds[0];
        write_fd = fds[1];
        remote_name_object(&object->sha256, name);
        r = fetch_ask(fetch, name, object->size, write_fd, 0);
        if (r < 0)
                return r;
        TAKE_FD(write_fd);           /* the helper's from now on */
        fetch->answer.result = -EIO; /* until it answers */
        r = fetch_queue(fetch, fetch_receive_work);
        if (r < 0) { /* nobody reads: let it fail to write, and wait for it to say so */
                closep(&fetch->pipe_fd);
                fetch->pipe_fd = -1;
                fetch->work_result = r;
        }
        return 0;
}

/* Both are over. The helper's reason comes first: what it did not send cannot be right. */
static void fetch_take_object(Fetch *fetch) {
        closep(&fetch->pipe_fd);
        fetch->pipe_fd = -1;
        if (fetch->work_result < 0) {
                fetch_give_up(fetch);
        } else if (fetch->answer.result > 0) {
                fetch_refuse(fetch, "an object of it is not there any more");
        } else if (fetch->answer.result == -EFBIG || fetch->answer.result == -EPIPE ||
                   (fetch->answer.result == 0 && fetch->work_result != 0)) {
                fetch_refuse(fetch, "an object is not what the record says");
        } else if (fetch->answer.result < 0) {
                fetch_take_failure(fetch);
        } else {
                fetch->object++;
        }
}

/* --- KEEPING: on a pool thread ----------------------------------------------------------- */

static int fetch_keep_work(Work *work) {
        Fetch *fetch = container_of(work, Fetch, work);

        return cache_import(fetch->context.cache, fetch->record);
}

static void fetch_take_kept(Fetch *fetch) {
        if (fetch->work_result != 0) {
                fetch_give_up(fetch);
                return;
        }
        tier_count(fetch_tier(fetch), TIER_HITS, 1);
        fetch->state = FETCH_OVER;
}

/* --- the machine ------------------------------------------------------------------------- */

static void fetch_on_work(Work *work, int r) {
        Fetch *fetch = container_of(work, Fetch, work);

        fetch->n_busy--;
        fetch->work_result = r;
        fetch_run(fetch);
}

static int fetch_queue(Fetch *fetch, WorkRunFn run) {
        int r;

        r = work_start(fetch->context.pool, &fetch->work, WORK_REMOTE, run, fetch_on_work);
        if (r < 0)
                return r;
        if (fetch->first)
                work_prefer(&fetch->work);
        fetch->n_busy++;
        return 0;
}

/* starts what the state is about */
static int fetch_step(Fetch *fetch) {
        switch (fetch->state) {
        case FETCH_ASKING:
                return fetch_ask_record(fetch);
        case FETCH_JUDGING:
                return fetch_queue(fetch, fetch_judge_work);
        case FETCH_RECEIVING:
                while (fetch->object < fetch->record->n_objects && !fetch->missing[fetch->object])
                        fetch->object++;
                if (fetch->object < fetch->record->n_objects)
                        return fetch_receive(fetch);
                fetch->state = FETCH_KEEPING;
                return fetch_queue(fetch, fetch_keep_work);
        case FETCH_KEEPING:
        case FETCH_OVER:
                break;
        }
        return 0;
}

/* takes what the state was about */
static void fetch_take(Fetch *fetch) {
        switch (fetch->state) {
        case FETCH_ASKING:
                if (fetch->answer.result == 0)
                        fetch->state = FETCH_JUDGING;
                else
                        fetch_take_failure(fetch);
                break;
        case FETCH_JUDGING:
                fetch_take_judgement(fetch);
                break;
        case FETCH_RECEIVING:
                fetch_take_object(fetch);
                break;
        case FETCH_KEEPING:
                fetch_take_kept(fetch);
                break;
        case FETCH_OVER:
                break;
        }
}

static void fetch_run(Fetch *fetch) {
        if (fetch->n_busy > 0)
                return;
        fetch_take(fetch);
        if (fetch->state != FETCH_OVER && fetch_step(fetch) < 0)
                fetch_give_up(fetch);
        if (fetch->state != FETCH_OVER)
                return;
        fetch->done(fetch,
                    fetch->tier < fetch->context.n_tiers ? (uint32_t) fetch->tier : FETCH_TIER_NONE,
                    fetch->userdata);
        (void) fetch_free(fetch);
}

int fetch_new(Fetch **ret, const FetchContext *context, const FetchSpec *spec, FetchDoneFn done,
              void *userdata) {
        _cleanup_(fetch_freep) Fetch *fetch = calloc(1, sizeof(*fetch));

        if (!fetch)
                return -ENOMEM;
        fetch->context = *context;
        fetch->done = done;
        fetch->userdata = userdata;
        fetch->key = spec->key;
        fetch->form = spec->form;
        fetch->snapshot = spec->snapshot;
        fetch->first = spec->first;
        fetch->source_fd = fetch->pipe_fd = -1;
        fetch->envelope = BYTES_INIT(ENVELOPE_BYTES_MAX);
        if (strings_dup(&fetch->source_path, spec->source_path) < 0)
                return -ENOMEM;
        if (spec->source_fd >= 0) {
                fetch->source_fd = fcntl(spec->source_fd, F_DUPFD_CLOEXEC, 0);
                if (fetch->source_fd < 0)
                        return error_from_errno();
        }
        *ret = TAKE_PTR(fetch);
        return 0;
}

int fetch_start(Fetch *fetch) {
        int r;

        fetch->tier = SIZE_MAX; /* the next is the first */
        fetch_go_to_next(fetch);
        r = fetch->state == FETCH_OVER ? -ENOENT : fetch_step(fetch);
        if (r < 0)
                (void) fetch_free(fetch);
        return r;
}

void fetch_prefer(Fetch *fetch) {
        fetch->first = true;
}

const Digest *fetch_key(const Fetch *fetch) {
        return &fetch->key;
}
