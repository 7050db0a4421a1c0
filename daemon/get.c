/*
 * Callbacks record what happened and call get_run(); get_run() is the only place that goes on. An
 * ask that was answered before its build was done has nothing to do after it.
 */

#include "daemon/get.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "daemon/build.h"
#include "daemon/choice.h"
#include "daemon/deliver.h"
#include "daemon/options.h"
#include "daemon/queue.h"
#include "daemon/salvage.h"
#include "daemon/workspace.h"
#include "daemon/workspaces.h"

#define GET_LOOKS_MAX 16 /* at a source that is replaced each time */

typedef enum GetState {
        GET_IDENTIFYING,
        GET_PAIRING,
        GET_LOOKING,
        GET_AT_GATE, /* and later, until the build is done */
        GET_JUDGING,
        GET_COPYING,
        GET_DELIVERING,
        GET_AWAITING,
        GET_OVER,
} GetState;

typedef struct Get {
        Ask ask;
        GetState state;
        bool busy; /* one operation is outstanding */
        AskOutcome outcome;
        Problem problem; /* says why, unless it is done */

        /* what was asked */
        int source_fd, arch_fd, output_dir_fd, adopt_fd;
        char *adopt_path;
        char *source_path, *arch_path, *target, *toolchain_name, *net_name, *output_dir, *options;
        bool wait, force, want_fd, want_log, overwrite, require_dpu;
        int umask;

        /* how far it is */
        unsigned looks; /* at a source that was replaced meanwhile */
        Work work;
        Identity identity;
        Choice choice;
        char *toolchain;
        Build *build;
        BuildOutcome built;
        char *path;
        Salvage *salvage;
        Digest key, snapshot;
        bool has_key, hit, no_dpu_code;
        Digest toolchain_identity;
        UnitState unit_state;
        bool poked;  /* the unit was told to look for itself */
        bool paused; /* as it was told */
} Get;

static void get_run(Get *get);

/* @why NULL: the problem has it already */
static void get_decide(Get *get, AskOutcome outcome, const char *why) {
        if (why)
                (void) problem_set(&get->problem, 0, "%s", why);
        get->outcome = outcome;
        get->state = GET_OVER;
}

