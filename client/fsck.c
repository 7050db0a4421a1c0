#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "client/answer.h"
#include "client/command.h"
#include "client/output.h"

const char command_fsck_help[] =
        "usage: dpucc-client fsck [--repair]\n"
        "\n"
        "Reads everything in the cache and tells what is not as it should be: objects and records\n"
        "that are damaged, objects that are missing, views that lead nowhere, modes. Leftovers of\n"
        "killed writers and files that are not the cache's are named, too, and are no problem.\n"
        "Builds go on meanwhile.\n"
        "\n"
        "  --repair   move what is damaged to quarantine/ (it is compiled again when somebody "
        "wants\n"
        "             it), remove leftovers, set modes right\n"
        "\n"
        "Examples:\n"
        "  dpucc-client fsck\n"
        "  dpucc-client fsck --repair --json | jq '.defects[] | select(.mended == false)'\n"
        "  dpucc-client --no-daemon fsck\n"
        "\n"
        "Exit status: 0 no problems (or all of them mended), 1 problems, or it could not be done,\n"
        "6 no daemon.\n";

typedef Dpucc__Wire__FsckReply Fsck;
typedef Dpucc__Wire__Defect Defect;

static void fsck_print_defect(const Defect *defect) {
        OutputColour colour = OUTPUT_DIM;

        if (defect->sort == DPUCC__WIRE__DEFECT_SORT__DEFECT_PROBLEM)
                colour = defect->mended ? OUTPUT_GREEN : OUTPUT_RED;
        output_padded(colour, defect->kind, 17);
        (void) putchar(' ');
        output_bytes(defect->path);
        (void) fputs(": ", stdout);
        output_bytes(defect->detail);
        (void) puts(defect->mended ? " (mended)" : "");
}

static void fsck_print(const Fsck *fsck) {
        uint64_t n = fsck->n_problems + fsck->n_leftovers + fsck->n_notes;
        char bytes[16], quarantined[16];

        for (size_t i = 0; i < fsck->n_defects; i++)
                fsck_print_defect(fsck->defects[i]);
        if (n > fsck->n_defects)
                (void) printf("%" PRIu64 " more are not shown\n", n - fsck->n_defects);
        output_size(fsck->bytes, bytes);
        output_size(fsck->quarantine_bytes, quarantined);
        (void) printf("%" PRIu64 " records, %" PRIu64 " objects (%s), %" PRIu64 " views; %" PRIu64
                      " files (%s) in quarantine\n",
                      fsck->n_records, fsck->n_objects, bytes, fsck->n_views,
                      fsck->quarantine_files, quarantined);
        (void) printf("%" PRIu64 " problems, %" PRIu64 " mended; %" PRIu64 " leftovers, %" PRIu64
                      " notes\n",
                      fsck->n_problems, fsck->n_problems - fsck->n_unmended, fsck->n_leftovers,
                      fsck->n_notes);
}

static int fsck_option(int c, const char *value, void *userdata) {
        (void) c; /* there is one only */
        (void) value;
        *(bool *) userdata = true;
        return 0;
}

int command_fsck(Options *options, int argc, char **argv) {
        static const struct option longs[] = { { "repair", no_argument, NULL, 256 }, {} };
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__FsckRequest request = DPUCC__WIRE__FSCK_REQUEST__INIT;
        bool repair = false;
        const OptionsOwn own = { "", longs, fsck_option, &repair };
        int first = options_operands(options, argc, argv, &own, 0, 0);

        if (first < 0)
                return options_code(first);
        request.has_repair = true;
        request.repair = repair;
        x.patient = true;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_FSCK;
        x.request.fsck = &request;
        (void) exchange_run(&x, options);
        x.request.fsck = NULL; /* it goes out of scope */
        if (x.reply && x.reply->body_case == DPUCC__WIRE__REPLY__BODY_FSCK && !options->json)
                fsck_print(x.reply->fsck);
        (void) answer_print(&x, options);
        return x.code;
}
