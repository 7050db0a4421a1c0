#include "daemon/inquiry.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/cache.h"
#include "cache/state.h"
#include "daemon/artifact.h"
#include "daemon/artifact_message.h"
#include "daemon/call.h"
#include "daemon/engine.h"
#include "daemon/explanation.h"
#include "daemon/message.h"
#include "daemon/subject.h"
#include "daemon/work.h"

#define INQUIRY_REPORT_MAX (8 * 1024 * 1024)
#define INQUIRY_FILES_MAX  32

typedef Dpucc__Wire__Reply Reply;
typedef Dpucc__Wire__Selector Selector;

/* who asks, while the subject is looked for */
typedef struct Inquiry {
        Engine *engine;
        Call *call;
        bool unpin;
        char prefix[DIGEST_HEX]; /* unpin: of a key, lower case; "": it is none */
} Inquiry;

/* Ends the call if it cannot even be looked for. */
static void inquiry_start(const Inquiry *from, const Selector *selector, SubjectFn answer) {
        Inquiry *inquiry = malloc(sizeof(*inquiry));
        Problem problem = {};
        int r = -ENOMEM;

        if (inquiry) {
                *inquiry = *from;
                r = subject_find(from->engine, selector, answer, inquiry, &problem);
        }
        if (r < 0) {
                free(inquiry);
                call_fail(from->call, r, &problem);
        }
}

/* Of a unit: nothing was made of it, or what was made is gone, perhaps for long. */
static int inquiry_explain_missing(const UnitView *unit, Problem *problem) {
        bool made = unit->key && (unit->state == UNIT_READY || unit->state == UNIT_OVER_LIMIT);
        const char *at = unit->target ? "@" : "", *target = unit->target ?: "";

        if (made)
                return problem_set(problem, -ENOENT,
                                   "the cache has nothing of %s%s%s any more: 'dpucc-client get "
                                   "%s' has it made again",
                                   unit->net_name, at, target, unit->source_path);
        return problem_set(problem, -ENOENT, "%s%s%s is not compiled yet%s%s", unit->net_name, at,
                           target, unit->detail ? ": " : "", unit->detail ?: "");
}

/* For what only a record can answer: 0, or the call was ended. */
static int inquiry_need_record(int r, const Subject *subject, const Problem *problem, Call *call) {
        Problem missing = *problem;

        if (r == 0 && !subject->record)
                r = inquiry_explain_missing(&subject->unit, &missing);
        if (r < 0)
                call_fail(call, r, &missing);
        return r;
}

/* The content of one of the record's objects, empty if there is none or it cannot be had. */
static void inquiry_read(Engine *engine, const Record *record, RecordRole role, Bytes *ret) {
        const RecordObject *object = record_object(record, role);
        _cleanup_(closep) int fd = -1;

        if (object && object->size <= ret->max &&
            cache_open_object(engine_cache(engine), object, &fd) == 0)
                (void) file_read_fd(fd, ret);
}

/* ---- show --------------------------------------------------------------------------------- */

typedef struct Files {
        ProtobufCBinaryData paths[INQUIRY_FILES_MAX];
        size_t n;
} Files;

static void files_deinit(Files *files) {
        for (size_t i = 0; i < files->n; i++)
                free(files->paths[i].data);
}

/* what lies beside the artifact, in its view */
static void inquiry_list_files(const char *artifact_path, Files *ret) {
        _cleanup_(freep) char *directory = artifact_path ? path_dirname(artifact_path) : NULL;
        _cleanup_(closedirp) DIR *dir = directory ? opendir(directory) : NULL;
        struct dirent *entry;

        while (dir && ret->n < INQUIRY_FILES_MAX && (entry = readdir(dir))) {
                char *path;

                if (entry->d_name[0] == '.')
                        continue;
                path = path_join(directory, entry->d_name);
                if (path)
                        ret->paths[ret->n++] = message_bytes(path);
        }
}

static int files_compare(const void *a, const void *b) {
        const ProtobufCBinaryData *x = a, *y = b;

        return slice_compare(slice_of(x->data, x->len), slice_of(y->data, y->len));
}

