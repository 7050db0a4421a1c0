#include "client/page.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "client/answer.h"
#include "client/ask.h"
#include "client/handover.h"
#include "client/output.h"

#define PAGE_EARLIER_MAX 8 /* failed compiles between the artifact and the one before */

typedef struct Page {
        const Options *options;
        int model, previous, report; /* descriptors; -1: there is none */
        Strings arguments;           /* for dpucc */
        int error;                   /* of the first argument that could not be added */
} Page;

static void page_deinit(Page *page) {
        closep(&page->model);
        closep(&page->previous);
        closep(&page->report);
        strings_deinit(&page->arguments);
}

/* --- asking -------------------------------------------------------------------------------- */

static Dpucc__Wire__Selector page_selector(const char *key) {
        Dpucc__Wire__Selector selector = DPUCC__WIRE__SELECTOR__INIT;

        selector.text.data = (uint8_t *) key;
        selector.text.len = strlen(key);
        return selector;
}

/* The file of the artifact with @key; -1: @x tells why. */
static int page_open(const Page *page, const char *key, Exchange *x) {
        Dpucc__Wire__OpenRequest request = DPUCC__WIRE__OPEN_REQUEST__INIT;
        Dpucc__Wire__Selector selector = page_selector(key);
        int fd = -1;

        request.selector = &selector;
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY_OPEN;
        x->request.open = &request;
        if (exchange_run(x, page->options) == CODE_DONE)
                fd = TAKE_FD(x->fd);
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY__NOT_SET; /* it was borrowed */
        return fd;
}

/* NULL: nothing is known */
static const Dpucc__Wire__WhyReply *page_why(const Page *page, const char *key, Exchange *x) {
        Dpucc__Wire__WhyRequest request = DPUCC__WIRE__WHY_REQUEST__INIT;
        Dpucc__Wire__Selector selector = page_selector(key);

        request.selector = &selector;
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY_WHY;
        x->request.why = &request;
        (void) exchange_run(x, page->options);
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY__NOT_SET;
        return x->code == CODE_DONE && x->reply->body_case == DPUCC__WIRE__REPLY__BODY_WHY
                       ? x->reply->why
                       : NULL;
}

/* --- arguments ----------------------------------------------------------------------------- */

static void page_add(Page *page, const char *argument) {
        if (page->error == 0)
                page->error = strings_add(&page->arguments, argument);
}

