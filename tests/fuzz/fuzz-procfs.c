/*
 * Text of files in /proc. The first byte says which; what it names, and what a process made of its
 * environment, is anything.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/procfs.h"

#define MARKER "DPUCC_JOB=0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* by hand: the first line that begins with the name */
static void read_field(const char *status) {
        uint64_t found = procfs_field(status, "VmRSS"), expected = 0;
        _cleanup_(freep) char *text = NULL;
        const char *at;

        if (asprintf(&text, "\n%s", status) < 0)
                abort();
        at = strstr(text, "\nVmRSS:");
        if (at)
                expected = strtoull(at + strlen("\nVmRSS:"), NULL, 10);
        if (found != expected)
                abort();
}

static void read_children(const char *text) {
        const char *end = text + strlen(text), *at = text, *before;
        int child;

        do {
                before = at;
                child = -1;
                at = procfs_next_child(at, &child);
                if (at && (child <= 0 || at <= before || at > end))
                        abort();
        } while (at);
}

/* The name of the program has no say in it. */
static void read_start_time(const char *text) {
        _cleanup_(freep) char *stat = NULL;
        uint64_t time;

        (void) procfs_start_time(text, &time);
        if (strchr(text, ')'))
                return;
        if (asprintf(&stat, "7 (%s) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 9 9 9",
                     text) < 0)
                abort();
        if (procfs_start_time(stat, &time) < 0 || time != 123456)
                abort();
}

/* An entry that is there is found, whatever lies before it and behind it. */
static void read_environment(const uint8_t *data, size_t size) {
        Slice whole = slice_of(data, size);
        size_t n = sizeof(MARKER);
        _cleanup_(freep) uint8_t *more = malloc(size + 1 + n);

        if (!more)
                return;
        memcpy(more, data, size);
        more[size] = '\0';
        memcpy(more + size + 1, MARKER, n);
        if (!procfs_has_variable(slice_of(more, size + 1 + n), MARKER))
                abort();
        if (procfs_has_variable(whole, MARKER) && !memmem(data, size, MARKER, n - 1))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *text = size > 0 ? strndup((const char *) data + 1, size - 1) : NULL;

        if (!text)
                return 0;
        switch (data[0] % 4) {
        case 0:
                read_field(text);
                break;
        case 1:
                read_children(text);
                break;
        case 2:
                read_start_time(text);
                break;
        case 3:
                read_environment(data + 1, size - 1);
                break;
        }
        return 0;
}
