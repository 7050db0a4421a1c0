#include "cache/key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

struct Key {
        KeyField *fields; /* tag and value of each are one allocation, owned through tag */
        size_t n_fields;
        size_t n_room;
        size_t n_bytes; /* of all tags and values */
};

int key_new(Key **ret) {
        Key *key = calloc(1, sizeof(*key));

        if (!key)
                return -ENOMEM;
        *ret = key;
        return 0;
}

Key *key_free(Key *key) {
        if (!key)
                return NULL;

        for (size_t i = 0; i < key->n_fields; i++)
                free((char *) key->fields[i].tag);
        free(key->fields);
        free(key);
        return NULL;
}

static bool key_tag_is_valid(const char *tag, size_t n) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._+-";

        return n > 0 && n <= KEY_TAG_MAX && strspn(tag, allowed) == n;
}

int key_add(Key *key, const char *tag, Slice value) {
        size_t n_tag = strlen(tag);
        char *copy;
        int r;

        if (!key_tag_is_valid(tag, n_tag))
                return -EINVAL;
        if (value.size > KEY_BYTES_MAX || n_tag + value.size > KEY_BYTES_MAX - key->n_bytes)
                return -EFBIG;
        if (key->n_fields == KEY_FIELDS_MAX)
                return -EFBIG;
        r = array_reserve(&key->fields, &key->n_room, key->n_fields + 1, sizeof(*key->fields));
        if (r < 0)
                return r;
        copy = malloc(n_tag + 1 + value.size);
        if (!copy)
                return -ENOMEM;

        memcpy(copy, tag, n_tag + 1);
        if (value.size > 0)
                memcpy(copy + n_tag + 1, value.data, value.size);
        key->fields[key->n_fields++] = (KeyField){
                .tag = copy,
                .value = slice_of(copy + n_tag + 1, value.size),
        };
        key->n_bytes += n_tag + value.size;
        return 0;
}

int key_add_string(Key *key, const char *tag, const char *value) {
        return key_add(key, tag, slice_of_string(value));
}

/* decimal */
static int key_add_u64(Key *key, const char *tag, uint64_t value) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        return key_add_string(key, tag, text);
}

int key_add_digest(Key *key, const char *tag, const Digest *value) {
        char text[DIGEST_HEX];

        digest_to_hex(value, text);
        return key_add_string(key, tag, text);
}

/* TAG.SUFFIX; too long a tag is left to key_add() to refuse */
static int key_add_below(Key *key, const char *tag, const char *suffix, Slice value) {
        char whole[KEY_TAG_MAX + 2];
        int n;

        n = snprintf(whole, sizeof(whole), "%s.%s", tag, suffix);
        if (n < 0 || (size_t) n >= sizeof(whole))
                return -EINVAL;
        return key_add(key, whole, value);
}

int key_add_list(Key *key, const char *tag, const char *const *values, size_t n) {
        char text[24];
        int r;

        if (n > KEY_FIELDS_MAX)
                return -EFBIG;

        (void) snprintf(text, sizeof(text), "%zu", n);
        r = key_add_below(key, tag, "count", slice_of_string(text));
        for (size_t i = 0; i < n && r == 0; i++) {
                (void) snprintf(text, sizeof(text), "%04zu", i);
                r = key_add_below(key, tag, text, slice_of_string(values[i]));
        }
        return r;
}

int key_add_snapshot(Key *key, const char *form, uint32_t version, const Digest *digest) {
        int r;

        r = key_add_string(key, "snapshot.form", form);
        if (r < 0)
                return r;
        r = key_add_u64(key, "snapshot.version", version);
        if (r < 0)
                return r;
        return key_add_digest(key, "snapshot.digest", digest);
}

int key_add_fingerprint(Key *key, uint64_t fingerprint) {
        char text[24];

        (void) snprintf(text, sizeof(text), "0x%016" PRIx64, fingerprint);
        return key_add_string(key, "target.fingerprint", text);
}

int key_add_target_name(Key *key, const char *name) {
        return key_add_string(key, "target.name", name);
}

int key_add_toolchain(Key *key, const char *kind) {
        return key_add_string(key, "toolchain.kind", kind);
}

int key_add_option(Key *key, const char *name, const char *value) {
        return name[0] ? key_add_below(key, "option", name, slice_of_string(value)) : -EINVAL;
}

/* docs/FORMATS.md, "Key" */
static int key_digest_field(Hasher *hasher, const char *tag, Slice value) {
        uint64_t n_tag = strlen(tag), n_value = value.size;
        uint8_t head[4], middle[8];
        int r;

        for (unsigned i = 0; i < sizeof(head); i++)
                head[i] = (uint8_t) (n_tag >> 8 * i);
        for (unsigned i = 0; i < sizeof(middle); i++)
                middle[i] = (uint8_t) (n_value >> 8 * i);

        r = hasher_update(hasher, head, sizeof(head));
        if (r == 0)
                r = hasher_update(hasher, tag, n_tag);
        if (r == 0)
                r = hasher_update(hasher, middle, sizeof(middle));
        return r == 0 ? hasher_update(hasher, value.data, value.size) : r;
}

int key_digest(const KeyField *fields, size_t n, Digest *ret) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        int r;

        r = hasher_new(&hasher, HASHER_XXH3);
        if (r < 0)
                return r;

        r = key_digest_field(hasher, KEY_VERSION, slice_of(NULL, 0));
        for (size_t i = 0; i < n && r == 0; i++) {
                if (i > 0 && strcmp(fields[i - 1].tag, fields[i].tag) >= 0)
                        return -EINVAL;
                r = key_digest_field(hasher, fields[i].tag, fields[i].value);
        }
        if (r < 0)
                return r;
        hasher_xxh3(hasher, ret);
        return 0;
}

static int key_compare(const void *a, const void *b) {
        return strcmp(((const KeyField *) a)->tag, ((const KeyField *) b)->tag);
}

static bool key_has(const Key *key, const char *tag) {
        const KeyField wanted = { .tag = tag };

        return bsearch(&wanted, key->fields, key->n_fields, sizeof(wanted), key_compare) != NULL;
}

static bool key_is_complete(const Key *key) {
        return key_has(key, "snapshot.form") && key_has(key, "snapshot.version") &&
               key_has(key, "snapshot.digest") && key_has(key, "toolchain.kind") &&
               key_has(key, "target.fingerprint") != key_has(key, "target.name");
}

int key_finish(Key *key, Digest *ret) {
        int r;

        if (key->n_fields == 0)
                return -ENODATA;
        qsort(key->fields, key->n_fields, sizeof(*key->fields), key_compare);
        if (!key_is_complete(key))
                return -ENODATA;

        r = key_digest(key->fields, key->n_fields, ret);
        return r == -EINVAL ? -EEXIST : r; /* sorted it is, so a tag is there twice */
}

const KeyField *key_fields(const Key *key, size_t *ret_n) {
        *ret_n = key->n_fields;
        return key->fields;
}

int key_diff(const KeyField *old, size_t n_old, const KeyField *new, size_t n_new, KeyDiffFn fn,
             void *userdata) {
        size_t i = 0, k = 0;
        int r = 0;

        while (r == 0 && (i < n_old || k < n_new)) {
                int order = i == n_old ? 1 : k == n_new ? -1 : strcmp(old[i].tag, new[k].tag);

                if (order < 0)
                        r = fn(&old[i++], NULL, userdata);
                else if (order > 0)
                        r = fn(NULL, &new[k++], userdata);
                else if (slice_equal(old[i].value, new[k].value))
                        i++, k++;
                else
                        r = fn(&old[i++], &new[k++], userdata);
        }
        return r;
}
