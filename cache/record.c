#include "cache/record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "cache/layout.h"
#include "cache/quarantine.h"
#include "cache/temp.h"
#include "proto/record.pb-c.h"

/*
 * The generated structures stay in this file. Encoding points them at the plain record's
 * memory and packs; decoding unpacks under a memory budget (a small message can ask for large
 * arrays) and points the plain record at the message, which it keeps until it is freed. Both
 * directions pass record_validate(), so nothing can be written that would not be read.
 */

#define RECORD_MAGIC          "dpuccrec"
#define RECORD_MAGIC_SIZE     8
#define RECORD_HEAD           (RECORD_MAGIC_SIZE + 4 + 4)
#define RECORD_MEMORY_MAX     (8 * 1024 * 1024) /* for the unpacked message */
#define RECORD_PROVENANCE_MAX 256
#define RECORD_MODE           0444

static_assert((int) RECORD_SUCCESS == DPUCC__RECORD__KIND__SUCCESS &&
                      (int) RECORD_FAILURE == DPUCC__RECORD__KIND__FAILURE &&
                      (int) RECORD_ROLE_XMODEL == DPUCC__RECORD_OBJECT__ROLE__XMODEL &&
                      (int) RECORD_ROLE_META == DPUCC__RECORD_OBJECT__ROLE__META &&
                      (int) RECORD_ROLE_REPORT == DPUCC__RECORD_OBJECT__ROLE__REPORT &&
                      (int) RECORD_ROLE_LOG == DPUCC__RECORD_OBJECT__ROLE__LOG,
              "numbers of the plain form are the stored ones");

/* --- rules ------------------------------------------------------------------------------- */

static bool record_roles_are_unique(const Record *record) {
        unsigned seen = 0;

        for (size_t i = 0; i < record->n_objects; i++) {
                RecordRole role = record->objects[i].role;

                if (role < RECORD_ROLE_XMODEL || role > RECORD_ROLE_LOG || seen & 1u << role)
                        return false;
                seen |= 1u << role;
        }
        return true;
}

static bool record_outcome_is_valid(const Record *record) {
        bool has_xmodel = record_object(record, RECORD_ROLE_XMODEL) != NULL;
        bool has_failure = record->failure && record->failure_class;

        if (record->kind == RECORD_SUCCESS)
                return has_xmodel && !record->failure;
        return record->kind == RECORD_FAILURE && has_failure && !has_xmodel;
}

/* the rules beyond the schema, docs/FORMATS.md "Record"; 0, -EINVAL or -ENOMEM */
static int record_validate(const Record *record) {
        Digest digest;
        int r;

        if (record->n_objects > RECORD_OBJECTS_MAX || record->n_transcript > KEY_FIELDS_MAX ||
            record->n_provenance > RECORD_PROVENANCE_MAX || !record->toolchain)
                return -EINVAL;
        if (!record_roles_are_unique(record) || !record_outcome_is_valid(record))
                return -EINVAL;
        r = key_digest(record->transcript, record->n_transcript, &digest);
        if (r < 0)
                return r;
        return digest_equal(&digest, &record->key) ? 0 : -EINVAL;
}

const RecordObject *record_object(const Record *record, RecordRole role) {
        for (size_t i = 0; i < record->n_objects; i++)
                if (record->objects[i].role == role)
                        return &record->objects[i];
        return NULL;
}

Slice record_provenance(const Record *record, const char *tag) {
        for (size_t i = 0; i < record->n_provenance; i++)
                if (strcmp(record->provenance[i].tag, tag) == 0)
                        return record->provenance[i].value;
        return slice_of(NULL, 0);
}

/* --- encoding ---------------------------------------------------------------------------- */

/* a message with the arrays that it points to */
typedef struct RecordDraft {
        Dpucc__Record message;
        Dpucc__RecordFacts facts;
        Dpucc__RecordFailure failure;
        Dpucc__RecordObject objects[RECORD_OBJECTS_MAX];
        Dpucc__RecordObject *object_pointers[RECORD_OBJECTS_MAX];
        Dpucc__RecordField *fields; /* transcript, then provenance */
        Dpucc__RecordField **field_pointers;
} RecordDraft;

