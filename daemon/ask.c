#include "daemon/ask.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "daemon/build.h"
#include "daemon/deliver.h"
#include "daemon/options.h"
#include "daemon/salvage.h"
#include "daemon/workspace.h"

#define ASK_HINTS_MAX 64

typedef enum AskKind {
        ASK_GET,
        ASK_WAIT,
} AskKind;

struct Ask {
        Asks *asks;
        AskKind kind;
        AskHandlers handlers;
        void *userdata;
        bool cancelled, answered;
        uint64_t started_ms;
        TAILQ_ENTRY(Ask) link;

        /* wait */
        char *root; /* NULL: all */
        bool passed;
        uint64_t event; /* busy since then or earlier: not accounted for */

        /* get: what was asked */
        int source_fd, arch_fd, output_dir_fd, adopt_fd;
        char *adopt_path;
        char *source_path, *arch_path, *target, *toolchain_name, *net_name, *output_dir, *options;
        bool wait, force, want_fd, want_log, overwrite, require_dpu;
        int umask;

        /* get: how far it is */
        Work work;
        Identity identity;
        Pair pair;
        char *root_path; /* of its workspace; NULL: none */
        char *toolchain;
        Build *build;
        char *path;
        Salvage *salvage;
        Digest key, snapshot;
        bool has_key, hit, no_dpu_code;
        Digest toolchain_identity;
        UnitState unit_state;
        Problem deliver_problem;
        bool delivering; /* waits for the unit's delivery */
        bool poked;      /* the unit was told to look for itself */
        bool renamed;    /* net_name was given: not the unit's artifact */

        Strings hints, notes;
};

void asks_init(Asks *asks, Core *core) {
        *asks = (Asks){ .core = core };
        TAILQ_INIT(&asks->list);
}

bool asks_are_over(const Asks *asks) {
        return TAILQ_EMPTY(&asks->list);
}

static Ask *ask_free(Ask *ask) {
        if (!ask)
                return NULL;

        assert(!ask->work.busy && !ask->build);
        TAILQ_REMOVE(&ask->asks->list, ask, link);
        free(ask->root);
        closep(&ask->source_fd);
        closep(&ask->arch_fd);
        closep(&ask->output_dir_fd);
        closep(&ask->adopt_fd);
        free(ask->adopt_path);
        free(ask->source_path);
        free(ask->arch_path);
        free(ask->target);
        free(ask->toolchain_name);
        free(ask->net_name);
        free(ask->output_dir);
        free(ask->options);
        pair_deinit(&ask->pair);
        free(ask->root_path);
        free(ask->toolchain);
        free(ask->path);
        (void) salvage_unref(ask->salvage);
        strings_deinit(&ask->hints);
        strings_deinit(&ask->notes);
        free(ask);
        return NULL;
}

