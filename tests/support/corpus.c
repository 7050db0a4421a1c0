#include "tests/support/corpus.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"

#define CORPUS_FILE_MAX ((size_t) 256 * 1024 * 1024)

static const char *corpus_root(void) {
        const char *set = getenv("DPUCC_CORPUS");

        return set && *set ? set : TEST_SOURCE_DIR "/../shared/corpus";
}

bool corpus_present(void) {
        if (access(corpus_root(), R_OK | X_OK) == 0)
                return true;
        (void) fprintf(stderr, "SKIP: no corpus at %s (set DPUCC_CORPUS)\n", corpus_root());
        return false;
}

static int is_input(const struct dirent *entry) {
        const char *dot = strrchr(entry->d_name, '.');

        return dot && (strcmp(dot, ".xmodel") == 0 || strcmp(dot, ".json") == 0 ||
                       strcmp(dot, ".txt") == 0);
}

int corpus_each(const char *folder,
                void (*each)(const char *name, const Bytes *content, void *userdata),
                void *userdata) {
        struct dirent **entries;
        char path[4096];
        int n, r = 0;

        (void) snprintf(path, sizeof(path), "%s/%s", corpus_root(), folder);
        n = scandir(path, &entries, is_input, alphasort);
        if (n < 0)
                return error_from_errno();
        for (int i = 0; i < n; i++) {
                _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(CORPUS_FILE_MAX);

                (void) snprintf(path, sizeof(path), "%s/%s/%s", corpus_root(), folder,
                                entries[i]->d_name);
                if (r == 0)
                        r = file_read(AT_FDCWD, path, &content);
                if (r == 0)
                        each(entries[i]->d_name, &content, userdata);
                free(entries[i]);
        }
        free(entries);
        return r < 0 ? r : n;
}
