#include "daemon/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"

typedef enum OptionsKind {
        OPTIONS_SWITCH, /* true, false */
        OPTIONS_NAMES,  /* op names, separated by commas */
        OPTIONS_NUMBER,
        OPTIONS_WORD,
} OptionsKind;

/* what the vendor documents or people use with DPUCZDX8G (UG1414; Vitis-AI issues) */
static const struct OptionsKnown {
        const char *name;
        OptionsKind kind;
} options_known[] = {
        { "batchsize", OPTIONS_NUMBER }, { "debug_mode", OPTIONS_WORD },
        { "hd_opt", OPTIONS_SWITCH },    { "input_shape", OPTIONS_NAMES },
        { "mode", OPTIONS_WORD },        { "output_ops", OPTIONS_NAMES },
        { "prefetch", OPTIONS_SWITCH },
};

static const char options_list[] =
        "batchsize, debug_mode, hd_opt, input_shape, mode, output_ops, prefetch";

static const struct OptionsKnown *options_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(options_known); i++)
                if (strcmp(options_known[i].name, name) == 0)
                        return &options_known[i];
        return NULL;
}

static bool options_all(const char *value, int (*is)(int), const char *also) {
        for (const char *p = value; *p; p++)
                if (!is((unsigned char) *p) && !strchr(also, *p))
                        return false;
        return value[0] != '\0';
}

/* None of the characters that could end a Python string or start an escape gets through. */
static bool options_value_fits(OptionsKind kind, const char *value) {
        switch (kind) {
        case OPTIONS_SWITCH:
                return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
        case OPTIONS_NAMES:
                return options_all(value, isalnum, "_-./:,()[]<>=+#@ ");
        case OPTIONS_NUMBER:
                return strlen(value) <= 9 && options_all(value, isdigit, "");
        case OPTIONS_WORD:
                return options_all(value, isalnum, "_-.");
        }
        return false;
}

static const char *options_expected(OptionsKind kind) {
        switch (kind) {
        case OPTIONS_SWITCH:
                return "'true' or 'false'";
        case OPTIONS_NAMES:
                return "names separated by commas";
        case OPTIONS_NUMBER:
                return "a number";
        case OPTIONS_WORD:
                return "one word";
        }
        return "";
}

/* --- reading ---------------------------------------------------------------------------------- */

static void options_skip_space(const char **p) {
        while (isspace((unsigned char) **p))
                (*p)++;
}

/* a quoted string without escapes; 0 or -EINVAL */
static int options_read_quoted(const char **p, char **ret) {
        char quote = **p;
        const char *end;

        if (quote != '\'' && quote != '"')
                return -EINVAL;
        end = strchr(*p + 1, quote);
        if (!end || memchr(*p, '\\', (size_t) (end - *p)))
                return -EINVAL;
        *ret = strndup(*p + 1, (size_t) (end - *p - 1));
        *p = end + 1;
        return *ret ? 0 : -ENOMEM;
}

/* a quoted string, a number, or true, True, false, False */
static int options_read_value(const char **p, char **ret) {
        size_t n = 0;

        if (**p == '\'' || **p == '"')
                return options_read_quoted(p, ret);

        while (isalnum((unsigned char) (*p)[n]))
                n++;
        if (n == 0)
                return -EINVAL;
        *ret = strndup(*p, n);
        if (!*ret)
                return -ENOMEM;
        *p += n;
        if (strcmp(*ret, "True") == 0 || strcmp(*ret, "False") == 0)
                (*ret)[0] = (char) tolower((*ret)[0]);
        return 0;
}

static int options_add(Options *options, const char *name, char **value, Problem *problem) {
        const struct OptionsKnown *known = options_find(name);
        size_t at = 0;

        if (strcmp(name, "plugins") == 0)
                return problem_set(problem, -EINVAL,
                                   "option 'plugins' loads code and is never passed on");
        if (!known)
                return problem_set(problem, -EINVAL, "unknown compiler option '%s' (known: %s)",
                                   name, options_list);
        if (strlen(*value) > OPTIONS_VALUE_MAX || !options_value_fits(known->kind, *value))
                return problem_set(problem, -EINVAL, "compiler option %s is '%s', expected %s",
                                   name, *value, options_expected(known->kind));

        while (at < options->n && strcmp(options->items[at].name, name) < 0)
                at++;
        if (at < options->n && strcmp(options->items[at].name, name) == 0)
                return problem_set(problem, -EINVAL, "compiler option %s is there twice", name);

        memmove(options->items + at + 1, options->items + at,
                (options->n - at) * sizeof(options->items[0]));
        options->items[at] = (Option){ .name = known->name, .value = TAKE_PTR(*value) };
        options->n++;
        return 0;
}

static int options_read_pair(const char **p, Options *options, Problem *problem) {
        _cleanup_(freep) char *name = NULL, *value = NULL;
        int r;

        r = options_read_quoted(p, &name);
        if (r < 0)
                return r;
        options_skip_space(p);
        if (**p != ':')
                return -EINVAL;
        (*p)++;
        options_skip_space(p);
        r = options_read_value(p, &value);
        if (r < 0)
                return r;
        options_skip_space(p);
        return options_add(options, name, &value, problem);
}

static int options_read(const char *p, Options *options, Problem *problem) {
        int r;

        options_skip_space(&p);
        if (*p == '\0')
                return 0;
        if (*p++ != '{')
                return -EINVAL;
        options_skip_space(&p);
        while (*p != '}') {
                r = options_read_pair(&p, options, problem);
                if (r < 0)
                        return r;
                if (*p == ',') {
                        p++;
                        options_skip_space(&p);
                } else if (*p != '}') {
                        return -EINVAL;
                }
        }
        p++;
        options_skip_space(&p);
        return *p == '\0' ? 0 : -EINVAL;
}

int options_parse(const char *text, Options *ret, Problem *problem) {
        Problem own = {};
        Options options = {};
        int r;

        r = options_read(text ? text : "", &options, &own);
        if (r < 0) {
                options_deinit(&options);
                if (r == -EINVAL && own.text[0] == '\0')
                        return problem_set(problem, r,
                                           "compiler options are '%s', expected a dictionary of "
                                           "plain values such as {'prefetch': 'true'}",
                                           text);
                return problem_set(problem, r, "%s", own.text);
        }
        *ret = options;
        return 0;
}

void options_deinit(Options *options) {
        for (size_t i = 0; i < options->n; i++)
                free(options->items[i].value);
        *options = (Options){};
}

char *options_render(const Options *options) {
        _cleanup_(bytes_cleanup) Bytes text =
                BYTES_INIT(OPTIONS_MAX * ((size_t) OPTIONS_VALUE_MAX + 64));
        int r = 0;

        for (size_t i = 0; r == 0 && i < options->n; i++)
                r = bytes_printf(&text, "%s'%s': '%s'", i == 0 ? "{" : ", ", options->items[i].name,
                                 options->items[i].value);
        if (r == 0 && options->n > 0)
                r = bytes_append_string(&text, "}");
        return r < 0 ? NULL : bytes_take_string(&text);
}