static int ask_new(Ask **ret, Asks *asks, AskKind kind, const AskHandlers *handlers,
                   void *userdata) {
        Ask *ask = calloc(1, sizeof(*ask));

        if (!ask)
                return -ENOMEM;
        ask->asks = asks;
        ask->kind = kind;
        ask->handlers = *handlers;
        ask->userdata = userdata;
        ask->source_fd = ask->arch_fd = ask->output_dir_fd = ask->adopt_fd = -1;
        ask->started_ms = uv_now(asks->core->loop);
        TAILQ_INSERT_TAIL(&asks->list, ask, link);
        *ret = ask;
        return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *ask_toolchain(const Ask *ask) {
        const char *name = ask->build ? build_toolchain(ask->build) : NULL;

        return name ?: ask->toolchain;
}

static UnitView ask_unit(const Ask *ask) {
        return (UnitView){
                .net_name = ask->pair.net_name,
                .target = ask->pair.target_name,
                .root = ask->root_path,
                .source_path = ask->source_path,
                .arch_path = ask->pair.arch_path,
                .state = ask->unit_state,
                .source_class = (int) ask->identity.class,
                .toolchain = ask_toolchain(ask),
                .key = ask->has_key ? &ask->key : NULL,
                .artifact_path = ask->path,
                .elapsed_ms = uv_now(ask->asks->core->loop) - ask->started_ms,
                .fingerprint = ask->pair.target.fingerprint,
                .no_dpu_code = ask->no_dpu_code,
                .hit = ask->hit,
        };
}

/* The path of a failure is that of its view. -1 if there is no log. */
static int ask_open_log(const Ask *ask) {
        _cleanup_(freep) char *view = NULL, *path = NULL;

        if (!ask->want_log || !ask->path)
                return -1;
        view = path_ends_with(ask->path, ".xmodel") ? path_dirname(ask->path) : strdup(ask->path);
        path = view ? path_join(view, "compile.log") : NULL;
        return path ? file_open_regular(AT_FDCWD, path) : -1;
}

/* Answers once; what is still under way goes on without a listener. */
static void ask_answer(Ask *ask, AskOutcome outcome, const char *message) {
        char target[FINGERPRINT_NAME_MAX] = "", identity[DIGEST_HEX] = "";
        _cleanup_(closep) int fd = -1, log_fd = ask_open_log(ask);
        UnitView unit = ask_unit(ask);
        Problem problem = {};
        AskResult result = {
                .outcome = outcome,
                .message = message,
                .artifact_fd = -1,
                .log_fd = log_fd,
                .hit = ask->hit,
        };

        if (ask->answered)
                return;
        ask->answered = true;
        if (outcome == ASK_DONE && ask->want_fd) {
                fd = file_open_regular(AT_FDCWD, ask->path);
                if (fd < 0) {
                        (void) problem_set(&problem, fd, "%s: %s", ask->path, strerror(-fd));
                        result.outcome = ASK_FAILED;
                        result.message = problem.text;
                }
                result.artifact_fd = fd;
        }
        if (ask->pair.net_name) {
                target_identity(&ask->pair.target, target);
                digest_to_hex(&ask->toolchain_identity, identity);
                result.unit = &unit;
                result.path = ask->path;
                result.basis = (AskBasis){
                        .source_stat = ask->identity.stat,
                        .source_digest = ask->identity.bytes,
                        .snapshot_digest = ask->snapshot,
                        .arch_stat = ask->pair.arch_id,
                        .target = target,
                        .toolchain_identity = identity,
                };
        }
        result.hints = (const char *const *) ask->hints.items;
        result.n_hints = ask->hints.n;
        result.notes = (const char *const *) ask->notes.items;
        result.n_notes = ask->notes.n;
        ask->handlers.done(&result, ask->userdata);
}

static void ask_finish(Ask *ask, AskOutcome outcome, const char *message) {
        if (ask->cancelled)
                ask_answer(ask, ASK_FAILED, "cancelled");
        else
                ask_answer(ask, outcome, message);
        (void) ask_free(ask);
}

static void ask_note(Ask *ask, const char *text) {
        if (text && text[0] != '\0' && ask->notes.n < ASK_HINTS_MAX)
                (void) strings_add(&ask->notes, text);
}

static void ask_report(Ask *ask, const char *phase, uint32_t position) {
        const AskProgress progress = {
                .phase = phase,
                .elapsed_ms = uv_now(ask->asks->core->loop) - ask->started_ms,
                .queue_position = position,
        };

        if (ask->handlers.progress && !ask->answered && !ask->cancelled)
                ask->handlers.progress(&progress, ask->userdata);
}

/* --- delivering ------------------------------------------------------------------------------- */

/* The workspace in which it was paired, NULL if it is gone. */
static Workspace *ask_own_workspace(const Ask *ask) {
        Workspace *workspace = workspace_containing(ask->asks->core, ask->source_path);

        return workspace && ask->root_path && strcmp(workspace_root(workspace), ask->root_path) == 0
                       ? workspace
                       : NULL;
}

/* The project's output_dir gets what the unit makes, not what somebody asked for with other
 * options. */
static bool ask_is_for_unit(const Ask *ask) {
        return ask->pair.output_dir && !ask->renamed && !ask->toolchain_name && !ask->options;
}

/* Whoever has an answer uses the file in output_dir next: it must be the answered one. */
static void ask_check_unit_delivery(Ask *ask) {
        Workspace *workspace = ask_own_workspace(ask);
        const char *why = NULL;
        Problem note;

        if (ask->cancelled || !workspace) {
                ask_finish(ask, ASK_DONE, NULL);
                return;
        }
        switch (workspace_delivered(workspace, ask->source_path, &ask->pair, &ask->key, &why)) {
        case DELIVERED_LATER:
                return;
        case DELIVERED:
                break;
        case DELIVERED_REFUSED:
                (void) problem_set(&note, 0, "not delivered: %s", why);
                ask_note(ask, note.text);
                break;
        case DELIVERED_ELSEWHERE:
                if (!ask->poked) { /* it may not have heard of this save */
                        ask->poked = true;
                        workspace_poke(workspace, ask->source_path);
                        return;
                }
                (void) problem_set(&note, 0,
                                   "not delivered to %s: %s changed after it was asked for",
                                   ask->pair.output_dir, ask->source_path);
                ask_note(ask, note.text);
                break;
        }
        ask_finish(ask, ASK_DONE, NULL);
}

static void ask_deliver_unit(Ask *ask) {
        Workspace *workspace = ask_own_workspace(ask);

        if (!ask_is_for_unit(ask) || !workspace || ask->answered || ask->cancelled) {
                ask_finish(ask, ASK_DONE, NULL);
                return;
        }
        workspace_redeliver(workspace, ask->source_path, &ask->pair, &ask->key);
        ask->delivering = true; /* asks_check() goes on */
}

static int ask_deliver_work(Work *work) {
        Ask *ask = container_of(work, Ask, work);
        _cleanup_(freep) char *view = path_dirname(ask->path);
        /* the caller names the directory: no workspace confines it */
        const DeliverSpec spec = {
                .root = "/",
                .trusted = true,
                .output_dir = ask->output_dir,
                .directory_fd = ask->output_dir_fd,
                .overwrite = ask->overwrite,
                .umask = ask->umask >= 0 ? (mode_t) ask->umask : ask->asks->core->umask,
                .net_name = ask->pair.net_name,
                .view = view,
                .key = &ask->key,
                .state = ask->asks->core->state,
        };

        return view ? deliver(&spec, &ask->deliver_problem) : -ENOMEM;
}

static void ask_on_delivered(Work *work, int r) {
        Ask *ask = container_of(work, Ask, work);
        Statistics *statistics = &ask->asks->core->statistics;

        if (r < 0)
                statistics_count(statistics, STATISTIC_DELIVERIES_REFUSED);
        else if (r == 0)
                statistics_count(statistics, STATISTIC_DELIVERIES);
        if (r < 0)
                ask_finish(ask, ASK_FAILED, ask->deliver_problem.text);
        else
                ask_deliver_unit(ask);
}

/* --- building --------------------------------------------------------------------------------- */

static void ask_on_phase(Build *build, void *userdata) {
        ask_report(userdata, build_phase_name(build_phase(build)), build_position(build));
}

/* The unit of the same source does the work in the background. */
static bool ask_leave_to_workspace(Ask *ask) {
        Workspace *workspace = workspace_containing(ask->asks->core, ask->source_path);

        if (!ask->root_path || !workspace || ask->arch_fd >= 0 || ask->toolchain_name ||
            ask->options || ask->force)
                return false;
        workspace_poke(workspace, ask->source_path);
        return true;
}

static void ask_on_gate(Build *build, void *userdata) {
        Ask *ask = userdata;

        if (ask->wait) {
                build_go(build);
                return;
        }
        ask->has_key = true;
        ask->key = *build_key(build);
        if (ask->asks->core->once) {
                ask_answer(ask, ASK_NOT_READY,
                           "not compiled yet, and without a daemon nobody is at it (get --wait "
                           "does it)");
                build_cancel(build);
                return;
        }
        ask->unit_state = UNIT_QUEUED;
        ask_answer(ask, ASK_NOT_READY,
                   "not compiled yet; it is being done (get --wait waits for it)");
        if (ask_leave_to_workspace(ask))
                build_cancel(build);
        else
                build_go(build);
}

/* Nobody named the toolchain, so nobody asked for what only it makes. */
static bool ask_demands_dpu(const Ask *ask) {
        const char *name = ask->toolchain_name ?: ask->pair.toolchain;

        if (!name)
                name = ask->asks->core->config->toolchain;
        return ask->require_dpu && strcmp(name, CONFIG_AUTO) == 0;
}

static void ask_take_result(Ask *ask, const BuildResult *result) {
        ask->hit = result->hit;
        ask->no_dpu_code = result->no_dpu_code;
        ask->toolchain_identity = result->toolchain_identity;
        ask->has_key = result->key;
        if (result->key)
                ask->key = *result->key;
        if (result->identity)
                ask->identity = *result->identity;
        if (result->snapshot)
                ask->snapshot = *result->snapshot;
        ask->path = result->path ? strdup(result->path) : NULL;
        ask->toolchain = result->toolchain ? strdup(result->toolchain) : NULL;
        if (result->salvage)
                ask->salvage = salvage_ref(result->salvage);
        if (result->no_dpu_code && !ask_demands_dpu(ask))
                ask_note(ask, "the artifact holds no DPU code: everything in it runs on the CPU");
        ask_note(ask, ask->pair.warning);
}

/* A copy is all that there will be: what the cache could not take goes when we have answered. */
static bool ask_loses_artifact(const Ask *ask) {
        return ask->salvage &&
               (ask->adopt_path || (ask->asks->core->once && !ask->output_dir && !ask->want_fd));
}

static void ask_deliver(Ask *ask) {
        Problem problem = {};
        int r;

        if (ask->no_dpu_code && ask_demands_dpu(ask)) {
                (void) problem_set(&problem, 0,
                                   "there is no DPU code in what %s, the only compiler that is "
                                   "installed, makes of %s: install vai_c_xir, or ask for %s by "
                                   "name (DPUCC_TOOLCHAIN=%s)",
                                   ask->toolchain, ask->source_path, ask->toolchain,
                                   ask->toolchain);
                ask_finish(ask, ASK_COMPILE_FAILED, problem.text);
                return;
        }
        if (ask_loses_artifact(ask)) {
                ask_finish(ask, ASK_FAILED,
                           "it is compiled, but the cache cannot keep it: have it copied, with get "
                           "-o FILE or build --output_dir DIR");
                return;
        }
        if (!ask->output_dir || ask->answered || ask->cancelled) {
                ask_deliver_unit(ask);
                return;
        }
        r = work_start(&ask->asks->core->pool, &ask->work, WORK_STORE, ask_deliver_work,
                       ask_on_delivered);
        if (r < 0)
                ask_finish(ask, ASK_FAILED, strerror(-r));
}

static void ask_on_built(Build *build, const BuildResult *result, void *userdata) {
        Ask *ask = userdata;
        const char *why = result->detail.text;

        (void) build;
        ask->build = NULL;
        ask_take_result(ask, result);
        switch (result->outcome) {
        case BUILD_READY:
                ask->unit_state = UNIT_READY;
                ask_note(ask, why);
                ask_deliver(ask);
                return;
        case BUILD_FAILED:
                ask->unit_state = UNIT_FAILED;
                ask_finish(ask, ASK_COMPILE_FAILED, why);
                return;
        case BUILD_OVER_LIMIT:
                ask->unit_state = UNIT_OVER_LIMIT;
                ask_finish(ask, ASK_LIMIT_EXCEEDED, why);
                return;
        case BUILD_NOT_RIGHT:
                ask->unit_state = UNIT_FAILED;
                ask_finish(ask, ASK_NOT_RIGHT, why);
                return;
        case BUILD_NOT_SOURCE:
        case BUILD_UNREADABLE:
                ask->unit_state = UNIT_NOT_SOURCE;
                ask_finish(ask, ASK_NOT_FOUND, why);
                return;
        case BUILD_TRANSIENT:
                ask->unit_state = UNIT_FAILED;
                ask_finish(ask, ASK_FAILED, why);
                return;
        case BUILD_INVALID:
                ask->unit_state = UNIT_INVALID;
                ask_finish(ask, ASK_FAILED, why);
                return;
        case BUILD_CANCELLED:
                break;
        }
        ask_finish(ask, ASK_FAILED, "cancelled");
}

static void ask_build(Ask *ask) {
        static const BuildHandlers handlers = {
                .phase = ask_on_phase,
                .gate = ask_on_gate,
                .done = ask_on_built,
        };
        Core *core = ask->asks->core;
        const char *toolchain = ask->toolchain_name ?: ask->pair.toolchain;
        Problem problem = {};
        BuildSpec spec;
        int r;

        r = toolchains_check(core->toolchains, toolchain, &problem);
        if (r < 0) {
                ask_finish(ask, ASK_USAGE, problem.text);
                return;
        }

        spec = (BuildSpec){
                .source_path = ask->source_path,
                .source_fd = ask->source_fd,
                .identity = &ask->identity,
                .pair = &ask->pair,
                .root = ask->root_path,
                .toolchain = toolchain,
                .verbatim = core->config->snapshot == SNAPSHOT_VERBATIM,
                .options = ask->options,
                .urgency = { .client = ask->wait, .saved = (uint64_t) ask->identity.stat.ctime_ns },
                .force = ask->force,
                .adopt_fd = ask->adopt_fd,
                .adopt_path = ask->adopt_path,
        };
        r = build_start(&ask->build, core, &spec, &handlers, ask);
        if (r < 0) {
                ask_finish(ask, ASK_FAILED, strerror(-r));
                return;
        }
        ask->source_fd = ask->adopt_fd = -1;
}

/* --- pairing ---------------------------------------------------------------------------------- */

static bool ask_means(const Ask *ask, const Pair *pair) {
        Target wanted;

        if (strcmp(pair->target_name, ask->target) == 0)
                return true;
        return !pair->problem && target_parse(ask->target, &wanted, NULL) == 0 &&
               target_equal(&wanted, &pair->target);
}

static void ask_list_targets(Ask *ask, const Pairs *pairs) {
        for (size_t i = 0; i < pairs->n && i < ASK_HINTS_MAX; i++) {
                const Pair *pair = &pairs->items[i];
                Problem line;

                (void) problem_set(&line, 0, "%s@%s (%s)", pair->net_name, pair->target_name,
                                   pair->arch_path ?: "");
                (void) strings_add(&ask->hints, line.text);
        }
}

/* The one of @pairs that is meant. An outcome other than ASK_DONE comes with @problem. */
static AskOutcome ask_choose(Ask *ask, const Pairs *pairs, const Pair **ret, Problem *problem) {
        const Pair *found = NULL;

        if (pairs->n == 0) {
                *problem = pairs->problem;
                return ASK_NOT_FOUND;
        }
        for (size_t i = 0; i < pairs->n; i++) {
                if (ask->target && !ask_means(ask, &pairs->items[i]))
                        continue;
                if (found) {
                        ask_list_targets(ask, pairs);
                        (void) problem_set(problem, 0,
                                           "%s is for several targets: choose one with --target",
                                           ask->source_path);
                        return ASK_USAGE;
                }
                found = &pairs->items[i];
        }
        if (!found) {
                ask_list_targets(ask, pairs);
                (void) problem_set(problem, 0, "%s is not for a target '%s'", ask->source_path,
                                   ask->target);
                return ASK_USAGE;
        }
        *ret = found;
        return ASK_DONE;
}

/* A path means the file that the client sees only if it is the same inode. */
static Workspace *ask_workspace(const Ask *ask) {
        struct stat passed, here;

        if (ask->source_fd >= 0 &&
            (fstat(ask->source_fd, &passed) < 0 || stat(ask->source_path, &here) < 0 ||
             passed.st_dev != here.st_dev || passed.st_ino != here.st_ino))
                return NULL;
        return workspace_containing(ask->asks->core, ask->source_path);
}

/* for a source in no workspace: what lies beside it */
static int ask_pair_outside(const Ask *ask, Pairs *ret) {
        ArchFiles files = {};
        const PairingSpec spec = { .source_path = ask->source_path, .arch_files = &files };
        int r;

        r = pairing_refresh(&spec, &files);
        if (r == 0)
                r = pairing_find(&spec, ret);
        arch_files_deinit(&files);
        return r;
}

static int ask_read_arch(const Ask *ask, Target *ret, StatId *ret_id, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TARGET_FILE_MAX);
        int r;

        r = file_stat_id_fd(ask->arch_fd, ret_id);
        if (r == 0)
                r = file_read_fd(ask->arch_fd, &text);
        if (r < 0)
                return problem_set(problem, r, "%s: %s", ask->arch_path, strerror(-r));
        r = target_parse_arch(bytes_slice(&text), ret, problem);
        return r < 0 ? problem_prefix(problem, r, "%s", ask->arch_path) : 0;
}

