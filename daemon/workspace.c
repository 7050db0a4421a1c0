#include "daemon/workspace.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/path.h"
#include "base/strings.h"
#include "cache/memo.h"
#include "daemon/core.h"
#include "daemon/unit.h"
#include "xmodel/filename.h"

/* where a source is found by its path */
typedef struct Entry {
        Source *source;
        const char *path; /* the source's own */
        bool watched;     /* the watcher told of it, and will tell that it is gone */
        bool stray;       /* in the list of strays */
        TAILQ_ENTRY(Entry) link;
        UT_hash_handle hh;
} Entry;

struct Workspace {
        Core *core;
        Watch *watch;
        WatchRoot *watch_root;
        char *root;
        bool trusted;

        ArchFiles arch_files;
        Project *project;      /* in force; NULL: none */
        StatId project_id;     /* of the file as last read, good or bad */
        Digest project_digest; /* of what it held */
        bool project_racy;     /* project_id may miss a change (cache/memo.h) */
        bool project_known;    /* they are set */
        char *project_problem; /* NULL: the file is good, or there is none */

        Entry *sources;
        TAILQ_HEAD(, Entry) strays; /* of these, what only asks have told of */
        size_t n_strays;
        bool rescan;   /* the filter changed */
        bool unread;   /* the project or an arch file could not be read, and will be again */
        char *trouble; /* NULL, or why part of it is polled or left out */
        char *detail;  /* of the latest view */

        WorkspaceClosedFn closed; /* set: closing */
        void *userdata;
};

/* --- what the watcher shall report -------------------------------------------------------------- */

static bool workspace_names_arch(const Workspace *workspace, const char *name) {
        for (size_t i = 0; workspace->project && i < workspace->project->n_targets; i++)
                if (strcmp(path_basename(workspace->project->targets[i].arch_path), name) == 0)
                        return true;
        return false;
}

static bool workspace_wants(const char *name, void *userdata) {
        return path_ends_with(name, ".xmodel") || filename_is_arch(name) ||
               strcmp(name, PROJECT_FILE) == 0 || workspace_names_arch(userdata, name);
}

/* the cache inside of a workspace is none of its business */
static bool workspace_is_private(const Workspace *workspace, const char *relative) {
        const char *cache = path_relative(cache_directory(workspace->core->cache), workspace->root);

        return cache && cache[0] != '\0' && path_is_beneath(relative, cache);
}

static bool workspace_ignores(const char *relative, bool is_directory, void *userdata) {
        const Workspace *workspace = userdata;
        const char *name = path_basename(relative);

        if (is_directory && (name[0] == '.' || strcmp(name, "node_modules") == 0))
                return true;
        if (strcmp(name, PROJECT_FILE) == 0 && strcmp(relative, PROJECT_FILE) != 0)
                return true;
        if (workspace_is_private(workspace, relative))
                return true;
        return workspace->project && project_ignores(workspace->project, relative, is_directory);
}

/* --- sources ---------------------------------------------------------------------------------- */

static Entry *workspace_find(const Workspace *workspace, const char *path) {
        Entry *entry;

        HASH_FIND(hh, workspace->sources, path, strlen(path), entry);
        return entry;
}

static Entry *workspace_make(Workspace *workspace, const char *path) {
        Entry *entry = calloc(1, sizeof(*entry));

        if (!entry)
                return NULL;
        if (source_new(&entry->source, workspace->core, workspace, path) < 0) {
                free(entry);
                return NULL;
        }
        entry->path = source_path(entry->source);
        HASH_ADD_KEYPTR(hh, workspace->sources, entry->path, strlen(entry->path), entry);
        if (map_failed(entry)) {
                (void) source_free(entry->source);
                free(entry);
                return NULL;
        }
        return entry;
}

/* Asks look where the watcher sees nothing: what is ignored, what it could not watch, what it has not
 * come to yet. Should such a file go before it is found there, nobody would tell. */
