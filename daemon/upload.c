#include "daemon/upload.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cache/envelope.h"
#include "cache/remote_name.h"

#define UPLOAD_TRIES_MAX 3
#define UPLOAD_FLUSH_MAX 16 /* at the end, of all tiers */
#define UPLOAD_FILES_MAX HELPER_FDS_MAX
#define UPLOAD_GRACE_MS  5000

typedef struct UploadEntry {
        Digest key;
        unsigned n_tries;
} UploadEntry;

typedef struct UploadQueue {
        UploadEntry *entries; /* a ring of UPLOAD_KEYS_MAX; NULL until something waits */
        size_t first, n;
        unsigned n_busy;
} UploadQueue;

struct Uploads {
        UploadContext context;
        void (*idle)(void *userdata);
        void *userdata;
        bool flushing;
        unsigned n_busy;      /* uploads under way */
        unsigned n_preparing; /* of those, not with the helper yet */
        unsigned n_flushed;
        UploadQueue queues[CONFIG_REMOTES_MAX];
};

/* one upload under way */
typedef struct Upload {
        Uploads *uploads;
        size_t tier;
        UploadEntry entry;
        bool replace;
        Work work;
        Record *record;
        Bytes envelope;
        int fds[UPLOAD_FILES_MAX];
} Upload;

static Tier *upload_tier(const Upload *upload) {
        return &upload->uploads->context.tiers[upload->tier];
}

static Upload *upload_free(Upload *upload) {
        if (!upload)
                return NULL;

        for (size_t i = 0; i < UPLOAD_FILES_MAX; i++)
                closep(&upload->fds[i]);
        (void) record_free(upload->record);
        bytes_deinit(&upload->envelope);
        free(upload);
        return NULL;
}

/* --- queues ------------------------------------------------------------------------------ */

static UploadEntry *upload_queue_at(const UploadQueue *queue, size_t i) {
        return &queue->entries[(queue->first + i) % UPLOAD_KEYS_MAX];
}

static bool upload_queue_has(const UploadQueue *queue, const Digest *key) {
        for (size_t i = 0; i < queue->n; i++)
                if (digest_equal(&upload_queue_at(queue, i)->key, key))
                        return true;
        return false;
}

static void upload_queue_drop_first(UploadQueue *queue) {
        queue->first = (queue->first + 1) % UPLOAD_KEYS_MAX;
        queue->n--;
}

static void upload_queue_put(UploadQueue *queue, Tier *tier, const UploadEntry *entry) {
        if (!queue->entries)
                queue->entries = calloc(UPLOAD_KEYS_MAX, sizeof(*queue->entries));
        if (!queue->entries) {
                tier_count(tier, TIER_UPLOADS_DROPPED, 1);
                return;
        }
        if (upload_queue_has(queue, &entry->key))
                return;
        if (queue->n == UPLOAD_KEYS_MAX) {
                upload_queue_drop_first(queue);
                tier_count(tier, TIER_UPLOADS_DROPPED, 1);
        }
        *upload_queue_at(queue, queue->n++) = *entry;
}

static void uploads_run(Uploads *uploads);

/* --- one upload -------------------------------------------------------------------------- */

/* The slot is free again. What failed for a reason that passes waits for another turn. */
static void upload_end(Upload *upload, bool again) {
        Uploads *uploads = upload->uploads;
        UploadQueue *queue = &uploads->queues[upload->tier];

        queue->n_busy--;
        uploads->n_busy--;
        if (again && !uploads->flushing && ++upload->entry.n_tries < UPLOAD_TRIES_MAX)
                upload_queue_put(queue, upload_tier(upload), &upload->entry);
        else if (again)
                tier_count(upload_tier(upload), TIER_UPLOADS_DROPPED, 1);
        (void) upload_free(upload);
        uploads_run(uploads);
        if (uploads->n_busy == 0)
                uploads->idle(uploads->userdata);
}