/* An arch file was named: of the pairs that are there, the one with its target lends its names
 * and limits; otherwise there are none. */
static int ask_pair_with_arch(Ask *ask, const Pairs *pairs, Problem *problem) {
        char short_name[FINGERPRINT_NAME_MAX];
        Target target;
        StatId id;
        int r;

        r = ask_read_arch(ask, &target, &id, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < pairs->n; i++) {
                const Pair *pair = &pairs->items[i];

                if (!pair->problem && target_equal(&pair->target, &target))
                        return pair_copy(&ask->pair, pair);
        }

        target_short_name(&target, short_name);
        ask->pair = (Pair){
                .net_name = project_net_name(ask->source_path),
                .arch_path = strdup(ask->arch_path),
                .arch_id = id,
                .target = target,
                .max_dpu_subgraphs = -1,
        };
        r = arch_name(ask->arch_path, &ask->pair.target_name);
        if (r == 0 && !ask->pair.target_name)
                ask->pair.target_name = strdup(short_name);
        if (r < 0 || !ask->pair.net_name || !ask->pair.arch_path || !ask->pair.target_name)
                return -ENOMEM;
        return 0;
}

static AskOutcome ask_find_pair(Ask *ask, Problem *problem) {
        Workspace *workspace = ask_workspace(ask);
        _cleanup_(pairs_cleanup) Pairs pairs = {};
        const Pair *chosen;
        AskOutcome outcome;
        int r = 0;

        if (workspace) {
                ask->root_path = strdup(workspace_root(workspace));
                ask_note(ask, workspace_project_problem(workspace));
                r = ask->root_path ? workspace_refresh(workspace, ask->source_path) : -ENOMEM;
        }
        if (r == 0)
                r = workspace ? workspace_pair(workspace, ask->source_path, &pairs)
                              : ask_pair_outside(ask, &pairs);
        if (r == 0 && ask->arch_fd >= 0) {
                r = ask_pair_with_arch(ask, &pairs, problem);
        } else if (r == 0) {
                outcome = ask_choose(ask, &pairs, &chosen, problem);
                if (outcome != ASK_DONE)
                        return outcome;
                r = pair_copy(&ask->pair, chosen);
        }
        if (r < 0 && problem->text[0] == '\0')
                (void) problem_set(problem, r, "%s: %s", ask->source_path, strerror(-r));
        return r < 0 ? ASK_FAILED : ASK_DONE;
}