static void workspace_set_stray(Workspace *workspace, Entry *entry, bool stray) {
        if (entry->stray == stray)
                return;
        entry->stray = stray;
        if (stray) {
                TAILQ_INSERT_TAIL(&workspace->strays, entry, link);
                workspace->n_strays++;
        } else {
                TAILQ_REMOVE(&workspace->strays, entry, link);
                workspace->n_strays--;
        }
}

static Workspace *workspace_free(Workspace *workspace) {
        if (!workspace)
                return NULL;

        assert(!workspace->sources);
        arch_files_deinit(&workspace->arch_files);
        (void) project_free(workspace->project);
        free(workspace->project_problem);
        free(workspace->trouble);
        free(workspace->detail);
        free(workspace->root);
        free(workspace);
        return NULL;
}

static void workspace_check_closed(Workspace *workspace) {
        WorkspaceClosedFn closed = workspace->closed;
        void *userdata = workspace->userdata;

        if (!closed || workspace->sources)
                return;
        closed(workspace, userdata);
        (void) workspace_free(workspace);
}

/* That its file is to settle is not forgotten here: a root around this one, or within it, may wait
 * for the same file. */
void workspace_source_over(Workspace *workspace, Source *source) {
        Entry *entry = workspace_find(workspace, source_path(source));

        workspace_set_stray(workspace, entry, false);
        HASH_DEL(workspace->sources, entry);
        (void) source_free(source);
        free(entry);
        workspace_check_closed(workspace);
}

/* Sources may end, and leave the map, while they hear of something. */
static void workspace_for_each(Workspace *workspace, void (*fn)(Source *source, void *userdata),
                               void *userdata) {
        Entry *entry, *next;

        HASH_ITER(hh, workspace->sources, entry, next)
        fn(entry->source, userdata);
}

static void workspace_pair_source(Source *source, void *userdata) {
        source_pair(source, *(const bool *) userdata);
}

static void workspace_pair_all(Workspace *workspace, bool refresh) {
        workspace_for_each(workspace, workspace_pair_source, &refresh);
}

static void workspace_end_source(Source *source, void *userdata) {
        (void) userdata;
        source_gone(source);
}

/* --- the project file --------------------------------------------------------------------------- */

static void workspace_set_project_problem(Workspace *workspace, const Problem *problem) {
        if (problem && strings_equal(workspace->project_problem, problem->text))
                return;
        free(workspace->project_problem);
        workspace->project_problem = problem ? strdup(problem->text) : NULL;
        if (problem)
                log_warning("%s (the last good one stays in force)", problem->text);
}

/* why the file cannot be read */
static int workspace_explain_project(Problem *problem, int r) {
        if (r == -EFBIG)
                return problem_set(problem, r,
                                   "more than the %d bytes allowed; a pattern can stand for many "
                                   "models",
                                   PROJECT_FILE_MAX);
        if (r == -EINVAL || r == -EISDIR)
                return problem_set(problem, r, "no regular file; move it away");
        return problem_set(problem, r, "%s", strerror(-r));
}

/* Nobody knows what a file says: units go on with what it said. */
static void workspace_is_unread(Workspace *workspace) {
        workspace->unread = true;
        workspace->core->unavailable = true;
}

static void workspace_update_arch(Workspace *workspace, const char *path, bool foreign) {
        const char *root = foreign && !workspace->trusted ? workspace->root : NULL;

        if (arch_files_update(&workspace->arch_files, path, root, NULL) < 0)
                workspace_is_unread(workspace);
}

/* The arch files that a project names may be anywhere below the root, under any name. */
static void workspace_read_project_archs(Workspace *workspace, bool only_unknown) {
        for (size_t i = 0; workspace->project && i < workspace->project->n_targets; i++) {
                _cleanup_(freep) char *path =
                        pairing_project_arch(workspace->root, &workspace->project->targets[i]);

                if (!path)
                        workspace_is_unread(workspace);
                else if (!only_unknown || !arch_files_find(&workspace->arch_files, path))
                        workspace_update_arch(workspace, path, true);
        }
}