static RecordDraft *record_draft_free(RecordDraft *draft) {
        free(draft->fields);
        free(draft->field_pointers);
        free(draft);
        return NULL;
}

static inline void record_draft_freep(RecordDraft **draft) {
        if (*draft)
                (void) record_draft_free(*draft);
}

/* The generated structures have no const; packing does not write to them. */
static ProtobufCBinaryData record_binary(const void *data, size_t n) {
        return (ProtobufCBinaryData){ .len = n, .data = (uint8_t *) data };
}

static void record_fill_fields(const KeyField *from, size_t n, Dpucc__RecordField *fields,
                               Dpucc__RecordField **pointers) {
        for (size_t i = 0; i < n; i++) {
                dpucc__record_field__init(&fields[i]);
                fields[i].tag = (char *) from[i].tag;
                fields[i].value = record_binary(from[i].value.data, from[i].value.size);
                pointers[i] = &fields[i];
        }
}

static void record_fill_objects(const Record *record, RecordDraft *draft) {
        for (size_t i = 0; i < record->n_objects; i++) {
                const RecordObject *from = &record->objects[i];
                Dpucc__RecordObject *to = &draft->objects[i];

                dpucc__record_object__init(to);
                to->role = (Dpucc__RecordObject__Role) from->role;
                to->xxh3 = record_binary(from->digest.bytes, DIGEST_SIZE);
                to->sha256 = record_binary(from->sha256.bytes, SHA256_SIZE);
                to->md5 = record_binary(from->md5.bytes, MD5_SIZE);
                to->size = from->size;
                to->mode = from->mode;
                draft->object_pointers[i] = to;
        }
        draft->message.n_objects = record->n_objects;
        draft->message.objects = draft->object_pointers;
}

static void record_fill_facts(const RecordFacts *from, Dpucc__RecordFacts *to) {
        dpucc__record_facts__init(to);
        to->has_fingerprint = from->has_fingerprint;
        to->fingerprint = from->fingerprint;
        to->has_dpu_subgraphs = true;
        to->dpu_subgraphs = from->dpu_subgraphs;
        to->has_cpu_subgraphs = true;
        to->cpu_subgraphs = from->cpu_subgraphs;
        to->has_no_dpu_code = true;
        to->no_dpu_code = from->no_dpu_code;
        to->has_proved_in_simulator = true;
        to->proved_in_simulator = from->proved_in_simulator;
}

static void record_fill_message(const Record *record, RecordDraft *draft) {
        Dpucc__Record *message = &draft->message;

        message->kind = (Dpucc__Record__Kind) record->kind;
        message->key = record_binary(record->key.bytes, DIGEST_SIZE);
        message->created_ns = record->created_ns;
        message->n_transcript = record->n_transcript;
        message->transcript = draft->field_pointers;
        message->snapshot_sha256 = record_binary(record->snapshot_sha256.bytes, SHA256_SIZE);
        message->snapshot_size = record->snapshot_size;
        message->toolchain = (char *) record->toolchain;
        message->toolchain_version = (char *) record->toolchain_version;
        message->n_provenance = record->n_provenance;
        message->provenance = draft->field_pointers + record->n_transcript;
        message->has_build_ms = true;
        message->build_ms = record->build_ms;
        message->has_peak_memory = true;
        message->peak_memory = record->peak_memory;
        message->check_version = record->check_version;
        message->facts = &draft->facts;
        if (record->kind == RECORD_FAILURE) {
                dpucc__record_failure__init(&draft->failure);
                draft->failure.class_name = (char *) record->failure_class;
                draft->failure.diagnosis = (char *) record->failure;
                message->failure = &draft->failure;
        }
}