static AskOutcome ask_apply_names(Ask *ask, Problem *problem) {
        if (ask->pair.problem) {
                (void) problem_set(problem, 0, "%s", ask->pair.problem);
                return ASK_FAILED;
        }
        if (!ask->net_name)
                return ASK_DONE;
        if (!path_is_plain_component(ask->net_name) || strlen(ask->net_name) > 240) {
                (void) problem_set(problem, 0, "'%s' cannot be the name of a net", ask->net_name);
                return ASK_USAGE;
        }
        ask->renamed = strcmp(ask->pair.net_name, ask->net_name) != 0;
        free(ask->pair.net_name);
        ask->pair.net_name = TAKE_PTR(ask->net_name);
        return ASK_DONE;
}

static void ask_pair(Ask *ask) {
        Problem problem = {};
        AskOutcome outcome;

        outcome = ask_find_pair(ask, &problem);
        if (outcome == ASK_DONE)
                outcome = ask_apply_names(ask, &problem);
        if (outcome != ASK_DONE)
                ask_finish(ask, outcome, problem.text);
        else
                ask_build(ask);
}

/* --- identifying ------------------------------------------------------------------------------ */

static int ask_identify_work(Work *work) {
        Ask *ask = container_of(work, Ask, work);
        _cleanup_(closep) int fd = identify_open(ask->source_fd, ask->source_path);

        return fd < 0 ? fd : identify_fd(ask->asks->core->state, fd, &ask->identity);
}

