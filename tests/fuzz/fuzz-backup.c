/*
 * Backups from anywhere: as they are, and with the line that ends them put right, so that
 * mutations reach the lines. What is accepted must be written again to something that reads the
 * same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cache/backup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int copy_root(const char *path, bool trusted, void *userdata) {
        return backup_add_root(userdata, slice_of_string(path), trusted);
}

static int copy_pin(const Digest *key, void *userdata) {
        return backup_add_pin(userdata, key);
}

static int seal(Bytes *backup) {
        Digest digest = digest_of(backup->data, backup->size);
        char hex[DIGEST_HEX];

        digest_to_hex(&digest, hex);
        return bytes_printf(backup, "end %s\n", hex);
}

static void parse(Slice text) {
        static const BackupHandlers handlers = { .root = copy_root, .pin = copy_pin };
        _cleanup_(bytes_cleanup) Bytes copy = BYTES_INIT(BACKUP_MAX);
        _cleanup_(bytes_cleanup) Bytes again = BYTES_INIT(BACKUP_MAX);

        if (backup_begin(&copy) < 0 || backup_parse(text, &handlers, &copy) < 0 || seal(&copy) < 0)
                return;
        if (backup_begin(&again) < 0 || backup_parse(bytes_slice(&copy), &handlers, &again) != 0 ||
            seal(&again) < 0 || !slice_equal(bytes_slice(&copy), bytes_slice(&again)))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(bytes_cleanup) Bytes sealed = BYTES_INIT(BACKUP_MAX);

        parse(slice_of(data, size));
        if (backup_begin(&sealed) == 0 && bytes_append(&sealed, data, size) == 0 &&
            seal(&sealed) == 0)
                parse(bytes_slice(&sealed));
        return 0;
}