static int record_draft_new(const Record *record, RecordDraft **ret) {
        _cleanup_(record_draft_freep) RecordDraft *draft = calloc(1, sizeof(*draft));
        size_t n = record->n_transcript + record->n_provenance;

        if (!draft)
                return -ENOMEM;
        draft->fields = calloc(n, sizeof(*draft->fields));
        draft->field_pointers = calloc(n, sizeof(*draft->field_pointers));
        if (!draft->fields || !draft->field_pointers)
                return -ENOMEM;

        dpucc__record__init(&draft->message);
        record_fill_fields(record->transcript, record->n_transcript, draft->fields,
                           draft->field_pointers);
        record_fill_fields(record->provenance, record->n_provenance,
                           draft->fields + record->n_transcript,
                           draft->field_pointers + record->n_transcript);
        record_fill_facts(&record->facts, &draft->facts);
        record_fill_objects(record, draft);
        record_fill_message(record, draft);
        *ret = TAKE_PTR(draft);
        return 0;
}

static void record_put_u32(uint8_t *to, uint32_t n) {
        for (unsigned i = 0; i < 4; i++)
                to[i] = (uint8_t) (n >> 8 * i);
}

static uint32_t record_get_u32(const uint8_t *from) {
        return (uint32_t) from[0] | (uint32_t) from[1] << 8 | (uint32_t) from[2] << 16 |
               (uint32_t) from[3] << 24;
}

int record_encode(const Record *record, Bytes *ret) {
        _cleanup_(record_draft_freep) RecordDraft *draft = NULL;
        size_t length, start = ret->size;
        Digest checksum;
        uint8_t *file;
        int r;

        r = record_validate(record);
        if (r < 0)
                return r;
        r = record_draft_new(record, &draft);
        if (r < 0)
                return r;
        length = dpucc__record__get_packed_size(&draft->message);
        if (length > RECORD_BYTES_MAX - RECORD_HEAD - DIGEST_SIZE)
                return -EFBIG;
        r = bytes_reserve(ret, RECORD_HEAD + length + DIGEST_SIZE);
        if (r < 0)
                return r;

        file = ret->data + start;
        memcpy(file, RECORD_MAGIC, RECORD_MAGIC_SIZE);
        record_put_u32(file + RECORD_MAGIC_SIZE, RECORD_VERSION);
        record_put_u32(file + RECORD_MAGIC_SIZE + 4, (uint32_t) length);
        (void) dpucc__record__pack(&draft->message, file + RECORD_HEAD);
        checksum = digest_of(file, RECORD_HEAD + length);
        memcpy(file + RECORD_HEAD + length, checksum.bytes, DIGEST_SIZE);
        ret->size += RECORD_HEAD + length + DIGEST_SIZE;
        return 0;
}

/* --- decoding ---------------------------------------------------------------------------- */

/* a plain record with all that it points to */
typedef struct RecordOwner {
        Record record;
        KeyField *fields; /* transcript, then provenance */
        RecordObject objects[RECORD_OBJECTS_MAX];
        Dpucc__Record *message;
        ProtobufCAllocator allocator;
        size_t budget;
        bool starved; /* malloc failed, not the budget */
} RecordOwner;

static void *record_alloc(void *userdata, size_t n) {
        RecordOwner *owner = userdata;
        void *p;

        if (n > owner->budget)
                return NULL;
        p = malloc(n > 0 ? n : 1);
        if (p)
                owner->budget -= n;
        else
                owner->starved = true;
        return p;
}

static void record_dealloc(void *userdata, void *p) {
        (void) userdata;
        free(p);
}

Record *record_free(Record *record) {
        RecordOwner *owner;

        if (!record)
                return NULL;

        owner = container_of(record, RecordOwner, record);
        if (owner->message)
                dpucc__record__free_unpacked(owner->message, &owner->allocator);
        free(owner->fields);
        free(owner);
        return NULL;
}

static bool record_take_bytes(const ProtobufCBinaryData *from, void *to, size_t n) {
        if (from->len != n)
                return false;
        memcpy(to, from->data, n);
        return true;
}