static void workspace_set_project(Workspace *workspace, Project *project) {
        (void) project_free(workspace->project);
        workspace->project = project;
        workspace_set_project_problem(workspace, NULL);
        workspace_read_project_archs(workspace, false);
        workspace->rescan = true; /* the filter asks the project */
}

/* What the file holds, if that is not what was read last. > 0: it is. */
static int workspace_read_project(Workspace *workspace, int fd, int64_t observed_ns, bool always,
                                  Bytes *ret) {
        Digest digest;
        StatId id;
        bool racy;
        int r;

        r = file_stat_id_fd(fd, &id);
        if (r < 0)
                return r;
        racy = memo_is_racy(&id, observed_ns);
        always |= !workspace->project_known;
        if (!always && !racy && !workspace->project_racy &&
            stat_id_equal(&id, &workspace->project_id))
                return 1;
        r = file_read_fd(fd, ret);
        if (r < 0)
                return r;
        digest = digest_of(ret->data, ret->size);
        always |= !digest_equal(&digest, &workspace->project_digest);
        workspace->project_id = id;
        workspace->project_digest = digest;
        workspace->project_racy = racy;
        workspace->project_known = true;
        return !always;
}

static int workspace_has_no_project(Workspace *workspace) {
        bool had = workspace->project || workspace->project_problem;

        workspace->project_known = false;
        if (had)
                workspace_set_project(workspace, NULL);
        return had;
}

/* What is wrong with the file: what was in force stays so. */
static int workspace_keep_project(Workspace *workspace, const char *path, int r, Problem *why) {
        if (why->text[0] == '\0')
                (void) workspace_explain_project(why, r);
        (void) problem_prefix(why, 0, "%s", path);
        workspace_set_project_problem(workspace, why);
        return 0;
}

static int workspace_use_project(Workspace *workspace, const char *path, Slice text) {
        Project *project;
        Problem why = {};
        int r;

        r = project_parse(&project, text, workspace->trusted, workspace->core->config, &why);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return workspace_keep_project(workspace, path, r, &why);
        workspace_set_project(workspace, project);
        return 1;
}

static int workspace_take_project(Workspace *workspace, const char *path, bool always) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(PROJECT_FILE_MAX);
        int64_t observed_ns = clock_real_ns();
        _cleanup_(closep) int fd = -1;
        Problem why = {};
        int r;

        fd = file_open_regular(AT_FDCWD, path);
        if (fd == -ENOENT || fd == -ENOTDIR)
                return workspace_has_no_project(workspace);
        r = fd < 0 ? fd : workspace_read_project(workspace, fd, observed_ns, always, &text);
        if (r < 0) /* it may be as before, and good, when it can be read again */
                workspace->project_known = false;
        if (r < 0 && error_is_of_file(r))
                return workspace_keep_project(workspace, path, r, &why);
        if (r != 0)
                return r > 0 ? 0 : r;
        return workspace_use_project(workspace, path, bytes_slice(&text));
}

/* Makes the project what the file says now. > 0: that changed something. -errno with @problem: nobody
 * knows what it says. */
static int workspace_load_project(Workspace *workspace, bool always, Problem *problem) {
        _cleanup_(freep) char *path = path_join(workspace->root, PROJECT_FILE);
        int r = path ? workspace_take_project(workspace, path, always) : -ENOMEM;

        if (r < 0) {
                workspace->project_known = false;
                workspace_is_unread(workspace);
                (void) problem_set(problem, r, "%s/" PROJECT_FILE ": %s", workspace->root,
                                   strerror(-r));
        }
        return r;
}

static bool workspace_has_match(const Workspace *workspace, const ProjectModel *model) {
        const Entry *entry;

        for (entry = workspace->sources; entry; entry = entry->hh.next) {
                const char *relative = path_relative(entry->path, workspace->root);

                if (relative && project_model_matches(model, relative))
                        return true;
        }
        return false;
}

