#pragma once

/*
 * Keys: the digest of everything that can change a compile's output
 *
 * A Key is built from fields, each a tag and a value. Fields may be added in any order: they
 * are sorted by tag before they are digested, and a tag occurs once. What has an order of its
 * own (argv, mounts) is therefore one field per position (key_add_list()). Values are text
 * wherever possible (digests as hexadecimal), because the fields are also the transcript: they
 * are stored in the record, and key_diff() of two transcripts is what `why` prints.
 *
 * The digested bytes are defined in docs/FORMATS.md, "Key". Two callers that add the same
 * fields get the same key, in every version of dpucc that starts with the same KEY_VERSION.
 *
 * A Key belongs to one thread at a time.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/slice.h"

#define KEY_VERSION    "dpucc-key-v1"
#define KEY_FIELDS_MAX 4096
#define KEY_TAG_MAX    255          /* bytes, without terminator */
#define KEY_BYTES_MAX  (256 * 1024) /* of all tags and values together */

typedef struct Key Key;

/* one field of a transcript; the owner of tag and value is documented where it comes from */
typedef struct KeyField {
        const char *tag;
        Slice value;
} KeyField;

int key_new(Key **ret); /* -ENOMEM */
Key *key_free(Key *key);

static inline void key_freep(Key **key) {
        (void) key_free(*key);
}

/* Copies. -EINVAL: @tag is empty, too long or holds anything but [a-zA-Z0-9._+-]; -EFBIG:
 * one of the limits above; -ENOMEM. A tag that is there already is found by key_finish(). */
int key_add(Key *key, const char *tag, Slice value);
int key_add_string(Key *key, const char *tag, const char *value);
int key_add_digest(Key *key, const char *tag, const Digest *value);
/* TAG.0000, TAG.0001 ... and TAG.count, so that no list is another's prefix */
int key_add_list(Key *key, const char *tag, const char *const *values, size_t n);

/* The required fields. @form is the kind of the snapshot: "canonical", "map-sorted" or
 * "verbatim"; @version that of the form's definition. */
int key_add_snapshot(Key *key, const char *form, uint32_t version, const Digest *digest);
int key_add_fingerprint(Key *key, uint64_t fingerprint); /* exactly one of these two */
int key_add_target_name(Key *key, const char *name);
int key_add_toolchain(Key *key, const char *kind); /* what more identifies it: "toolchain.…" */
/* One compiler option, normalised by the caller: "option.NAME".
 * A NAME with other characters than a tag may have is -EINVAL. */
int key_add_option(Key *key, const char *name, const char *value);

/* The key that a sorted transcript stands for. -EINVAL: not sorted, or a tag twice. */
int key_digest(const KeyField *fields, size_t n, Digest *ret);

/* Sorts and digests. -EEXIST: a tag twice; -ENODATA: a required field is missing. May be
 * called again after more fields were added. */
int key_finish(Key *key, Digest *ret);

/* The transcript, sorted after key_finish(). Borrowed from @key, until the next key_add...() */
const KeyField *key_fields(const Key *key, size_t *ret_n);

/* What differs between two sorted transcripts, in order of tags. @old or @new is NULL where
 * only the other has that tag. Stops when @fn returns non-zero and returns that. */
typedef int (*KeyDiffFn)(const KeyField *old, const KeyField *new, void *userdata);
int key_diff(const KeyField *old, size_t n_old, const KeyField *new, size_t n_new, KeyDiffFn fn,
             void *userdata);
