#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/answer.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/handover.h"
#include "client/output.h"
#include "client/page.h"

const char command_report_help[] =
        "usage: dpucc-client report X [--html | --svg | --md] [-o FILE]\n"
        "       dpucc-client report FILE [OPTION]...\n"
        "\n"
        "Prints the report of X, as JSON: its subgraphs, every layer off the DPU with the reason\n"
        "and whether the board's runtime implements it. Or makes a page of it for people: the\n"
        "graph, what runs where, cycles, memory, what is to be done, where it comes from, and "
        "what\n"
        "changed since the artifact before.\n"
        "\n"
        "      --html           the page, one file that needs nothing else\n"
        "      --svg            the graph alone\n"
        "      --md             the tables, in Markdown, for a comment on a change\n"
        "  -o, --output FILE    where to, instead of the standard output\n"
        "      --title TEXT     the page's heading, instead of the name\n"
        "      --note NAME=TEXT a line of its provenance; may be given several times\n"
        "\n"
        "Of a source, NET@TARGET, or a key of which 8 digits are enough, it is about what the "
        "cache\n"
        "has. A compiled FILE is read itself, as 'dpucc report' does, which has the rest of the\n"
        "options; of one that is the same as in the cache the page tells what the daemon knows.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client report unet@b1024 --html -o unet.html\n"
        "  dpucc-client report unet@b1024 | jq '.off_dpu'\n"
        "  dpucc-client report unet.xmodel --source Unet_int.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage or X may mean several, 5 no such thing or no "
        "report\n"
        "of it, 6 no daemon.\n";

/* what the command line is about, as far as that is not dpucc's matter */
typedef struct ReportWish {
        const char *text; /* X; NULL: none, or several */
        bool page;
        bool foreign; /* there are options of dpucc's */
} ReportWish;

/* Is it an option of pages that has a value? *@ret_more: which is the next argument. */
static bool report_has_value(const char *argument, bool *ret_more) {
        static const char *const names[] = { "--output", "--title", "--note" };

        *ret_more = strcmp(argument, "-o") == 0;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t n = strlen(names[i]);

                if (strncmp(argument, names[i], n) != 0 || (argument[n] && argument[n] != '='))
                        continue;
                *ret_more = argument[n] == '\0';
                return true;
        }
        return argument[0] == '-' && argument[1] == 'o';
}

static bool report_is_form(const char *argument) {
        return strcmp(argument, "--html") == 0 || strcmp(argument, "--svg") == 0 ||
               strcmp(argument, "--md") == 0;
}

/* Sorts @argv: our own options to the front of @ret_own, which has room for all. */
static ReportWish report_parse(int argc, char **argv, char **ret_own, int *ret_n_own) {
        ReportWish wish = { .text = NULL };
        int n_own = 0, n_operands = 0;

        for (int i = 1; i < argc; i++) {
                bool more = false;

                if (report_has_value(argv[i], &more)) {
                        ret_own[n_own++] = argv[i];
                        if (more && i + 1 < argc)
                                ret_own[n_own++] = argv[++i];
                } else if (report_is_form(argv[i])) {
                        wish.page = true;
                        ret_own[n_own++] = argv[i];
                } else if (argv[i][0] == '-') {
                        wish.foreign = true;
                } else {
                        wish.text = argv[i];
                        n_operands++;
                }
        }
        if (n_operands != 1)
                wish.text = NULL;
        *ret_n_own = n_own;
        return wish;
}

static int report_print(const char *report) {
        output_result(stdout, report, strlen(report));
        if (report[0] != '\0' && report[strlen(report) - 1] != '\n')
                (void) putchar('\n');
        return CODE_DONE;
}

/* of what is no file */
static int report_of_name(const Options *options, const char *text) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        const Dpucc__Wire__ShowReply *show = ask_about(options, text, &x);
        Problem problem;

        if (!show) {
                (void) answer_print(&x, options);
                return x.code == CODE_DONE ? CODE_ERROR : x.code;
        }
        if (show->report_json)
                return report_print(show->report_json);
        (void) problem_set(
                &problem, 0,
                "there is no report of %s: it is not compiled, that failed, or the cache "
                "has it no more; 'dpucc-client log' may have the reason",
                text);
        output_complain(problem.text);
        return CODE_NOT_FOUND;
}

/* Prints the report of what was made of the source @path; false: it is no source that is known.
 * It is no error if there is no daemon to tell: then it is a file like any other. */
static bool report_of_source(const Options *options, const char *path) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        const Dpucc__Wire__ShowReply *show = ask_about(options, path, &x);

        if (!show || !show->report_json || !ask_is_source(path, show))
                return false;
        (void) report_print(show->report_json);
        return true;
}

int command_report(Options *options, int argc, char **argv) {
        _cleanup_(freep) char **own = calloc((size_t) argc + 1, sizeof(*own));
        ReportWish wish;
        int n_own, r;

        if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
                (void) fputs(command_report_help, stdout);
                return CODE_DONE;
        }
        if (!own) {
                output_complain(strerror(ENOMEM));
                return CODE_ERROR;
        }
        r = options_take_from(options, &argc, argv);
        if (r < 0)
                return options_code(r);
        wish = report_parse(argc, argv, own, &n_own);
        /* whatever has other options is about a file, and dpucc's matter */
        if (wish.foreign || !wish.text)
                return handover_run("report", false, argc, argv);
        if (wish.page)
                return page_run(options, wish.text, own, n_own);
        if (n_own > 0) /* which dpucc complains of, or writes JSON to a file */
                return handover_run("report", false, argc, argv);
        if (access(wish.text, F_OK) < 0)
                return report_of_name(options, wish.text);
        if (report_of_source(options, wish.text))
                return CODE_DONE;
        return handover_run("report", false, argc, argv);
}
