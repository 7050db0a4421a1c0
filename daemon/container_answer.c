#include "daemon/container_answer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/strings.h"

#define ANSWER_ID_DIGITS 64

int container_answer_id(Slice out, char ret[static CONTAINER_ID_MAX]) {
        static const char prefix[] = "sha256:", digits[] = "0123456789abcdef";
        const size_t n_prefix = strlen(prefix);

        if (out.size >= n_prefix && memcmp(out.data, prefix, n_prefix) == 0)
                out = slice_of(out.data + n_prefix, out.size - n_prefix);
        if (out.size < ANSWER_ID_DIGITS ||
            (out.size > ANSWER_ID_DIGITS && out.data[ANSWER_ID_DIGITS] != '\n'))
                return -EBADMSG;
        for (size_t i = 0; i < ANSWER_ID_DIGITS; i++)
                if (!memchr(digits, out.data[i], strlen(digits)))
                        return -EBADMSG;
        memcpy(ret, out.data, ANSWER_ID_DIGITS);
        ret[ANSWER_ID_DIGITS] = '\0';
        return 0;
}

static int answer_number(const char *word, int *ret) {
        char *end;
        long number;

        errno = 0;
        number = strtol(word, &end, 10);
        if (end == word || *end != '\0' || errno != 0 || number < INT_MIN || number > INT_MAX)
                return -EBADMSG;
        *ret = (int) number;
        return 0;
}

int container_answer_end(const char *line, ContainerEnd *ret) {
        char status[16], number[16], killed[8];
        int exit_status;

        if (sscanf(line, "%15s %15s %7s", status, number, killed) != 3 ||
            (strcmp(status, "exited") != 0 && strcmp(status, "dead") != 0) ||
            answer_number(number, &exit_status) < 0)
                return -EBADMSG;
        *ret = (ContainerEnd){
                .out_of_memory = strcmp(killed, "true") == 0,
                .exit_status = exit_status,
        };
        return 0;
}

int container_answer_verdict(const char *text, int *ret_status, bool *ret_intact) {
        char number[16], end[8];
        int status;

        if (sscanf(text, "%15s %7s", number, end) != 2 || answer_number(number, &status) < 0)
                return -EBADMSG;
        *ret_status = status;
        *ret_intact = strcmp(end, "intact") == 0;
        return 0;
}

static int answer_compare_lines(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int container_answer_changes(char *text, Digest *ret) {
        _cleanup_(strings_cleanup) Strings lines = {};
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        char *save = NULL;
        int r;

        r = hasher_new(&hasher, HASHER_XXH3);
        for (char *line = strtok_r(text, "\n", &save); r == 0 && line;
             line = strtok_r(NULL, "\n", &save))
                r = strings_add(&lines, line);
        if (lines.n > 0)
                qsort(lines.items, lines.n, sizeof(*lines.items), answer_compare_lines);
        for (size_t i = 0; r == 0 && i < lines.n; i++)
                r = hasher_update(hasher, lines.items[i], strlen(lines.items[i]) + 1);
        if (r < 0)
                return r;
        hasher_xxh3(hasher, ret);
        return 0;
}

static bool answer_has(Slice text, const char *words) {
        return text.size > 0 && memmem(text.data, text.size, words, strlen(words));
}

/* docker: "No such image", "No such object"; podman: "image not known", "no such image" */
bool container_answer_is_no_image(Slice err) {
        return answer_has(err, "o such image") || answer_has(err, "o such object") ||
               answer_has(err, "image not known");
}

bool container_answer_is_no_container(Slice err) {
        return answer_has(err, "o such container");
}
