/*
 * What the compiler wrote beside its output about its own checks (a file that anybody could have
 * written), asked whether it is enough.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "dpu/verification.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
        if (!good)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const AttemptsVerify all[] = { ATTEMPTS_VERIFY_NONE, ATTEMPTS_VERIFY_SMALL,
                                              ATTEMPTS_VERIFY_FULL };
        _cleanup_(closep) int fd = memfd_create("verification", MFD_CLOEXEC);
        Verification verification;
        Problem problem = {};
        char path[64];

        must(fd >= 0 && file_write_all(fd, data, size) == 0);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (verification_read(path, &verification, &problem) < 0) {
                must(problem.text[0] != '\0' && !strchr(problem.text, '\n'));
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                problem.text[0] = '\0';
                if (!verification_is_enough(&verification, all[i], &problem))
                        must(problem.text[0] != '\0');
        }
        return 0;
}
