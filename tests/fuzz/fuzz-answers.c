/*
 * What programs answer that the daemon asks: container engines, the shell in a box, the script on
 * another machine. The first byte says which; the rest is what was printed.
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/capture.h"
#include "daemon/container_answer.h"
#include "daemon/remote.h"

#define LINE_ROOM 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same id, however it is introduced. */
static void read_id(Slice out) {
        char id[CONTAINER_ID_MAX], again[CONTAINER_ID_MAX], text[CONTAINER_ID_MAX + 8];

        if (container_answer_id(out, id) < 0)
                return;
        (void) snprintf(text, sizeof(text), "sha256:%s\n", id);
        if (strlen(id) != 64 || container_answer_id(slice_of_string(text), again) < 0 ||
            strcmp(id, again) != 0)
                abort();
}

/* What is understood is understood when it is said again. */
static void read_end(const char *line) {
        ContainerEnd end, again;
        bool intact, intact_again;
        int status, status_again;
        char text[64];

        if (container_answer_end(line, &end) == 0) {
                (void) snprintf(text, sizeof(text), "exited %d %s", end.exit_status,
                                end.out_of_memory ? "true" : "false");
                if (container_answer_end(text, &again) < 0 ||
                    again.exit_status != end.exit_status ||
                    again.out_of_memory != end.out_of_memory)
                        abort();
        }
        if (container_answer_verdict(line, &status, &intact) == 0) {
                (void) snprintf(text, sizeof(text), "%d %s\n", status, intact ? "intact" : "no");
                if (container_answer_verdict(text, &status_again, &intact_again) < 0 ||
                    status_again != status || intact_again != intact)
                        abort();
        }
}

/* Lines from the last to the first are the same lines. */
static void read_changes(const char *text) {
        _cleanup_(freep) char *first = strdup(text), *turned = calloc(1, strlen(text) + 2);
        _cleanup_(freep) char *lines = strdup(text);
        Digest one, other;
        char *at;

        if (!first || !turned || !lines)
                return;
        while ((at = strrchr(lines, '\n'))) {
                (void) strcat(strcat(turned, at + 1), "\n");
                *at = '\0';
        }
        (void) strcat(turned, lines);
        if (container_answer_changes(first, &one) < 0 ||
            container_answer_changes(turned, &other) < 0 || !digest_equal(&one, &other))
                abort();
}

/* A message is a line that fits. */
static void read_lines(const uint8_t *data, size_t size) {
        Capture capture = { .out = BYTES_INIT(size), .err = BYTES_INIT(size) };
        size_t half = size / 2;
        char line[LINE_ROOM];

        if (bytes_append(&capture.err, data, half) == 0 &&
            bytes_append(&capture.out, data + half, size - half) == 0) {
                capture_first_line(&capture, line, sizeof(line));
                if (strpbrk(line, "\r\n"))
                        abort();
                capture_last_line(&capture, line, sizeof(line));
                if (strpbrk(line, "\r\n"))
                        abort();
        }
        capture_deinit(&capture);
}

/* All of it, or nothing. */
static void read_remote(Slice answer) {
        uint32_t n;

        if (remote_count(answer, &n) < 0)
                return;
        if (n > answer.size || answer.data[answer.size - 1] != '\n' ||
            remote_count(slice_of(answer.data, answer.size - 1), &n) == 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *text = size > 0 ? strndup((const char *) data + 1, size - 1) : NULL;
        Slice out = size > 0 ? slice_of(data + 1, size - 1) : (Slice){};

        if (!text)
                return 0;
        switch (data[0] % 5) {
        case 0:
                read_id(out);
                (void) container_answer_is_no_image(out);
                (void) container_answer_is_no_container(out);
                break;
        case 1:
                read_end(text);
                break;
        case 2:
                read_changes(text);
                break;
        case 3:
                read_lines(out.data, out.size);
                break;
        case 4:
                read_remote(out);
                break;
        }
        return 0;
}
