#include "client/options.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "client/code.h"

#define OPTIONS_LONG_MAX    32
#define OPTIONS_TIMEOUT_MAX 1e9 /* seconds */

/* beyond all characters, so that no command's own letters collide */
enum {
        OPTION_SOCKET = 0x1000,
        OPTION_JSON,
        OPTION_TIMEOUT,
        OPTION_TOOLCHAIN,
        OPTION_FORCE,
        OPTION_NO_DAEMON,
};

static const struct option options_global[] = {
        { "socket", required_argument, NULL, OPTION_SOCKET },
        { "json", no_argument, NULL, OPTION_JSON },
        { "timeout", required_argument, NULL, OPTION_TIMEOUT },
        { "toolchain", required_argument, NULL, OPTION_TOOLCHAIN },
        { "force", no_argument, NULL, OPTION_FORCE },
        { "no-daemon", no_argument, NULL, OPTION_NO_DAEMON },
        { "help", no_argument, NULL, 'h' },
};

void options_init(Options *ret) {
        const char *toolchain = getenv("DPUCC_TOOLCHAIN");

        *ret = (Options){ .timeout_ms = -1 };
        if (toolchain && toolchain[0] != '\0')
                ret->toolchain = toolchain;
}

int options_complain(const char *name, const char *text) {
        Problem p;

        (void) problem_set(&p, 0, "%s: %s", name, text); /* arguments may hold anything */
        (void) fprintf(stderr, "%s\nTry '%s --help'.\n", p.text, name);
        return CODE_USAGE;
}

int options_code(int r) {
        return r == -ECANCELED ? CODE_DONE : CODE_USAGE;
}

static int options_parse_timeout(const char *name, const char *text, int64_t *ret_ms) {
        double seconds;
        char *end;

        errno = 0;
        seconds = strtod(text, &end);
        if (errno != 0 || end == text || *end != '\0' || !(seconds >= 0) ||
            seconds > OPTIONS_TIMEOUT_MAX) {
                (void) options_complain(name, "--timeout takes a number of seconds");
                return -EINVAL;
        }
        *ret_ms = (int64_t) (seconds * 1000);
        return 0;
}

static int options_take_global(Options *o, const char *name, int c) {
        switch (c) {
        case OPTION_SOCKET:
                o->socket = optarg;
                return 0;
        case OPTION_JSON:
                o->json = true;
                return 0;
        case OPTION_TIMEOUT:
                return options_parse_timeout(name, optarg, &o->timeout_ms);
        case OPTION_TOOLCHAIN:
                o->toolchain = optarg;
                return 0;
        case OPTION_FORCE:
                o->force = true;
                return 0;
        case OPTION_NO_DAEMON:
                o->no_daemon = true;
                return 0;
        case 'h':
                if (o->help)
                        (void) fputs(o->help, stdout);
                return -ECANCELED;
        default:
                assert(!"an option without a case");
                return -EINVAL;
        }
}

/* What getopt would say, but it writes arguments to the terminal as they are. @c is what it
 * returned. It has put the letter into optopt, for "--json=x" the number of that option, and 0 for
 * a word that it does not know. An 'h' is never wrong as a letter, so it is that of "--help=x". */
static int options_complain_of(const char *name, int c, char **argv) {
        Problem p;

        if (optopt > 0 && optopt <= UCHAR_MAX && optopt != 'h')
                (void) problem_set(&p, 0,
                                   c == ':' ? "option '-%c' takes a value" : "unknown option '-%c'",
                                   optopt);
        else if (c == ':')
                (void) problem_set(&p, 0, "option '%s' takes a value", argv[optind - 1]);
        else if (optopt > 0)
                (void) problem_set(&p, 0, "option '%s' takes no value", argv[optind - 1]);
        else
                (void) problem_set(&p, 0, "unknown or ambiguous option '%s'", argv[optind - 1]);
        (void) options_complain(name, p.text);
        return -EINVAL;
}

static size_t options_merge(const OptionsOwn *own, struct option ret[OPTIONS_LONG_MAX]) {
        size_t n = ARRAY_SIZE(options_global);

        memcpy(ret, options_global, sizeof(options_global));
        for (const struct option *o = own ? own->longs : NULL; o && o->name; o++) {
                assert(n < OPTIONS_LONG_MAX - 1);
                ret[n++] = *o;
        }
        ret[n] = (struct option){};
        return n;
}

static bool options_is_global(int c) {
        return c == 'h' || c >= OPTION_SOCKET;
}

int options_parse(Options *options, int argc, char **argv, const OptionsOwn *own) {
        struct option longs[OPTIONS_LONG_MAX];
        char shorts[32];
        int c, r = 0;

        (void) snprintf(shorts, sizeof(shorts), ":h%s", own ? own->shorts : "");
        (void) options_merge(own, longs);
        optind = 0; /* start anew: main() has parsed before */
        while (r == 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
                if (c == '?' || c == ':')
                        r = options_complain_of(argv[0], c, argv);
                else if (options_is_global(c))
                        r = options_take_global(options, argv[0], c);
                else
                        r = own->fn(c, optarg, own->userdata);
        }
        return r < 0 ? r : optind;
}

int options_parse_global(Options *options, int argc, char **argv) {
        struct option longs[OPTIONS_LONG_MAX];
        int c, r = 0;

        (void) options_merge(NULL, longs);
        while (r == 0 && (c = getopt_long(argc, argv, "+:h", longs, NULL)) >= 0)
                r = c == '?' || c == ':' ? options_complain_of(argv[0], c, argv)
                                         : options_take_global(options, argv[0], c);
        return r < 0 ? r : optind;
}

/* the words that @word and its value are; 0: it is no option that all commands take */
static int options_words(const char *word) {
        if (strncmp(word, "--", 2) != 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(options_global); i++) {
                const struct option *known = &options_global[i];
                size_t n = strlen(known->name);

                if (known->val == 'h' || strncmp(word + 2, known->name, n) != 0)
                        continue;
                if (word[2 + n] == '\0')
                        return known->has_arg == required_argument ? 2 : 1;
                if (word[2 + n] == '=')
                        return 1;
        }
        return 0;
}

int options_take_from(Options *options, int *argc, char **argv) {
        int kept = 1, r = 0;

        for (int i = 1; i < *argc;) {
                int words = strcmp(argv[i], "--") == 0 ? -1 : options_words(argv[i]);
                char *own[] = { argv[0], argv[i], argv[i + 1], NULL };

                if (words <= 0) {
                        argv[kept++] = argv[i++];
                        while (words < 0 && i < *argc)
                                argv[kept++] = argv[i++];
                        continue;
                }
                if (i + words > *argc)
                        words = 1; /* its value is missing, which is told */
                own[1 + words] = NULL;
                optind = 0;
                r = options_parse_global(options, 1 + words, own);
                if (r < 0)
                        return r;
                i += words;
        }
        argv[kept] = NULL;
        *argc = kept;
        return 0;
}

int options_operands(Options *options, int argc, char **argv, const OptionsOwn *own, int n,
                     int max) {
        int first = options_parse(options, argc, argv, own);

        if (first < 0)
                return first;
        if (argc - first < n)
                (void) options_complain(argv[0], "an argument is missing");
        else if (argc - first > max)
                (void) options_complain(argv[0], "too many arguments");
        else
                return first;
        return -EINVAL;
}
