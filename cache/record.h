#pragma once

/*
 * Records: what the cache knows about one key
 *
 * One small file per key, `records/ab/cdef...`, written after the objects that it names; its
 * presence is what makes an artifact exist. The bytes are defined in docs/FORMATS.md,
 * "Record". A record holds either the objects of a successful compile or the diagnosis of one
 * that failed for good (with its log): such a failure is an answer until an input changes.
 *
 * Here is the plain form, its encoding, and its file. All functions are safe on any thread; a
 * Record that was decoded is constant, and owns all it points to. One that a caller fills in
 * to have it encoded borrows everything.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/slice.h"
#include "cache/key.h"

#define RECORD_VERSION     1
#define RECORD_BYTES_MAX   (1024 * 1024) /* of the file */
#define RECORD_OBJECTS_MAX 16

typedef enum RecordKind {
        RECORD_SUCCESS = 1,
        RECORD_FAILURE = 2,
} RecordKind;

/* what an object is in its artifact; each at most once */
typedef enum RecordRole {
        RECORD_ROLE_XMODEL = 1,
        RECORD_ROLE_META = 2,   /* what meta.json is rendered from */
        RECORD_ROLE_REPORT = 3, /* report.json */
        RECORD_ROLE_LOG = 4,    /* what compile.log is rendered from */
} RecordRole;

/* base digest, the ones others ask for, and what stat says */
typedef struct RecordObject {
        RecordRole role;
        Digest digest;
        Sha256 sha256;
        Md5 md5;
        uint64_t size;
        uint32_t mode; /* permission bits of a delivered copy */
} RecordObject;

/* found in the output, or declared by the toolchain */
typedef struct RecordFacts {
        bool has_fingerprint;
        uint64_t fingerprint; /* of the DPU subgraphs */
        uint32_t dpu_subgraphs;
        uint32_t cpu_subgraphs;
        bool no_dpu_code;         /* runs on the CPU only */
        bool proved_in_simulator; /* and on no board: from the open compiler */
} RecordFacts;

typedef struct Record {
        RecordKind kind;
        Digest key;
        int64_t created_ns; /* real time; set by cache_publish() */

        const KeyField *transcript; /* sorted by tag */
        size_t n_transcript;
        Sha256 snapshot_sha256; /* of the snapshot whose Digest is in the transcript */
        uint64_t snapshot_size;

        const char *toolchain; /* its configured name, for people; identity is in the key */
        const char *toolchain_version;
        /* what is worth knowing and not part of the identity: first net_name, source path,
         * target name, versions found in log and output ... */
        const KeyField *provenance;
        size_t n_provenance;

        uint64_t build_ms;
        uint64_t peak_memory;   /* bytes, 0: unknown */
        uint32_t check_version; /* of the post-conditions that it passed */
        RecordFacts facts;

        const RecordObject *objects;
        size_t n_objects;

        /* RECORD_FAILURE only, NULL otherwise: class ("no-dpu-subgraph") and the diagnosis */
        const char *failure_class;
        const char *failure;
} Record;

/* outcomes */
enum {
        RECORD_MISSING = 1, /* no such file */
        RECORD_DAMAGED = 2, /* not a record, or not a whole one */
        RECORD_NEWER = 3,   /* written by a later version: not ours to judge, left alone */
};

/* Appends the file's bytes to @ret (whose maximum should be RECORD_BYTES_MAX). -EINVAL: not a
 * record that record_decode() would take; -EFBIG, -ENOMEM. */
int record_encode(const Record *record, Bytes *ret);

/* 0, RECORD_DAMAGED, RECORD_NEWER or -ENOMEM. The caller frees *ret. */
int record_decode(Slice file, Record **ret);
Record *record_free(Record *record);

static inline void record_freep(Record **record) {
        (void) record_free(*record);
}

/* The object with @role, or NULL. Borrowed from @record. */
const RecordObject *record_object(const Record *record, RecordRole role);
/* The value with @tag in the provenance, an empty slice if there is none. */
Slice record_provenance(const Record *record, const char *tag);

/* The file of @key below the cache directory @root: reads and decodes it. A file that is
 * damaged, or is another key's, is moved to quarantine/ first. Outcomes as above. */
int record_read(const char *root, const Digest *key, Record **ret);

/* Writes it durably, replacing an older one. @file are bytes made by record_encode(). */
int record_write(const char *root, const Digest *key, Slice file);
