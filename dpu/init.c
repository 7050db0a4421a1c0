/*
 * `dpucc init`: looks at a directory and proposes its project file, dpucc.json
 *
 * Needs no daemon. Nothing is written unless it is asked for, and nothing is replaced without
 * --force.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json_writer.h"
#include "base/path.h"
#include "base/utf8.h"
#include "dpu/command.h"
#include "dpu/proposal.h"
#include "dpu/proposal_text.h"
#include "dpu/survey.h"

#define INIT_FILE     "dpucc.json"
#define INIT_FILE_MAX (1024 * 1024) /* bytes that the daemon reads */
#define INIT_JSON_MAX (8 * 1024 * 1024)

const char command_init_help[] =
        "usage: dpucc init [--write] [--force] [--json] [DIR]\n"
        "\n"
        "Looks for quantized models and arch files in DIR (default: here) and proposes a\n"
        "dpucc.json: names for the targets, which model is for which of them, where the\n"
        "compiled files go. Every line is explained, and what was not understood is\n"
        "named. Boards and models may lie apart. On a terminal it asks whether to write\n"
        "the file; otherwise it only writes with --write. No daemon is needed.\n"
        "\n"
        "  --write   write DIR/dpucc.json, unless there is one\n"
        "  --force   with --write: replace the one that is there\n"
        "  --json    one JSON object\n"
        "\n"
        "Examples:\n"
        "  dpucc-client init\n"
        "  dpucc-client init --write ~/release && dpucc-client watch ~/release\n"
        "  dpucc-client init --json | jq -r '.lines[].text'\n"
        "\n"
        "Exit status: 0 done, 1 it cannot be read or written, or there is a dpucc.json,\n"
        "2 usage, 5 there is nothing to propose (the reason is printed).\n";

typedef struct Init {
        const char *directory;
        bool write, force, json;
        bool exists; /* there is a dpucc.json */
        bool written;
        Survey survey;
        Proposal proposal;
        ProposalText text;
} Init;

static void init_cleanup(Init *init) {
        proposal_text_deinit(&init->text);
        proposal_deinit(&init->proposal);
        survey_deinit(&init->survey);
}

static int init_take(const char *name, int option, void *arguments) {
        Init *init = arguments;

        (void) name;
        if (option == 'w')
                init->write = true;
        else if (option == 'f')
                init->force = true;
        else
                init->json = true;
        return COMMAND_OK;
}

static int init_parse(int argc, char **argv, Init *ret) {
        static const struct option options[] = {
                { "write", no_argument, NULL, 'w' },
                { "force", no_argument, NULL, 'f' },
                { "json", no_argument, NULL, 'j' },
                {},
        };
        int code = command_options(argc, argv, "", options, init_take, ret);

        if (code != COMMAND_OK)
                return code;
        if (argc - optind > 1)
                return command_usage(argv[0], "one directory, please");
        ret->directory = optind < argc ? argv[optind] : ".";
        return COMMAND_OK;
}

/* --- for people ------------------------------------------------------------------------------- */

static bool init_is_terminal(void) {
        const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

        return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0 && !(no && no[0]);
}

/* safe for a terminal, however long */
static void init_print(const char *text) {
        char escaped[4 * PROBLEM_MAX];

        (void) utf8_escape(text, strlen(text), escaped, sizeof(escaped));
        (void) fputs(escaped, stdout);
}

static void init_print_line(const ProposalLine *line, bool coloured) {
        int indent = (int) strspn(line->text, " ");

        if (line->why) {
                (void) printf("%s%*s# ", coloured ? "\033[2m" : "", indent, "");
                init_print(line->why);
                (void) puts(coloured ? "\033[0m" : "");
        }
        (void) puts(line->text);
}

static void init_print_remarks(const Survey *survey) {
        if (survey->n_remarks > 0)
                (void) puts("\nNot in it:");
        for (size_t i = 0; i < survey->n_remarks; i++) {
                (void) fputs("  ", stdout);
                init_print(survey->remarks[i].path);
                (void) fputs("\n      ", stdout);
                init_print(survey->remarks[i].text);
                (void) putchar('\n');
        }
        if (survey->n_left_out > 0)
                (void) printf("  and %zu more files and directories, which were not looked at\n",
                              survey->n_left_out);
}

static void init_print_proposal(const Init *init) {
        bool coloured = init_is_terminal();

        (void) printf("Found %zu quantized model%s and %zu arch file%s.\n\n", init->survey.n_models,
                      init->survey.n_models == 1 ? "" : "s", init->survey.n_arches,
                      init->survey.n_arches == 1 ? "" : "s");
        for (size_t i = 0; i < init->text.n; i++)
                init_print_line(&init->text.lines[i], coloured);
        (void) puts("\nLines that begin with # explain; they are not written. A toolchain, limits "
                    "and\npatterns to ignore can be added: dpucc.json(5).");
        init_print_remarks(&init->survey);
}

