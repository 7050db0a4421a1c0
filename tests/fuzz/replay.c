/*
 * Replays seed files through a fuzz target's entry point, for builds without libFuzzer:
 *
 *      fuzz-noun DIRECTORY|FILE...
 *
 * An empty or missing directory is a failure: a test without seeds tests nothing.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"

#define REPLAY_MAX (64 * 1024 * 1024) /* bytes of one seed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dirfd, const char *name) {
        _cleanup_(bytes_cleanup) Bytes seed = BYTES_INIT(REPLAY_MAX);
        int r;

        r = file_read(dirfd, name, &seed);
        if (r < 0) {
                (void) fprintf(stderr, "%s: %s\n", name, strerror(-r));
                return r;
        }
        (void) LLVMFuzzerTestOneInput(seed.data, seed.size);
        return 0;
}

/* the number of seeds, or an error */
static int replay_directory(const char *path) {
        _cleanup_(closedirp) DIR *dir = opendir(path);
        struct dirent *entry;
        int n = 0, r;

        if (!dir)
                return -errno;
        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                r = replay_file(dirfd(dir), entry->d_name);
                if (r < 0)
                        return r;
                n++;
        }
        return n;
}

int main(int argc, char **argv) {
        int total = 0;

        for (int i = 1; i < argc; i++) {
                int n = replay_directory(argv[i]);

                if (n == -ENOTDIR)
                        n = replay_file(AT_FDCWD, argv[i]) < 0 ? -EIO : 1;
                if (n < 0) {
                        (void) fprintf(stderr, "%s: %s\n", argv[i], strerror(-n));
                        return 1;
                }
                total += n;
        }
        (void) printf("%d seeds\n", total);
        return total > 0 ? 0 : 1;
}
