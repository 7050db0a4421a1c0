#include "daemon/inquiry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "cache/cache.h"
#include "cache/key.h"
#include "daemon/artifact.h"
#include "daemon/call.h"
#include "daemon/engine.h"
#include "daemon/field.h"
#include "daemon/message.h"
#include "xmodel/target.h"

#define INQUIRY_REPORT_MAX (8 * 1024 * 1024)
#define INQUIRY_FILES_MAX  32

typedef Dpucc__Wire__Artifact Artifact;
typedef Dpucc__Wire__Reply Reply;

static char *inquiry_string(Slice slice) {
        return slice.size > 0 ? strndup((const char *) slice.data, slice.size) : NULL;
}

static Slice inquiry_key_field(const Record *record, const char *tag) {
        for (size_t i = 0; i < record->n_transcript; i++)
                if (strcmp(record->transcript[i].tag, tag) == 0)
                        return record->transcript[i].value;
        return (Slice){};
}

static int inquiry_keyed_target(const Record *record, Target *ret) {
        static const char *const tags[] = { "target.fingerprint", "target.name" };

        for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
                _cleanup_(freep) char *text = inquiry_string(inquiry_key_field(record, tags[i]));

                if (text && target_parse(text, ret, NULL) == 0)
                        return 0;
        }
        return -ENOENT;
}

/* The target by the name that its arch file gives it, else by the short one of what is in the
 * key. */
static char *inquiry_target(const Record *record) {
        char *name = inquiry_string(record_provenance(record, "target"));
        char short_name[FINGERPRINT_NAME_MAX];
        Target target;

        if (name || inquiry_keyed_target(record, &target) < 0)
                return name;
        target_short_name(&target, short_name);
        return strdup(short_name);
}

/* ---- what is asked about ------------------------------------------------------------------ */

typedef struct Subject {
        bool has_unit;
        UnitView unit;  /* borrowed from the engine */
        Record *record; /* NULL: nothing is stored under its key */
} Subject;

static void subject_deinit(Subject *subject) {
        subject->record = record_free(subject->record);
}

static int inquiry_load(Engine *engine, const Digest *key, Subject *ret) {
        int r = cache_load(engine_cache(engine), key, &ret->record);

        return r == CACHE_MISS ? 0 : r;
}

/* -ENOENT, with the problem that the engine set, if it is no key either */
static int inquiry_find_key(Engine *engine, const char *text, Subject *ret, Problem *problem) {
        Digest key;
        int r;

        r = cache_find(engine_cache(engine), text, &key);
        if (r == CACHE_AMBIGUOUS)
                return problem_set(problem, -ENOTUNIQ, "%s: several keys begin so", text);
        if (r == -EINVAL || r == CACHE_MISS)
                return -ENOENT;
        return r < 0 ? r : inquiry_load(engine, &key, ret);
}

/* the newest record that fits, of the first ones there are */
typedef struct Newest {
        Cache *cache;
        bool (*fits)(const Record *record, const void *userdata);
        const void *userdata;
        Record *best;
        size_t n_seen;
} Newest;

static int inquiry_try_newest(const Digest *key, void *userdata) {
        _cleanup_(record_freep) Record *record = NULL;
        Newest *newest = userdata;

        if (newest->n_seen++ >= INQUIRY_RECORDS_MAX)
                return 1; /* enough */
        if (cache_load(newest->cache, key, &record) != 0 ||
            !newest->fits(record, newest->userdata) ||
            (newest->best && record->created_ns <= newest->best->created_ns))
                return 0;
        record_free(newest->best);
        newest->best = TAKE_PTR(record);
        return 0;
}

/* The caller frees it. NULL: there is none. */
static Record *inquiry_newest(Engine *engine, bool (*fits)(const Record *, const void *),
                              const void *userdata) {
        Newest newest = { .cache = engine_cache(engine), .fits = fits, .userdata = userdata };

        (void) cache_each(newest.cache, SIZE_MAX, inquiry_try_newest, &newest);
        return newest.best;
}