static int get_work(Get *get, WorkClass class, WorkRunFn run, WorkDoneFn done) {
        int r;

        r = work_start_first(&get->ask.asks->core->pool, &get->work, class, run, done);
        if (r == 0)
                get->busy = true;
        return r;
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *get_toolchain(const Get *get) {
        const char *name = get->build ? build_toolchain(get->build) : NULL;

        return name ?: get->toolchain;
}

static UnitView get_unit(const Get *get) {
        return (UnitView){
                .net_name = get->choice.pair.net_name,
                .target = get->choice.pair.target_name,
                .root = get->choice.root_path,
                .source_path = get->source_path,
                .arch_path = get->choice.pair.arch_path,
                .state = get->unit_state,
                .source_class = (int) get->identity.class,
                .toolchain = get_toolchain(get),
                .key = get->has_key ? &get->key : NULL,
                .artifact_path = get->path,
                .elapsed_ms = ask_elapsed_ms(&get->ask),
                .fingerprint = get->choice.pair.target.fingerprint,
                .no_dpu_code = get->no_dpu_code,
                .hit = get->hit,
        };
}

/* The path of a failure is that of its view. -1 if there is no log. */
static int get_open_log(const Get *get) {
        _cleanup_(freep) char *view = NULL, *path = NULL;

        if (!get->want_log || !get->path)
                return -1;
        view = path_ends_with(get->path, ".xmodel") ? path_dirname(get->path) : strdup(get->path);
        path = view ? path_join(view, "compile.log") : NULL;
        return path ? file_open_regular(AT_FDCWD, path) : -1;
}

static void get_answer(Ask *ask, AskOutcome outcome, const char *message) {
        Get *get = container_of(ask, Get, ask);
        char target[FINGERPRINT_NAME_MAX] = "", identity[DIGEST_HEX] = "";
        _cleanup_(closep) int fd = -1, log_fd = get_open_log(get);
        UnitView unit = get_unit(get);
        Problem problem = {};
        AskResult result = {
                .outcome = outcome,
                .message = message,
                .artifact_fd = -1,
                .log_fd = log_fd,
                .hit = get->hit,
        };

        if (outcome == ASK_DONE && get->want_fd) {
                fd = file_open_regular(AT_FDCWD, get->path);
                if (fd < 0) {
                        (void) problem_set(&problem, fd, "%s: %s", get->path, strerror(-fd));
                        result.outcome = ASK_FAILED;
                        result.message = problem.text;
                }
                result.artifact_fd = fd;
        }
        if (get->choice.pair.net_name) {
                target_identity(&get->choice.pair.target, target);
                digest_to_hex(&get->toolchain_identity, identity);
                result.unit = &unit;
                result.path = get->path;
                result.basis = (AskBasis){
                        .source_stat = get->identity.stat,
                        .source_digest = get->identity.bytes,
                        .snapshot_digest = get->snapshot,
                        .arch_stat = get->choice.pair.arch_id,
                        .target = target,
                        .toolchain_identity = identity,
                };
        }
        ask_tell(ask, &result);
}

/* --- delivering ------------------------------------------------------------------------------- */

/* The workspace in which it was paired, NULL if it is gone. */
static Workspace *get_own_workspace(const Get *get) {
        Workspace *workspace =
                workspaces_containing(get->ask.asks->core->workspaces, get->source_path);

        return workspace && get->choice.root_path &&
                               strcmp(workspace_root(workspace), get->choice.root_path) == 0
                       ? workspace
                       : NULL;
}

/* The project's output_dir gets what the unit makes, not what somebody asked for with other
 * options. */
static bool get_is_for_unit(const Get *get) {
        return get->choice.pair.output_dir && !get->choice.renamed && !get->options &&
               (!get->toolchain_name ||
                strings_equal(get->toolchain_name, get->choice.pair.toolchain));
}

static int get_deliver_unit(Get *get) {
        Workspace *workspace = get_own_workspace(get);

        if (!get_is_for_unit(get) || !workspace) {
                get_decide(get, ASK_DONE, NULL);
                return 0;
        }
        workspace_redeliver(workspace, get->source_path, &get->choice.pair, &get->key);
        get->state = GET_AWAITING;
        get->busy = true; /* until get_check() */
        return 0;
}

/* Whoever has an answer uses the file in output_dir next: it must be the answered one. */
static int get_await_unit(Get *get) {
        Workspace *workspace = get_own_workspace(get);
        Delivered delivered = DELIVERED;
        const char *why = NULL;
        Problem note = {};

        if (workspace)
                delivered = workspace_delivered(workspace, get->source_path, &get->choice.pair,
                                                &get->key, &why);
        if (delivered == DELIVERED_ELSEWHERE && !get->poked) { /* it may not have heard of it */
                get->poked = true;
                workspace_poke(workspace, get->source_path);
                delivered = DELIVERED_LATER;
        }
        switch (delivered) {
        case DELIVERED_LATER:
                workspace_prefer(workspace, get->source_path);
                get->busy = true;
                return 0;
        case DELIVERED:
                break;
        case DELIVERED_REFUSED:
                (void) problem_set(&note, 0, "not delivered: %s", why);
                break;
        case DELIVERED_ELSEWHERE:
                (void) problem_set(&note, 0,
                                   "not delivered to %s: %s changed after it was asked for",
                                   get->choice.pair.output_dir, get->source_path);
                break;
        }
        ask_note(&get->ask, note.text);
        get_decide(get, ASK_DONE, NULL);
        return 0;
}

static int get_deliver_work(Work *work) {
        Get *get = container_of(work, Get, work);
        _cleanup_(freep) char *view = path_dirname(get->path);
        /* the caller names the directory: no workspace confines it */
        const DeliverSpec spec = {
                .root = "/",
                .trusted = true,
                .output_dir = get->output_dir,
                .directory_fd = get->output_dir_fd,
                .overwrite = get->overwrite,
                .umask = get->umask >= 0 ? (mode_t) get->umask : get->ask.asks->core->umask,
                .net_name = get->choice.pair.net_name,
                .view = view,
                .key = &get->key,
                .state = get->ask.asks->core->state,
        };

        return view ? deliver(&spec, &get->problem) : -ENOMEM;
}

static void get_on_delivered(Work *work, int r) {
        Get *get = container_of(work, Get, work);
        Statistics *statistics = &get->ask.asks->core->statistics;

        if (r < 0)
                statistics_count(statistics, STATISTIC_DELIVERIES_REFUSED);
        else if (r == 0)
                statistics_count(statistics, STATISTIC_DELIVERIES);
        get->busy = false;
        get->state = GET_DELIVERING;
        if (r < 0)
                get_decide(get, ASK_FAILED, get->problem.text[0] ? NULL : strerror(-r));
        get_run(get);
}

static int get_copy(Get *get) {
        if (get->output_dir)
                return get_work(get, WORK_STORE, get_deliver_work, get_on_delivered);
        get->state = GET_DELIVERING;
        return 0;
}

/* --- building --------------------------------------------------------------------------------- */

static void get_on_phase(Build *build, void *userdata) {
        Get *get = userdata;
        const char *phase = build_phase_name(build_phase(build));

        if (build_phase(build) == BUILD_LOOKING)
                return; /* over before anybody could read of it */
        if (build_phase(build) == BUILD_QUEUED && get->paused)
                phase = "queued while compiling is paused";
        ask_report(&get->ask, phase, build_position(build), build_left_ms(build));
}

/* Who waits is told why that takes so long. */
static void get_look_at_pause(Get *get) {
        bool paused = queue_is_paused(get->ask.asks->core->queue);

        if (get->paused == paused)
                return;
        get->paused = paused;
        if (get->build && build_phase(get->build) == BUILD_QUEUED)
                get_on_phase(get->build, get);
}

/* The unit of the same source does the work in the background. */
static bool get_leave_to_workspace(Get *get) {
        Workspace *workspace =
                workspaces_containing(get->ask.asks->core->workspaces, get->source_path);

        if (!get->choice.root_path || !workspace || get->arch_fd >= 0 || get->toolchain_name ||
            get->options || get->force)
                return false;
        workspace_poke(workspace, get->source_path);
        return true;
}

static void get_on_gate(Build *build, void *userdata) {
        Get *get = userdata;

        (void) build;
        get->busy = false;
        get->state = GET_AT_GATE;
        get_run(get);
}

/* Either way the build calls back once more, later. */
static int get_pass_gate(Get *get) {
        get->busy = true;
        if (get->wait) {
                build_go(get->build);
                return 0;
        }
        get->has_key = true;
        get->key = *build_key(get->build);
        if (get->ask.asks->core->once) {
                ask_answer(&get->ask, ASK_NOT_READY,
                           "not compiled yet, and without a daemon nobody is at it (get --wait "
                           "does it)");
                build_cancel(get->build);
                return 0;
        }
        get->unit_state = UNIT_QUEUED;
        ask_answer(&get->ask, ASK_NOT_READY,
                   "not compiled yet; it is being done (get --wait waits for it)");
        if (get_leave_to_workspace(get))
                build_cancel(get->build);
        else
                build_go(get->build);
        return 0;
}

/* Nobody named the toolchain, so nobody asked for what only it makes. */
static bool get_demands_dpu(const Get *get) {
        const char *name = get->toolchain_name ?: get->choice.pair.toolchain;

        if (!name)
                name = get->ask.asks->core->config->toolchain;
        return get->require_dpu && strcmp(name, CONFIG_AUTO) == 0;
}

/* Nobody here saw the compiler that made it: whoever ships it is to know. And what is there stays,
 * so whoever brings another one may have brought anything. */
static void get_note_adoption(Get *get, Slice path, bool hit) {
        Problem note;

        if (get->adopt_path && hit) {
                (void) problem_set(&note, 0,
                                   "the cache had an artifact already, which stays: %s was neither "
                                   "checked nor kept (adopt --force puts it in its place)",
                                   get->adopt_path);
                ask_note(&get->ask, note.text);
        }
        if (path.size == 0 || get->adopt_path)
                return;
        (void) problem_set(&note, 0, "the artifact was adopted, not compiled here: it was %.*s",
                           (int) path.size, (const char *) path.data);
        ask_note(&get->ask, note.text);
}

static void get_take_result(Get *get, const BuildResult *result) {
        get->built = result->outcome;
        get->problem = result->detail;
        get->hit = result->hit;
        get->no_dpu_code = result->no_dpu_code;
        get->toolchain_identity = result->toolchain_identity;
        get->has_key = result->key;
        if (result->key)
                get->key = *result->key;
        if (result->identity)
                get->identity = *result->identity;
        if (result->snapshot)
                get->snapshot = *result->snapshot;
        get->path = result->path ? strdup(result->path) : NULL;
        get->toolchain = result->toolchain ? strdup(result->toolchain) : NULL;
        if (result->salvage)
                get->salvage = salvage_ref(result->salvage);
        if (result->no_dpu_code && !get_demands_dpu(get))
                ask_note(&get->ask,
                         "the artifact holds no DPU code: everything in it runs on the CPU");
        ask_note(&get->ask, result->warning);
        get_note_adoption(get, result->adopted, result->hit);
        ask_note(&get->ask, get->choice.pair.warning);
}

/* A copy is all that there will be: what the cache could not take goes when we have answered. */
static bool get_loses_artifact(const Get *get) {
        return get->salvage && (get->adopt_path ||
                                (get->ask.asks->core->once && !get->output_dir && !get->want_fd));
}

/* What was built is of use to whoever asked. */
static void get_accept(Get *get) {
        Problem *problem = &get->problem;

        get->unit_state = UNIT_READY;
        ask_note(&get->ask, problem->text);
        problem->text[0] = '\0';
        get->state = GET_COPYING;
        if (get->no_dpu_code && get_demands_dpu(get)) {
                (void) problem_set(problem, 0,
                                   "there is no DPU code in what %s, the only compiler that is "
                                   "installed, makes of %s: install vai_c_xir, or ask for %s by "
                                   "name (DPUCC_TOOLCHAIN=%s)",
                                   get->toolchain, get->source_path, get->toolchain,
                                   get->toolchain);
                get_decide(get, ASK_COMPILE_FAILED, NULL);
        } else if (get_loses_artifact(get)) {
                get_decide(get, ASK_FAILED,
                           "it is compiled, but the cache cannot keep it: have it copied, with get "
                           "-o FILE or build --output_dir DIR");
        }
}

static void get_reject(Get *get, UnitState state, AskOutcome outcome) {
        get->unit_state = state;
        get_decide(get, outcome, NULL);
}

static int get_judge(Get *get) {
        switch (get->built) {
        case BUILD_READY:
                get_accept(get);
                return 0;
        case BUILD_FAILED:
                get_reject(get, UNIT_FAILED, ASK_COMPILE_FAILED);
                return 0;
        case BUILD_OVER_LIMIT:
                get_reject(get, UNIT_OVER_LIMIT, ASK_LIMIT_EXCEEDED);
                return 0;
        case BUILD_NOT_RIGHT:
                get_reject(get, UNIT_FAILED, ASK_NOT_RIGHT);
                return 0;
        case BUILD_NOT_SOURCE:
        case BUILD_UNREADABLE:
                get_reject(get, UNIT_NOT_SOURCE, ASK_NOT_FOUND);
                return 0;
        case BUILD_TRANSIENT:
                get_reject(get, UNIT_FAILED, ASK_FAILED);
                return 0;
        case BUILD_INVALID:
                get_reject(get, UNIT_INVALID, ASK_FAILED);
                return 0;
        case BUILD_CANCELLED:
                break;
        }
        get_decide(get, ASK_FAILED, "cancelled");
        return 0;
}

static void get_on_built(Build *build, const BuildResult *result, void *userdata) {
        Get *get = userdata;

        (void) build;
        get->build = NULL;
        get_take_result(get, result);
        get->busy = false;
        get->state = GET_JUDGING;
        get_run(get);
}

static int get_build(Get *get) {
        static const BuildHandlers handlers = {
                .phase = get_on_phase,
                .gate = get_on_gate,
                .done = get_on_built,
        };
        Core *core = get->ask.asks->core;
        const char *toolchain = get->toolchain_name ?: get->choice.pair.toolchain;
        BuildSpec spec;
        int r;

        r = toolchains_check(core->toolchains, toolchain, &get->problem);
        if (r < 0) {
                get_decide(get, ASK_USAGE, NULL);
                return 0;
        }

        spec = (BuildSpec){
                .source_path = get->source_path,
                .source_fd = get->source_fd,
                .identity = &get->identity,
                .pair = &get->choice.pair,
                .root = get->choice.root_path,
                .toolchain = toolchain,
                .verbatim = core->config->snapshot == SNAPSHOT_VERBATIM,
                .options = get->options,
                .priority = { .client = get->wait,
                              .saved = (uint64_t) get->identity.stat.ctime_ns },
                .force = get->force,
                .adopt_fd = get->adopt_fd,
                .adopt_path = get->adopt_path,
        };
        r = build_start(&get->build, core, &spec, &handlers, get);
        if (r < 0)
                return r;
        get->source_fd = get->adopt_fd = -1;
        get->busy = true;
        return 0;
}

/* --- identifying and pairing ---------------------------------------------------------------------- */

/* Somebody renamed another file over the source, or moved it, since the client opened it. Not so if
 * the client is in a container, where the path is another file's. */
static bool get_is_replaced(const Get *get) {
        const Workspace *workspace =
                workspaces_containing(get->ask.asks->core->workspaces, get->source_path);
        StatId passed, here;

        if (get->source_fd < 0 || !workspace || file_stat_id_fd(get->source_fd, &passed) < 0)
                return false;
        if (file_stat_id(AT_FDCWD, get->source_path, &here) == 0 &&
            stat_id_is_same_file(&passed, &here))
                return false;
        return file_is_beneath(get->source_fd, workspace_root(workspace));
}

/* The path is what was asked for: the file that was passed may by now be changed under another. The
 * new one takes its number, which is the caller's until the request is accepted. */
static int get_look_again(Get *get) {
        _cleanup_(closep) int fd = file_open_regular(AT_FDCWD, get->source_path);
        int r = fd;

        if (fd >= 0 && get->looks == GET_LOOKS_MAX)
                r = -EAGAIN;
        else if (fd >= 0 && dup3(fd, get->source_fd, O_CLOEXEC) < 0)
                r = error_from_errno();
        if (r < 0) {
                (void) problem_set(&get->problem, r, "%s: %s", get->source_path,
                                   r == -EAGAIN ? "it does not stop changing" : strerror(-r));
                get_decide(get, r == -ENOENT ? ASK_NOT_FOUND : ASK_FAILED, NULL);
                return 0;
        }
        get->looks++;
        choice_deinit(&get->choice);
        get->choice = (Choice){};
        get->problem = (Problem){};
        strings_deinit(&get->ask.hints);
        strings_deinit(&get->ask.notes);
        get->state = GET_IDENTIFYING;
        return 0;
}

static int get_pair(Get *get) {
        const ChoiceSpec spec = {
                .core = get->ask.asks->core,
                .source_path = get->source_path,
                .source_fd = get->source_fd,
                .arch_fd = get->arch_fd,
                .arch_path = get->arch_path,
                .target = get->target,
                .toolchain = get->toolchain_name,
                .net_name = get->net_name,
        };
        AskOutcome outcome;

        outcome = choice_make(&get->choice, &spec, &get->ask, &get->problem);
        if (!get->choice.root_path && get_is_replaced(get))
                return get_look_again(get);
        if (outcome != ASK_DONE)
                get_decide(get, outcome, NULL);
        else
                get->state = GET_LOOKING;
        return 0;
}

static int get_identify_work(Work *work) {
        Get *get = container_of(work, Get, work);
        _cleanup_(closep) int fd = identify_open(get->source_fd, get->source_path);

        return fd < 0 ? fd : identify_fd(get->ask.asks->core->state, fd, work, &get->identity);
}

static void get_on_identified(Work *work, int r) {
        Get *get = container_of(work, Get, work);

        get->busy = false;
        get->state = GET_PAIRING;
        if (r < 0) {
                (void) problem_set(&get->problem, r, "%s: %s", get->source_path,
                                   r == -EAGAIN ? "it does not stop changing" : strerror(-r));
                get_decide(get, r == -ENOENT ? ASK_NOT_FOUND : ASK_FAILED, NULL);
        } else if (get->identity.class != XMODEL_QUANTIZED) {
                (void) problem_set(&get->problem, 0, "%s: %s", get->source_path,
                                   get->identity.reason.text);
                get_decide(get, ASK_NOT_FOUND, NULL);
        } else {
                statistics_count(&get->ask.asks->core->statistics,
                                 get->identity.was_read ? STATISTIC_HASHES : STATISTIC_MEMO_HITS);
        }
        get_run(get);
}

/* Most sources that are asked for were asked for before. */
static int get_identify(Get *get) {
        Core *core = get->ask.asks->core;

        if (!identify_known(core->state, get->source_fd, get->source_path, &get->identity))
                return get_work(get, WORK_HASH, get_identify_work, get_on_identified);
        statistics_count(&core->statistics, STATISTIC_MEMO_HITS);
        get->state = GET_PAIRING;
        return 0;
}

/* --- the machine ------------------------------------------------------------------------------ */

static int get_step(Get *get) {
        switch (get->state) {
        case GET_IDENTIFYING:
                return get_identify(get);
        case GET_PAIRING:
                return get_pair(get);
        case GET_LOOKING:
                return get_build(get);
        case GET_AT_GATE:
                return get_pass_gate(get);
        case GET_JUDGING:
                return get_judge(get);
        case GET_COPYING:
                return get_copy(get);
        case GET_DELIVERING:
                return get_deliver_unit(get);
        case GET_AWAITING:
                return get_await_unit(get);
        case GET_OVER:
                break;
        }
        return 0;
}

/* Somebody still waits for more than the build. */
static bool get_is_wanted(const Get *get) {
        return get->build || (!get->ask.cancelled && !get->ask.answered);
}

static void get_run(Get *get) {
        int r;

        while (!get->busy && get->state != GET_OVER) {
                if (!get_is_wanted(get))
                        break;
                r = get_step(get);
                if (r < 0)
                        get_decide(get, ASK_FAILED, strerror(-r));
        }
        if (!get->busy)
                ask_finish(&get->ask, get->outcome,
                           get->outcome == ASK_DONE ? NULL : get->problem.text);
}

/* --- the ask ------------------------------------------------------------------------------------ */

static int get_parse_options(Get *get, const char *text, Problem *problem) {
        Options options;
        int r;

        if (!text || text[0] == '\0')
                return 0;
        r = options_parse(text, &options, problem);
        if (r < 0)
                return r;
        get->options = options_render(&options);
        options_deinit(&options);
        return get->options ? 0 : -ENOMEM;
}

static int get_copy_spec(Get *get, const GetSpec *spec, Problem *problem) {
        get->wait = spec->wait;
        get->force = spec->force;
        get->want_fd = spec->want_fd;
        get->want_log = spec->want_log;
        get->overwrite = spec->overwrite;
        get->require_dpu = spec->require_dpu;
        get->umask = spec->umask;
        if (strings_dup(&get->source_path, spec->source_path) < 0 ||
            strings_dup(&get->arch_path, spec->arch_path) < 0 ||
            strings_dup(&get->target, spec->target) < 0 ||
            strings_dup(&get->toolchain_name, spec->toolchain) < 0 ||
            strings_dup(&get->net_name, spec->net_name) < 0 ||
            strings_dup(&get->output_dir, spec->output_dir) < 0 ||
            strings_dup(&get->adopt_path, spec->adopt_path) < 0)
                return -ENOMEM;
        return get_parse_options(get, spec->options, problem);
}

/* The key needs to say who made the file, and nobody can tell from the file alone. */
static int get_check_adoption(const GetSpec *spec, Problem *problem) {
        if (spec->adopt_fd < 0 ||
            (spec->arch_fd >= 0 && spec->toolchain && strcmp(spec->toolchain, CONFIG_AUTO) != 0))
                return 0;
        return problem_set(problem, -EINVAL,
                           "to adopt a file, name the arch file and the toolchain that made it");
}

static void get_check(Ask *ask) {
        Get *get = container_of(ask, Get, ask);

        get_look_at_pause(get);
        if (get->state == GET_AWAITING) {
                get->busy = false;
                get_run(get);
        }
}

static void get_cancel(Ask *ask) {
        Get *get = container_of(ask, Get, ask);

        if (get->build)
                build_cancel(get->build);
        else
                work_cancel(&get->work);
}

static void get_free(Ask *ask) {
        Get *get = container_of(ask, Get, ask);

        assert(!get->work.busy && !get->build);
        ask_deinit(ask);
        closep(&get->source_fd);
        closep(&get->arch_fd);
        closep(&get->output_dir_fd);
        closep(&get->adopt_fd);
        free(get->adopt_path);
        free(get->source_path);
        free(get->arch_path);
        free(get->target);
        free(get->toolchain_name);
        free(get->net_name);
        free(get->output_dir);
        free(get->options);
        choice_deinit(&get->choice);
        free(get->toolchain);
        free(get->path);
        (void) salvage_unref(get->salvage);
        free(get);
}

static int get_nothing_work(Work *work) {
        (void) work;
        return 0;
}

static void get_on_nothing(Work *work, int r) {
        Get *get = container_of(work, Get, work);

        (void) r;
        get->busy = false;
        get_run(get);
}

/* The first steps, until one of them takes its time. An answer that is there by then is given
 * later, as all of them. */
static int get_begin(Get *get) {
        int r = 0;

        while (r == 0 && !get->busy && get->state != GET_OVER)
                r = get_step(get);
        if (r == 0 && !get->busy)
                r = get_work(get, WORK_QUICK, get_nothing_work, get_on_nothing);
        return r;
}

int get_start(Asks *asks, const GetSpec *spec, const AskHandlers *handlers, void *userdata,
              Ask **ret, Problem *problem) {
        static const AskKind kind = {
                .check = get_check,
                .cancel = get_cancel,
                .answer = get_answer,
                .free = get_free,
        };
        Get *get;
        int r;

        r = get_check_adoption(spec, problem);
        if (r < 0)
                return r;
        get = calloc(1, sizeof(*get));
        if (!get)
                return -ENOMEM;
        ask_init(&get->ask, asks, &kind, handlers, userdata);
        get->source_fd = get->arch_fd = get->output_dir_fd = get->adopt_fd = -1;
        r = get_copy_spec(get, spec, problem);
        if (r == 0) {
                get->source_fd = spec->source_fd;
                get->arch_fd = spec->arch_fd;
                get->output_dir_fd = spec->output_dir_fd;
                get->adopt_fd = spec->adopt_fd;
                r = get_begin(get);
        }
        if (r < 0) {
                get->source_fd = get->arch_fd = get->output_dir_fd = get->adopt_fd = -1;
                get_free(&get->ask);
                return r;
        }
        statistics_count(&asks->core->statistics, STATISTIC_ASKS);
        *ret = &get->ask;
        return 0;
}
