#include "dpu/compile_options.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/slice.h"

/* what the vendor's tool knows (its help, and the scripts around it) */
static const struct {
        const char *key;
        const char *refusal; /* NULL: accepted, has no effect */
} compile_options[] = {
        { "hd_opt", NULL },
        { "prefetch", NULL },
        { "mode", NULL },
        { "save_kernel", NULL },
        { "dump", NULL },
        { "plugins", "plugins are programs of somebody else and are never loaded" },
        { "output_ops", "outputs other than the graph's own are not supported" },
        { "input_shape", "shapes are those of the graph" },
        { "batchsize", "the batch is that of the graph" },
        { "target", "use --target" },
        { "fingerprint", "use --fingerprint" },
};

static const char *compile_options_skip(const char *at) {
        while (isspace((unsigned char) *at))
                at++;
        return at;
}

/* A quoted string without escapes. NULL if there is none. */
static const char *compile_options_quoted(const char *at, Slice *ret) {
        const char *end;

        if (*at != '\'' && *at != '"')
                return NULL;
        end = strchr(at + 1, *at);
        if (!end || memchr(at, '\\', (size_t) (end - at)))
                return NULL;
        *ret = slice_of(at + 1, (size_t) (end - at - 1));
        return end + 1;
}

static const char *compile_options_value(const char *at) {
        static const char *const words[] = { "True", "False", "true", "false" };
        Slice ignored;
        size_t n;

        if (*at == '\'' || *at == '"')
                return compile_options_quoted(at, &ignored);
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strncmp(at, words[i], strlen(words[i])) == 0)
                        return at + strlen(words[i]);
        n = strspn(at + (*at == '-'), "0123456789");
        return n > 0 ? at + (*at == '-') + n : NULL;
}

static int compile_options_key(Slice key, Bytes *ret_ignored, Problem *problem) {
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(compile_options); i++) {
                if (!slice_is(key, compile_options[i].key))
                        continue;
                if (compile_options[i].refusal)
                        return problem_set(problem, -EINVAL, "option '%s': %s",
                                           compile_options[i].key, compile_options[i].refusal);
                r = ret_ignored->size > 0 ? bytes_append_string(ret_ignored, ", ") : 0;
                return r < 0 ? r : bytes_append_string(ret_ignored, compile_options[i].key);
        }
        return problem_set(problem, -EINVAL, "option '%.*s' is not known",
                           (int) (key.size < 64 ? key.size : 64), (const char *) key.data);
}

static int compile_options_syntax(const char *text, const char *at, Problem *problem) {
        return problem_set(problem, -EINVAL,
                           "options: column %zu: expected a dictionary such as {'hd_opt': 'true'}",
                           (size_t) (at - text) + 1);
}

int compile_options_check(const char *text, Bytes *ret_ignored, Problem *problem) {
        const char *at = compile_options_skip(text), *next;
        Slice key;
        int r;

        if (*at == '\0')
                return 0;
        if (*at != '{')
                return compile_options_syntax(text, at, problem);
        at = compile_options_skip(at + 1);
        while (*at != '}') {
                next = compile_options_quoted(at, &key);
                if (!next)
                        return compile_options_syntax(text, at, problem);
                r = compile_options_key(key, ret_ignored, problem);
                if (r < 0)
                        return r;
                at = compile_options_skip(next);
                if (*at != ':')
                        return compile_options_syntax(text, at, problem);
                at = compile_options_skip(at + 1);
                next = compile_options_value(at);
                if (!next)
                        return compile_options_syntax(text, at, problem);
                at = compile_options_skip(next);
                if (*at == ',')
                        at = compile_options_skip(at + 1);
                else if (*at != '}')
                        return compile_options_syntax(text, at, problem);
        }
        at = compile_options_skip(at + 1);
        return *at == '\0' ? 0 : compile_options_syntax(text, at, problem);
}