static void ask_on_identified(Work *work, int r) {
        Ask *ask = container_of(work, Ask, work);
        Problem problem = {};

        if (ask->cancelled || r == -ECANCELED) {
                ask_finish(ask, ASK_FAILED, "cancelled");
        } else if (r < 0) {
                (void) problem_set(&problem, r, "%s: %s", ask->source_path,
                                   r == -EAGAIN ? "it does not stop changing" : strerror(-r));
                ask_finish(ask, r == -ENOENT ? ASK_NOT_FOUND : ASK_FAILED, problem.text);
        } else if (ask->identity.class != XMODEL_QUANTIZED) {
                (void) problem_set(&problem, 0, "%s: %s", ask->source_path,
                                   ask->identity.reason.text);
                ask_finish(ask, ASK_NOT_FOUND, problem.text);
        } else {
                statistics_count(&ask->asks->core->statistics,
                                 ask->identity.was_read ? STATISTIC_HASHES : STATISTIC_MEMO_HITS);
                ask_pair(ask);
        }
}

/* --- get -------------------------------------------------------------------------------------- */

static int ask_parse_options(Ask *ask, const char *text, Problem *problem) {
        Options options;
        int r;

        if (!text || text[0] == '\0')
                return 0;
        r = options_parse(text, &options, problem);
        if (r < 0)
                return r;
        ask->options = options_render(&options);
        options_deinit(&options);
        return ask->options ? 0 : -ENOMEM;
}

