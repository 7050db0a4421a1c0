#include "client/ask.h"
#include "client/command.h"

const char command_resume_help[] = "usage: dpucc-client resume\n"
                                   "\n"
                                   "Compiles may start again, after 'dpucc-client pause'.\n"
                                   "\n"
                                   "Examples:\n"
                                   "  dpucc-client resume && dpucc-client wait --all\n"
                                   "\n"
                                   "Exit status: 0 done, 6 no daemon.\n";

int command_resume(Options *options, int argc, char **argv) {
        int first = options_operands(options, argc, argv, NULL, 0, 0);

        if (first < 0)
                return options_code(first);
        return ask_plainly(options, DPUCC__WIRE__REQUEST__BODY_RESUME, NULL);
}
