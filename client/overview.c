#include "client/overview.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/utf8.h"
#include "client/describe.h"

/*
 * How much is shown is found by drawing: first everything, then less and less, each time without
 * showing it, until it fits. A hundred rehearsals of a few hundred rows are no work.
 */

#define OVERVIEW_NAME_MAX  40   /* columns */
#define OVERVIEW_GROUP_MAX 4096 /* bytes of a name with all its targets */
#define OVERVIEW_WHY_ROWS  4    /* of one reason */
#define OVERVIEW_MANY      SIZE_MAX

typedef Dpucc__Wire__StatusReply Status;
typedef Dpucc__Wire__Unit Unit;
typedef Dpucc__Wire__Job Job;
typedef Dpucc__Wire__Root Root;

typedef enum OverviewRank {
        OVERVIEW_WRONG,
        OVERVIEW_BUSY,
        OVERVIEW_READY,
        OVERVIEW_OTHER, /* files that are no sources */
        _OVERVIEW_RANK_MAX,
} OverviewRank;

/* one row: a unit, or the units of one net that are ready for several targets */
typedef struct OverviewItem {
        const Unit *unit;
        const Job *job; /* that makes it; NULL */
        OverviewRank rank;
        char *name;
        size_t n_units;
        bool is_hidden; /* in the row of another one */
} OverviewItem;

/* how much is shown */
typedef struct OverviewLimits {
        size_t why_rows;
        size_t n[_OVERVIEW_RANK_MAX]; /* rows of each workspace */
        size_t n_jobs;
} OverviewLimits;

typedef struct Overview {
        const Status *status;
        OverviewItem *items; /* one for each unit, in the order in which they are shown */
        size_t name_width;
        OverviewLimits limits;
        size_t n_left_out; /* by the last drawing */
} Overview;

static void overview_cleanup(Overview *overview) {
        for (size_t i = 0; overview->items && i < overview->status->n_units; i++)
                free(overview->items[i].name);
        free(overview->items);
}

static const char *const overview_ranks[] = {
        [OVERVIEW_WRONG] = "with a problem",
        [OVERVIEW_BUSY] = "at work",
        [OVERVIEW_READY] = "ready",
        [OVERVIEW_OTHER] = "other",
};

/* --- items ------------------------------------------------------------------------------------ */

static OverviewRank overview_rank(Dpucc__Wire__UnitState state) {
        switch (state) {
        case DPUCC__WIRE__UNIT_STATE__UNIT_FAILED:
        case DPUCC__WIRE__UNIT_STATE__UNIT_OVER_LIMIT:
        case DPUCC__WIRE__UNIT_STATE__UNIT_NO_TARGET:
        case DPUCC__WIRE__UNIT_STATE__UNIT_INVALID:
                return OVERVIEW_WRONG;
        case DPUCC__WIRE__UNIT_STATE__UNIT_READY:
                return OVERVIEW_READY;
        case DPUCC__WIRE__UNIT_STATE__UNIT_NOT_SOURCE:
                return OVERVIEW_OTHER;
        case DPUCC__WIRE__UNIT_STATE__UNIT_NEW:
        case DPUCC__WIRE__UNIT_STATE__UNIT_WRITING:
        case DPUCC__WIRE__UNIT_STATE__UNIT_SETTLING:
        case DPUCC__WIRE__UNIT_STATE__UNIT_HASHING:
        case DPUCC__WIRE__UNIT_STATE__UNIT_QUEUED:
        case DPUCC__WIRE__UNIT_STATE__UNIT_COMPILING:
        case DPUCC__WIRE__UNIT_STATE__UNIT_FETCHING:
        case _DPUCC__WIRE__UNIT_STATE_IS_INT_SIZE:
                break;
        }
        return OVERVIEW_BUSY;
}

