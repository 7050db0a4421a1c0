/* dpucc digest: the identity of models, in the forms that the cache uses */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/stat_id.h"
#include "dpu/command.h"
#include "xmodel/canon.h"
#include "xmodel/classify.h"

const char command_digest_help[] =
        "usage: dpucc digest [--form canonical|map-sorted|bytes] [--sha256] FILE...\n"
        "\n"
        "Prints a digest of each model and its name. Two exports of one model have\n"
        "different bytes and the same canonical digest.\n"
        "\n"
        "      --form FORM  canonical (default): maps and ops in canonical order\n"
        "                   map-sorted: only maps sorted, ops as in the file\n"
        "                   bytes: the file as it is, whatever it is\n"
        "      --sha256     SHA-256 instead of XXH3-128\n"
        "\n"
        "Example:\n"
        "  dpucc digest Unet_int.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

typedef struct DigestArguments {
        bool bytes;
        CanonForm form;
        bool sha256;
} DigestArguments;

static int digest_parse_form(const char *name, const char *text, DigestArguments *ret) {
        ret->bytes = strcmp(text, "bytes") == 0;
        if (ret->bytes)
                return COMMAND_OK;
        for (int form = CANON_CANONICAL; form <= CANON_MAP_SORTED; form++)
                if (strcmp(text, canon_form_name((CanonForm) form)) == 0) {
                        ret->form = (CanonForm) form;
                        return COMMAND_OK;
                }
        return command_usage(name, "no form '%s'; there are canonical, map-sorted and bytes", text);
}

enum {
        OPTION_FORM = 256,
        OPTION_SHA256,
};

static int digest_option(const char *name, int option, void *arguments) {
        DigestArguments *ret = arguments;

        if (option == OPTION_FORM)
                return digest_parse_form(name, optarg, ret);
        ret->sha256 = true;
        return COMMAND_OK;
}

static int digest_parse(int argc, char **argv, DigestArguments *ret) {
        static const struct option options[] = {
                { "form", required_argument, NULL, OPTION_FORM },
                { "sha256", no_argument, NULL, OPTION_SHA256 },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "", options, digest_option, ret);
        if (code != COMMAND_OK)
                return code;
        return optind < argc ? COMMAND_OK : command_usage(argv[0], "no file");
}

static void digest_print(const char *path, const DigestArguments *arguments, const Digest *xxh3,
                         const Sha256 *sha256) {
        char hex[SHA256_HEX];
        Problem line;

        if (arguments->sha256)
                sha256_to_hex(sha256, hex);
        else
                digest_to_hex(xxh3, hex);
        (void) problem_set(&line, 0, "%s  %s", hex, path);
        (void) printf("%s\n", line.text);
}

static int digest_open(const char *path, Problem *problem) {
        int fd = file_open_regular(AT_FDCWD, path);

        if (fd < 0)
                return problem_set(problem, fd, "%s: %s", path,
                                   fd == -EINVAL ? "not a regular file" : strerror(-fd));
        return fd;
}

static int digest_of_bytes(const char *path, const DigestArguments *arguments, Problem *problem) {
        _cleanup_(closep) int fd = -1;
        Digest xxh3;
        Sha256 sha256;
        int r;

        fd = digest_open(path, problem);
        if (fd < 0)
                return fd;
        r = digest_fd(fd, &xxh3, arguments->sha256 ? &sha256 : NULL, NULL, NULL);
        if (r < 0)
                return problem_set(problem, r, "%s: %s", path, strerror(-r));
        digest_print(path, arguments, &xxh3, &sha256);
        return 0;
}

/* of a file that is open; a problem that is set does not name it */
static int digest_of_model(int fd, const DigestArguments *arguments, Digest *ret,
                           Sha256 *ret_sha256, Problem *problem) {
        const SkeletonSpec spec = { .fd = fd, .grain = SKELETON_GRAIN };
        _cleanup_(closep) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        _cleanup_(skeleton_deinit) Skeleton model = {};
        _cleanup_(walk_freep) Walk *walk = NULL;
        XmodelClass class;
        int r;

        if (null < 0)
                return -errno;
        r = skeleton_read(&model, &spec, NULL);
        if (r == 0)
                r = classify(model.file, &class, &walk, problem);
        if (r < 0)
                return r;
        if (!walk)
                return -EBADMSG;
        problem->text[0] = '\0';
        return arguments->sha256
                       ? canon_write(walk, &model, arguments->form, null, ret, ret_sha256, NULL)
                       : canon_digest(walk, &model, arguments->form, ret);
}

static int digest_of_form(const char *path, const DigestArguments *arguments, Problem *problem) {
        _cleanup_(closep) int fd = -1;
        StatId before, after;
        Digest xxh3;
        Sha256 sha256;
        int r;

        fd = digest_open(path, problem);
        if (fd < 0)
                return fd;
        r = file_stat_id_fd(fd, &before);
        if (r == 0)
                r = digest_of_model(fd, arguments, &xxh3, &sha256, problem);
        if (r == 0)
                r = file_stat_id_fd(fd, &after);
        if (r == -ESTALE || (r == 0 && !stat_id_equal(&before, &after)))
                return problem_set(problem, -ESTALE, "%s: changed while it was read", path);
        if (r < 0)
                return problem->text[0] ? problem_prefix(problem, r, "%s", path)
                                        : problem_set(problem, r, "%s: %s", path, strerror(-r));
        digest_print(path, arguments, &xxh3, &sha256);
        return 0;
}

int command_digest(int argc, char **argv) {
        DigestArguments arguments = { .form = CANON_CANONICAL };
        int code;

        code = digest_parse(argc, argv, &arguments);
        if (code != COMMAND_OK)
                return code;
        for (int i = optind; i < argc; i++) {
                Problem problem = { "" };
                int r = arguments.bytes ? digest_of_bytes(argv[i], &arguments, &problem)
                                        : digest_of_form(argv[i], &arguments, &problem);

                if (r < 0)
                        code = command_failed(argv[0], r, &problem);
        }
        return code;
}
