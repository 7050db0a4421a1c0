#include "daemon/glob.h"

#include <stddef.h>
#include <string.h>

/*
 * A pattern becomes a list of tokens, and matching keeps the set of tokens that may come next
 * (the set of states of a non-deterministic automaton) for each byte of the path. There is no
 * backtracking, so no pattern is slow.
 */

typedef enum GlobKind {
        GLOB_BYTE,
        GLOB_ONE,     /* ? */
        GLOB_SEGMENT, /* * */
        GLOB_ANY,     /* ** */
        GLOB_DIRS,    /* ** and the slash */
} GlobKind;

typedef struct GlobToken {
        GlobKind kind;
        char byte;
} GlobToken;

typedef struct Glob {
        GlobToken tokens[GLOB_MAX + 1];
        size_t n;
        bool directories_only;
} Glob;

static void glob_add(Glob *glob, GlobKind kind, char byte) {
        glob->tokens[glob->n++] = (GlobToken){ .kind = kind, .byte = byte };
}

/* one token from @p; returns what follows it */
static const char *glob_parse_token(Glob *glob, const char *p) {
        if (p[0] == '*' && p[1] == '*') {
                p += strspn(p, "*");
                glob_add(glob, *p == '/' ? GLOB_DIRS : GLOB_ANY, 0);
                return *p == '/' ? p + 1 : p;
        }
        if (p[0] == '\\' && p[1] != '\0')
                glob_add(glob, GLOB_BYTE, *++p);
        else if (p[0] == '*')
                glob_add(glob, GLOB_SEGMENT, 0);
        else
                glob_add(glob, p[0] == '?' ? GLOB_ONE : GLOB_BYTE, p[0]);
        return p + 1;
}

static bool glob_parse(Glob *glob, const char *pattern) {
        char text[GLOB_MAX + 1];
        size_t n = strlen(pattern);
        const char *p = text;

        if (n == 0 || n > GLOB_MAX)
                return false;
        memcpy(text, pattern, n + 1);

        *glob = (Glob){ .directories_only = text[n - 1] == '/' };
        if (glob->directories_only)
                text[n - 1] = '\0';
        if (!strchr(text, '/'))
                glob_add(glob, GLOB_DIRS, 0);
        else if (text[0] == '/')
                p++;
        while (*p)
                p = glob_parse_token(glob, p);
        return true;
}

/* which tokens may come next; in_dirs: in the middle of a directory name of a GLOB_DIRS */
typedef struct GlobState {
        bool at[GLOB_MAX + 2];
        bool in_dirs[GLOB_MAX + 2];
} GlobState;

/* tokens that may match nothing */
static void glob_skip_empty(const Glob *glob, GlobState *state) {
        for (size_t i = 0; i < glob->n; i++)
                if (state->at[i] && glob->tokens[i].kind >= GLOB_SEGMENT)
                        state->at[i + 1] = true;
}

static void glob_step(const Glob *glob, const GlobState *from, GlobState *to, char c) {
        *to = (GlobState){};
        for (size_t i = 0; i < glob->n; i++) {
                if (from->in_dirs[i])
                        *(c == '/' ? &to->at[i] : &to->in_dirs[i]) = true;
                if (!from->at[i])
                        continue;

                switch (glob->tokens[i].kind) {
                case GLOB_BYTE:
                        to->at[i + 1] |= c == glob->tokens[i].byte;
                        break;
                case GLOB_ONE:
                        to->at[i + 1] |= c != '/';
                        break;
                case GLOB_SEGMENT:
                        to->at[i] |= c != '/';
                        break;
                case GLOB_ANY:
                        to->at[i] = true;
                        break;
                case GLOB_DIRS:
                        to->in_dirs[i] |= c != '/';
                        break;
                }
        }
        glob_skip_empty(glob, to);
}

bool glob_match(const char *pattern, const char *path, bool is_directory) {
        GlobState states[2] = {};
        unsigned now = 0;
        Glob glob;

        if (!glob_parse(&glob, pattern) || (glob.directories_only && !is_directory))
                return false;

        states[now].at[0] = true;
        glob_skip_empty(&glob, &states[now]);
        for (; *path; path++, now ^= 1)
                glob_step(&glob, &states[now], &states[now ^ 1], *path);
        return states[now].at[glob.n];
}