static void init_print_next(const Init *init) {
        (void) fputs(init->written ? "\nWritten: " : "\nNot written: ", stdout);
        init_print(init->directory);
        (void) puts("/" INIT_FILE);
        if (init->written)
                (void) puts("Next: 'dpucc-client watch' of this directory, then 'dpucc-client "
                            "wait'.");
        else if (init->exists)
                (void) puts("There is one already; --write --force replaces it.");
        else
                (void) puts("Next: the same with --write.");
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void init_write_lines(const Init *init, JsonWriter *w) {
        json_writer_array(w, "lines");
        for (size_t i = 0; i < init->text.n; i++) {
                json_writer_object(w, NULL);
                json_writer_string(w, "text", init->text.lines[i].text);
                json_writer_string(w, "why", init->text.lines[i].why);
                json_writer_end(w);
        }
        json_writer_end(w);
}

static void init_write_remarks(const Survey *survey, JsonWriter *w) {
        json_writer_array(w, "not_understood");
        for (size_t i = 0; i < survey->n_remarks; i++) {
                json_writer_object(w, NULL);
                json_writer_string(w, "path", survey->remarks[i].path);
                json_writer_string(w, "reason", survey->remarks[i].text);
                json_writer_end(w);
        }
        json_writer_end(w);
        json_writer_uint64(w, "n_left_out", survey->n_left_out);
}

static int init_print_json(const Init *init) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(INIT_JSON_MAX);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_PRETTY);
        int r;

        json_writer_object(&w, NULL);
        json_writer_string(&w, "directory", init->directory);
        json_writer_uint64(&w, "n_models", init->survey.n_models);
        json_writer_uint64(&w, "n_arch_files", init->survey.n_arches);
        json_writer_bool(&w, "exists", init->exists);
        json_writer_bool(&w, "written", init->written);
        init_write_lines(init, &w);
        init_write_remarks(&init->survey, &w);
        json_writer_end(&w);
        r = json_writer_finish(&w);
        if (r == 0)
                (void) fwrite(out.data, 1, out.size, stdout);
        return r;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int init_complain(const Init *init, int r, Problem *problem) {
        return problem_set(problem, r, "%s/" INIT_FILE ": %s", init->directory,
                           r == -EEXIST ? "exists; --write --force replaces it" : strerror(-r));
}

static int init_open(const char *directory) {
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? error_from_errno() : fd;
}

/* Only where nothing is, not even a link. */
static int init_create(int dirfd, const Bytes *content) {
        _cleanup_(closep) int fd = -1;
        int r;

        fd = openat(dirfd, INIT_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0)
                return error_from_errno();
        r = file_write_all(fd, content->data, content->size);
        if (r == 0 && fsync(fd) < 0)
                r = error_from_errno();
        if (r < 0)
                (void) unlinkat(dirfd, INIT_FILE, 0);
        return r;
}

static int init_write(Init *init, const Bytes *content, Problem *problem) {
        _cleanup_(closep) int dirfd = init_open(init->directory);
        int r = dirfd;

        if (dirfd >= 0)
                r = init->force ? file_write_durable(dirfd, INIT_FILE, content->data, content->size,
                                                     0666)
                                : init_create(dirfd, content);
        if (r < 0)
                return problem_set(
                        problem, r, "%s/" INIT_FILE ": %s", init->directory,
                        r == -EEXIST ? "exists; --write --force replaces it" : strerror(-r));
        init->written = true;
        return 0;
}

/* On a terminal: [y/N]. */
static bool init_asks(const Init *init) {
        char answer[16];

        if (init->json || init->write || init->exists || !isatty(STDIN_FILENO) ||
            !isatty(STDOUT_FILENO))
                return false;
        (void) fputs("\nWrite this to ", stdout);
        init_print(init->directory);
        (void) fputs("/" INIT_FILE "? [y/N] ", stdout);
        (void) fflush(stdout);
        return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* --- the command ------------------------------------------------------------------------------ */

/* What is missing, and where it comes from. */
static int init_nothing(const Init *init) {
        const Survey *survey = &init->survey;
        Problem problem;

        if (survey->n_models > 0)
                (void) problem_set(&problem, 0,
                                   "%zu quantized model%s, but no arch file: put the arch.json of "
                                   "your board (Vivado leaves it beside the DPU's IP) into %s",
                                   survey->n_models, survey->n_models == 1 ? "" : "s",
                                   init->directory);
        else
                (void) problem_set(&problem, 0,
                                   "no quantized .xmodel and no arch.json in %s: is it the right "
                                   "directory?",
                                   init->directory);
        if (!init->json)
                init_print_remarks(survey);
        (void) fprintf(stderr, "dpucc init: %s\n", problem.text);
        return COMMAND_NOT_A_SOURCE;
}

static int init_look(Init *init, Problem *problem) {
        struct stat st;
        _cleanup_(freep) char *file = path_join(init->directory, INIT_FILE);
        int r;

        if (!file)
                return -ENOMEM;
        init->exists = lstat(file, &st) == 0;
        if (init->exists && init->write && !init->force)
                return init_complain(init, -EEXIST, problem);
        r = survey_take(init->directory, &init->survey, problem);
        if (r == 0)
                r = proposal_make(&init->survey, &init->proposal);
        return r < 0 ? r : proposal_text_make(&init->proposal, &init->text);
}

/* the proposal is there */
static int init_finish(Init *init, const char *name) {
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(INIT_FILE_MAX);
        Problem problem = {};
        int r;

        r = proposal_text_append(&init->text, &content);
        if (r == 0 && !init->json)
                init_print_proposal(init);
        if (r == 0 && (init->write || init_asks(init)))
                r = init_write(init, &content, &problem);
        if (r < 0)
                return command_failed(name, r, &problem);
        if (!init->json) {
                init_print_next(init);
                return COMMAND_OK;
        }
        r = init_print_json(init);
        return r < 0 ? command_failed(name, r, NULL) : COMMAND_OK;
}

int command_init(int argc, char **argv) {
        _cleanup_(init_cleanup) Init init = {};
        Problem problem = {};
        int code, r;

        code = init_parse(argc, argv, &init);
        if (code != COMMAND_OK)
                return code;
        r = init_look(&init, &problem);
        if (r < 0)
                return command_failed(argv[0], r, &problem);
        if (init.proposal.n_targets == 0)
                return init_nothing(&init);
        return init_finish(&init, argv[0]);
}