static void page_add_format(Page *page, const char *option, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static void page_add_format(Page *page, const char *option, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list ap;

        if (page->error < 0)
                return;
        va_start(ap, format);
        page->error = strings_vprintf(&text, format, ap);
        va_end(ap);
        if (page->error < 0)
                return;
        page_add(page, option);
        page_add(page, text);
}

static void page_note(Page *page, const char *name, const char *value) {
        if (value && value[0] != '\0')
                page_add_format(page, "--note", "%s=%s", name, value);
}

static void page_note_bytes(Page *page, const char *name, ProtobufCBinaryData value) {
        page_add_format(page, "--note", "%s=%.*s", name, (int) value.len,
                        (const char *) value.data);
}

/* An open file, as dpucc sees it: the descriptor stays open in it. */
static void page_add_fd(Page *page, const char *option, int fd) {
        if (fcntl(fd, F_SETFD, 0) < 0)
                page->error = page->error < 0 ? page->error : error_from_errno();
        if (option)
                page_add_format(page, option, "/proc/self/fd/%d", fd);
        else
                page_add_format(page, "--", "/proc/self/fd/%d", fd);
}

static void page_note_time(Page *page, int64_t seconds) {
        time_t when = (time_t) seconds;
        struct tm tm;
        char text[64];

        if (!gmtime_r(&when, &tm) ||
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
                return;
        page_note(page, "compiled", text);
}

/* --- what is known ------------------------------------------------------------------------- */

static void page_tell_artifact(Page *page, const Dpucc__Wire__ShowReply *show) {
        const Dpucc__Wire__Artifact *a = show->artifact;

        if (show->unit)
                page_add_format(page, "--title", "%s", show->unit->name);
        else
                page_add_format(page, "--title", "%s%s%s", a->net_name ?: a->key,
                                a->target ? "@" : "", a->target ?: "");
        page_note(page, "key", a->key);
        page_note(page, "target", a->target);
        page_note(page, "toolchain", a->toolchain);
        if (a->has_source_path)
                page_note_bytes(page, "source", a->source_path);
        if (a->has_adopted_path)
                page_note_bytes(page, "adopted, not compiled here", a->adopted_path);
        if (a->has_created_s)
                page_note_time(page, a->created_s);
        if (a->has_build_ms && a->build_ms > 0)
                page_add_format(page, "--note", "compiling took=%.1f s",
                                (double) a->build_ms / 1000);
}

/* The digest of what was compiled, and the artifact before, if there is one. */
static void page_tell_history(Page *page, const char *key) {
        _cleanup_(freep) char *at = strdup(key);

        for (int i = 0; at && i < PAGE_EARLIER_MAX && page->previous < 0; i++) {
                _cleanup_(exchange_deinit) Exchange asked = EXCHANGE_INIT, opened = EXCHANGE_INIT;
                const Dpucc__Wire__WhyReply *why = page_why(page, at, &asked);

                for (size_t k = 0; i == 0 && why && k < why->n_fields; k++)
                        if (strcmp(why->fields[k]->tag, "snapshot.digest") == 0)
                                page_note(page, "digest of the source", why->fields[k]->value);
                free(at);
                at = why && why->earlier_key ? strdup(why->earlier_key) : NULL;
                if (at)
                        page->previous = page_open(page, at, &opened);
        }
        if (page->previous < 0)
                return;
        page_note(page, "compared with the key", at);
        page_add_fd(page, "--previous", page->previous);
}

/* The report is in a message; dpucc wants a file. */
static int page_keep_report(Page *page, const char *report) {
        int r;

        page->report = memfd_create("report.json", MFD_CLOEXEC);
        if (page->report < 0)
                return error_from_errno();
        r = file_write_all(page->report, report, strlen(report));
        if (r == 0)
                page_add_fd(page, "--report", page->report);
        return r;
}

static int page_hand_over(Page *page) {
        if (page->error < 0) {
                output_complain(strerror(-page->error));
                return CODE_ERROR;
        }
        /* handover_run() leaves the first one out */
        return handover_run("report", false, (int) page->arguments.n, page->arguments.items);
}

/* --- which file it is ---------------------------------------------------------------------- */

/* Does @path hold the same bytes as the open file? Whatever keeps us from knowing is a no. */
static bool page_is_same(const char *path, int fd) {
        _cleanup_(closep) int other = file_open_regular(AT_FDCWD, path);
        static uint8_t a[65536], b[65536];
        ssize_t n;
        off_t at;

        for (at = 0; other >= 0 && (n = pread(fd, a, sizeof(a), at)) >= 0; at += n) {
                if (pread(other, b, sizeof(b), at) != n || memcmp(a, b, (size_t) n) != 0)
                        return false;
                if (n == 0)
                        return true;
        }
        return false;
}

static bool page_has_artifact(const Dpucc__Wire__ShowReply *show) {
        return show && show->artifact && !(show->artifact->has_failed && show->artifact->failed);
}

static int page_of_file(Page *page, const char *path) {
        page_add(page, "--");
        page_add(page, path);
        return page_hand_over(page);
}

static int page_say_nothing_is_there(Exchange *x, const Options *options, const char *text) {
        Problem problem;

        if (x->code != CODE_DONE) {
                (void) answer_print(x, options);
                return x->code;
        }
        (void) problem_set(&problem, 0,
                           "there is nothing to make a page of: %s is not compiled, or that "
                           "failed; 'dpucc-client log' may have the reason",
                           text);
        output_complain(problem.text);
        return CODE_NOT_FOUND;
}

/* Opens what the page is to be about: 0; 1: @text is a file of its own; or an error, said. */
static int page_find(Page *page, const char *text, const Dpucc__Wire__ShowReply *show,
                     Exchange *shown) {
        _cleanup_(exchange_deinit) Exchange opened = EXCHANGE_INIT;
        bool is_file = access(text, F_OK) == 0;
        bool is_source = is_file && show && ask_is_source(text, show);

        if (page_has_artifact(show))
                page->model = page_open(page, show->artifact->key, &opened);
        if (is_file && !is_source && (page->model < 0 || !page_is_same(text, page->model)))
                return 1;
        if (page->model >= 0)
                return 0;
        return -page_say_nothing_is_there(page_has_artifact(show) ? &opened : shown, page->options,
                                          text);
}

int page_run(const Options *options, const char *text, char **own, int n_own) {
        _cleanup_(page_deinit)
                Page page = { .options = options, .model = -1, .previous = -1, .report = -1 };
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        const Dpucc__Wire__ShowReply *show = ask_about(options, text, &x);
        int r;

        page_add(&page, "report");
        for (int i = 0; i < n_own; i++)
                page_add(&page, own[i]);
        r = page_find(&page, text, show, &x);
        if (r < 0)
                return -r;
        if (r > 0)
                return page_of_file(&page, text);

        page_tell_artifact(&page, show);
        page_tell_history(&page, show->artifact->key);
        r = show->report_json ? page_keep_report(&page, show->report_json) : 0;
        if (r < 0 && page.error == 0)
                page.error = r;
        page_add_fd(&page, NULL, page.model);
        return page_hand_over(&page);
}
