#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/answer.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/handover.h"
#include "client/output.h"
#include "client/place.h"

const char command_report_help[] =
        "usage: dpucc-client report X\n"
        "       dpucc-client report FILE [--source Q] [--log FILE] [--arch A]\n"
        "\n"
        "Prints the report of X, as JSON: its subgraphs, every layer off the DPU with the reason\n"
        "and whether the board's runtime implements it.\n"
        "\n"
        "A compiled FILE is read itself, as 'dpucc report' does, which has the rest of the help.\n"
        "Of a source, NET@TARGET, or a key of which 8 digits are enough, it is the report that "
        "the\n"
        "cache keeps with the artifact.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client report unet.xmodel --source Unet_int.xmodel\n"
        "  dpucc-client report unet@b1024 | jq '.off_dpu'\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage or X may mean several, 5 no such thing or no "
        "report\n"
        "of it, 6 no daemon.\n";

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
        (void) problem_set(&problem, 0,
                           "there is no report of %s: it is not compiled, or that failed; "
                           "'dpucc-client log' may have the reason",
                           text);
        output_complain(problem.text);
        return CODE_NOT_FOUND;
}

/* Prints the report of what was made of the source @path; false: it is no source that is known.
 * It is no error if there is no daemon to tell: then it is a file like any other. */
static bool report_of_source(const Options *options, const char *path) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        const Dpucc__Wire__ShowReply *show = ask_about(options, path, &x);
        const ProtobufCBinaryData *source = show ? ask_source_of(show) : NULL;
        _cleanup_(freep) char *place = NULL;

        if (!source || !show->report_json || place_of(path, &place) < 0 ||
            strlen(place) != source->len || memcmp(place, source->data, source->len) != 0)
                return false;
        (void) report_print(show->report_json);
        return true;
}

int command_report(Options *options, int argc, char **argv) {
        if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
                (void) fputs(command_report_help, stdout);
                return CODE_DONE;
        }
        /* whatever has options is about a file, and dpucc's matter */
        if (argc == 2 && argv[1][0] != '-') {
                if (access(argv[1], F_OK) < 0)
                        return report_of_name(options, argv[1]);
                if (report_of_source(options, argv[1]))
                        return CODE_DONE;
        }
        return handover_run("report", false, argc, argv);
}
