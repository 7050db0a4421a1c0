/*
 * Names that make(1) takes for something else
 *
 * The rule is read by three programs, and what one of them needs must not confuse another. All of
 * them know a backslash before a blank or '#', and "$$". Make and ninja know "\:" (CMake cannot have
 * such names at all). Nothing makes ';' or '|' safe: to make a ';' begins a recipe, so that the name
 * of a directory would be run as a command. A first word with '=' is a variable, of the target or of
 * all, so such names stand behind others. A target with '%' is a pattern; of what is made from, only
 * the second line would be one.
 */

#include "client/depfile.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"

#define DEPFILE_MAX (1 << 20)

/* " A B C", escaped */
typedef struct Depfile {
        Bytes text;
        Bytes plain;
        Bytes odd; /* with a '%' or '=' */
        Problem *problem;
} Depfile;

static void depfile_deinit(Depfile *d) {
        bytes_deinit(&d->text);
        bytes_deinit(&d->plain);
        bytes_deinit(&d->odd);
}

static int depfile_refuse(const Depfile *d, const char *path, const char *what) {
        return problem_set(d->problem, -EINVAL,
                           "%s: a depfile cannot have %s, which make would misread; rename it",
                           path, what);
}

static int depfile_add(const Depfile *d, Bytes *to, const char *path) {
        int r = 0;

        if (strpbrk(path, "\n\r;|"))
                return depfile_refuse(d, path, "a name with a line break, ';' or '|'");
        for (const char *p = path; *p != '\0' && r == 0; p++) {
                if (strchr(" \t#:", *p))
                        r = bytes_append(to, "\\", 1);
                else if (*p == '$')
                        r = bytes_append(to, "$", 1);
                if (r == 0)
                        r = bytes_append(to, p, 1);
        }
        return r;
}

static int depfile_add_input(Depfile *d, const char *path) {
        Bytes *to = strpbrk(path, "%=") ? &d->odd : &d->plain;
        int r;

        r = bytes_append(to, " ", 1);
        return r < 0 ? r : depfile_add(d, to, path);
}

/* the one that was named, else the one that the daemon found */
static int depfile_add_named(Depfile *d, const char *named, ProtobufCBinaryData found) {
        _cleanup_(freep) char *path = NULL;

        if (named)
                return depfile_add_input(d, named);
        if (found.len == 0)
                return 0;
        path = strndup((const char *) found.data, found.len);
        return path ? depfile_add_input(d, path) : -ENOMEM;
}

/* Its settings decide what is compiled, and with which limits. */
static int depfile_add_project(Depfile *d, ProtobufCBinaryData root) {
        _cleanup_(freep) char *folder = NULL, *path = NULL;

        if (root.len == 0)
                return 0;
        folder = strndup((const char *) root.data, root.len);
        path = folder ? path_join(folder, "dpucc.json") : NULL;
        if (!path)
                return -ENOMEM;
        return access(path, F_OK) == 0 ? depfile_add_input(d, path) : 0;
}

static int depfile_add_inputs(Depfile *d, const DepfileRule *rule) {
        int r;

        r = depfile_add_named(d, rule->source, rule->unit->source_path);
        if (r == 0)
                r = depfile_add_named(d, rule->arch, rule->unit->arch_path);
        if (r == 0)
                r = depfile_add_project(d, rule->unit->root);
        return r;
}

static bool depfile_has(const Bytes *names, char c) {
        return names->size > 0 && memchr(names->data, c, names->size);
}

static int depfile_fill(Depfile *d, const DepfileRule *rule) {
        int r;

        r = depfile_add_inputs(d, rule);
        if (r < 0)
                return r;
        if (strpbrk(rule->out, "%="))
                return depfile_refuse(d, rule->out, "a target with '%' or '='");
        if (d->plain.size == 0 && depfile_has(&d->odd, '='))
                return depfile_refuse(d, rule->out, "only names with '%' or '=' behind a target");

        r = depfile_add(d, &d->text, rule->out);
        if (r == 0)
                r = bytes_printf(&d->text, ":%.*s%.*s\n", (int) d->plain.size,
                                 (const char *) d->plain.data, (int) d->odd.size,
                                 (const char *) d->odd.data);
        if (r < 0 || d->plain.size == 0)
                return r;
        /* the names begin with a blank: the second line leaves it out */
        return bytes_printf(&d->text, "%.*s:\n", (int) d->plain.size - 1,
                            (const char *) d->plain.data + 1);
}

int depfile_write(const char *path, const DepfileRule *rule, Problem *problem) {
        _cleanup_(depfile_deinit) Depfile d = {
                .text = BYTES_INIT(DEPFILE_MAX),
                .plain = BYTES_INIT(DEPFILE_MAX),
                .odd = BYTES_INIT(DEPFILE_MAX),
                .problem = problem,
        };
        int r;

        r = depfile_fill(&d, rule);
        if (r < 0)
                return r == -EINVAL ? r : problem_set(problem, r, "%s: %s", path, strerror(-r));
        return file_save(path, &d.text, problem);
}
