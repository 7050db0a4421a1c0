#include "daemon/subject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cache/cache.h"
#include "cache/index.h"
#include "cache/names.h"
#include "cache/survey.h"
#include "daemon/engine.h"
#include "daemon/field.h"
#include "daemon/work.h"
#include "xmodel/target.h"

/*
 * What the pool thread finds are candidates, newest first: which of them is meant depends on what
 * lies beside their sources, and only the loop may ask the engine that. A unit is looked for before
 * and after: what is watched needs no index, and meanwhile it may have come to be watched.
 */

typedef struct Search {
        Work work;
        Engine *engine;
        SubjectFn done;
        void *userdata;
        char *text, *path; /* path NULL: none */
        bool is_unit;

        int key_result; /* of cache_find() */
        Digest key;
        Record **named; /* called NET, if the text is NET@TARGET */
        size_t n_named, named_capacity;
        Record *of_source;
} Search;

static Search *search_free(Search *search) {
        for (size_t i = 0; i < search->n_named; i++)
                (void) record_free(search->named[i]);
        free(search->named);
        (void) record_free(search->of_source);
        free(search->text);
        free(search->path);
        free(search);
        return NULL;
}

void subject_deinit(Subject *subject) {
        subject->record = record_free(subject->record);
}

/* ---- what a record is for ----------------------------------------------------------------- */

static char *subject_string(Slice slice) {
        return slice.size > 0 ? strndup((const char *) slice.data, slice.size) : NULL;
}

static Slice subject_key_field(const Record *record, const char *tag) {
        for (size_t i = 0; i < record->n_transcript; i++)
                if (strcmp(record->transcript[i].tag, tag) == 0)
                        return record->transcript[i].value;
        return (Slice){};
}

static int subject_keyed_target(const Record *record, Target *ret) {
        static const char *const tags[] = { "target.fingerprint", "target.name" };

        for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
                _cleanup_(freep) char *text = subject_string(subject_key_field(record, tags[i]));

                if (text && target_parse(text, ret, NULL) == 0)
                        return 0;
        }
        return -ENOENT;
}

/* The target by the name that its arch file gives it, else by the short one of what is in the
 * key. */
char *subject_target(const Record *record) {
        char *name = subject_string(record_provenance(record, "target"));
        char short_name[FINGERPRINT_NAME_MAX];
        Target target;

        if (name || subject_keyed_target(record, &target) < 0)
                return name;
        target_short_name(&target, short_name);
        return strdup(short_name);
}

/* ---- NET@TARGET --------------------------------------------------------------------------- */

/* NET@TARGET, of something that is no unit */
typedef struct Name {
        Engine *engine;
        Slice net_name;
        const char *target;
        Slice but; /* not of this source; empty: of any */
} Name;

/* Is @name what the record's target is called, in general or by what lies beside its source? */
static bool subject_is_for(Engine *engine, const Record *record, const char *name) {
        _cleanup_(freep) char *source = subject_string(record_provenance(record, "source"));
        _cleanup_(freep) char *called = subject_target(record);
        char short_name[FINGERPRINT_NAME_MAX] = "";
        Target keyed, near;

        if (called && strcmp(called, name) == 0)
                return true;
        if (subject_keyed_target(record, &keyed) < 0)
                return false;
        target_short_name(&keyed, short_name);
        return strcmp(short_name, name) == 0 ||
               (source && engine_find_target(engine, source, name, &near) == 0 &&
                target_equal(&near, &keyed));
}

static bool subject_is_named(const Record *record, const Name *name) {
        Slice source = record_provenance(record, "source");
        _cleanup_(freep) char *path = subject_string(source);

        if (!slice_equal(record_provenance(record, "net_name"), name->net_name) || !path)
                return false;
        /* one that is gone is no rival */
        if (name->but.size > 0 && (slice_equal(source, name->but) || access(path, F_OK) < 0))
                return false;
        return subject_is_for(name->engine, record, name->target);
}

static int subject_is_ambiguous(const char *text, Slice source, Slice other, Problem *problem) {
        return problem_set(problem, -ENOTUNIQ,
                           "%s may be what was made of %.*s, or of %.*s: name one of them, or a "
                           "key ('dpucc-client list')",
                           text, (int) source.size, (const char *) source.data, (int) other.size,
                           (const char *) other.data);
}

/* The newest that fits. Borrowed from the search; its place is in *ret_at. */
static Record *subject_first_named(const Search *search, const Name *name, size_t *ret_at) {
        for (size_t i = 0; i < search->n_named; i++) {
                if (!subject_is_named(search->named[i], name))
                        continue;
                *ret_at = i;
                return search->named[i];
        }
        return NULL;
}

/* -ENOENT: nothing in the cache is called so, and @problem stays as it is. */
static int subject_find_named(Search *search, Subject *ret, Problem *problem) {
        const char *at = strrchr(search->text, '@');
        Name name = { .engine = search->engine };
        const Record *record, *other;
        size_t place = 0, rival = 0;

        if (!at)
                return -ENOENT;
        name.net_name = slice_of(search->text, (size_t) (at - search->text));
        name.target = at + 1;
        record = subject_first_named(search, &name, &place);
        if (!record)
                return -ENOENT;
        name.but = record_provenance(record, "source");
        other = subject_first_named(search, &name, &rival);
        if (other)
                return subject_is_ambiguous(search->text, name.but,
                                            record_provenance(other, "source"), problem);
        ret->record = TAKE_PTR(search->named[place]);
        return 0;
}

