#include "cache/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"

/*
 * Lines of words. Paths are bytes: what is not a printing ASCII character, and '%', is written as
 * %XX, so a line is a line and a word a word. The last line has the digest of all before it: a
 * file that somebody cut or edited is not believed by halves.
 */

#define BACKUP_HEAD "dpucc-state-backup 1\n"
#define BACKUP_END  "end "

int backup_begin(Bytes *ret) {
        return bytes_append_string(ret, BACKUP_HEAD);
}

int backup_add_root(Bytes *backup, Slice path, bool trusted) {
        int r = bytes_printf(backup, "root %d ", trusted);

        for (size_t i = 0; i < path.size && r == 0; i++) {
                uint8_t c = path.data[i];

                r = c > ' ' && c < 0x7f && c != '%' ? bytes_append(backup, &c, 1)
                                                    : bytes_printf(backup, "%%%02x", c);
        }
        return r < 0 ? r : bytes_append_string(backup, "\n");
}

int backup_add_pin(Bytes *backup, const Digest *key) {
        char hex[DIGEST_HEX];

        digest_to_hex(key, hex);
        return bytes_printf(backup, "pin %s\n", hex);
}

/* of who was killed over it */
static void backup_remove_leftovers(const char *directory) {
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
                (void) file_remove_temps(fd);
}

int backup_write(Bytes *backup, const char *directory) {
        _cleanup_(closep) int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        Digest digest = digest_of(backup->data, backup->size);
        char hex[DIGEST_HEX];
        int r;

        if (dirfd < 0)
                return error_from_errno();
        backup_remove_leftovers(directory);
        digest_to_hex(&digest, hex);
        r = bytes_printf(backup, BACKUP_END "%s\n", hex);
        if (r < 0)
                return r;
        return file_write_durable(dirfd, BACKUP_NAME, backup->data, backup->size, 0600);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* the text between head and end, if all of it is as it was written */
static int backup_check(Slice text, Slice *ret) {
        const size_t head = strlen(BACKUP_HEAD), end = strlen(BACKUP_END) + DIGEST_HEX;
        char hex[DIGEST_HEX];
        Digest wanted, found;
        size_t body;

        if (text.size < head + end || memcmp(text.data, BACKUP_HEAD, head) != 0 ||
            text.data[text.size - 1] != '\n')
                return -EBADMSG;
        body = text.size - end;
        if (memcmp(text.data + body, BACKUP_END, strlen(BACKUP_END)) != 0)
                return -EBADMSG;
        memcpy(hex, text.data + body + strlen(BACKUP_END), DIGEST_HEX - 1);
        hex[DIGEST_HEX - 1] = '\0';
        found = digest_of(text.data, body);
        if (digest_from_hex(hex, &wanted) < 0 || !digest_equal(&wanted, &found))
                return -EBADMSG;
        *ret = slice_of(text.data + head, body - head);
        return 0;
}

static int backup_decode_path(Slice word, char ret[PATH_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < word.size; i++) {
                char digits[3] = "";

                if (n == PATH_MAX - 1)
                        return -EBADMSG;
                if (word.data[i] != '%') {
                        ret[n++] = (char) word.data[i];
                        continue;
                }
                if (i + 2 >= word.size)
                        return -EBADMSG;
                memcpy(digits, word.data + i + 1, 2);
                if (hex_decode(digits, (uint8_t *) &ret[n], 1) < 0 || ret[n] == '\0')
                        return -EBADMSG;
                n++;
                i += 2;
        }
        ret[n] = '\0';
        return n > 0 && ret[0] == '/' ? 0 : -EBADMSG;
}

static bool backup_begins(Slice line, const char *word) {
        return line.size >= strlen(word) && memcmp(line.data, word, strlen(word)) == 0;
}

/* @handlers NULL: only whether it is a line. Lines of a later version of the same format would
 * have another head. */
static int backup_line(Slice line, const BackupHandlers *handlers, void *userdata) {
        char path[PATH_MAX], hex[DIGEST_HEX];
        Digest key;
        int r;

        if (backup_begins(line, "root 0 ") || backup_begins(line, "root 1 ")) {
                r = backup_decode_path(slice_of(line.data + 7, line.size - 7), path);
                if (r < 0 || !handlers)
                        return r;
                return handlers->root(path, line.data[5] == '1', userdata);
        }
        if (!backup_begins(line, "pin ") || line.size != 4 + DIGEST_HEX - 1)
                return -EBADMSG;
        memcpy(hex, line.data + 4, DIGEST_HEX - 1);
        hex[DIGEST_HEX - 1] = '\0';
        if (digest_from_hex(hex, &key) < 0)
                return -EBADMSG;
        return handlers ? handlers->pin(&key, userdata) : 0;
}

static int backup_lines(Slice body, const BackupHandlers *handlers, void *userdata) {
        unsigned n = 0;
        int r = 0;

        while (r == 0 && body.size > 0) {
                const uint8_t *end = memchr(body.data, '\n', body.size);
                size_t length = end ? (size_t) (end - body.data) : 0;

                if (!end || n++ == BACKUP_LINES)
                        return -EBADMSG;
                r = backup_line(slice_of(body.data, length), handlers, userdata);
                body = slice_of(end + 1, body.size - length - 1);
        }
        return r;
}

int backup_parse(Slice text, const BackupHandlers *handlers, void *userdata) {
        Slice body;
        int r;

        r = backup_check(text, &body);
        if (r == 0)
                r = backup_lines(body, NULL, NULL);
        return r < 0 ? r : backup_lines(body, handlers, userdata);
}

int backup_read(const char *directory, const BackupHandlers *handlers, void *userdata) {
        _cleanup_(closep) int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(BACKUP_MAX);
        int r;

        if (dirfd < 0)
                return error_from_errno();
        r = file_read(dirfd, BACKUP_NAME, &text);
        return r < 0 ? r : backup_parse(bytes_slice(&text), handlers, userdata);
}
