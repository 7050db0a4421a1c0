#include "daemon/explanation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "cache/cache.h"
#include "cache/index.h"
#include "cache/names.h"
#include "cache/survey.h"
#include "daemon/call.h"
#include "daemon/engine.h"
#include "daemon/work.h"

typedef struct Explanation {
        Work work;
        Engine *engine;
        Call *call;
        Record *record;
        Record *earlier; /* NULL: there is none */
        size_t distance; /* fields that differ from it */
} Explanation;

static Explanation *explanation_free(Explanation *explanation) {
        (void) record_free(explanation->record);
        (void) record_free(explanation->earlier);
        free(explanation);
        return NULL;
}

/* ---- the nearest earlier one -------------------------------------------------------------- */

static bool explanation_is_earlier(const Record *candidate, const Record *record) {
        static const char *const same[] = { "source", "target", "net_name" };

        for (size_t i = 0; i < ARRAY_SIZE(same); i++)
                if (!slice_equal(record_provenance(candidate, same[i]),
                                 record_provenance(record, same[i])))
                        return false;
        return candidate->created_ns < record->created_ns;
}

static int explanation_count(const KeyField *old, const KeyField *new, void *userdata) {
        (void) old;
        (void) new;
        ++*(size_t *) userdata;
        return 0;
}

/* Newest first: of equally near ones the first stays. */
static void explanation_consider(Explanation *explanation, const Digest *key) {
        _cleanup_(record_freep) Record *candidate = NULL;
        const Record *record = explanation->record;
        size_t distance = 0;

        if (cache_load(engine_cache(explanation->engine), key, &candidate) != 0 ||
            !explanation_is_earlier(candidate, record))
                return;
        (void) key_diff(candidate->transcript, candidate->n_transcript, record->transcript,
                        record->n_transcript, explanation_count, &distance);
        if (explanation->earlier && distance >= explanation->distance)
                return;
        (void) record_free(explanation->earlier);
        explanation->earlier = TAKE_PTR(candidate);
        explanation->distance = distance;
}

static int explanation_add_key(const IndexEntry *entry, void *userdata) {
        return names_add(userdata, &entry->key);
}

static int explanation_work(Work *work) {
        Explanation *explanation = container_of(work, Explanation, work);
        Cache *cache = engine_cache(explanation->engine);
        Slice source = record_provenance(explanation->record, "source");
        _cleanup_(names_cleanup) Names keys = {};
        _cleanup_(freep) char *path = NULL;
        int r;

        if (source.size == 0 || cache_mode(cache) == CACHE_OFF)
                return 0;
        path = strndup((const char *) source.data, source.size);
        if (!path)
                return -ENOMEM;
        r = survey_complete(cache_directory(cache), cache_index(cache));
        if (r == 0)
                r = index_each_of_source(cache_index(cache), path, EXPLANATION_EARLIER_MAX,
                                         explanation_add_key, &keys);
        for (size_t i = 0; i < keys.n; i++)
                explanation_consider(explanation, &keys.items[i]);
        return r;
}

/* ---- the reply ------------------------------------------------------------------------------ */

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
static char *explanation_value(Slice value) {
        char *text = malloc(4 * value.size + 1);

        if (text)
                (void) utf8_escape((const char *) value.data, value.size, text, 4 * value.size + 1);
        return text;
}

static int explanation_fill_fields(const Record *record, Fields *ret) {
        size_t n = record->n_transcript;

        ret->fields = calloc(n + 1, sizeof(*ret->fields));
        ret->pointers = calloc(n + 1, sizeof(Dpucc__Wire__KeyField *));
        if (!ret->fields || !ret->pointers)
                return -ENOMEM;
        for (ret->n = 0; ret->n < n; ret->n++) {
                Dpucc__Wire__KeyField *field = &ret->fields[ret->n];

                dpucc__wire__key_field__init(field);
                field->tag = (char *) record->transcript[ret->n].tag;
                field->value = explanation_value(record->transcript[ret->n].value);
                if (!field->value)
                        return -ENOMEM;
                ret->pointers[ret->n] = field;
        }
        return 0;
}

/* what differs, as messages; they own old and new */
typedef struct Changes {
        Dpucc__Wire__KeyChange *changes;
        Dpucc__Wire__KeyChange **pointers;
        size_t n;
} Changes;