/* A name that is no file is most often a slip, and nothing else would tell. */
static int workspace_check_model(const Workspace *workspace, size_t index, Problem *ret) {
        const ProjectModel *model = &workspace->project->models[index];
        const char *name = model->xmodel;
        _cleanup_(freep) char *path = path_normalise(workspace->root, name);

        if (!path)
                return -ENOMEM;
        if (model->is_pattern ? workspace_has_match(workspace, model)
                              : workspace_find(workspace, path) || access(path, F_OK) == 0)
                return 0;
        return problem_set(ret, -ENOENT,
                           "%s/" PROJECT_FILE ": models[%zu].xmodel: there is no file \"%s\" "
                           "(paths are relative to the workspace)",
                           workspace->root, index, name);
}

int workspace_each_problem(const Workspace *workspace, WorkspaceProblemFn fn, void *userdata) {
        size_t n = workspace->project ? workspace->project->n_models : 0;
        int r = 0;

        if (workspace->project_problem)
                r = fn(workspace->project_problem, userdata);
        for (size_t i = 0; r == 0 && i < n && !workspace_is_scanning(workspace); i++) {
                Problem problem = {};

                r = workspace_check_model(workspace, i, &problem);
                if (r == -ENOENT)
                        r = fn(problem.text, userdata);
        }
        return r;
}

/* --- events ------------------------------------------------------------------------------------- */

static bool workspace_is_project(const Workspace *workspace, const char *path) {
        const char *relative = path_relative(path, workspace->root);

        return relative && strcmp(relative, PROJECT_FILE) == 0;
}

static bool workspace_is_project_arch(const Workspace *workspace, const char *path) {
        return !filename_is_arch(path_basename(path)) &&
               workspace_names_arch(workspace, path_basename(path));
}

static void workspace_arch_event(Workspace *workspace, const char *path) {
        workspace_update_arch(workspace, path, workspace_is_project_arch(workspace, path));
        workspace_pair_all(workspace, false);
}

/* From the end: one that is gone leaves the list. */
static void workspace_read_unread(Workspace *workspace) {
        const ArchFiles *files = &workspace->arch_files;

        workspace->unread = false;
        (void) workspace_load_project(workspace, false, NULL);
        workspace_read_project_archs(workspace, true); /* there was no memory for an entry */
        for (size_t i = files->n; i > 0; i--) {
                _cleanup_(freep) char *path = NULL;

                if (i > files->n || !files->items[i - 1]->unread)
                        continue;
                path = strdup(files->items[i - 1]->path);
                if (path)
                        workspace_update_arch(workspace, path,
                                              workspace_is_project_arch(workspace, path));
                else
                        workspace_is_unread(workspace);
        }
        workspace_pair_all(workspace, false);
}

static void workspace_retry_source(Source *source, void *userdata) {
        (void) userdata;
        source_retry(source);
}

void workspace_retry(Workspace *workspace) {
        if (workspace->unread)
                workspace_read_unread(workspace);
        workspace_for_each(workspace, workspace_retry_source, NULL);
}

/* NULL: out of memory; a rescan will find it */
static Entry *workspace_entry(Workspace *workspace, const char *path) {
        return workspace_find(workspace, path) ?: workspace_make(workspace, path);
}

static Entry *workspace_watched_entry(Workspace *workspace, const char *path) {
        Entry *entry = workspace_entry(workspace, path);

        if (entry) {
                workspace_set_stray(workspace, entry, false);
                entry->watched = true;
        }
        return entry;
}

static void workspace_model_changed(Workspace *workspace, const Entry *entry, const StatId *id) {
        (void) settle_saved(workspace->core->settle, entry->path, clock_monotonic_ns());
        source_changed(entry->source, id, workspace->core->event);
}

static void workspace_model_saved(Workspace *workspace, const char *path, const StatId *id) {
        const Entry *entry = workspace_watched_entry(workspace, path);

        if (entry)
                workspace_model_changed(workspace, entry, id);
}

static void workspace_model_writing(Workspace *workspace, const char *path) {
        const Entry *entry = workspace_watched_entry(workspace, path);

        if (!entry)
                return;
        (void) settle_writing(workspace->core->settle, path, clock_monotonic_ns());
        source_writing(entry->source);
}

