/*
 * Which compiler does a command line mean?
 *
 * The one that the caller's PATH names, in the caller's environment: an activated conda
 * environment is just that. A daemon was started elsewhere and knows nothing of it. So where the
 * tool itself is on our PATH behind us, and no toolchain was named, the compile is run from here,
 * beside the daemon, with the same cache and the same locks. docs/decisions/0004-masquerade.md
 */

#include "client/masquerade.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "base/program.h"
#include "client/answer.h"
#include "client/fetch.h"
#include "client/output.h"
#include "client/tool_log.h"

#define MASQUERADE_LABEL MASQUERADE_NAME " (dpucc): "

static const char masquerade_help[] =
        "usage: vai_c_xir [-h] [-x XMODEL] [-a ARCH] [-o OUTPUT_DIR] [-n NET_NAME] [-e OPTIONS]\n"
        "\n"
        "dpucc in the place of vai_c_xir: compiles a quantized model, or takes what the cache "
        "has.\n"
        "\n"
        "  -h, --help            this text\n"
        "  -x, --xmodel XMODEL   the quantized model\n"
        "  -a, --arch ARCH       the arch.json of the DPU\n"
        "  -o, --output_dir DIR  where the compiled model goes (default ./)\n"
        "  -n, --net_name NAME   what it is called (default deploy)\n"
        "  -e, --options TEXT    options of the compiler, e.g. \"{'hd_opt': 'true'}\"\n"
        "\n"
        "DPUCC_TOOLCHAIN names the toolchain; otherwise it is the vai_c_xir that is next on PATH,\n"
        "or as configured.\n"
        "\n"
        "Exit status: 0 compiled, 1 not.\n";

typedef struct Masquerade {
        FetchSpec fetch;
        bool help;
} Masquerade;

static int masquerade_complain(const char *text) {
        output_warn(MASQUERADE_LABEL, text);
        return CODE_ERROR;
}

/* Python's argparse takes "-x=FILE", too, and then drops the '='. */
static const char *masquerade_value(char **argv) {
        bool attached = optind > 0 && optarg == argv[optind - 1] + 2;

        return attached && argv[optind - 1][0] == '-' && optarg[0] == '=' ? optarg + 1 : optarg;
}

/* 0, or -EINVAL after getopt(3) said what is wrong */
static int masquerade_take(Masquerade *m, int c, const char *value) {
        switch (c) {
        case 'x':
                m->fetch.source = value;
                return 0;
        case 'a':
                m->fetch.arch = value;
                return 0;
        case 'o':
                m->fetch.output_dir = value;
                return 0;
        case 'n':
                m->fetch.net_name = value;
                return 0;
        case 'e':
                m->fetch.options = value;
                return 0;
        case 'h':
                m->help = true;
                return 0;
        default:
                return -EINVAL;
        }
}

