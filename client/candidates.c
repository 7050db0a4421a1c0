#include "client/candidates.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "client/ask.h"
#include "client/describe.h"
#include "client/output.h"

#define CANDIDATES_PATIENCE_MS 300
#define CANDIDATES_KEY_DIGITS  12

/* a shell takes lines and tabs for its own */
static bool candidates_is_plain(const char *word) {
        char escaped[4096];
        size_t n = strlen(word);

        return n > 0 && n < sizeof(escaped) / 4 &&
               utf8_escape(word, n, escaped, sizeof(escaped)) == n && word[0] != ':';
}

void candidates_add(const Candidates *c, const char *word, const char *text) {
        if (!candidates_is_plain(word) || strncmp(word, c->typed, strlen(c->typed)) != 0)
                return;
        (void) fputs(word, stdout);
        if (text && text[0]) {
                (void) putchar('\t');
                output_text(OUTPUT_PLAIN, text);
        }
        (void) putchar('\n');
}

/* Asks for @body, shortly; false: no answer, and nothing is said about it. */
static bool candidates_ask(const Candidates *c, Dpucc__Wire__Request__BodyCase body, Exchange *x) {
        Options options = *c->options;

        options.no_daemon = false;
        if (options.timeout_ms < 0 || options.timeout_ms > CANDIDATES_PATIENCE_MS)
                options.timeout_ms = CANDIDATES_PATIENCE_MS;
        x->request.body_case = body;
        return exchange_run(x, &options) == CODE_DONE && x->reply;
}

static bool candidates_ask_status(const Candidates *c, Exchange *x) {
        static Dpucc__Wire__StatusRequest request = DPUCC__WIRE__STATUS_REQUEST__INIT;
        bool answered;

        x->request.status = &request;
        answered = candidates_ask(c, DPUCC__WIRE__REQUEST__BODY_STATUS, x);
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY__NOT_SET;
        return answered && x->reply->body_case == DPUCC__WIRE__REPLY__BODY_STATUS;
}

void candidates_units(const Candidates *c) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;

        if (!candidates_ask_status(c, &x))
                return;
        for (size_t i = 0; i < x.reply->status->n_units; i++) {
                const Dpucc__Wire__Unit *unit = x.reply->status->units[i];

                if (unit->target)
                        candidates_add(c, unit->name, describe_state(unit->state));
        }
}

static void candidates_key(const Candidates *c, const Dpucc__Wire__Artifact *artifact) {
        char text[256], key[64];

        /* as many digits as `list` shows, unless more are typed */
        (void) snprintf(key, sizeof(key), "%.*s",
                        strlen(c->typed) < CANDIDATES_KEY_DIGITS ? CANDIDATES_KEY_DIGITS : 63,
                        artifact->key);
        (void) snprintf(text, sizeof(text), "%s@%s", artifact->net_name ?: "",
                        artifact->target ?: "");
        candidates_add(c, key, text);
}

void candidates_keys(const Candidates *c) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__ListRequest request = DPUCC__WIRE__LIST_REQUEST__INIT;
        bool answered;

        if (!c->typed[0] || c->typed[strspn(c->typed, "0123456789abcdef")])
                return;
        x.request.list = &request;
        answered = candidates_ask(c, DPUCC__WIRE__REQUEST__BODY_LIST, &x);
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY__NOT_SET;
        if (!answered || x.reply->body_case != DPUCC__WIRE__REPLY__BODY_LIST)
                return;
        for (size_t i = 0; i < x.reply->list->n_artifacts; i++)
                candidates_key(c, x.reply->list->artifacts[i]);
}

/* once each, without memory for more as many as there are */
static void candidates_once(const Candidates *c, Strings *said, const char *word) {
        if (!word || strings_contain(said, word) || strings_add(said, word) < 0)
                return;
        candidates_add(c, word, NULL);
}

void candidates_targets(const Candidates *c) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        _cleanup_(strings_cleanup) Strings said = {};

        if (!candidates_ask_status(c, &x))
                return;
        for (size_t i = 0; i < x.reply->status->n_units; i++)
                candidates_once(c, &said, x.reply->status->units[i]->target);
}

void candidates_toolchains(const Candidates *c) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        _cleanup_(strings_cleanup) Strings said = {};

        candidates_once(c, &said, "auto");
        candidates_once(c, &said, "dpucc");
        if (!candidates_ask_status(c, &x))
                return;
        for (size_t i = 0; i < x.reply->status->n_units; i++)
                candidates_once(c, &said, x.reply->status->units[i]->toolchain);
}

void candidates_roots(const Candidates *c) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;

        if (!candidates_ask_status(c, &x))
                return;
        for (size_t i = 0; i < x.reply->status->n_roots; i++) {
                const Dpucc__Wire__Root *root = x.reply->status->roots[i];
                _cleanup_(freep) char *path =
                        strndup((const char *) root->path.data, root->path.len);

                if (path)
                        candidates_add(c, path, root->state);
        }
}

void candidates_files(const char *suffix) {
        (void) printf(":files %s\n", suffix);
}

void candidates_directories(void) {
        (void) puts(":directories");
}