static bool inquiry_is_of_source(const Record *record, const void *userdata) {
        return slice_is(record_provenance(record, "source"), userdata);
}

/* What is no unit, because it lies outside the workspaces or because there are none: a file that
 * was delivered there, or the source of something in the cache. */
static int inquiry_find_file(Engine *engine, const char *path, Subject *ret) {
        Digest key;

        if (engine_delivered_key(engine, path, &key) == 0)
                return inquiry_load(engine, &key, ret);
        ret->record = inquiry_newest(engine, inquiry_is_of_source, path);
        return 0;
}

/* NET@TARGET, of something that is no unit */
typedef struct Name {
        Engine *engine;
        Slice net_name;
        const char *target;
        Slice but; /* not of this source; empty: of any */
} Name;

/* Is @name what the record's target is called, in general or by what lies beside its source? */
static bool inquiry_is_for(Engine *engine, const Record *record, const char *name) {
        _cleanup_(freep) char *source = inquiry_string(record_provenance(record, "source"));
        _cleanup_(freep) char *called = inquiry_target(record);
        char short_name[FINGERPRINT_NAME_MAX] = "";
        Target keyed, near;

        if (called && strcmp(called, name) == 0)
                return true;
        if (inquiry_keyed_target(record, &keyed) < 0)
                return false;
        target_short_name(&keyed, short_name);
        return strcmp(short_name, name) == 0 ||
               (source && engine_find_target(engine, source, name, &near) == 0 &&
                target_equal(&near, &keyed));
}

static bool inquiry_is_named(const Record *record, const void *userdata) {
        Slice source = record_provenance(record, "source");
        _cleanup_(freep) char *path = inquiry_string(source);
        const Name *name = userdata;

        if (!slice_equal(record_provenance(record, "net_name"), name->net_name) || !path)
                return false;
        /* one that is gone is no rival */
        if (name->but.size > 0 && (slice_equal(source, name->but) || access(path, F_OK) < 0))
                return false;
        return inquiry_is_for(name->engine, record, name->target);
}

static int inquiry_is_ambiguous(const char *text, Slice source, Slice other, Problem *problem) {
        return problem_set(problem, -ENOTUNIQ,
                           "%s may be what was made of %.*s, or of %.*s: name one of them, or a "
                           "key ('dpucc-client list')",
                           text, (int) source.size, (const char *) source.data, (int) other.size,
                           (const char *) other.data);
}

/* -ENOENT: nothing in the cache is called so, and @problem stays as it is. */
static int inquiry_find_named(Engine *engine, const char *text, Subject *ret, Problem *problem) {
        _cleanup_(record_freep) Record *record = NULL, *other = NULL;
        const char *at = strrchr(text, '@');
        Name name = { .engine = engine };

        if (!at)
                return -ENOENT;
        name.net_name = slice_of(text, (size_t) (at - text));
        name.target = at + 1;
        record = inquiry_newest(engine, inquiry_is_named, &name);
        if (!record)
                return -ENOENT;
        name.but = record_provenance(record, "source");
        other = inquiry_newest(engine, inquiry_is_named, &name);
        if (other)
                return inquiry_is_ambiguous(text, name.but, record_provenance(other, "source"),
                                            problem);
        ret->record = TAKE_PTR(record);
        return 0;
}

static int inquiry_find(Engine *engine, const Dpucc__Wire__Selector *selector, Subject *ret,
                        Problem *problem) {
        _cleanup_(freep) char *text = NULL, *path = NULL;
        int r;

        r = field_selector(selector, &text, &path, problem);
        if (r < 0)
                return r;

        r = engine_find_unit(engine, text, path, &ret->unit, problem);
        if (r == -ENOENT) {
                r = inquiry_find_key(engine, text, ret, problem);
                if (r == -ENOENT)
                        r = inquiry_find_named(engine, text, ret, problem);
                if (r == -ENOENT && path)
                        (void) inquiry_find_file(engine, path, ret);
                return ret->record ? 0 : r;
        }
        if (r < 0)
                return r;
        ret->has_unit = true;
        return ret->unit.key ? inquiry_load(engine, ret->unit.key, ret) : 0;
}

