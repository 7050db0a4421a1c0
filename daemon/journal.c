#include "daemon/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION /* lines of this file would tell nothing */
#include <systemd/sd-journal.h>

#define JOURNAL_FIELDS_MAX 16

typedef struct JournalEntry {
        struct iovec iov[JOURNAL_FIELDS_MAX];
        size_t n;
        bool failed;
} JournalEntry;

static void journal_add(JournalEntry *entry, const char *name, const char *value) {
        char *text = NULL;
        int n;

        if (!value || entry->n == JOURNAL_FIELDS_MAX)
                return;
        n = asprintf(&text, "%s=%s", name, value);
        if (n < 0) {
                entry->failed = true;
                return;
        }
        entry->iov[entry->n++] = (struct iovec){ .iov_base = text, .iov_len = (size_t) n };
}

bool journal_send(LogLevel level, const char *message, const LogField *fields, size_t n) {
        JournalEntry entry = {};
        char priority[4];
        bool sent;

        (void) snprintf(priority, sizeof(priority), "%d", (int) level);
        journal_add(&entry, "MESSAGE", message);
        journal_add(&entry, "PRIORITY", priority);
        for (size_t i = 0; i < n; i++)
                journal_add(&entry, fields[i].name, fields[i].value);
        sent = !entry.failed && sd_journal_sendv(entry.iov, (int) entry.n) == 0;
        for (size_t i = 0; i < entry.n; i++)
                free(entry.iov[i].iov_base);
        return sent;
}
