#include "xmodel/skeleton.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "xmodel/schema.h"
#include "xmodel/walk.h"

/*
 * What makes identity slow is not hashing but fresh memory: for a file of 100 MB the kernel clears
 * and maps 25,000 pages that are looked at once. So the weights pass through one small piece of
 * memory that stays in the processor's cache.
 *
 * The file is read from the front, a grain at a time, into its place. Behind it the fields are
 * followed, but only into what is larger than a grain: everything else is loaded whatever it is.
 * When a large content turns out to be of no interest, the reading is at most a grain into it;
 * what is not loaded yet becomes the hole. So each byte is either in memory, and went into the
 * digest from there, or in exactly one hole.
 *
 * Nothing is checked here. Where the fields make no sense, the rest of the file is loaded as it
 * is, and the walker, which stops at that place too, says what is wrong.
 */

#define SKELETON_PIECE ((size_t) 64 * 1024)           /* of a hole, at a time */
#define SKELETON_HEAD  ((size_t) 2 * WIRE_VARINT_MAX) /* bytes of a tag and a length */
#define SKELETON_DEPTH (2 * SCHEMA_DEPTH_MAX)         /* of messages; more are loaded */

typedef struct SkeletonReader {
        Skeleton skeleton;
        uint8_t *memory;
        size_t loaded; /* bytes of the file that are in memory or a hole */
        size_t holes_capacity;
        Hasher *hasher; /* of the file; NULL: no digests are wanted */
        uint8_t *piece;
} SkeletonReader;

static void skeleton_reader_deinit(SkeletonReader *r) {
        skeleton_deinit(&r->skeleton);
        (void) hasher_free(r->hasher);
        free(r->piece);
}

void skeleton_deinit(Skeleton *skeleton) {
        if (skeleton->file.size > 0)
                (void) munmap((void *) skeleton->file.data, skeleton->file.size);
        free(skeleton->holes);
        *skeleton = (Skeleton){ .spec.fd = -1 };
}

static int skeleton_pread(const SkeletonSpec *spec, void *to, size_t size, size_t offset) {
        if (spec->go_on && !spec->go_on(spec->userdata))
                return -ECANCELED;
        while (size > 0) {
                ssize_t n = pread(spec->fd, to, size, (off_t) offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? error_from_errno() : -ESTALE;
                to = (uint8_t *) to + n;
                size -= (size_t) n;
                offset += (size_t) n;
        }
        return 0;
}

/* the bytes of a hole, a piece at a time */
static int skeleton_each_of_hole(const Skeleton *s, Slice place, uint8_t *piece,
                                 int (*take)(void *userdata, const void *data, size_t n),
                                 void *userdata) {
        size_t offset = (size_t) (place.data - s->file.data), n;
        int r = 0;

        for (; r == 0 && place.size > 0; offset += n, place.size -= n) {
                n = place.size < SKELETON_PIECE ? place.size : SKELETON_PIECE;
                r = skeleton_pread(&s->spec, piece, n, offset);
                if (r == 0)
                        r = take(userdata, piece, n);
        }
        return r;
}

/* reads on until all before @end is loaded */
static int skeleton_load(SkeletonReader *r, size_t end) {
        const Skeleton *s = &r->skeleton;
        size_t n;
        int ret;

        while (r->loaded < end) {
                n = s->file.size - r->loaded;
                if (n > s->spec.grain)
                        n = s->spec.grain;
                ret = skeleton_pread(&s->spec, r->memory + r->loaded, n, r->loaded);
                if (ret == 0 && r->hasher)
                        ret = hasher_update(r->hasher, r->memory + r->loaded, n);
                if (ret < 0)
                        return ret;
                r->loaded += n;
        }
        return 0;
}

typedef struct SkeletonHashers {
        Hasher *file;
        Hasher *hole;
} SkeletonHashers;

static int skeleton_hash(void *userdata, const void *data, size_t n) {
        SkeletonHashers *hashers = userdata;
        int r;

        r = hasher_update(hashers->file, data, n);
        return r < 0 ? r : hasher_update(hashers->hole, data, n);
}

static int skeleton_digest_hole(SkeletonReader *r, SkeletonHole *hole) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        SkeletonHashers hashers = { .file = r->hasher };
        int ret;

        ret = hasher_new(&hasher, HASHER_XXH3);
        if (ret < 0)
                return ret;
        hashers.hole = hasher;
        ret = skeleton_each_of_hole(&r->skeleton, hole->place, r->piece, skeleton_hash, &hashers);
        if (ret == 0)
                hasher_xxh3(hasher, &hole->digest);
        return ret;
}

/* What of @content is not loaded becomes a hole. */
static int skeleton_leave_out(SkeletonReader *r, Slice content) {
        Skeleton *s = &r->skeleton;
        size_t end = (size_t) (content.data - s->file.data) + content.size;
        SkeletonHole hole = { .place = slice_of(r->memory + r->loaded, end - r->loaded) };
        int ret;

        if (r->loaded >= end)
                return 0;
        ret = array_reserve(&s->holes, &r->holes_capacity, s->n_holes + 1, sizeof(*s->holes));
        if (ret == 0 && r->hasher)
                ret = skeleton_digest_hole(r, &hole);
        if (ret < 0)
                return ret;
        s->holes[s->n_holes++] = hole;
        r->loaded = end;
        return 0;
}

