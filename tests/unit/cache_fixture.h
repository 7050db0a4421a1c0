#pragma once

/*
 * What the cache's tests share: a key with a whole transcript, and the record of a compile that
 * has not happened. Contents depend on @seed only.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "cache/key.h"
#include "cache/record.h"
#include "cache/state.h"

typedef struct Sample {
        Key *key;
        Record record; /* all but the objects */
        KeyField provenance[2];
} Sample;

static inline void sample_deinit(Sample *s) {
        s->key = key_free(s->key);
}

static inline void sample_init(Sample *s, unsigned seed) {
        const Digest snapshot = digest_of(&seed, sizeof(seed));

        *s = (Sample){};
        assert_int_equal(key_new(&s->key), 0);
        assert_int_equal(key_add_toolchain(s->key, "native"), 0);
        assert_int_equal(key_add_snapshot(s->key, "canonical", 1, &snapshot), 0);
        assert_int_equal(key_add_fingerprint(s->key, 0x101000016010407ULL), 0);
        assert_int_equal(key_finish(s->key, &s->record.key), 0);

        s->provenance[0] = (KeyField){ "net_name", slice_of_string("unet") };
        s->provenance[1] = (KeyField){ "source.path", slice_of_string("/w/unet_int.xmodel") };
        s->record.kind = RECORD_SUCCESS;
        s->record.created_ns = INT64_C(1700000000123456789);
        s->record.transcript = key_fields(s->key, &s->record.n_transcript);
        memset(s->record.snapshot_sha256.bytes, 0x5a, SHA256_SIZE);
        s->record.snapshot_size = 1000 + seed;
        s->record.toolchain = "vitis-3.5";
        s->record.toolchain_version = "3.5.0";
        s->record.provenance = s->provenance;
        s->record.n_provenance = 2;
        s->record.build_ms = 12345;
        s->record.peak_memory = UINT64_C(3) << 30;
        s->record.check_version = 1;
        s->record.facts = (RecordFacts){
                .has_fingerprint = true,
                .fingerprint = 0x101000016010407ULL,
                .dpu_subgraphs = 1,
                .cpu_subgraphs = 2,
        };
}

static inline void write_file(const char *path, const void *data, size_t n) {
        _cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, data, n), 0);
}

/* a path below the test's directory; valid until the next call but seven */
static inline const char *below(const UnitDir *dir, const char *name) {
        static char paths[8][512];
        static unsigned next;
        char *path = paths[next++ % 8];

        (void) snprintf(path, sizeof(paths[0]), "%s/%s", dir->path, name);
        return path;
}

/* the file of a digest in objects/ or records/ */
static inline const char *shard_path(const UnitDir *dir, const char *directory,
                                     const Digest *digest) {
        char hex[DIGEST_HEX], name[128];

        digest_to_hex(digest, hex);
        (void) snprintf(name, sizeof(name), "%s/%.2s/%s", directory, hex, hex + 2);
        return below(dir, name);
}

static inline bool exists(const char *path) {
        return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline State *memory_state(void) {
        State *state;

        assert_int_equal(state_open(&state, NULL, NULL), 0);
        return state;
}
