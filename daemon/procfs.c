#include "daemon/procfs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCFS_START_TIME 22 /* the field of `stat` */

uint64_t procfs_field(const char *status, const char *name) {
        size_t n = strlen(name);

        for (const char *line = status; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, name, n) == 0 && line[n] == ':')
                        return strtoull(line + n + 1, NULL, 10);
        }
        return 0;
}

const char *procfs_next_child(const char *at, int *ret) {
        char *end;
        long child = strtol(at, &end, 10);

        if (end == at || child <= 0 || child > INT_MAX)
                return NULL;
        *ret = (int) child;
        return end;
}

/* The name in field 2 may hold spaces and brackets. */
int procfs_start_time(const char *stat, uint64_t *ret) {
        const char *p = strrchr(stat, ')');
        unsigned long long time;

        if (p && (strncmp(p, ") Z", 3) == 0 || strncmp(p, ") X", 3) == 0))
                return -ESRCH;
        for (unsigned field = 2; p && field < PROCFS_START_TIME; field++)
                p = strchr(p + 1, ' ');
        if (!p || sscanf(p, " %llu", &time) != 1)
                return -EBADMSG;
        *ret = time;
        return 0;
}

bool procfs_has_variable(Slice environment, const char *wanted) {
        size_t n = strlen(wanted);

        for (size_t at = 0; at < environment.size;) {
                const char *entry = (const char *) environment.data + at;
                size_t length = strnlen(entry, environment.size - at);

                if (length == n && memcmp(entry, wanted, n) == 0)
                        return true;
                at += length + 1;
        }
        return false;
}
