#include "daemon/inotify_use.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

#define INOTIFY_LINE_MAX 256

static int inotify_read_limit(const char *path, uint64_t *ret) {
        FILE *file = fopen(path, "re");
        unsigned long long value;
        int n;

        if (!file)
                return error_from_errno();
        n = fscanf(file, "%llu", &value);
        (void) fclose(file);
        if (n != 1)
                return -EBADMSG;
        *ret = value;
        return 0;
}

static FILE *inotify_open_info(int process, const char *fd) {
        char path[sizeof("fdinfo/") + 16];
        FILE *file;
        int info;

        if (snprintf(path, sizeof(path), "fdinfo/%s", fd) >= (int) sizeof(path))
                return NULL;
        info = openat(process, path, O_RDONLY | O_CLOEXEC);
        file = info >= 0 ? fdopen(info, "r") : NULL;
        if (!file)
                closep(&info);
        return file;
}

/* one line for each watch, "inotify wd:1 ino:..." */
static uint64_t inotify_count_watches(int process, const char *fd) {
        FILE *file = inotify_open_info(process, fd);
        char line[INOTIFY_LINE_MAX];
        uint64_t n = 0;

        while (file && fgets(line, sizeof(line), file))
                n += strncmp(line, "inotify ", 8) == 0;
        if (file)
                (void) fclose(file);
        return n;
}

static void inotify_count_process(int process, InotifyUse *use) {
        int fds = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *dir = fds >= 0 ? fdopendir(fds) : NULL;
        struct dirent *entry;
        char target[32];

        if (!dir)
                closep(&fds);
        while (dir && (entry = readdir(dir))) {
                ssize_t n = readlinkat(fds, entry->d_name, target, sizeof(target) - 1);

                if (n < 0)
                        continue;
                target[n] = '\0';
                if (strcmp(target, "anon_inode:inotify") != 0)
                        continue;
                use->instances++;
                use->watches += inotify_count_watches(process, entry->d_name);
        }
}

static void inotify_count(InotifyUse *use) {
        _cleanup_(closedirp) DIR *dir = opendir("/proc");
        struct dirent *entry;
        struct stat st;

        while (dir && (entry = readdir(dir))) {
                _cleanup_(closep) int process = -1;

                if (!isdigit((unsigned char) entry->d_name[0]))
                        continue;
                process = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (process >= 0 && fstat(process, &st) == 0 && st.st_uid == geteuid())
                        inotify_count_process(process, use);
        }
}

int inotify_use_read(InotifyUse *ret) {
        InotifyUse use = {};
        int r;

        r = inotify_read_limit("/proc/sys/fs/inotify/max_user_instances", &use.instances_max);
        if (r == 0)
                r = inotify_read_limit("/proc/sys/fs/inotify/max_user_watches", &use.watches_max);
        if (r < 0)
                return r;
        inotify_count(&use);
        *ret = use;
        return 0;
}