static void record_take_fields(Dpucc__RecordField *const *from, size_t n, KeyField *to) {
        for (size_t i = 0; i < n; i++)
                to[i] = (KeyField){
                        .tag = from[i]->tag,
                        .value = slice_of(from[i]->value.data, from[i]->value.len),
                };
}

static bool record_take_objects(const Dpucc__Record *message, RecordObject *to) {
        if (message->n_objects > RECORD_OBJECTS_MAX)
                return false;

        for (size_t i = 0; i < message->n_objects; i++) {
                const Dpucc__RecordObject *from = message->objects[i];

                to[i].role = (RecordRole) from->role;
                to[i].size = from->size;
                to[i].mode = from->mode;
                if (!record_take_bytes(&from->xxh3, to[i].digest.bytes, DIGEST_SIZE) ||
                    !record_take_bytes(&from->sha256, to[i].sha256.bytes, SHA256_SIZE) ||
                    !record_take_bytes(&from->md5, to[i].md5.bytes, MD5_SIZE))
                        return false;
        }
        return true;
}

static RecordFacts record_take_facts(const Dpucc__RecordFacts *from) {
        return (RecordFacts){
                .has_fingerprint = from->has_fingerprint,
                .fingerprint = from->fingerprint,
                .dpu_subgraphs = from->dpu_subgraphs,
                .cpu_subgraphs = from->cpu_subgraphs,
                .no_dpu_code = from->no_dpu_code,
                .proved_in_simulator = from->proved_in_simulator,
        };
}

/* the plain record from the message, but for the arrays */
static void record_take_scalars(const Dpucc__Record *message, Record *ret) {
        ret->kind = (RecordKind) message->kind;
        ret->created_ns = message->created_ns;
        ret->snapshot_size = message->snapshot_size;
        ret->toolchain = message->toolchain;
        ret->toolchain_version = message->toolchain_version;
        ret->build_ms = message->build_ms;
        ret->peak_memory = message->peak_memory;
        ret->check_version = message->check_version;
        if (message->facts)
                ret->facts = record_take_facts(message->facts);
        if (message->failure) {
                ret->failure_class = message->failure->class_name;
                ret->failure = message->failure->diagnosis;
        }
}

/* 0, RECORD_DAMAGED or -ENOMEM */
static int record_take_message(RecordOwner *owner) {
        const Dpucc__Record *message = owner->message;
        Record *record = &owner->record;
        int r;

        if (message->n_transcript > KEY_FIELDS_MAX || message->n_provenance > RECORD_PROVENANCE_MAX)
                return RECORD_DAMAGED;
        owner->fields =
                calloc(message->n_transcript + message->n_provenance + 1, sizeof(*owner->fields));
        if (!owner->fields)
                return -ENOMEM;

        record_take_scalars(message, record);
        record_take_fields(message->transcript, message->n_transcript, owner->fields);
        record_take_fields(message->provenance, message->n_provenance,
                           owner->fields + message->n_transcript);
        record->transcript = owner->fields;
        record->n_transcript = message->n_transcript;
        record->provenance = owner->fields + message->n_transcript;
        record->n_provenance = message->n_provenance;
        record->objects = owner->objects;
        record->n_objects = message->n_objects;
        if (!record_take_objects(message, owner->objects) ||
            !record_take_bytes(&message->key, record->key.bytes, DIGEST_SIZE) ||
            !record_take_bytes(&message->snapshot_sha256, record->snapshot_sha256.bytes,
                               SHA256_SIZE))
                return RECORD_DAMAGED;

        r = record_validate(record);
        return r == -EINVAL ? RECORD_DAMAGED : r;
}