static void workspace_tell_output_gone(Source *source, void *userdata) {
        (void) source_output_gone(source, userdata);
}

static void workspace_tell_file(Workspace *workspace, EventKind kind, const char *path) {
        if (!workspace_is_output(workspace, path))
                events_emit(&workspace->core->events, (EventView){ .kind = kind, .path = path });
}

static void workspace_model_gone(Workspace *workspace, const char *path) {
        Entry *entry = workspace_find(workspace, path);

        workspace_tell_file(workspace, EVENT_GONE, path);
        if (entry) {
                workspace_set_stray(workspace, entry, false);
                entry->watched = false;
                source_gone(entry->source); /* may free both */
        }
        workspace_for_each(workspace, workspace_tell_output_gone, (void *) path);
}

static void workspace_file_event(Workspace *workspace, const WatchEvent *event) {
        if (workspace_is_project(workspace, event->path)) {
                if (event->kind != WATCH_FILE_WRITING &&
                    workspace_load_project(workspace, false, NULL) > 0)
                        workspace_pair_all(workspace, false);
                return;
        }
        if (!path_ends_with(event->path, ".xmodel")) {
                if (event->kind != WATCH_FILE_WRITING)
                        workspace_arch_event(workspace, event->path);
                return;
        }
        if (event->kind == WATCH_FILE_CHANGED) {
                statistics_count(&workspace->core->statistics, STATISTIC_SAVES_SEEN);
                workspace_tell_file(workspace, EVENT_SAVED, event->path);
                workspace_model_saved(workspace, event->path, &event->id);
        } else if (event->kind == WATCH_FILE_GONE) {
                workspace_model_gone(workspace, event->path);
        } else {
                workspace_model_writing(workspace, event->path);
        }
}

static void workspace_set_trouble(Workspace *workspace, const WatchEvent *event) {
        Problem problem;

        (void) problem_set(&problem, 0, "%s: %s", event->path, watch_trouble_text(event->trouble));
        free(workspace->trouble);
        workspace->trouble = strdup(problem.text);
        log_warning("%s", problem.text);
}

static void workspace_tell(Workspace *workspace) {
        RootView view;

        if (!events_are_wanted(&workspace->core->events))
                return;
        view = workspace_view(workspace);
        events_emit_root(&workspace->core->events, &view);
}

void workspace_handle(Workspace *workspace, const WatchEvent *event) {
        if (workspace->closed)
                return;
        switch (event->kind) {
        case WATCH_FILE_CHANGED:
        case WATCH_FILE_WRITING:
        case WATCH_FILE_GONE:
                workspace_file_event(workspace, event);
                return;
        case WATCH_ROOT_GONE:
        case WATCH_ROOT_BACK:
                break; /* its files are reported one by one */
        case WATCH_LOST:
                statistics_count(&workspace->core->statistics, STATISTIC_EPOCHS);
                break;
        case WATCH_SCANNED:
                statistics_count(&workspace->core->statistics, STATISTIC_RESCANS);
                break;
        case WATCH_DEGRADED:
                workspace_set_trouble(workspace, event);
                break;
        case WATCH_RECOVERED:
                free(workspace->trouble);
                workspace->trouble = NULL;
                break;
        }
        workspace_tell(workspace);
}

bool workspace_after_events(Workspace *workspace) {
        if (!workspace->rescan || !workspace->watch_root)
                return false;
        workspace->rescan = false;
        watch_rescan(workspace->watch, workspace->watch_root);
        return true;
}

/* What was being written and is no more was never closed, or closed unseen (watch.h): nobody will
 * say that it was saved, so this is its save. */
void workspace_settled(Workspace *workspace, const char *path) {
        Entry *entry = workspace_find(workspace, path);
        StatId id;

        if (!entry)
                return;
        if (!source_is_writing(entry->source))
                source_settled(entry->source);
        else if (file_stat_id(AT_FDCWD, path, &id) == 0)
                workspace_model_changed(workspace, entry, &id);
}