/* ---- on the pool -------------------------------------------------------------------------- */

static int search_add_key(const IndexEntry *entry, void *userdata) {
        return names_add(userdata, &entry->key);
}

/* Records of which the index knows and that are gone are left out. */
static int search_load_named(Search *search, const Names *keys) {
        Cache *cache = engine_cache(search->engine);
        int r;

        r = array_reserve(&search->named, &search->named_capacity, keys->n + 1,
                          sizeof(*search->named));
        for (size_t i = 0; i < keys->n && r == 0; i++)
                if (cache_load(cache, &keys->items[i], &search->named[search->n_named]) == 0)
                        search->n_named++;
        return r;
}

static int search_index(Search *search, Cache *cache) {
        Index *index = cache_index(cache);
        const char *at = strrchr(search->text, '@');
        _cleanup_(names_cleanup) Names named = {}, of_source = {};
        int r;

        r = survey_complete(cache_directory(cache), index);
        if (r == 0 && at)
                r = index_each_named(index, slice_of(search->text, (size_t) (at - search->text)),
                                     SUBJECT_CANDIDATES_MAX, search_add_key, &named);
        if (r == 0)
                r = search_load_named(search, &named);
        if (r == 0 && search->path)
                r = index_each_of_source(index, search->path, 1, search_add_key, &of_source);
        if (r == 0 && of_source.n > 0)
                (void) cache_load(cache, &of_source.items[0], &search->of_source);
        return r;
}

static int search_work(Work *work) {
        Search *search = container_of(work, Search, work);
        Cache *cache = engine_cache(search->engine);

        if (search->is_unit)
                return 0;
        search->key_result = cache_find(cache, search->text, &search->key);
        if (search->key_result == 0 || search->key_result == CACHE_AMBIGUOUS ||
            cache_mode(cache) == CACHE_OFF)
                return 0;
        return search_index(search, cache);
}

/* ---- on the loop -------------------------------------------------------------------------- */

static int subject_load(Engine *engine, const Digest *key, Subject *ret) {
        int r = cache_load(engine_cache(engine), key, &ret->record);

        return r == CACHE_MISS ? 0 : r;
}

/* What is no unit, because it lies outside the workspaces or because there are none: a key, a name,
 * a file that was delivered there, or the source of something in the cache. @problem is what the
 * engine said of units. */
static int search_choose(Search *search, Subject *ret, Problem *problem) {
        Digest key;
        int r;

        if (search->key_result == 0)
                r = subject_load(search->engine, &search->key, ret);
        else if (search->key_result == CACHE_AMBIGUOUS)
                return problem_set(problem, -ENOTUNIQ, "%s: several keys begin so", search->text);
        else
                r = subject_find_named(search, ret, problem);
        if (r == -ENOENT && search->path) {
                if (engine_delivered_key(search->engine, search->path, &key) == 0)
                        (void) subject_load(search->engine, &key, ret);
                else
                        ret->record = TAKE_PTR(search->of_source);
        }
        if (r < 0 && r != -ENOENT)
                return r;
        return ret->record ? 0 : -ENOENT;
}

static int search_unit(const Search *search, Subject *ret, Problem *problem) {
        return engine_find_unit(search->engine, search->text, search->path, &ret->unit, problem);
}

static void search_on_done(Work *work, int r) {
        Search *search = container_of(work, Search, work);
        Subject subject = {};
        Problem problem = {};
        int found;

        found = search_unit(search, &subject, &problem);
        if (found == 0) {
                subject.has_unit = true;
                r = subject.unit.key ? subject_load(search->engine, subject.unit.key, &subject) : 0;
        } else if (found == -ENOENT && r == 0) {
                r = search_choose(search, &subject, &problem);
        } else if (found != -ENOENT) {
                r = found;
        } else {
                (void) problem_set(&problem, r, "the index of the cache cannot be read: %s",
                                   strerror(-r));
        }
        search->done(r, &subject, &problem, search->userdata);
        subject_deinit(&subject);
        (void) search_free(search);
}

int subject_find(Engine *engine, const Dpucc__Wire__Selector *selector, SubjectFn done,
                 void *userdata, Problem *problem) {
        Search *search = calloc(1, sizeof(*search));
        Problem unheard;
        Subject unit;
        int r;

        if (!search)
                return -ENOMEM;
        search->engine = engine;
        search->done = done;
        search->userdata = userdata;
        search->key_result = CACHE_MISS;
        r = field_selector(selector, &search->text, &search->path, problem);
        if (r == 0) {
                search->is_unit = search_unit(search, &unit, &unheard) != -ENOENT;
                r = work_start_first(engine_pool(engine), &search->work, WORK_QUICK, search_work,
                                     search_on_done);
        }
        if (r < 0)
                (void) search_free(search);
        return r;
}