/* Does nobody look into it? */
static bool skeleton_is_opaque(const SchemaField *field) {
        return !field || field->kind == SCHEMA_BYTES ||
               (field->label == SCHEMA_REPEATED &&
                (field->kind == SCHEMA_FIXED32 || field->kind == SCHEMA_FIXED64));
}

static int skeleton_follow(SkeletonReader *r, const SchemaMessage *message, Slice rest,
                           unsigned depth) {
        const SchemaField *field;
        WireField f;
        size_t at;
        int ret;

        while (rest.size > 0) {
                at = (size_t) (rest.data - r->memory);
                ret = skeleton_load(r,
                                    at + (rest.size < SKELETON_HEAD ? rest.size : SKELETON_HEAD));
                if (ret < 0)
                        return ret;
                if (wire_next(&rest, &f) < 0)
                        return -EBADMSG;
                field = schema_field(message, f.number);
                if (f.type != WIRE_BYTES || f.content.size <= r->skeleton.spec.grain)
                        continue;
                if (skeleton_is_opaque(field))
                        ret = skeleton_leave_out(r, f.content);
                else if (field->kind == SCHEMA_MESSAGE && depth < SKELETON_DEPTH)
                        ret = skeleton_follow(r, field->message, f.content, depth + 1);
                if (ret < 0)
                        return ret;
        }
        return 0;
}

static int skeleton_reserve(SkeletonReader *r, const SkeletonSpec *spec, bool wants_digests) {
        struct stat st;
        void *memory;
        size_t size;

        if (fstat(spec->fd, &st) < 0)
                return error_from_errno();
        if (st.st_size < 0 || (uint64_t) st.st_size > WALK_FILE_MAX)
                return -EFBIG;
        size = (size_t) st.st_size;
        r->skeleton = (Skeleton){ .spec = *spec, .has_digests = wants_digests };
        r->piece = malloc(SKELETON_PIECE);
        if (!r->piece)
                return -ENOMEM;
        if (size == 0)
                return 0;
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return error_from_errno();
        r->memory = memory;
        r->skeleton.file = slice_of(memory, size);
        return 0;
}

int skeleton_read(Skeleton *ret, const SkeletonSpec *spec, Digest *ret_bytes) {
        _cleanup_(skeleton_reader_deinit) SkeletonReader reader = {};
        int r;

        r = skeleton_reserve(&reader, spec, ret_bytes != NULL);
        if (r == 0 && ret_bytes)
                r = hasher_new(&reader.hasher, HASHER_XXH3);
        if (r < 0)
                return r;
        r = skeleton_follow(&reader, &schema_graph, reader.skeleton.file, 0);
        if (r == 0 || r == -EBADMSG)
                r = skeleton_load(&reader, reader.skeleton.file.size);
        if (r < 0)
                return r;

        if (ret_bytes)
                hasher_xxh3(reader.hasher, ret_bytes);
        *ret = reader.skeleton;
        reader.skeleton = (Skeleton){};
        return 0;
}

/* the first hole that does not end before @at */
static size_t skeleton_hole_at(const Skeleton *s, const uint8_t *at) {
        size_t low = 0, high = s->n_holes;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                Slice place = s->holes[middle].place;

                if (place.data + place.size <= at)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

typedef struct SkeletonCheck {
        int (*take)(void *userdata, const void *data, size_t n);
        void *userdata;
        Hasher *hasher; /* NULL: unchecked */
} SkeletonCheck;

static int skeleton_check(void *userdata, const void *data, size_t n) {
        SkeletonCheck *check = userdata;
        int r;

        r = check->hasher ? hasher_update(check->hasher, data, n) : 0;
        return r < 0 ? r : check->take(check->userdata, data, n);
}

static int skeleton_fill_hole(const Skeleton *s, const SkeletonHole *hole,
                              int (*take)(void *userdata, const void *data, size_t n),
                              void *userdata) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        _cleanup_(freep) uint8_t *piece = malloc(SKELETON_PIECE);
        SkeletonCheck check = { .take = take, .userdata = userdata };
        Digest digest;
        int r = 0;

        if (!piece)
                return -ENOMEM;
        if (s->has_digests)
                r = hasher_new(&hasher, HASHER_XXH3);
        if (r < 0)
                return r;
        check.hasher = hasher;
        r = skeleton_each_of_hole(s, hole->place, piece, skeleton_check, &check);
        if (r < 0 || !hasher)
                return r;
        hasher_xxh3(hasher, &digest);
        return digest_equal(&digest, &hole->digest) ? 0 : -ESTALE;
}

int skeleton_each(const Skeleton *s, Slice slice,
                  int (*take)(void *userdata, const void *data, size_t n), void *userdata) {
        const uint8_t *end = slice.data + slice.size, *at = slice.data, *next;
        int r = 0;

        for (size_t i = skeleton_hole_at(s, at); r == 0 && at < end; i++) {
                next = i < s->n_holes && s->holes[i].place.data < end ? s->holes[i].place.data
                                                                      : end;
                if (at < next)
                        r = take(userdata, at, (size_t) (next - at));
                if (r == 0 && next < end)
                        r = skeleton_fill_hole(s, &s->holes[i], take, userdata);
                at = next < end ? next + s->holes[i].place.size : end;
        }
        return r;
}