void workspace_reconsider(Workspace *workspace) {
        (void) workspace_load_project(workspace, true, NULL);
        workspace_pair_all(workspace, true);
}

/* --- for asks ----------------------------------------------------------------------------------- */

static PairingSpec workspace_pairing(const Workspace *workspace, const char *source_path) {
        return (PairingSpec){
                .root = workspace->root,
                .trusted = workspace->trusted,
                .source_path = source_path,
                .project = workspace->project,
                .arch_files = &workspace->arch_files,
        };
}

int workspace_refresh(Workspace *workspace, const char *source_path, Problem *problem) {
        PairingSpec spec;
        int r;

        r = workspace_load_project(workspace, false, problem);
        if (r < 0)
                return r;
        if (r > 0)
                workspace_pair_all(workspace, false);
        spec = workspace_pairing(workspace, source_path);
        r = pairing_refresh(&spec, &workspace->arch_files, problem);
        if (r < 0)
                workspace_is_unread(workspace);
        return r;
}

void workspace_poke(Workspace *workspace, const char *source_path) {
        Entry *entry;
        StatId id;

        if (workspace->closed || !path_ends_with(source_path, ".xmodel") ||
            file_stat_id(AT_FDCWD, source_path, &id) < 0)
                return;
        entry = workspace_entry(workspace, source_path);
        if (!entry)
                return;
        workspace_set_stray(workspace, entry, !entry->watched);
        workspace_model_changed(workspace, entry, &id);
}

bool workspace_has_strays(const Workspace *workspace) {
        return workspace->n_strays > 0;
}

static void workspace_check_stray(Workspace *workspace, const Entry *entry) {
        _cleanup_(freep) char *path = strdup(entry->path);
        StatId id;
        int r = path ? file_stat_id(AT_FDCWD, path, &id) : -ENOMEM;

        if (r < 0 && error_is_of_file(r))
                workspace_model_gone(workspace, path);
}

/* Whoever hears that one is gone may end as well: each time from the front. */
void workspace_check_strays(Workspace *workspace) {
        for (size_t n = workspace->n_strays; n > 0 && workspace->n_strays > 0; n--) {
                Entry *entry = TAILQ_FIRST(&workspace->strays);

                TAILQ_REMOVE(&workspace->strays, entry, link);
                TAILQ_INSERT_TAIL(&workspace->strays, entry, link);
                workspace_check_stray(workspace, entry);
        }
}

const char *workspace_find_rival(const Workspace *workspace, const Unit *unit) {
        const Entry *entry;

        for (entry = workspace->sources; entry; entry = entry->hh.next)
                if (source_has_rival(entry->source, unit))
                        return entry->path;
        return NULL;
}

void workspace_redeliver(Workspace *workspace, const char *source_path, const Pair *pair,
                         const Digest *key) {
        Entry *entry = workspace_find(workspace, source_path);

        if (entry)
                source_redeliver(entry->source, pair, key);
}

Delivered workspace_delivered(const Workspace *workspace, const char *source_path, const Pair *pair,
                              const Digest *key, const char **ret_problem) {
        const Entry *entry = workspace_find(workspace, source_path);

        *ret_problem = NULL;
        return entry ? source_delivered(entry->source, pair, key, ret_problem)
                     : DELIVERED_ELSEWHERE;
}

void workspace_prefer(Workspace *workspace, const char *source_path) {
        Entry *entry = workspace_find(workspace, source_path);

        if (entry)
                source_prefer(entry->source);
}

int workspace_pair(Workspace *workspace, const char *source_path, Pairs *ret) {
        const PairingSpec spec = workspace_pairing(workspace, source_path);

        return pairing_find(&spec, ret);
}

/* --- the rest ----------------------------------------------------------------------------------- */