static int ask_copy_spec(Ask *ask, const GetSpec *spec, Problem *problem) {
        ask->wait = spec->wait;
        ask->force = spec->force;
        ask->want_fd = spec->want_fd;
        ask->want_log = spec->want_log;
        ask->overwrite = spec->overwrite;
        ask->require_dpu = spec->require_dpu;
        ask->umask = spec->umask;
        if (strings_dup(&ask->source_path, spec->source_path) < 0 ||
            strings_dup(&ask->arch_path, spec->arch_path) < 0 ||
            strings_dup(&ask->target, spec->target) < 0 ||
            strings_dup(&ask->toolchain_name, spec->toolchain) < 0 ||
            strings_dup(&ask->net_name, spec->net_name) < 0 ||
            strings_dup(&ask->output_dir, spec->output_dir) < 0 ||
            strings_dup(&ask->adopt_path, spec->adopt_path) < 0)
                return -ENOMEM;
        return ask_parse_options(ask, spec->options, problem);
}

/* The key needs to say who made the file, and nobody can tell from the file alone. */
static int ask_check_adoption(const GetSpec *spec, Problem *problem) {
        if (spec->adopt_fd < 0 ||
            (spec->arch_fd >= 0 && spec->toolchain && strcmp(spec->toolchain, CONFIG_AUTO) != 0))
                return 0;
        return problem_set(problem, -EINVAL,
                           "to adopt a file, name the arch file and the toolchain that made it");
}