static int masquerade_parse(Masquerade *m, int argc, char **argv) {
        static const struct option longs[] = {
                { "xmodel", required_argument, NULL, 'x' },
                { "arch", required_argument, NULL, 'a' },
                { "output_dir", required_argument, NULL, 'o' },
                { "net_name", required_argument, NULL, 'n' },
                { "options", required_argument, NULL, 'e' },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c, r = 0;

        while (r == 0 && !m->help && (c = getopt_long(argc, argv, "x:a:o:n:e:h", longs, NULL)) >= 0)
                r = masquerade_take(m, c, optarg ? masquerade_value(argv) : NULL);
        if (r < 0 || m->help)
                return r;
        if (optind < argc) {
                (void) masquerade_complain("takes options only, no further arguments");
                return -EINVAL;
        }
        if (!m->fetch.source || !m->fetch.arch) {
                (void) masquerade_complain("--xmodel and --arch are needed (-h tells more)");
                return -EINVAL;
        }
        return 0;
}

/* "CWD/DIR", as the tool prints it */
static char *masquerade_output_dir(const char *given) {
        _cleanup_(freep) char *cwd = getcwd(NULL, 0);

        return cwd ? path_join(cwd, given) : NULL;
}

static void masquerade_print_line(Slice line, bool to_stderr, void *userdata) {
        FILE **last = userdata, *out = to_stderr ? stderr : stdout;

        if (*last && *last != out)
                (void) fflush(*last); /* in their order, where both go to one place */
        *last = out;
        output_result(out, line.data, line.size);
}

static int masquerade_print_log(const Exchange *x, const char *given) {
        bool saved = x->code == CODE_DONE;
        _cleanup_(freep) char *output_dir = saved ? masquerade_output_dir(given) : NULL;
        FILE *last = NULL;
        int r;

        if (saved && !output_dir)
                return -ENOMEM;
        r = tool_log_each(bytes_slice(&x->log), output_dir, masquerade_print_line, &last);
        (void) fflush(stdout);
        return r;
}

static int masquerade_report(const Masquerade *m, const Exchange *x) {
        const Dpucc__Wire__GetReply *get = NULL;

        if (masquerade_print_log(x, m->fetch.output_dir) < 0)
                (void) masquerade_complain("the log is too long to be printed");
        if (x->code != CODE_DONE) {
                answer_print_failure(x, MASQUERADE_LABEL);
                return CODE_ERROR;
        }
        if (x->reply->body_case == DPUCC__WIRE__REPLY__BODY_GET)
                get = x->reply->get;
        for (size_t i = 0; get && i < get->n_notes; i++)
                output_warn(MASQUERADE_LABEL "note: ", get->notes[i]);
        return CODE_DONE;
}

/* see above */
static bool masquerade_has_tool(void) {
        _cleanup_(freep) char *tool = NULL;

        return program_find_other(MASQUERADE_NAME, &tool) == 0;
}

/* Whoever did not answer, or died over it, may have been the daemon only. */
static bool masquerade_may_try_here(const Options *options, const Exchange *x) {
        return x->code == CODE_UNREACHABLE && !options->no_daemon;
}

/* The tool would put the output in the place of the model, which then is gone. An exit code; not
 * CODE_DONE: after saying why. */
static int masquerade_check_output(const Masquerade *m) {
        _cleanup_(freep) char *out = NULL;

        if (asprintf(&out, "%s/%s.xmodel", m->fetch.output_dir, m->fetch.net_name) < 0) {
                out = NULL;
                return masquerade_complain(strerror(ENOMEM));
        }
        if (!fetch_overwrites_input(&m->fetch, out))
                return CODE_DONE;
        return masquerade_complain("the output would replace the model itself: give it another "
                                   "--net_name or --output_dir");
}

static int masquerade_run(const Masquerade *m) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT, again = EXCHANGE_INIT;
        Options options;

        options_init(&options);
        options.no_daemon = !options.toolchain && masquerade_has_tool();
        fetch_run(&options, &m->fetch, &x);
        if (!masquerade_may_try_here(&options, &x))
                return masquerade_report(m, &x);

        options.no_daemon = true;
        fetch_run(&options, &m->fetch, &again);
        return masquerade_report(m, &again);
}

int masquerade(int argc, char **argv) {
        static char program[] = MASQUERADE_NAME;
        Masquerade m = {
                .fetch = {
                        .output_dir = "./",
                        .net_name = "deploy",
                        .wait = true,
                        .overwrite = true,
                        .want_log = true,
                        .require_dpu = true,
                },
        };

        if (getenv(PROGRAM_GUARD))
                return masquerade_complain("called as a compiler by dpucc itself: the toolchain "
                                           "leads back to dpucc instead of to the vendor's tool");
        argv[0] = program;
        if (masquerade_parse(&m, argc, argv) < 0)
                return CODE_ERROR;
        if (m.help) {
                (void) fputs(masquerade_help, stdout);
                return CODE_DONE;
        }
        if (masquerade_check_output(&m) != CODE_DONE)
                return CODE_ERROR;
        return masquerade_run(&m);
}