static void upload_on_sent(const HelperAnswer *answer, void *userdata) {
        Upload *upload = userdata;
        Tier *tier = upload_tier(upload);
        bool passes = answer->result == -ENOTCONN || answer->result == -EBUSY;

        tier_judge_write(tier, answer->result, answer->detail);
        tier_count(tier, TIER_BYTES_OUT, answer->n_bytes);
        if (answer->result == 0)
                tier_count(tier, TIER_UPLOADS, 1);
        else if (answer->result != -ECANCELED)
                tier_count(tier, TIER_UPLOAD_ERRORS, 1);
        upload_end(upload, passes || (answer->result < 0 && !breaker_allows(&tier->breaker)));
}

static uint64_t upload_deadline(const Upload *upload) {
        /* each object is asked for and sent, then the record; another may be before it */
        uint64_t n = 2 * (upload->record->n_objects + 1);

        return 2 * n * upload_tier(upload)->config.transfer_ms + UPLOAD_GRACE_MS;
}

static int upload_send(Upload *upload) {
        char record_name[REMOTE_NAME_MAX], names[UPLOAD_FILES_MAX][REMOTE_NAME_MAX];
        Dpucc__Remote__Object objects[UPLOAD_FILES_MAX], *pointers[UPLOAD_FILES_MAX];
        Dpucc__Remote__Request request = DPUCC__REMOTE__REQUEST__INIT;
        Dpucc__Remote__Put put = DPUCC__REMOTE__PUT__INIT;
        const Record *record = upload->record;
        int r;

        for (size_t i = 0; i < record->n_objects; i++) {
                dpucc__remote__object__init(&objects[i]);
                remote_name_object(&record->objects[i].sha256, names[i]);
                objects[i].name = names[i];
                objects[i].size = record->objects[i].size;
                objects[i].sha256.data = (uint8_t *) record->objects[i].sha256.bytes;
                objects[i].sha256.len = SHA256_SIZE;
                pointers[i] = &objects[i];
        }
        remote_name_record(&record->key, record_name);
        put.tier = upload_tier(upload)->index;
        put.objects = pointers;
        put.n_objects = record->n_objects;
        put.record_name = record_name;
        put.record.data = upload->envelope.data;
        put.record.len = upload->envelope.size;
        put.has_replace = true;
        put.replace = upload->replace;
        request.put = &put;
        r = helper_ask(upload->uploads->context.helper, &request, upload->fds, record->n_objects,
                       upload_deadline(upload), upload_on_sent, upload);
        for (size_t i = 0; r == 0 && i < UPLOAD_FILES_MAX; i++)
                upload->fds[i] = -1; /* taken over */
        return r;
}

/* --- preparing: on a pool thread --------------------------------------------------------- */

#define UPLOAD_NOT_FOR_OTHERS 1

static bool upload_is_for_others(const Upload *upload) {
        const Record *record = upload->record;

        if (record->kind != RECORD_SUCCESS || record->n_objects > UPLOAD_FILES_MAX ||
            record_provenance(record, "adopted").size > 0)
                return false;
        for (size_t i = 0; i < record->n_objects; i++)
                if (record->objects[i].size > upload_tier(upload)->config.size_max)
                        return false;
        return true;
}

static int upload_prepare_work(Work *work) {
        Upload *upload = container_of(work, Upload, work);
        Cache *cache = upload->uploads->context.cache;
        int r;

        r = cache_load(cache, &upload->entry.key, &upload->record);
        if (r != 0)
                return r < 0 ? r : UPLOAD_NOT_FOR_OTHERS;
        if (!upload_is_for_others(upload))
                return UPLOAD_NOT_FOR_OTHERS;
        for (size_t i = 0; i < upload->record->n_objects; i++) {
                r = cache_open_object(cache, &upload->record->objects[i], &upload->fds[i]);
                if (r != 0)
                        return r < 0 ? r : UPLOAD_NOT_FOR_OTHERS;
        }
        return envelope_seal(upload->record, tier_secret(upload_tier(upload)), &upload->envelope);
}

