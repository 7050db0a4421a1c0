/*
 * Files of secrets: what is read is what the file holds, less the line ends that it closes with, and
 * nothing of a file that is refused is left.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_wiped(const Secret *secret) {
        static const Secret nothing;

        return memcmp(secret, &nothing, sizeof(nothing)) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(closep) int fd = memfd_create("secret", MFD_CLOEXEC);
        Problem problem = {};
        Secret secret = {};
        size_t n = size;
        char path[32];

        if (fd < 0 || fchmod(fd, 0600) < 0 || file_write_all(fd, data, size) < 0)
                return 0;
        while (n > 0 && (data[n - 1] == '\n' || data[n - 1] == '\r'))
                n--;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (secret_read(path, 0, &secret, &problem) < 0) {
                if ((n > 0 && size <= SECRET_MAX) || !is_wiped(&secret) || problem.text[0] == '\0')
                        abort();
                return 0;
        }
        if (secret.size != n || memcmp(secret.bytes, data, n) != 0 || secret.bytes[n] != '\0')
                abort();
        secret_wipe(&secret);
        if (!is_wiped(&secret))
                abort();
        return 0;
}
