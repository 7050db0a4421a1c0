#include "client/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "client/answer.h"
#include "client/copy.h"
#include "client/depfile.h"
#include "client/exchange.h"
#include "client/output.h"
#include "client/place.h"

#define FETCH_LOOKS_MAX 16 /* at a path where others come and go */

/* the strings behind the request's fields */
typedef struct FetchPlaces {
        char *source;
        char *arch;
        char *output_dir;
        char *adopt;
} FetchPlaces;

static void fetch_free_places(FetchPlaces *p) {
        free(p->source);
        free(p->arch);
        free(p->output_dir);
        free(p->adopt);
}

bool fetch_overwrites_input(const FetchSpec *spec, const char *out) {
        return out &&
               (file_is_same(out, spec->source) || (spec->arch && file_is_same(out, spec->arch)));
}

static ProtobufCBinaryData fetch_bytes(const char *path) {
        return (ProtobufCBinaryData){ .len = strlen(path), .data = (uint8_t *) path };
}

/* like any other failure: in JSON, if that is wanted */
static int fetch_fail(Exchange *x, int code) {
        x->code = code;
        return -EINVAL;
}

static const char *fetch_open_error(int r) {
        if (r == -EINVAL)
                return "not a regular file";
        return strerror(-r);
}

/* opens @path, resolves its place, and enters it among the descriptors */
static int fetch_open(Exchange *x, const char *path, char **ret_place) {
        int fd, r;

        fd = file_open_regular(AT_FDCWD, path);
        if (fd < 0)
                return problem_set(&x->problem, fd, "%s: %s", path, fetch_open_error(fd));
        x->fds[x->n_fds++] = fd;
        r = place_of(path, ret_place);
        return r < 0 ? problem_set(&x->problem, r, "%s: %s", path, strerror(-r)) : 0;
}

/* Made here, as we see it: the path may mean another directory to the daemon. */
static int fetch_open_directory(Exchange *x, const char *path, char **ret_place) {
        int fd, r;

        fd = file_make_dirs(AT_FDCWD, path, 0777);
        if (fd < 0)
                return problem_set(&x->problem, fd, "%s: %s", path, strerror(-fd));
        x->fds[x->n_fds++] = fd;
        r = place_of_directory(path, ret_place);
        return r < 0 ? problem_set(&x->problem, r, "%s: %s", path, strerror(-r)) : 0;
}

/* the only way to read it is to set it */
static uint32_t fetch_umask(void) {
        mode_t mask = umask(0077);

        (void) umask(mask);
        return (uint32_t) mask;
}

static int fetch_fill(Exchange *x, const FetchSpec *spec, Dpucc__Wire__Get *get,
                      FetchPlaces *places) {
        int r;

        r = fetch_open(x, spec->source, &places->source);
        if (r < 0)
                return fetch_fail(x, CODE_NOT_FOUND);
        get->source_path = fetch_bytes(places->source);
        if (spec->arch) {
                r = fetch_open(x, spec->arch, &places->arch);
                if (r < 0)
                        return fetch_fail(x, CODE_ERROR);
                get->has_arch_path = true;
                get->arch_path = fetch_bytes(places->arch);
        }
        if (spec->output_dir) {
                r = fetch_open_directory(x, spec->output_dir, &places->output_dir);
                if (r < 0)
                        return fetch_fail(x, CODE_ERROR);
                get->has_output_dir = true;
                get->output_dir = fetch_bytes(places->output_dir);
                get->has_umask = true;
                get->umask = fetch_umask();
        }
        if (spec->adopt) {
                r = fetch_open(x, spec->adopt, &places->adopt);
                if (r < 0)
                        return fetch_fail(x, CODE_NOT_FOUND);
                get->has_adopt_path = true;
                get->adopt_path = fetch_bytes(places->adopt);
        }
        return 0;
}

static void fetch_notes(const Exchange *x) {
        const Dpucc__Wire__GetReply *get = x->reply->get;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_GET)
                return;
        for (size_t i = 0; i < get->n_notes; i++)
                output_note(get->notes[i]);
}

/* what was to be done with the artifact could not be */
static void fetch_spoil(Exchange *x) {
        dpucc__wire__reply__free_unpacked(TAKE_PTR(x->reply), NULL);
        (void) fetch_fail(x, CODE_ERROR);
}

/* The arch file that the daemon found near the model is as good as one that was named. */
static bool fetch_is_found(const Exchange *x, const char *out) {
        _cleanup_(freep) char *arch = NULL;
        const Dpucc__Wire__Unit *unit;

        if (!x->reply || x->reply->body_case != DPUCC__WIRE__REPLY__BODY_GET)
                return false;
        unit = x->reply->get->unit;
        if (unit->has_arch_path)
                arch = strndup((const char *) unit->arch_path.data, unit->arch_path.len);
        return arch && file_is_same(out, arch);
}

/* An error if @out, to be written now, is what the artifact rests on. */
static int fetch_check_out(Exchange *x, const char *out) {
        return fetch_is_found(x, out)
                       ? problem_set(&x->problem, -EEXIST,
                                     "%s is what the model is compiled for: left as it is", out)
                       : 0;
}