static void upload_on_prepared(Work *work, int r) {
        Upload *upload = container_of(work, Upload, work);
        Tier *tier = upload_tier(upload);

        upload->uploads->n_preparing--;
        if (r == 0)
                r = upload_send(upload);
        if (r == 0) {
                if (upload->uploads->flushing)
                        upload->uploads->idle(upload->uploads->userdata);
                return;
        }
        tier_count(tier, r > 0 ? TIER_UPLOADS_DROPPED : TIER_UPLOAD_ERRORS, 1);
        upload_end(upload, r == -ENOTCONN);
}

static int upload_start(Uploads *uploads, size_t tier) {
        Upload *upload = calloc(1, sizeof(*upload));
        int r;

        if (!upload)
                return -ENOMEM;
        upload->uploads = uploads;
        upload->tier = tier;
        upload->envelope = BYTES_INIT(ENVELOPE_BYTES_MAX);
        for (size_t i = 0; i < UPLOAD_FILES_MAX; i++)
                upload->fds[i] = -1;
        upload->entry = *upload_queue_at(&uploads->queues[tier], 0);
        r = work_start(uploads->context.pool, &upload->work, WORK_QUICK, upload_prepare_work,
                       upload_on_prepared);
        if (r < 0) {
                (void) upload_free(upload);
                return r;
        }
        upload_queue_drop_first(&uploads->queues[tier]);
        upload->replace = tier_forget_bad(upload_tier(upload), &upload->entry.key);
        uploads->queues[tier].n_busy++;
        uploads->n_busy++;
        uploads->n_preparing++;
        return 0;
}

/* --- all of them ------------------------------------------------------------------------- */

static bool uploads_may_start(const Uploads *uploads, size_t tier) {
        const UploadQueue *queue = &uploads->queues[tier];

        if (queue->n == 0 || !tier_may_write(&uploads->context.tiers[tier]))
                return false;
        return uploads->flushing ? uploads->n_flushed < UPLOAD_FLUSH_MAX : queue->n_busy == 0;
}

static void uploads_run(Uploads *uploads) {
        for (size_t i = 0; i < uploads->context.n_tiers; i++) {
                while (uploads_may_start(uploads, i) && upload_start(uploads, i) == 0)
                        uploads->n_flushed += uploads->flushing;
        }
}

int uploads_new(Uploads **ret, const UploadContext *context, void (*idle)(void *userdata),
                void *userdata) {
        Uploads *uploads = calloc(1, sizeof(*uploads));

        if (!uploads)
                return -ENOMEM;
        uploads->context = *context;
        uploads->idle = idle;
        uploads->userdata = userdata;
        *ret = uploads;
        return 0;
}

Uploads *uploads_free(Uploads *uploads) {
        if (!uploads)
                return NULL;

        assert(uploads->n_busy == 0);
        for (size_t i = 0; i < CONFIG_REMOTES_MAX; i++)
                free(uploads->queues[i].entries);
        free(uploads);
        return NULL;
}

void uploads_use(Uploads *uploads, Helper *helper) {
        uploads->context.helper = helper;
}

void uploads_add(Uploads *uploads, size_t tier, const Digest *key) {
        const UploadEntry entry = { .key = *key };

        if (uploads->flushing || !uploads->context.helper ||
            !tier_writes(&uploads->context.tiers[tier]))
                return;
        upload_queue_put(&uploads->queues[tier], &uploads->context.tiers[tier], &entry);
        uploads_run(uploads);
}

void uploads_go_on(Uploads *uploads) {
        uploads_run(uploads);
}

bool uploads_wait(const Uploads *uploads) {
        for (size_t i = 0; i < uploads->context.n_tiers; i++)
                if (uploads->queues[i].n > 0)
                        return true;
        return false;
}

void uploads_flush(Uploads *uploads) {
        uploads->flushing = true;
        uploads_run(uploads);
}

bool uploads_are_idle(const Uploads *uploads) {
        return uploads->n_busy == 0;
}

bool uploads_are_handed_over(const Uploads *uploads) {
        return uploads->n_preparing == 0;
}