int workspace_new(Workspace **ret, Core *core, Watch *watch, const char *root, bool trusted) {
        Workspace *workspace = calloc(1, sizeof(*workspace));
        WatchFilter filter = {
                .wanted = workspace_wants,
                .ignored = workspace_ignores,
                .userdata = workspace,
        };
        int r;

        if (!workspace)
                return -ENOMEM;
        workspace->core = core;
        workspace->watch = watch;
        workspace->trusted = trusted;
        TAILQ_INIT(&workspace->strays);
        workspace->root = strdup(root);
        r = workspace->root
                    ? watch_add_root(watch, root, &filter, workspace, &workspace->watch_root)
                    : -ENOMEM;
        if (r < 0) {
                (void) workspace_free(workspace);
                return r;
        }
        (void) workspace_load_project(workspace, true, NULL);
        *ret = workspace;
        return 0;
}

void workspace_close(Workspace *workspace, WorkspaceClosedFn closed, void *userdata) {
        watch_remove_root(workspace->watch, workspace->watch_root);
        workspace->watch_root = NULL;
        workspace_for_each(workspace, workspace_end_source, NULL);
        workspace->closed = closed;
        workspace->userdata = userdata;
        workspace_check_closed(workspace);
}

Core *workspace_core(const Workspace *workspace) {
        return workspace->core;
}

const char *workspace_root(const Workspace *workspace) {
        return workspace->root;
}

bool workspace_is_trusted(const Workspace *workspace) {
        return workspace->trusted;
}

void workspace_set_trusted(Workspace *workspace, bool trusted) {
        if (workspace->trusted == trusted)
                return;
        workspace->trusted = trusted;
        workspace_reconsider(workspace);
}

bool workspace_is_scanning(const Workspace *workspace) {
        return workspace->rescan ||
               (workspace->watch_root && watch_root_info(workspace->watch_root).scanning);
}

const char *workspace_project_problem(const Workspace *workspace) {
        return workspace->project_problem;
}

static int workspace_compare_entries(const void *a, const void *b) {
        return strcmp((*(Entry *const *) a)->path, (*(Entry *const *) b)->path);
}

int workspace_each_unit(Workspace *workspace, UnitViewFn fn, void *userdata) {
        size_t n = HASH_COUNT(workspace->sources), i = 0;
        _cleanup_(freep) Entry **entries = calloc(n ?: 1, sizeof(Entry *));
        Entry *entry, *next;
        int r = 0;

        if (!entries)
                return -ENOMEM;
        HASH_ITER(hh, workspace->sources, entry, next)
        entries[i++] = entry;
        qsort(entries, n, sizeof(Entry *), workspace_compare_entries);
        for (i = 0; r == 0 && i < n; i++)
                r = source_each_unit(entries[i]->source, fn, userdata);
        return r;
}

bool workspace_is_output(const Workspace *workspace, const char *path) {
        Digest content, key;

        return state_get_delivery(workspace->core->state, path, &content, &key) == 0;
}

/* What else is called .xmodel, our own outputs among them, is none. */
static size_t workspace_n_models(const Workspace *workspace) {
        const Entry *entry;
        size_t n = 0;

        for (entry = workspace->sources; entry; entry = entry->hh.next)
                n += source_is_model(entry->source);
        return n;
}

static int workspace_take_detail(const char *text, void *userdata) {
        Workspace *workspace = userdata;

        workspace->detail = strdup(text);
        return 1; /* the first will do */
}

RootView workspace_view(Workspace *workspace) {
        const WatchRootInfo info = watch_root_info(workspace->watch_root);

        free(workspace->detail);
        workspace->detail = NULL;
        (void) workspace_each_problem(workspace, workspace_take_detail, workspace);

        return (RootView){
                .path = workspace->root,
                .trusted = workspace->trusted,
                .state = info.gone         ? "gone"
                         : info.scanning   ? "scanning"
                         : info.n_degraded ? "polling"
                                           : "watching",
                .detail = workspace->trouble ?: workspace->detail,
                .epoch = info.epoch,
                .n_directories = info.n_directories,
                .n_sources = workspace_n_models(workspace),
        };
}