static bool overview_same(ProtobufCBinaryData a, ProtobufCBinaryData b) {
        return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool overview_text_equal(const char *a, const char *b) {
        return strcmp(a ?: "", b ?: "") == 0;
}

/* Units that need the same thing share a job, which has the name of one of them. */
static const Job *overview_find_job(const Status *status, const Unit *unit) {
        const Job *found = NULL;

        if (unit->state != DPUCC__WIRE__UNIT_STATE__UNIT_QUEUED &&
            unit->state != DPUCC__WIRE__UNIT_STATE__UNIT_COMPILING)
                return NULL;
        for (size_t i = 0; i < status->n_jobs; i++) {
                const Job *job = status->jobs[i];

                if (!overview_same(job->source_path, unit->source_path))
                        continue;
                if (strcmp(job->name, unit->name) == 0)
                        return job;
                if (overview_text_equal(job->toolchain, unit->toolchain))
                        found = job;
        }
        return found;
}

/* What went wrong last comes first, what is done next comes first, the rest by name. */
static int overview_compare(const void *x, const void *y) {
        const OverviewItem *a = x, *b = y;
        uint64_t first, second;

        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;
        first = a->rank == OVERVIEW_WRONG ? a->unit->elapsed_ms : 0;
        second = b->rank == OVERVIEW_WRONG ? b->unit->elapsed_ms : 0;
        if (a->rank == OVERVIEW_BUSY) {
                first = a->job ? a->job->position : UINT64_MAX;
                second = b->job ? b->job->position : UINT64_MAX;
        }
        if (first != second)
                return first < second ? -1 : 1;
        return strcmp(a->unit->name, b->unit->name);
}

static bool overview_is_of_group(const OverviewItem *first, const OverviewItem *item) {
        return !item->is_hidden && item->rank == OVERVIEW_READY && item->unit->target &&
               strcmp(first->unit->net_name, item->unit->net_name) == 0 &&
               overview_same(first->unit->source_path, item->unit->source_path) &&
               first->unit->has_root == item->unit->has_root &&
               overview_same(first->unit->root, item->unit->root);
}

/* "net@{a,b}", as shells take it; they are next to each other, as they are sorted */
static int overview_name_group(Overview *overview, size_t at) {
        _cleanup_(bytes_cleanup) Bytes name = BYTES_INIT(OVERVIEW_GROUP_MAX);
        OverviewItem *first = &overview->items[at];
        size_t n = 0;
        int r = 0;

        for (size_t i = at; first->unit->target && i < overview->status->n_units; i++)
                n += overview_is_of_group(first, &overview->items[i]);
        first->n_units = 1;
        if (first->rank != OVERVIEW_READY || n < 2) {
                first->name = strdup(first->unit->name);
                return first->name ? 0 : -ENOMEM;
        }
        r = bytes_printf(&name, "%s@{%s", first->unit->net_name, first->unit->target);
        for (size_t i = at + 1; r == 0 && i < overview->status->n_units; i++) {
                if (!overview_is_of_group(first, &overview->items[i]))
                        continue;
                r = bytes_printf(&name, ",%s", overview->items[i].unit->target);
                overview->items[i].is_hidden = r == 0;
                first->n_units += r == 0;
        }
        if (r == 0 || r == -EFBIG) /* the rest has rows of its own */
                (void) bytes_append_string(&name, "}");
        first->name = bytes_take_string(&name);
        return first->name ? 0 : -ENOMEM;
}

static int overview_make_items(Overview *overview) {
        const Status *status = overview->status;
        int r = 0;

        overview->items = calloc(status->n_units + 1, sizeof(*overview->items));
        if (!overview->items)
                return -ENOMEM;
        for (size_t i = 0; i < status->n_units; i++)
                overview->items[i] = (OverviewItem){
                        .unit = status->units[i],
                        .job = overview_find_job(status, status->units[i]),
                        .rank = overview_rank(status->units[i]->state),
                };
        qsort(overview->items, status->n_units, sizeof(*overview->items), overview_compare);
        for (size_t i = 0; r == 0 && i < status->n_units; i++)
                if (!overview->items[i].is_hidden)
                        r = overview_name_group(overview, i);
        return r;
}

static void overview_find_width(Overview *overview, size_t columns) {
        size_t max = columns / 2 < OVERVIEW_NAME_MAX ? columns / 2 : OVERVIEW_NAME_MAX;

        for (size_t i = 0; i < overview->status->n_units; i++) {
                const char *name = overview->items[i].name;
                size_t width = name ? utf8_columns(name, strlen(name)) : 0;

                if (width > overview->name_width)
                        overview->name_width = width < max ? width : max;
        }
}

/* --- rows ------------------------------------------------------------------------------------- */

static void overview_draw_times(Screen *screen, const Job *job) {
        char elapsed[16], left[16];

        output_duration(job->elapsed_ms, elapsed);
        if (!job->running)
                screen_format(screen, OUTPUT_PLAIN, "number %u", (unsigned) job->position);
        else
                screen_format(screen, OUTPUT_PLAIN, "for %s", elapsed);
        if (job->has_left_ms) {
                output_duration(job->left_ms, left);
                screen_format(screen, OUTPUT_PLAIN, ", done in about %s", left);
        }
        if (job->n_failures > 0)
                screen_format(screen, OUTPUT_YELLOW, ", try %u", (unsigned) job->n_failures + 1);
}

/* below the root it is in */
static void overview_draw_source(Screen *screen, const Unit *unit) {
        size_t n = unit->has_root ? unit->root.len : 0;
        const ProtobufCBinaryData path = unit->source_path;
        _cleanup_(freep) char *text = NULL;

        if (n >= path.len ||
            (n > 0 && (memcmp(path.data, unit->root.data, n) != 0 || path.data[n] != '/')))
                n = 0;
        n += n > 0;
        text = strndup((const char *) path.data + n, path.len - n);
        screen_path(screen, OUTPUT_DIM, text ?: "");
}

static void overview_draw_item(const Overview *overview, const OverviewItem *item, Screen *screen) {
        const Unit *unit = item->unit;
        bool is_busy = item->rank == OVERVIEW_BUSY && item->job;

        screen_text(screen, OUTPUT_PLAIN, "  ");
        screen_padded(screen, OUTPUT_BOLD, item->name, overview->name_width);
        screen_padded(screen, describe_state_colour(unit->state),
                      is_busy ? item->job->phase : describe_state(unit->state), 12);
        if (is_busy)
                overview_draw_times(screen, item->job);
        else
                overview_draw_source(screen, unit);
        screen_end(screen);
        if (item->rank == OVERVIEW_WRONG && unit->detail && unit->detail[0])
                screen_paragraph(screen, OUTPUT_PLAIN, 6, overview->limits.why_rows, unit->detail);
}

static bool overview_is_in(const OverviewItem *item, const Root *root) {
        if (item->is_hidden)
                return false;
        return root ? item->unit->has_root && overview_same(item->unit->root, root->path)
                    : !item->unit->has_root;
}

/* What is not drawn is counted in the last row. */
static void overview_draw_items(Overview *overview, const Root *root, Screen *screen) {
        size_t n[_OVERVIEW_RANK_MAX] = {}, n_cut[_OVERVIEW_RANK_MAX] = {}, n_more = 0;

        for (size_t i = 0; i < overview->status->n_units; i++) {
                const OverviewItem *item = &overview->items[i];

                if (!overview_is_in(item, root))
                        continue;
                if (n[item->rank]++ < overview->limits.n[item->rank])
                        overview_draw_item(overview, item, screen);
                else
                        n_cut[item->rank] += item->n_units;
        }
        for (size_t i = 0; i < _OVERVIEW_RANK_MAX; i++) {
                overview->n_left_out += n_cut[i];
                if (n_cut[i] == 0 || overview->limits.n[i] == 0) /* those are in the first row */
                        continue;
                screen_format(screen, OUTPUT_DIM, "%s%zu more %s", n_more > 0 ? ", " : "  and ",
                              n_cut[i], overview_ranks[i]);
                n_more += n_cut[i];
        }
        if (n_more > 0)
                screen_end(screen);
}

/* of whose rank no row is shown */
static void overview_draw_counts(const Overview *overview, const Root *root, Screen *screen) {
        size_t n[_OVERVIEW_RANK_MAX] = {};

        for (size_t i = 0; i < overview->status->n_units; i++)
                if (overview_is_in(&overview->items[i], root))
                        n[overview->items[i].rank] += overview->items[i].n_units;
        for (size_t i = 0; i < _OVERVIEW_RANK_MAX; i++)
                if (n[i] > 0 && overview->limits.n[i] == 0)
                        screen_format(screen, OUTPUT_PLAIN, ", %zu %s", n[i], overview_ranks[i]);
}

/* as shells take it */
static char *overview_root_path(const Root *root) {
        _cleanup_(freep) char *path = strndup((const char *) root->path.data, root->path.len);
        const char *home = getenv("HOME"), *rest = NULL;
        char *text;

        if (path && home && home[0] == '/' && home[1])
                rest = path_relative(path, home);
        if (!rest || !rest[0])
                return TAKE_PTR(path);
        return asprintf(&text, "~/%s", rest) < 0 ? NULL : text;
}

static void overview_draw_root(const Overview *overview, const Root *root, Screen *screen) {
        bool is_well = root->state && strcmp(root->state, "watching") == 0;
        _cleanup_(freep) char *path = overview_root_path(root);
        size_t room = screen->columns > 48 ? screen->columns - 36 : screen->columns;
        Screen narrow = *screen;

        narrow.columns = room;
        screen_path(&narrow, OUTPUT_BOLD, path ?: "");
        screen->column = narrow.column;
        screen_text(screen, OUTPUT_PLAIN, "  ");
        screen_text(screen, is_well ? OUTPUT_GREEN : OUTPUT_YELLOW, root->state ?: "");
        screen_format(screen, OUTPUT_PLAIN, ", %" PRIu64 " model%s", root->n_sources,
                      root->n_sources == 1 ? "" : "s");
        overview_draw_counts(overview, root, screen);
        screen_end(screen);
        if (root->detail)
                screen_paragraph(screen, OUTPUT_YELLOW, 2, OVERVIEW_WHY_ROWS, root->detail);
}

/* --- the screen ------------------------------------------------------------------------------- */

static void overview_draw_count(Screen *screen, size_t n, const char *what, OutputColour colour,
                                bool *first) {
        if (n == 0)
                return;
        screen_text(screen, OUTPUT_PLAIN, *first ? ": " : ", ");
        screen_format(screen, colour, "%zu %s", n, what);
        *first = false;
}

static void overview_draw_head(const Overview *overview, Screen *screen) {
        const Status *status = overview->status;
        size_t n[_OVERVIEW_RANK_MAX] = {};
        bool first = true;

        for (size_t i = 0; i < status->n_units; i++)
                n[overview->items[i].rank]++;
        screen_format(screen, OUTPUT_PLAIN, "dpuccd %s", status->version);
        overview_draw_count(screen, n[OVERVIEW_WRONG],
                            n[OVERVIEW_WRONG] == 1 ? "problem" : "problems", OUTPUT_RED, &first);
        overview_draw_count(screen, n[OVERVIEW_READY], "ready", OUTPUT_GREEN, &first);
        overview_draw_count(screen, status->n_running, "compiling", OUTPUT_YELLOW, &first);
        overview_draw_count(screen, status->n_queued, "waiting", OUTPUT_YELLOW, &first);
        screen_end(screen);
        if (status->has_paused && status->paused)
                screen_paragraph(screen, OUTPUT_YELLOW, 0, 2,
                                 "paused: 'dpucc-client resume' lets compiles start");
        for (size_t i = 0; i < status->n_warnings; i++)
                screen_paragraph(screen, OUTPUT_YELLOW, 0, OVERVIEW_WHY_ROWS, status->warnings[i]);
}

static bool overview_has_unit(const Overview *overview, const Job *job) {
        for (size_t i = 0; i < overview->status->n_units; i++)
                if (overview->items[i].job == job && overview->items[i].rank == OVERVIEW_BUSY)
                        return true;
        return false;
}

/* those that no unit shows: asked for by path, or of older saves */
static void overview_draw_jobs(Overview *overview, Screen *screen) {
        const Status *status = overview->status;
        size_t n = 0;

        for (size_t i = 0; i < status->n_jobs; i++) {
                const Job *job = status->jobs[i];

                if (overview_has_unit(overview, job))
                        continue;
                if (n++ >= overview->limits.n_jobs)
                        continue;
                screen_text(screen, OUTPUT_PLAIN, n == 1 ? "asked for: " : "           ");
                screen_text(screen, OUTPUT_BOLD, job->name);
                screen_format(screen, OUTPUT_YELLOW, "  %s  ", job->phase);
                overview_draw_times(screen, job);
                screen_end(screen);
        }
        n += status->n_jobs_left_out;
        if (n <= overview->limits.n_jobs)
                return;
        screen_format(screen, OUTPUT_DIM, "and %zu more in the queue", n - overview->limits.n_jobs);
        screen_end(screen);
        overview->n_left_out++;
}

static bool overview_has_strays(const Overview *overview) {
        for (size_t i = 0; i < overview->status->n_units; i++)
                if (!overview->items[i].unit->has_root)
                        return true;
        return false;
}

static void overview_draw_foot(const Overview *overview, Screen *screen) {
        const Status *status = overview->status;
        bool failed = false;

        for (size_t i = 0; i < status->n_units; i++)
                failed = failed || status->units[i]->state == DPUCC__WIRE__UNIT_STATE__UNIT_FAILED;
        if (status->n_roots == 0)
                screen_paragraph(screen, OUTPUT_PLAIN, 0, 2,
                                 "no workspace is watched: 'dpucc-client watch DIR' adds one");
        if (overview->n_left_out > 0 || status->n_units_left_out > 0 ||
            status->n_roots_left_out > 0)
                screen_paragraph(screen, OUTPUT_DIM, 0, 1,
                                 "'dpucc-client status | less' shows all of it");
        else if (failed)
                screen_paragraph(screen, OUTPUT_DIM, 0, 1,
                                 "'dpucc-client log NAME' has the compiler's words");
}

static void overview_draw(Overview *overview, Screen *screen) {
        const Status *status = overview->status;

        overview->n_left_out = 0;
        overview_draw_head(overview, screen);
        overview_draw_jobs(overview, screen);
        for (size_t i = 0; i < status->n_roots; i++) {
                overview_draw_root(overview, status->roots[i], screen);
                overview_draw_items(overview, status->roots[i], screen);
        }
        if (overview_has_strays(overview)) {
                screen_text(screen, OUTPUT_BOLD, "asked for by path");
                overview_draw_counts(overview, NULL, screen);
                screen_end(screen);
                overview_draw_items(overview, NULL, screen);
        }
        overview_draw_foot(overview, screen);
}

static bool overview_fits(Overview *overview, const Screen *screen) {
        Screen rehearsal = *screen;

        rehearsal.is_rehearsal = true;
        overview_draw(overview, &rehearsal);
        return rehearsal.n_rows < screen->rows; /* one is the prompt's */
}

/* Reduces *@limit, which nothing needs more of than the screen has rows, until it fits. */
static bool overview_reduce(Overview *overview, const Screen *screen, size_t *limit, size_t least) {
        *limit = *limit < screen->rows ? *limit : screen->rows;
        while (!overview_fits(overview, screen)) {
                if (*limit <= least)
                        return false;
                --*limit;
        }
        return true;
}

static void overview_find_limits(Overview *overview, const Screen *screen) {
        OverviewLimits *limits = &overview->limits;

        *limits = (OverviewLimits){
                .why_rows = OVERVIEW_WHY_ROWS,
                .n = { OVERVIEW_MANY, OVERVIEW_MANY, OVERVIEW_MANY, OVERVIEW_MANY },
                .n_jobs = OVERVIEW_MANY,
        };
        (void) (overview_reduce(overview, screen, &limits->n[OVERVIEW_OTHER], 1) ||
                overview_reduce(overview, screen, &limits->why_rows, 1) ||
                overview_reduce(overview, screen, &limits->n[OVERVIEW_OTHER], 0) ||
                overview_reduce(overview, screen, &limits->n[OVERVIEW_READY], 0) ||
                overview_reduce(overview, screen, &limits->n[OVERVIEW_BUSY], 1) ||
                overview_reduce(overview, screen, &limits->n_jobs, 1) ||
                overview_reduce(overview, screen, &limits->n[OVERVIEW_WRONG], 1));
}

int overview_print(const Dpucc__Wire__StatusReply *status, Screen screen) {
        _cleanup_(overview_cleanup) Overview overview = { .status = status };
        int r;

        r = overview_make_items(&overview);
        if (r < 0)
                return r;
        overview_find_width(&overview, screen.columns);
        overview_find_limits(&overview, &screen);
        overview_draw(&overview, &screen);
        return 0;
}