int ask_get(Asks *asks, const GetSpec *spec, const AskHandlers *handlers, void *userdata, Ask **ret,
            Problem *problem) {
        Ask *ask;
        int r;

        r = ask_check_adoption(spec, problem);
        if (r < 0)
                return r;
        r = ask_new(&ask, asks, ASK_GET, handlers, userdata);
        if (r < 0)
                return r;
        r = ask_copy_spec(ask, spec, problem);
        if (r == 0) {
                ask->source_fd = spec->source_fd;
                ask->arch_fd = spec->arch_fd;
                ask->output_dir_fd = spec->output_dir_fd;
                ask->adopt_fd = spec->adopt_fd;
                r = work_start(&asks->core->pool, &ask->work, WORK_HASH, ask_identify_work,
                               ask_on_identified);
        }
        if (r < 0) {
                ask->source_fd = ask->arch_fd = ask->output_dir_fd = ask->adopt_fd = -1;
                (void) ask_free(ask);
                return r;
        }
        statistics_count(&asks->core->statistics, STATISTIC_ASKS);
        *ret = ask;
        return 0;
}

/* --- wait ------------------------------------------------------------------------------------- */

int ask_wait(Asks *asks, const char *root, const AskHandlers *handlers, void *userdata, Ask **ret) {
        Ask *ask;
        int r;

        r = ask_new(&ask, asks, ASK_WAIT, handlers, userdata);
        if (r < 0)
                return r;
        r = strings_dup(&ask->root, root);
        if (r < 0) {
                (void) ask_free(ask);
                return r;
        }
        statistics_count(&asks->core->statistics, STATISTIC_ASKS);
        *ret = ask;
        return 0;
}