static void inquiry_end_show(Engine *engine, Call *call, const Subject *subject,
                             Dpucc__Wire__ShowReply *show) {
        _cleanup_(artifact_message_deinit) ArtifactMessage artifact = {};
        Bytes report = BYTES_INIT(INQUIRY_REPORT_MAX);
        _cleanup_(freep) char *report_text = NULL;
        Reply reply = DPUCC__WIRE__REPLY__INIT;

        if (subject->record) {
                artifact_message_fill(subject->record, &artifact);
                show->artifact = &artifact.artifact;
                inquiry_read(engine, subject->record, RECORD_ROLE_REPORT, &report);
                if (report.size > 0)
                        show->report_json = report_text = bytes_take_string(&report);
        }
        reply.body_case = DPUCC__WIRE__REPLY__BODY_SHOW;
        reply.show = show;
        call_end(call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
        bytes_deinit(&report);
}

static void inquiry_on_show(int r, Subject *subject, const Problem *problem, void *userdata) {
        Dpucc__Wire__ShowReply show = DPUCC__WIRE__SHOW_REPLY__INIT;
        _cleanup_(unit_message_deinit) UnitMessage unit = {};
        _cleanup_(freep) Inquiry *inquiry = userdata;
        _cleanup_(files_deinit) Files files = {};

        if (r == 0 && subject->has_unit)
                r = message_from_unit(&subject->unit, &unit);
        if (r < 0) {
                call_fail(inquiry->call, r, problem);
                return;
        }

        if (subject->has_unit) {
                show.unit = &unit.unit;
                inquiry_list_files(subject->unit.artifact_path, &files);
                qsort(files.paths, files.n, sizeof(files.paths[0]), files_compare);
                show.paths = files.paths;
                show.n_paths = files.n;
        }
        inquiry_end_show(inquiry->engine, inquiry->call, subject, &show);
}

void inquiry_show(Engine *engine, Call *call, const Selector *selector) {
        const Inquiry inquiry = { .engine = engine, .call = call };

        inquiry_start(&inquiry, selector, inquiry_on_show);
}

/* ---- log ---------------------------------------------------------------------------------- */

static char *inquiry_string(Slice slice) {
        return slice.size > 0 ? strndup((const char *) slice.data, slice.size) : NULL;
}

/* What the compiler printed, with the net's own name, and what was wrong in the end: that is not
 * always among what it printed. */
static int inquiry_render_log(Engine *engine, const Subject *subject, Bytes *ret) {
        const Record *record = subject->record;
        const RecordObject *object = record_object(record, RECORD_ROLE_LOG);
        _cleanup_(bytes_cleanup) Bytes raw = BYTES_INIT(CALL_LOG_MAX);
        _cleanup_(freep) char *stored = inquiry_string(record_provenance(record, "net_name"));
        const char *net_name = subject->has_unit ? subject->unit.net_name : stored;
        int r;

        inquiry_read(engine, record, RECORD_ROLE_LOG, &raw);
        if (raw.size == 0 && object && object->size > 0)
                return -ENOENT;
        if (raw.size == 0)
                r = bytes_append_string(ret, "the compiler printed nothing\n");
        else
                r = artifact_render(bytes_slice(&raw), net_name ?: ARTIFACT_NET_NAME, false, ret);
        if (r == 0 && record->failure)
                r = bytes_printf(ret, "dpuccd: %s\n", record->failure);
        return r;
}

static void inquiry_on_log(int r, Subject *subject, const Problem *problem, void *userdata) {
        _cleanup_(bytes_cleanup) Bytes log = BYTES_INIT(2 * CALL_LOG_MAX);
        _cleanup_(freep) Inquiry *inquiry = userdata;

        if (inquiry_need_record(r, subject, problem, inquiry->call) < 0)
                return;
        r = inquiry_render_log(inquiry->engine, subject, &log);
        if (r < 0) {
                Problem unreadable = {};

                (void) problem_set(&unreadable, r, "the log cannot be read any more: %s",
                                   strerror(-r));
                call_fail(inquiry->call, r, &unreadable);
                return;
        }
        call_send_log(inquiry->call, bytes_slice(&log));
        call_end_with(inquiry->call, DPUCC__WIRE__OUTCOME__DONE, NULL);
}

void inquiry_log(Engine *engine, Call *call, const Selector *selector) {
        const Inquiry inquiry = { .engine = engine, .call = call };

        inquiry_start(&inquiry, selector, inquiry_on_log);
}

/* ---- why ---------------------------------------------------------------------------------- */

static void inquiry_on_why(int r, Subject *subject, const Problem *problem, void *userdata) {
        _cleanup_(freep) Inquiry *inquiry = userdata;

        if (inquiry_need_record(r, subject, problem, inquiry->call) == 0)
                explanation_send(inquiry->engine, inquiry->call, TAKE_PTR(subject->record));
}

void inquiry_why(Engine *engine, Call *call, const Selector *selector) {
        const Inquiry inquiry = { .engine = engine, .call = call };

        inquiry_start(&inquiry, selector, inquiry_on_why);
}

/* ---- open --------------------------------------------------------------------------------- */

/* one file of an artifact that is opened: it may have to be verified, which takes its time */
typedef struct Opening {
        Work work;
        Call *call;
        Cache *cache;
        RecordObject object;
        char key[DIGEST_HEX];
        int fd;
} Opening;

static int opening_work(Work *work) {
        Opening *opening = container_of(work, Opening, work);

        return cache_open_object(opening->cache, &opening->object, &opening->fd);
}

static void opening_on_done(Work *work, int r) {
        _cleanup_(freep) Opening *opening = container_of(work, Opening, work);
        Dpucc__Wire__OpenReply open = DPUCC__WIRE__OPEN_REPLY__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        Problem problem = {};

        if (r == CACHE_MISS)
                r = problem_set(&problem, -ENOENT, "the file of %s is gone", opening->key);
        if (r < 0) {
                call_fail(opening->call, r, &problem);
                return;
        }
        open.key = opening->key;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_OPEN;
        reply.open = &open;
        call_end(opening->call, DPUCC__WIRE__OUTCOME__DONE, &reply, opening->fd);
}

static int opening_start(const Inquiry *inquiry, const Record *record, Problem *problem) {
        const RecordObject *object = record_object(record, RECORD_ROLE_XMODEL);
        char key[DIGEST_HEX];
        Opening *opening;
        int r;

        digest_to_hex(&record->key, key);
        if (!object)
                return problem_set(problem, -ENOENT, "the compile of %s failed: there is no file",
                                   key);
        opening = calloc(1, sizeof(*opening));
        if (!opening)
                return -ENOMEM;
        opening->call = inquiry->call;
        opening->cache = engine_cache(inquiry->engine);
        opening->object = *object;
        opening->fd = -1;
        memcpy(opening->key, key, sizeof(key));
        r = work_start_first(engine_pool(inquiry->engine), &opening->work, WORK_STORE, opening_work,
                             opening_on_done);
        if (r < 0)
                free(opening);
        return r;
}

static void inquiry_on_open(int r, Subject *subject, const Problem *problem, void *userdata) {
        _cleanup_(freep) Inquiry *inquiry = userdata;
        Problem failed = {};

        if (inquiry_need_record(r, subject, problem, inquiry->call) < 0)
                return;
        r = opening_start(inquiry, subject->record, &failed);
        if (r < 0)
                call_fail(inquiry->call, r, &failed);
}

void inquiry_open(Engine *engine, Call *call, const Selector *selector) {
        const Inquiry inquiry = { .engine = engine, .call = call };

        inquiry_start(&inquiry, selector, inquiry_on_open);
}

/* ---- pin, unpin --------------------------------------------------------------------------- */

typedef struct Pinning {
        Work work;
        Call *call;
        Cache *cache;
        State *state;
        Digest key;
        bool unpin;
        char prefix[DIGEST_HEX]; /* of the key, if that is all that is known: it has no record */
        unsigned n_found;
        Problem missing; /* what is said if there is no such pin */
} Pinning;

static int pinning_compare(const Digest *key, void *userdata) {
        Pinning *pinning = userdata;
        char hex[DIGEST_HEX];

        digest_to_hex(key, hex);
        if (strncmp(hex, pinning->prefix, strlen(pinning->prefix)) == 0) {
                pinning->key = *key;
                pinning->n_found++;
        }
        return 0;
}

/* A pin whose record is gone, for whatever reason, goes by its key. */
static int pinning_find(Pinning *pinning) {
        int r = state_each_pin(pinning->state, pinning_compare, pinning);

        if (r < 0 || pinning->n_found == 1)
                return r;
        if (pinning->n_found == 0)
                return -ENOENT;
        return problem_set(&pinning->missing, -ENOTUNIQ, "%s is the beginning of several pins",
                           pinning->prefix);
}

static int pinning_work(Work *work) {
        Pinning *pinning = container_of(work, Pinning, work);
        int r = pinning->prefix[0] ? pinning_find(pinning) : 0;

        if (r < 0)
                return r;
        return pinning->unpin ? state_unpin(pinning->state, &pinning->key)
                              : cache_pin(pinning->cache, &pinning->key);
}

static void pinning_on_done(Work *work, int r) {
        _cleanup_(freep) Pinning *pinning = container_of(work, Pinning, work);
        Dpucc__Wire__PinReply pin = DPUCC__WIRE__PIN_REPLY__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        char key[DIGEST_HEX];
        Problem problem = {};

        digest_to_hex(&pinning->key, key);
        if (r < 0 && pinning->prefix[0] && pinning->n_found != 1)
                problem = pinning->missing;
        else if (r == CACHE_MISS)
                r = problem_set(&problem, -ENOENT, "%s was evicted just now", key);
        else if (r == -ENOENT)
                (void) problem_set(&problem, r, "%s is not pinned", key);
        else if (r == -ENOSPC)
                (void) problem_set(&problem, r, "there are %d pins already; unpin some",
                                   STATE_PINS_MAX);
        if (r < 0) {
                call_fail(pinning->call, r, &problem);
                return;
        }
        pin.key = key;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_PIN;
        reply.pin = &pin;
        call_end(pinning->call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}

static void inquiry_on_pin(int r, Subject *subject, const Problem *problem, void *userdata) {
        _cleanup_(freep) Inquiry *inquiry = userdata;
        bool is_gone = r == -ENOENT && inquiry->prefix[0];
        Pinning *pinning;
        Problem none = {};

        if (!is_gone && inquiry_need_record(r, subject, problem, inquiry->call) < 0)
                return;
        pinning = calloc(1, sizeof(*pinning));
        r = pinning ? 0 : -ENOMEM;
        if (r == 0) {
                pinning->call = inquiry->call;
                pinning->cache = engine_cache(inquiry->engine);
                pinning->state = engine_state(inquiry->engine);
                pinning->unpin = inquiry->unpin;
                if (is_gone) {
                        memcpy(pinning->prefix, inquiry->prefix, sizeof(pinning->prefix));
                        pinning->missing = *problem;
                } else {
                        pinning->key = subject->record->key;
                }
                r = work_start_first(engine_pool(inquiry->engine), &pinning->work, WORK_STORE,
                                     pinning_work, pinning_on_done);
        }
        if (r < 0) {
                free(pinning);
                call_fail(inquiry->call, r, &none);
        }
}

/* "" if @text is no beginning of a key */
static void inquiry_take_prefix(const ProtobufCBinaryData *text, char ret[DIGEST_HEX]) {
        static const char digits[] = "0123456789abcdef";
        size_t n = 0;

        if (text->len < CACHE_PREFIX_MIN || text->len >= DIGEST_HEX)
                return;
        while (n < text->len && text->data[n] && strchr(digits, tolower(text->data[n]))) {
                ret[n] = (char) tolower(text->data[n]);
                n++;
        }
        ret[n == text->len ? n : 0] = '\0';
}

void inquiry_pin(Engine *engine, Call *call, const Dpucc__Wire__PinRequest *request) {
        Inquiry inquiry = { .engine = engine,
                            .call = call,
                            .unpin = request->has_unpin && request->unpin };

        if (inquiry.unpin)
                inquiry_take_prefix(&request->selector->text, inquiry.prefix);

        inquiry_start(&inquiry, request->selector, inquiry_on_pin);
}
