#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"

void secret_wipe(Secret *secret) {
        explicit_bzero(secret, sizeof(*secret));
}

static int secret_check_file(int fd, const char *path, Problem *problem) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_from_errno();
        if (st.st_uid != geteuid())
                return problem_set(problem, -EPERM, "%s: belongs to user id %lu, not to you", path,
                                   (unsigned long) st.st_uid);
        if (st.st_mode & 077)
                return problem_set(problem, -EPERM,
                                   "%s: others may read it (mode %04o); run: chmod 600 %s", path,
                                   (unsigned) (st.st_mode & 07777), path);
        return 0;
}

/* read(2) and no buffer of somebody else's: nothing of it stays behind. One byte more than is
 * allowed tells a file that is too long. */
static int secret_fill(int fd, Secret *secret) {
        size_t n = 0;

        while (n < sizeof(secret->bytes)) {
                ssize_t got = read(fd, secret->bytes + n, sizeof(secret->bytes) - n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return error_from_errno();
                if (got == 0)
                        break;
                n += (size_t) got;
        }
        secret->size = n;
        return n > SECRET_MAX ? -EINVAL : 0;
}

static bool secret_is_line_end(uint8_t byte) {
        return byte == '\r' || byte == '\n';
}

int secret_read(const char *path, size_t min, Secret *ret, Problem *problem) {
        _cleanup_(closep) int fd = file_open_regular(AT_FDCWD, path);
        int r;

        if (fd < 0)
                return problem_set(problem, fd, "%s: %s", path, strerror(-fd));
        r = secret_check_file(fd, path, problem);
        if (r < 0)
                return r;

        *ret = (Secret){};
        r = secret_fill(fd, ret);
        if (r == 0) {
                while (ret->size > 0 && secret_is_line_end(ret->bytes[ret->size - 1]))
                        ret->size--;
                memset(ret->bytes + ret->size, 0, sizeof(ret->bytes) - ret->size);
                if (ret->size >= (min > 0 ? min : 1))
                        return 0;
                r = -EINVAL;
        }
        secret_wipe(ret);
        return problem_set(problem, r, "%s: a secret of %zu to %d bytes expected", path,
                           min > 0 ? min : 1, SECRET_MAX);
}
