/*
 * Conda's list of environments, ~/.conda/environments.txt, which anybody may have edited. Whatever it
 * says, what is found is an environment with the name that was asked for. '@' in the input is the
 * home directory, which has some.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "daemon/conda.h"

#define NAME      "vitis-ai-pytorch"
#define META      NAME "/conda-meta"
#define EMPTY     "empty/" NAME
#define TEXT_ROOM ((size_t) 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char home[200];

static void must(bool holds) {
        if (!holds)
                abort();
}

static void clean_up(void) {
        (void) file_remove_tree(AT_FDCWD, home);
}

static bool has_meta(const char *prefix) {
        _cleanup_(freep) char *meta = path_join(prefix, "conda-meta");
        struct stat st;

        return meta && stat(meta, &st) == 0 && S_ISDIR(st.st_mode);
}

static void make_home(void) {
        static const char *const folders[] = { ".conda", NAME, META, "empty", EMPTY };
        const char *tmp = getenv("TMPDIR");
        _cleanup_(closep) int fd = -1;

        (void) snprintf(home, sizeof(home), "%s/dpucc-fuzz-conda.XXXXXX", tmp ?: "/tmp");
        must(mkdtemp(home) && setenv("HOME", home, 1) == 0 && atexit(clean_up) == 0);
        fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                must(mkdirat(fd, folders[i], 0700) == 0);
}

static int write_list(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *path = path_join(home, ".conda/environments.txt");
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TEXT_ROOM);
        _cleanup_(closep) int fd = -1;
        int r = path ? 0 : -ENOMEM;

        for (size_t i = 0; i < size && r == 0; i++)
                r = data[i] == '@' ? bytes_append_string(&text, home)
                                   : bytes_append(&text, &data[i], 1);
        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : file_write_all(fd, text.data, text.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *prefix = NULL;
        Problem problem;

        if (home[0] == '\0')
                make_home();
        if (write_list(data, size) < 0)
                return 0;
        if (conda_find(NAME, &prefix, &problem) == 0)
                must(prefix[0] == '/' && strcmp(path_basename(prefix), NAME) == 0 &&
                     has_meta(prefix));
        else
                must(prefix == NULL && problem.text[0] != '\0');
        return 0;
}
