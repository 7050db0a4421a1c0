#include "dpu/proposal_name.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/utf8.h"
#include "xmodel/filename.h"

static bool proposal_name_keeps(unsigned char c) {
        return c >= 0x80 || isalnum(c) || c == '_' || c == '.';
}

void proposal_name_slug(const char *text, char ret[PROPOSAL_NAME_SIZE]) {
        size_t used = 0, n = 0, length;

        while (text[n] && used < PROPOSAL_NAME_SIZE - 1) {
                const unsigned char *at = (const unsigned char *) text + n;

                length = *at < 0x80 ? 1 : utf8_length(at, strlen(text + n));
                if (length == 0 || used + length >= PROPOSAL_NAME_SIZE)
                        break;
                if (!proposal_name_keeps(*at) && used > 0 && ret[used - 1] != '-')
                        ret[used++] = '-';
                for (size_t i = 0; proposal_name_keeps(*at) && i < length; i++)
                        ret[used++] = (char) (at[i] < 0x80 ? tolower(at[i]) : at[i]);
                n += length;
        }
        while (used > 0 && ret[used - 1] == '-')
                used--;
        ret[used] = '\0';
        if (strcmp(ret, ".") == 0 || strcmp(ret, "..") == 0)
                ret[0] = '\0';
}

/* What the file's own name says: "" if nothing. */
static int proposal_name_of_file(const SurveyArch *arch, char ret[PROPOSAL_NAME_SIZE]) {
        _cleanup_(freep) char *name = NULL;

        if (arch->is_paired) {
                if (filename_target(arch->path, &name) < 0)
                        return -ENOMEM;
        } else {
                name = strdup(path_basename(arch->path));
                if (!name)
                        return -ENOMEM;
                name[strlen(name) - strlen(".json")] = '\0';
        }
        proposal_name_slug(name ?: "", ret);
        return 0;
}

/* the length of the first @n components of @path, which must all be directories; 0: it has fewer */
static size_t proposal_name_front(const char *path, size_t n) {
        const char *at = path;

        for (; n > 0; n--) {
                const char *slash = strchr(at, '/');

                if (!slash)
                        return 0;
                at = slash + 1;
        }
        return (size_t) (at - path);
}

/* The name of the first directory that not all the others are in as well. */
static int proposal_name_of_directory(const SurveyArch *const *arches, size_t n, size_t i,
                                      char ret[PROPOSAL_NAME_SIZE]) {
        const char *path = arches[i]->path;
        size_t front, before = 0, depth = 1;

        ret[0] = '\0';
        for (; (front = proposal_name_front(path, depth)) > 0; depth++) {
                size_t n_same = 0;

                for (size_t j = 0; j < n; j++)
                        n_same += j != i && strncmp(arches[j]->path, path, front) == 0;
                if (n_same < n - 1) {
                        _cleanup_(freep) char *name = strndup(path + before, front - before);

                        if (!name)
                                return -ENOMEM;
                        proposal_name_slug(name, ret);
                        return 0;
                }
                before = front;
        }
        return 0;
}

static int proposal_name_target(const SurveyArch *const *arches, size_t n, size_t i,
                                Strings *names) {
        char base[PROPOSAL_NAME_SIZE], short_name[FINGERPRINT_NAME_MAX];
        _cleanup_(freep) char *name = NULL;
        int r;

        r = proposal_name_of_file(arches[i], base);
        if (r == 0 && !base[0] && n > 1)
                r = proposal_name_of_directory(arches, n, i, base);
        if (r < 0)
                return r;
        target_short_name(&arches[i]->target, short_name);
        r = strings_dup(&name, base[0] ? base : short_name);
        for (unsigned number = 2; r == 0 && strings_contain(names, name); number++) {
                free(TAKE_PTR(name));
                if (asprintf(&name, "%s-%u", base[0] ? base : short_name, number) < 0) {
                        name = NULL;
                        return -ENOMEM;
                }
        }
        return r < 0 ? r : strings_add(names, name);
}

int proposal_name_targets(const SurveyArch *const *arches, size_t n, Strings *ret) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = proposal_name_target(arches, n, i, ret);
        return r;
}