/* Like inquiry_find(), for what only a record can answer; ends the call if there is none. */
static bool inquiry_find_record(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector,
                                Subject *ret) {
        Problem problem = {};
        int r;

        r = inquiry_find(engine, selector, ret, &problem);
        if (r == 0 && !ret->record)
                r = problem_set(&problem, -ENOENT, "%s%s%s is not compiled yet%s%s",
                                ret->unit.net_name, ret->unit.target ? "@" : "",
                                ret->unit.target ?: "", ret->unit.detail ? ": " : "",
                                ret->unit.detail ?: "");
        if (r < 0)
                call_fail(call, r, &problem);
        return r == 0;
}

/* ---- records as messages ------------------------------------------------------------------ */

/* the strings behind an Artifact */
typedef struct ArtifactMessage {
        Artifact artifact;
        char key[DIGEST_HEX];
        char *net_name;
        char *target;
        char *toolchain;
        char *source_path;
        char *adopted_path;
        char *compiler;
} ArtifactMessage;

static void artifact_message_deinit(ArtifactMessage *m) {
        free(m->net_name);
        free(m->target);
        free(m->toolchain);
        free(m->source_path);
        free(m->adopted_path);
        free(m->compiler);
}

/* What cannot be copied for want of memory is left out: it is for people. */
static void inquiry_fill_artifact(const Record *record, ArtifactMessage *ret) {
        const RecordObject *xmodel = record_object(record, RECORD_ROLE_XMODEL);
        Artifact *a = &ret->artifact;

        dpucc__wire__artifact__init(a);
        digest_to_hex(&record->key, ret->key);
        a->key = ret->key;
        a->net_name = ret->net_name = inquiry_string(record_provenance(record, "net_name"));
        a->target = ret->target = inquiry_target(record);
        a->toolchain = ret->toolchain = strdup(record->toolchain);
        a->has_size = xmodel != NULL;
        a->size = xmodel ? xmodel->size : 0;
        a->has_created_s = true;
        a->created_s = record->created_ns / 1000000000;
        a->has_build_ms = true;
        a->build_ms = record->build_ms;
        a->has_failed = a->has_no_dpu_code = true;
        a->failed = record->kind == RECORD_FAILURE;
        a->no_dpu_code = record->facts.no_dpu_code;
        ret->source_path = inquiry_string(record_provenance(record, "source"));
        a->has_source_path = ret->source_path != NULL;
        a->source_path = message_bytes(ret->source_path);
        ret->adopted_path = inquiry_string(record_provenance(record, ARTIFACT_ADOPTED_TAG));
        a->has_adopted_path = ret->adopted_path != NULL;
        a->adopted_path = message_bytes(ret->adopted_path);
        a->compiler = ret->compiler = inquiry_string(record_provenance(record, "compiler"));
}

/* The content of one of the record's objects, empty if there is none or it cannot be had. */
static void inquiry_read(Engine *engine, const Record *record, RecordRole role, Bytes *ret) {
        const RecordObject *object = record_object(record, role);
        _cleanup_(closep) int fd = -1;

        if (object && object->size <= ret->max &&
            cache_open_object(engine_cache(engine), object, &fd) == 0)
                (void) file_read_fd(fd, ret);
}

/* ---- list --------------------------------------------------------------------------------- */

typedef struct Listing {
        Cache *cache;
        ArtifactMessage **messages;
        size_t n, capacity;
        size_t n_seen;
} Listing;

static void listing_deinit(Listing *listing) {
        for (size_t i = 0; i < listing->n; i++) {
                artifact_message_deinit(listing->messages[i]);
                free(listing->messages[i]);
        }
        free(listing->messages);
}