/* the payload of a whole file; 0, RECORD_DAMAGED or RECORD_NEWER */
static int record_open_envelope(Slice file, Slice *ret) {
        uint32_t version, length;
        Digest checksum;

        if (file.size < RECORD_HEAD + DIGEST_SIZE || file.size > RECORD_BYTES_MAX ||
            memcmp(file.data, RECORD_MAGIC, RECORD_MAGIC_SIZE) != 0)
                return RECORD_DAMAGED;
        version = record_get_u32(file.data + RECORD_MAGIC_SIZE);
        length = record_get_u32(file.data + RECORD_MAGIC_SIZE + 4);
        if (length != file.size - RECORD_HEAD - DIGEST_SIZE)
                return RECORD_DAMAGED;
        checksum = digest_of(file.data, RECORD_HEAD + length);
        if (memcmp(checksum.bytes, file.data + RECORD_HEAD + length, DIGEST_SIZE) != 0)
                return RECORD_DAMAGED;
        if (version != RECORD_VERSION)
                return version > RECORD_VERSION ? RECORD_NEWER : RECORD_DAMAGED;

        *ret = slice_of(file.data + RECORD_HEAD, length);
        return 0;
}

int record_decode(Slice file, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        RecordOwner *owner;
        Slice payload;
        int r;

        r = record_open_envelope(file, &payload);
        if (r != 0)
                return r;
        owner = calloc(1, sizeof(*owner));
        if (!owner)
                return -ENOMEM;
        record = &owner->record;
        owner->budget = RECORD_MEMORY_MAX;
        owner->allocator = (ProtobufCAllocator){
                .alloc = record_alloc,
                .free = record_dealloc,
                .allocator_data = owner,
        };

        owner->message = dpucc__record__unpack(&owner->allocator, payload.size, payload.data);
        if (!owner->message)
                return owner->starved ? -ENOMEM : RECORD_DAMAGED;
        r = record_take_message(owner);
        if (r == 0)
                *ret = TAKE_PTR(record);
        return r;
}

/* --- files ------------------------------------------------------------------------------- */

static int record_read_fd(int fd, const Digest *key, Record **ret) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(RECORD_BYTES_MAX);
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        r = file_read_fd(fd, &file);
        if (r < 0)
                return error_is_shortage(r) ? r : RECORD_DAMAGED;
        r = record_decode(bytes_slice(&file), &record);
        if (r != 0)
                return r;
        if (!digest_equal(&record->key, key))
                return RECORD_DAMAGED;
        *ret = TAKE_PTR(record);
        return 0;
}

/* What could not simply be opened and read: says why, and gets what is damaged out of the way. */
static int record_read_again(const char *root, const Digest *key, Record **ret) {
        _cleanup_(closep) int shard = -1, fd = -1;
        char leaf[LAYOUT_LEAF];
        int r;

        shard = layout_open_shard(root, LAYOUT_RECORDS, key, false, leaf);
        if (shard < 0)
                return shard == -ENOENT ? RECORD_MISSING : shard;
        fd = openat(shard, leaf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT)
                return RECORD_MISSING;
        if (fd < 0 && error_is_shortage(-errno))
                return -errno;

        r = fd < 0 ? RECORD_DAMAGED : record_read_fd(fd, key, ret);
        if (fd < 0) /* a symbolic link, a file without permissions */
                fd = openat(shard, leaf, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (r == RECORD_DAMAGED && fd >= 0)
                (void) quarantine_take(root, LAYOUT_RECORDS, key, fd);
        return r;
}

int record_read(const char *root, const Digest *key, Record **ret) {
        _cleanup_(closep) int fd = layout_open_file(root, LAYOUT_RECORDS, key);

        if (fd >= 0 && record_read_fd(fd, key, ret) == 0)
                return 0;
        return fd == -ENOENT ? RECORD_MISSING : record_read_again(root, key, ret);
}

int record_write(const char *root, const Digest *key, Slice file) {
        _cleanup_(temp_deinit) Temp temp = TEMP_NULL;
        int r;

        r = temp_open(&temp, root, LAYOUT_RECORDS, RECORD_MODE);
        if (r < 0)
                return r;
        r = file_write_all(temp.fd, file.data, file.size);
        if (r == 0)
                r = temp_sync(&temp);
        if (r == 0)
                r = temp_aim(&temp, key);
        if (r == 0)
                r = temp_rename(&temp);
        return r < 0 ? r : temp_sync_name(&temp);
}
