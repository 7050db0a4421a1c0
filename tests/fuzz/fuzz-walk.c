/*
 * The walker, classification and canonical form on any bytes. Whatever is accepted must have both
 * forms, and these must be accepted, be of the same class, and be their own forms again. A Skeleton
 * of the bytes must be what they are.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "xmodel/canon.h"
#include "xmodel/classify.h"
#include "xmodel/skeleton.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
        if (!good)
                abort();
}

static Digest write_form(const Walk *walk, CanonForm form, Bytes *ret) {
        _cleanup_(closep) int fd = memfd_create("form", MFD_CLOEXEC);
        Digest digest;
        uint64_t size;

        must(fd >= 0);
        must(canon_write(walk, NULL, form, fd, &digest, NULL, &size) == 0);
        must(file_read_fd(fd, ret) == 0);
        must(ret->size == size);
        return digest;
}

static void check_form(const Walk *walk, CanonForm form, XmodelClass class) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(walk_freep) Walk *again = NULL;
        Digest digest, second;
        Problem problem = {};
        XmodelClass found;

        digest = write_form(walk, form, &bytes);
        must(classify(bytes_slice(&bytes), &found, &again, &problem) == 0);
        must(found == class && again);
        must(canon_digest(again, NULL, form, &second) == 0);
        must(digest_equal(&digest, &second));
        second = digest_of(bytes.data, bytes.size);
        must(digest_equal(&digest, &second));
}

static void check_skeleton(const Walk *judge, XmodelClass class, const Problem *reason,
                           const uint8_t *data, size_t size) {
        _cleanup_(closep) int fd = memfd_create("model", MFD_CLOEXEC);
        const SkeletonSpec spec = { .fd = fd, .grain = 1 + size % 16 };
        _cleanup_(walk_freep) Walk *walk = NULL;
        _cleanup_(skeleton_deinit) Skeleton s = {};
        Problem problem = {};
        XmodelClass found;
        Digest expected, digest;

        must(fd >= 0 && file_write_all(fd, data, size) == 0);
        must(skeleton_read(&s, &spec, NULL) == 0);
        must(classify(s.file, &found, &walk, &problem) == 0);
        must(found == class && strcmp(problem.text, reason->text) == 0);
        if (!judge)
                return;
        must(canon_digest(judge, NULL, CANON_CANONICAL, &expected) == 0);
        must(canon_digest(walk, &s, CANON_CANONICAL, &digest) == 0);
        must(digest_equal(&digest, &expected));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        Problem problem = {};
        XmodelClass class;

        must(classify(slice_of(data, size), &class, &walk, &problem) == 0);
        must(problem.text[0] != '\0' && !strchr(problem.text, '\n'));
        check_skeleton(walk, class, &problem, data, size);
        if (!walk)
                return 0;
        check_form(walk, CANON_CANONICAL, class);
        check_form(walk, CANON_MAP_SORTED, class);
        return 0;
}