bool asks_want_barrier(const Asks *asks) {
        const Ask *ask;

        TAILQ_FOREACH(ask, &asks->list, link)
        if (ask->kind == ASK_WAIT && !ask->passed)
                return true;
        return false;
}

void asks_pass_barrier(Asks *asks) {
        Ask *ask;

        TAILQ_FOREACH(ask, &asks->list, link) {
                if (ask->kind != ASK_WAIT || ask->passed)
                        continue;
                ask->passed = true;
                ask->event = asks->core->event;
        }
}

static bool ask_concerns(const Ask *ask, const Workspace *workspace) {
        return !ask->root || strcmp(ask->root, workspace_root(workspace)) == 0;
}

static bool ask_is_accounted_for(const Ask *ask) {
        const Core *core = ask->asks->core;
        const Source *source;

        if (!ask->passed)
                return false;
        for (size_t i = 0; i < core->n_workspaces; i++)
                if (ask_concerns(ask, core->workspaces[i]) &&
                    workspace_is_scanning(core->workspaces[i]))
                        return false;
        for (source = TAILQ_FIRST(&core->busy); source; source = source_next_busy(source))
                if (source_busy_since(source) <= ask->event &&
                    ask_concerns(ask, source_workspace(source)))
                        return false;
        return true;
}

static int ask_hint(const char *text, void *userdata) {
        Ask *ask = userdata;

        return ask->hints.n < ASK_HINTS_MAX ? strings_add(&ask->hints, text) : 0;
}

/* What keeps a unit's artifact from being what the files say; NULL: nothing. */
static const char *ask_what_is_wrong(const UnitView *unit) {
        bool failed = unit->state == UNIT_FAILED || unit->state == UNIT_OVER_LIMIT ||
                      unit->state == UNIT_INVALID || unit->state == UNIT_NO_TARGET;

        return failed ? unit->detail ?: "" : unit->trouble;
}

static int ask_collect_unit(const UnitView *unit, void *userdata) {
        const char *why = ask_what_is_wrong(unit);
        Problem line;

        if (!why)
                return 0;
        (void) problem_set(&line, 0, "%s%s%s (%s): %s", unit->net_name, unit->target ? "@" : "",
                           unit->target ?: "", unit->source_path, why);
        return ask_hint(line.text, userdata);
}

static void ask_finish_wait(Ask *ask) {
        const Core *core = ask->asks->core;

        for (size_t i = 0; i < core->n_workspaces; i++) {
                if (!ask_concerns(ask, core->workspaces[i]))
                        continue;
                (void) workspace_each_problem(core->workspaces[i], ask_hint, ask);
                (void) workspace_each_unit(core->workspaces[i], ask_collect_unit, ask);
        }
        if (ask->hints.n > 0)
                ask_finish(ask, ASK_COMPILE_FAILED,
                           "not everything is compiled and delivered as the files say");
        else
                ask_finish(ask, ASK_DONE, NULL);
}

void asks_check(Asks *asks) {
        Ask *next;

        for (Ask *ask = TAILQ_FIRST(&asks->list); ask; ask = next) {
                next = TAILQ_NEXT(ask, link);
                if (ask->delivering) {
                        ask_check_unit_delivery(ask);
                        continue;
                }
                if (ask->kind != ASK_WAIT)
                        continue;
                if (ask->cancelled)
                        ask_finish(ask, ASK_FAILED, "cancelled");
                else if (ask_is_accounted_for(ask))
                        ask_finish_wait(ask);
        }
}

/* --- the end ---------------------------------------------------------------------------------- */

void ask_cancel(Ask *ask) {
        if (ask->cancelled)
                return;
        ask->cancelled = true;
        if (ask->build)
                build_cancel(ask->build);
        else if (ask->kind == ASK_GET)
                work_cancel(&ask->work);
}

void asks_stop(Asks *asks) {
        Ask *ask;

        TAILQ_FOREACH(ask, &asks->list, link)
        ask_cancel(ask);
}