static int listing_add(const Digest *key, void *userdata) {
        _cleanup_(record_freep) Record *record = NULL;
        Listing *listing = userdata;
        ArtifactMessage *message;
        int r;

        if (listing->n_seen++ >= INQUIRY_RECORDS_MAX || cache_load(listing->cache, key, &record))
                return 0;
        r = array_reserve(&listing->messages, &listing->capacity, listing->n + 1,
                          sizeof(*listing->messages));
        if (r < 0)
                return r;
        message = calloc(1, sizeof(*message));
        if (!message)
                return -ENOMEM;
        inquiry_fill_artifact(record, message);
        listing->messages[listing->n++] = message;
        return 0;
}

static int listing_compare(const void *a, const void *b) {
        const Artifact *x = &(*(ArtifactMessage *const *) a)->artifact;
        const Artifact *y = &(*(ArtifactMessage *const *) b)->artifact;

        if (x->created_s != y->created_s)
                return x->created_s < y->created_s ? 1 : -1; /* the newest first */
        return strcmp(x->key, y->key);
}

static void listing_end(Listing *listing, Call *call, size_t limit) {
        Dpucc__Wire__ArtifactList list = DPUCC__WIRE__ARTIFACT_LIST__INIT;
        Artifact *artifacts[INQUIRY_RECORDS_MAX];
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        size_t n = listing->n < limit ? listing->n : limit;

        if (listing->n > 0)
                qsort(listing->messages, listing->n, sizeof(*listing->messages), listing_compare);
        for (size_t i = 0; i < n; i++)
                artifacts[i] = &listing->messages[i]->artifact;
        list.artifacts = artifacts;
        list.n_artifacts = n;
        list.has_n_left_out = true;
        list.n_left_out = (uint32_t) (listing->n_seen - n);
        reply.body_case = DPUCC__WIRE__REPLY__BODY_LIST;
        reply.list = &list;
        call_end(call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}

void inquiry_list(Engine *engine, Call *call, const Dpucc__Wire__ListRequest *request) {
        _cleanup_(listing_deinit) Listing listing = { .cache = engine_cache(engine) };
        Problem problem = {};
        int r;

        r = cache_each(listing.cache, SIZE_MAX, listing_add, &listing);
        if (r < 0)
                call_fail(call, r, &problem);
        else
                listing_end(&listing, call, request->has_limit ? request->limit : SIZE_MAX);
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
                inquiry_fill_artifact(subject->record, &artifact);
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

void inquiry_show(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector) {
        Dpucc__Wire__ShowReply show = DPUCC__WIRE__SHOW_REPLY__INIT;
        _cleanup_(unit_message_deinit) UnitMessage unit = {};
        _cleanup_(subject_deinit) Subject subject = {};
        _cleanup_(files_deinit) Files files = {};
        Problem problem = {};
        int r;

        r = inquiry_find(engine, selector, &subject, &problem);
        if (r == 0 && subject.has_unit)
                r = message_from_unit(&subject.unit, &unit);
        if (r < 0) {
                call_fail(call, r, &problem);
                return;
        }

        if (subject.has_unit) {
                show.unit = &unit.unit;
                inquiry_list_files(subject.unit.artifact_path, &files);
                qsort(files.paths, files.n, sizeof(files.paths[0]), files_compare);
                show.paths = files.paths;
                show.n_paths = files.n;
        }
        inquiry_end_show(engine, call, &subject, &show);
}

/* ---- log ---------------------------------------------------------------------------------- */

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

void inquiry_log(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector) {
        _cleanup_(bytes_cleanup) Bytes log = BYTES_INIT(2 * CALL_LOG_MAX);
        _cleanup_(subject_deinit) Subject subject = {};
        int r;

        if (!inquiry_find_record(engine, call, selector, &subject))
                return;
        r = inquiry_render_log(engine, &subject, &log);
        if (r < 0) {
                Problem problem = {};

                (void) problem_set(&problem, r, "the log cannot be read any more: %s",
                                   strerror(-r));
                call_fail(call, r, &problem);
                return;
        }
        call_send_log(call, bytes_slice(&log));
        call_end_with(call, DPUCC__WIRE__OUTCOME__DONE, NULL);
}

/* ---- why ---------------------------------------------------------------------------------- */

typedef struct Fields {
        Dpucc__Wire__KeyField *fields;
        Dpucc__Wire__KeyField **pointers;
        size_t n;
} Fields;

static void fields_deinit(Fields *fields) {
        for (size_t i = 0; i < fields->n; i++)
                free(fields->fields[i].value);
        free(fields->fields);
        free(fields->pointers);
}

/* values are text, but a damaged record must not break the wire's strings */
static char *inquiry_value(Slice value) {
        char *text = malloc(4 * value.size + 1);

        if (text)
                (void) utf8_escape((const char *) value.data, value.size, text, 4 * value.size + 1);
        return text;
}

static int inquiry_fill_fields(const Record *record, Fields *ret) {
        size_t n = record->n_transcript;

        ret->fields = calloc(n + 1, sizeof(*ret->fields));
        ret->pointers = calloc(n + 1, sizeof(Dpucc__Wire__KeyField *));
        if (!ret->fields || !ret->pointers)
                return -ENOMEM;
        for (ret->n = 0; ret->n < n; ret->n++) {
                Dpucc__Wire__KeyField *field = &ret->fields[ret->n];

                dpucc__wire__key_field__init(field);
                field->tag = (char *) record->transcript[ret->n].tag;
                field->value = inquiry_value(record->transcript[ret->n].value);
                if (!field->value)
                        return -ENOMEM;
                ret->pointers[ret->n] = field;
        }
        return 0;
}

static bool inquiry_is_predecessor(const Record *candidate, const void *userdata) {
        static const char *const same[] = { "source", "target", "net_name" };
        const Record *record = userdata;

        for (size_t i = 0; i < ARRAY_SIZE(same); i++)
                if (!slice_equal(record_provenance(candidate, same[i]),
                                 record_provenance(record, same[i])))
                        return false;
        return candidate->created_ns < record->created_ns;
}

static int inquiry_explain_field(const KeyField *old, const KeyField *new, void *userdata) {
        const char *tag = old ? old->tag : new->tag;
        Bytes *text = userdata;

        return bytes_printf(text, "%s%s %s", text->size > 0 ? ", " : "", tag,
                            !old   ? "is new"
                            : !new ? "is gone"
                                   : "changed");
}

/* a new string, or NULL: nothing can be said */
static char *inquiry_explain(Engine *engine, const Record *record) {
        Record *before = inquiry_newest(engine, inquiry_is_predecessor, record);
        Bytes fields = BYTES_INIT(4096), text = BYTES_INIT(8192);
        char *explanation = NULL;

        if (before &&
            key_diff(before->transcript, before->n_transcript, record->transcript,
                     record->n_transcript, inquiry_explain_field, &fields) == 0 &&
            bytes_printf(&text, "compiled because since the last compile of this source: %.*s",
                         (int) fields.size, (const char *) fields.data) == 0)
                explanation = bytes_take_string(&text);
        record_free(before);
        bytes_deinit(&fields);
        bytes_deinit(&text);
        return explanation;
}

void inquiry_why(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector) {
        Dpucc__Wire__WhyReply why = DPUCC__WIRE__WHY_REPLY__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        _cleanup_(subject_deinit) Subject subject = {};
        _cleanup_(fields_deinit) Fields fields = {};
        _cleanup_(freep) char *explanation = NULL;
        char key[DIGEST_HEX];
        Problem problem = {};

        if (!inquiry_find_record(engine, call, selector, &subject))
                return;
        if (inquiry_fill_fields(subject.record, &fields) < 0) {
                call_fail(call, -ENOMEM, &problem);
                return;
        }

        explanation = inquiry_explain(engine, subject.record);
        digest_to_hex(&subject.record->key, key);
        why.key = key;
        why.fields = fields.pointers;
        why.n_fields = fields.n;
        why.explanation = explanation;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_WHY;
        reply.why = &why;
        call_end(call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}