static void changes_deinit(Changes *changes) {
        for (size_t i = 0; i < changes->n; i++) {
                free(changes->changes[i].old);
                free(changes->changes[i].new_);
        }
        free(changes->changes);
        free(changes->pointers);
}

static int explanation_add_change(const KeyField *old, const KeyField *new, void *userdata) {
        Changes *changes = userdata;
        Dpucc__Wire__KeyChange *change = &changes->changes[changes->n];

        dpucc__wire__key_change__init(change);
        change->tag = (char *) (old ? old->tag : new->tag);
        change->old = old ? explanation_value(old->value) : NULL;
        change->new_ = new ? explanation_value(new->value) : NULL;
        changes->pointers[changes->n++] = change;
        return 0;
}

static int explanation_fill_changes(const Explanation *explanation, Changes *ret) {
        const Record *old = explanation->earlier, *new = explanation->record;

        ret->changes = calloc(explanation->distance + 1, sizeof(*ret->changes));
        ret->pointers = calloc(explanation->distance + 1, sizeof(Dpucc__Wire__KeyChange *));
        if (!ret->changes || !ret->pointers)
                return -ENOMEM;
        return key_diff(old->transcript, old->n_transcript, new->transcript, new->n_transcript,
                        explanation_add_change, ret);
}

/* one line, for people; NULL: nothing can be said */
static char *explanation_text(const Changes *changes) {
        Bytes text = BYTES_INIT(8192);
        char *line = NULL;
        int r;

        r = bytes_append_string(&text,
                                "compiled because since an earlier compile of this source: ");
        for (size_t i = 0; i < changes->n && r == 0; i++)
                r = bytes_printf(&text, "%s%s %s", i > 0 ? ", " : "", changes->changes[i].tag,
                                 !changes->changes[i].old    ? "is new"
                                 : !changes->changes[i].new_ ? "is gone"
                                                             : "changed");
        if (r == 0)
                line = bytes_take_string(&text);
        bytes_deinit(&text);
        return line;
}

static int explanation_reply(const Explanation *explanation) {
        Dpucc__Wire__WhyReply why = DPUCC__WIRE__WHY_REPLY__INIT;
        Dpucc__Wire__Reply reply = DPUCC__WIRE__REPLY__INIT;
        _cleanup_(changes_deinit) Changes changes = {};
        _cleanup_(fields_deinit) Fields fields = {};
        _cleanup_(freep) char *text = NULL;
        char key[DIGEST_HEX], earlier[DIGEST_HEX];
        int r;

        r = explanation_fill_fields(explanation->record, &fields);
        if (r == 0 && explanation->earlier)
                r = explanation_fill_changes(explanation, &changes);
        if (r < 0)
                return r;
        if (explanation->earlier) {
                digest_to_hex(&explanation->earlier->key, earlier);
                why.earlier_key = earlier;
                why.explanation = text = explanation_text(&changes);
        }
        digest_to_hex(&explanation->record->key, key);
        why.key = key;
        why.fields = fields.pointers;
        why.n_fields = fields.n;
        why.changes = changes.pointers;
        why.n_changes = changes.n;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_WHY;
        reply.why = &why;
        call_end(explanation->call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
        return 0;
}

/* An index that cannot be read leaves the key to be shown. */
static void explanation_on_done(Work *work, int r) {
        Explanation *explanation = container_of(work, Explanation, work);
        const Problem none = {};

        r = r == -ENOMEM ? r : explanation_reply(explanation);
        if (r < 0)
                call_fail(explanation->call, r, &none);
        (void) explanation_free(explanation);
}

void explanation_send(Engine *engine, Call *call, Record *record) {
        Explanation *explanation = calloc(1, sizeof(*explanation));
        const Problem none = {};
        int r;

        if (!explanation) {
                (void) record_free(record);
                call_fail(call, -ENOMEM, &none);
                return;
        }
        explanation->engine = engine;
        explanation->call = call;
        explanation->record = record;
        r = work_start_first(engine_pool(engine), &explanation->work, WORK_QUICK, explanation_work,
                             explanation_on_done);
        if (r < 0) {
                (void) explanation_free(explanation);
                call_fail(call, r, &none);
        }
}