/* the copy comes before anything is said: the answer tells whether it is there */
static void fetch_save(Exchange *x, const FetchSpec *spec) {
        int r;

        if (x->code != CODE_DONE || !spec->copy_to)
                return;
        r = fetch_check_out(x, spec->copy_to);
        if (r == 0 && x->fd < 0)
                r = problem_set(&x->problem, -EBADMSG,
                                "the daemon did not pass the artifact's descriptor");
        if (r == 0)
                r = copy_to(x->fd, spec->copy_to, &x->problem);
        if (r < 0)
                fetch_spoil(x);
}

/* Where the caller looks for the artifact, named as the caller named it: for $(...). A new string
 * in *ret, NULL if there is none. -ENOMEM. */
static int fetch_place(const Exchange *x, const FetchSpec *spec, char **ret) {
        _cleanup_(freep) char *artifact = NULL;
        const Dpucc__Wire__GetReply *get;

        *ret = NULL;
        if (!x->reply || x->reply->body_case != DPUCC__WIRE__REPLY__BODY_GET)
                return 0;
        get = x->reply->get;
        if (spec->copy_to)
                return strings_dup(ret, spec->copy_to);
        if (!get->has_path || get->path.len == 0)
                return 0;
        artifact = strndup((const char *) get->path.data, get->path.len);
        if (artifact && spec->output_dir)
                *ret = path_join(spec->output_dir, path_basename(artifact));
        else
                *ret = TAKE_PTR(artifact);
        return *ret ? 0 : -ENOMEM;
}

static void fetch_write_depfile(Exchange *x, const FetchSpec *spec, const char *place) {
        DepfileRule rule = { .source = spec->source, .arch = spec->arch, .out = place };
        int r;

        if (x->code != CODE_DONE || !spec->depfile || !place)
                return;
        rule.unit = x->reply->get->unit;
        r = fetch_check_out(x, spec->depfile);
        if (r == 0 && file_is_same(spec->depfile, place))
                r = problem_set(&x->problem, -EEXIST, "%s: the depfile would replace the artifact",
                                spec->depfile);
        if (r == 0)
                r = depfile_write(spec->depfile, &rule, &x->problem);
        if (r < 0)
                fetch_spoil(x);
}

static int fetch_print(const Options *options, Exchange *x, const char *place) {
        if (x->reply && !options->json)
                fetch_notes(x);
        if (answer_print(x, options) || !place)
                return x->code;
        output_result(stdout, place, strlen(place));
        (void) putchar('\n');
        return x->code;
}

/* What was not found may have been replaced since we opened it, say a link to somewhere else by a
 * file: the path is what was asked for. */
static bool fetch_is_replaced(const Exchange *x, const FetchSpec *spec) {
        StatId opened, here;

        return x->code == CODE_NOT_FOUND && x->n_fds > 0 &&
               file_stat_id_fd(x->fds[0], &opened) == 0 &&
               file_stat_id(AT_FDCWD, spec->source, &here) == 0 &&
               !stat_id_is_same_file(&opened, &here);
}

static void fetch_ask(const Options *options, const FetchSpec *spec, Exchange *x) {
        _cleanup_(fetch_free_places) FetchPlaces places = {};
        Dpucc__Wire__Get get = DPUCC__WIRE__GET__INIT;

        get.target = (char *) spec->target;
        get.toolchain = (char *) options->toolchain;
        get.net_name = (char *) spec->net_name;
        get.options = (char *) spec->options;
        get.has_wait = get.wait = spec->wait;
        get.has_force = get.force = options->force;
        get.has_want_fd = get.want_fd = spec->copy_to != NULL;
        get.has_overwrite = get.overwrite = spec->overwrite;
        get.has_want_log = get.want_log = spec->want_log;
        get.has_require_dpu = get.require_dpu = spec->require_dpu;
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY_GET;
        x->request.get = &get;
        x->patient = true; /* hashing a large model takes its time, too */
        if (fetch_fill(x, spec, &get, &places) == 0)
                (void) exchange_run(x, options);
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY__NOT_SET; /* it was borrowed */
}

void fetch_run(const Options *options, const FetchSpec *spec, Exchange *x) {
        fetch_ask(options, spec, x);
        for (unsigned i = 1; i < FETCH_LOOKS_MAX && fetch_is_replaced(x, spec); i++) {
                exchange_deinit(x);
                *x = (Exchange) EXCHANGE_INIT;
                fetch_ask(options, spec, x);
        }
}

int fetch(const Options *options, const FetchSpec *spec) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        _cleanup_(freep) char *place = NULL;
        int r;

        fetch_run(options, spec, &x);
        fetch_save(&x, spec);
        r = fetch_place(&x, spec, &place);
        if (r < 0) {
                (void) problem_set(&x.problem, r, "%s", strerror(-r));
                fetch_spoil(&x);
        }
        fetch_write_depfile(&x, spec, place);
        return fetch_print(options, &x, place);
}
