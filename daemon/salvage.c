#include "daemon/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "daemon/artifact.h"

struct Salvage {
        unsigned n_refs;
        JobDir *dir;
        Bytes log;
};

int salvage_new(Salvage **ret, JobDir **dir, Slice log) {
        Salvage *salvage = calloc(1, sizeof(*salvage));

        if (!salvage)
                return -ENOMEM;
        salvage->log = BYTES_INIT(ARTIFACT_LOG_MAX);
        if (bytes_append(&salvage->log, log.data, log.size) < 0)
                bytes_deinit(&salvage->log); /* the log is the least of it */
        salvage->n_refs = 1;
        salvage->dir = TAKE_PTR(*dir);
        *ret = salvage;
        return 0;
}

Salvage *salvage_ref(Salvage *salvage) {
        salvage->n_refs++;
        return salvage;
}

Salvage *salvage_unref(Salvage *salvage) {
        if (!salvage || --salvage->n_refs > 0)
                return NULL;

        (void) jobdir_remove(salvage->dir);
        bytes_deinit(&salvage->log);
        free(salvage);
        return NULL;
}

/* a link where the compiler's file can be used as it is */
static int salvage_link(const Salvage *salvage, const char *from, int to_fd, const char *to) {
        if (linkat(salvage->dir->fd, from, to_fd, to, 0) < 0 && errno != EEXIST && errno != ENOENT)
                return error_from_errno();
        return 0;
}

static int salvage_render(int to_fd, const char *name, Slice text, const char *net_name,
                          bool json) {
        _cleanup_(bytes_cleanup) Bytes rendered = BYTES_INIT(ARTIFACT_META_MAX + 64 * 1024);
        _cleanup_(closep) int fd = -1;
        int r;

        r = artifact_render(text, net_name, json, &rendered);
        if (r < 0)
                return r;
        fd = file_create_plain(to_fd, name, 0600);
        return fd < 0 ? fd : file_write_all(fd, rendered.data, rendered.size);
}

static int salvage_fill(Salvage *salvage, int to_fd, const char *net_name) {
        _cleanup_(bytes_cleanup) Bytes meta = BYTES_INIT(ARTIFACT_META_MAX);
        char xmodel[NAME_MAX + 16];
        int r;

        (void) snprintf(xmodel, sizeof(xmodel), "%s.xmodel", net_name);
        r = salvage_link(salvage, "out/" ARTIFACT_NET_NAME ".xmodel", to_fd, xmodel);
        if (r == 0)
                r = salvage_link(salvage, "out/md5sum.txt", to_fd, "md5sum.txt");
        if (r == 0)
                r = salvage_link(salvage, "out/report.json", to_fd, "report.json");
        if (r == 0)
                r = file_read_plain(salvage->dir->fd, "out/meta.json", &meta);
        if (r == 0)
                r = salvage_render(to_fd, "meta.json", bytes_slice(&meta), net_name, true);
        /* on a full disk the log is what one can do without */
        if (r == 0)
                (void) salvage_render(to_fd, "compile.log", bytes_slice(&salvage->log), net_name,
                                      false);
        return r;
}

int salvage_view(Salvage *salvage, const char *net_name, char **ret) {
        _cleanup_(closep) int views_fd = -1, to_fd = -1;
        char *path;
        int r;

        views_fd = file_make_dirs(salvage->dir->fd, "views", 0700);
        if (views_fd < 0)
                return views_fd;
        to_fd = file_make_dirs(views_fd, net_name, 0700);
        if (to_fd < 0)
                return to_fd;
        r = salvage_fill(salvage, to_fd, net_name);
        if (r < 0)
                return r;
        if (asprintf(&path, "%s/views/%s/%s.xmodel", salvage->dir->path, net_name, net_name) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}
