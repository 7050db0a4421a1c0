#include "daemon/way.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int way_init(Way *way, const char *root) {
        size_t n = 0;

        for (const char *at = root; (at = strchr(at + 1, '/'));)
                n++;
        way->marks = calloc(n + 1, sizeof(*way->marks));
        if (!way->marks)
                return -ENOMEM;

        way->n = n;
        for (size_t i = 0; i < n; i++)
                way->marks[i] = NOTIFY_NOTHING;
        return 0;
}

void way_deinit(Way *way) {
        free(way->marks);
        *way = (Way){};
}

static bool way_is_no_failure(int r) {
        return r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -EPERM;
}

int way_watch(Way *way, Notify *notify, const char *root) {
        char path[PATH_MAX], *at = path;
        size_t size = strlen(root) + 1;
        int r = 0;

        if (size > sizeof(path))
                return 0; /* the root itself cannot be watched */
        memcpy(path, root, size);
        for (size_t i = 0; i < way->n; i++) {
                int k;

                at = strchr(at + 1, '/');
                *at = '\0';
                k = notify_hold(notify, path, &way->marks[i]);
                *at = '/';
                if (k < 0 && !way_is_no_failure(k))
                        r = k;
        }
        return r;
}

void way_leave(Way *way, Notify *notify) {
        for (size_t i = 0; i < way->n; i++)
                notify_release(notify, &way->marks[i]);
}
