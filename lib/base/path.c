#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

char *path_join(const char *a, const char *b) {
        char *joined;

        if (b[0] == '/' || a[0] == '\0')
                return strdup(b);
        if (b[0] == '\0')
                return strdup(a);
        if (asprintf(&joined, "%s%s%s", a, path_ends_with(a, "/") ? "" : "/", b) < 0)
                return NULL;
        return joined;
}

/* appends one component to the normalised path in @out and returns its new length */
static size_t path_push(char *out, size_t length, const char *component, size_t n) {
        if (n == 0 || (n == 1 && component[0] == '.'))
                return length;

        if (n == 2 && component[0] == '.' && component[1] == '.') {
                while (length > 0 && out[length - 1] != '/')
                        length--;
                return length > 0 ? length - 1 : 0;
        }

        out[length] = '/';
        memcpy(out + length + 1, component, n);
        return length + 1 + n;
}

char *path_normalise(const char *cwd, const char *path) {
        _cleanup_(freep) char *whole = path_join(cwd, path);
        size_t length = 0;
        char *out;

        if (!whole)
                return NULL;

        out = malloc(strlen(whole) + 2);
        if (!out)
                return NULL;

        for (const char *p = whole; *p;) {
                size_t n = strcspn(p, "/");

                length = path_push(out, length, p, n);
                p += n + (p[n] == '/');
        }
        if (length == 0)
                out[length++] = '/';
        out[length] = '\0';
        return out;
}

const char *path_basename(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

char *path_dirname(const char *path) {
        const char *slash = strrchr(path, '/');

        if (!slash)
                return strdup(".");
        return slash == path ? strdup("/") : strndup(path, (size_t) (slash - path));
}

const char *path_relative(const char *path, const char *root) {
        size_t n = strlen(root);

        if (strcmp(root, "/") == 0)
                return path[0] == '/' ? path + 1 : NULL;
        if (strncmp(path, root, n) != 0)
                return NULL;
        if (path[n] == '\0')
                return path + n;
        return path[n] == '/' ? path + n + 1 : NULL;
}

bool path_is_beneath(const char *path, const char *root) {
        return path_relative(path, root) != NULL;
}

bool path_is_plain_component(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return false;
        for (size_t i = 0; i < n; i++)
                if (name[i] == '/' || (unsigned char) name[i] < 0x20 || name[i] == 0x7f)
                        return false;
        return true;
}

bool path_is_downward(const char *path) {
        if (path[0] == '\0' || path[0] == '/')
                return false;
        for (const char *p = path; *p;) {
                size_t n = strcspn(p, "/");

                if (n == 2 && p[0] == '.' && p[1] == '.')
                        return false;
                p += n + (p[n] == '/');
        }
        return true;
}

bool path_ends_with(const char *path, const char *suffix) {
        size_t n = strlen(path), m = strlen(suffix);

        return n >= m && strcmp(path + n - m, suffix) == 0;
}

static char *path_xdg(const char *variable, const char *below_home) {
        _cleanup_(freep) char *fallback = NULL;
        const char *base = getenv(variable);

        if (!base || base[0] != '/') {
                const char *home = getenv("HOME");

                if (!home || home[0] != '/')
                        return NULL;
                base = fallback = path_join(home, below_home);
        }
        return base ? path_join(base, "dpucc") : NULL;
}

char *path_cache_home(void) {
        const char *override = getenv("DPUCC_CACHE_DIR");

        if (override && override[0] == '/')
                return strdup(override);
        return path_xdg("XDG_CACHE_HOME", ".cache");
}

char *path_state_home(void) {
        return path_xdg("XDG_STATE_HOME", ".local/state");
}

char *path_config_home(void) {
        return path_xdg("XDG_CONFIG_HOME", ".config");
}

char *path_default_socket(void) {
        _cleanup_(freep) char *directory = NULL;
        const char *override = getenv("DPUCC_SOCKET");
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        if (override && override[0] != '\0')
                return strdup(override);
        if (runtime && runtime[0] == '/')
                return path_join(runtime, "dpucc/dpuccd.sock");

        directory = path_cache_home();
        return directory ? path_join(directory, "run/dpuccd.sock") : NULL;
}
