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
#include "daemon/salvage.h"
#include "daemon/workspace.h"
#include "daemon/workspaces.h"

typedef struct Get {
        Ask ask;

        /* what was asked */
        int source_fd, arch_fd, output_dir_fd, adopt_fd;
        char *adopt_path;
        char *source_path, *arch_path, *target, *toolchain_name, *net_name, *output_dir, *options;
        bool wait, force, want_fd, want_log, overwrite, require_dpu;
        int umask;

        /* how far it is */
        Work work;
        Identity identity;
        Choice choice;
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
} Get;

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
        return get->choice.pair.output_dir && !get->choice.renamed && !get->toolchain_name &&
               !get->options;
}

/* Whoever has an answer uses the file in output_dir next: it must be the answered one. */
static void get_check_unit_delivery(Get *get) {
        Workspace *workspace = get_own_workspace(get);
        const char *why = NULL;
        Problem note;

        if (get->ask.cancelled || !workspace) {
                ask_finish(&get->ask, ASK_DONE, NULL);
                return;
        }
        switch (workspace_delivered(workspace, get->source_path, &get->choice.pair, &get->key,
                                    &why)) {
        case DELIVERED_LATER:
                return;
        case DELIVERED:
                break;
        case DELIVERED_REFUSED:
                (void) problem_set(&note, 0, "not delivered: %s", why);
                ask_note(&get->ask, note.text);
                break;
        case DELIVERED_ELSEWHERE:
                if (!get->poked) { /* it may not have heard of this save */
                        get->poked = true;
                        workspace_poke(workspace, get->source_path);
                        return;
                }
                (void) problem_set(&note, 0,
                                   "not delivered to %s: %s changed after it was asked for",
                                   get->choice.pair.output_dir, get->source_path);
                ask_note(&get->ask, note.text);
                break;
        }
        ask_finish(&get->ask, ASK_DONE, NULL);
}

static void get_deliver_unit(Get *get) {
        Workspace *workspace = get_own_workspace(get);

        if (!get_is_for_unit(get) || !workspace || get->ask.answered || get->ask.cancelled) {
                ask_finish(&get->ask, ASK_DONE, NULL);
                return;
        }
        workspace_redeliver(workspace, get->source_path, &get->choice.pair, &get->key);
        get->delivering = true; /* get_check() goes on */
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

        return view ? deliver(&spec, &get->deliver_problem) : -ENOMEM;
}

static void get_on_delivered(Work *work, int r) {
        Get *get = container_of(work, Get, work);
        Statistics *statistics = &get->ask.asks->core->statistics;

        if (r < 0)
                statistics_count(statistics, STATISTIC_DELIVERIES_REFUSED);
        else if (r == 0)
                statistics_count(statistics, STATISTIC_DELIVERIES);
        if (r < 0)
                ask_finish(&get->ask, ASK_FAILED, get->deliver_problem.text);
        else
                get_deliver_unit(get);
}

/* --- building --------------------------------------------------------------------------------- */

static void get_on_phase(Build *build, void *userdata) {
        Get *get = userdata;

        ask_report(&get->ask, build_phase_name(build_phase(build)), build_position(build));
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

        if (get->wait) {
                build_go(build);
                return;
        }
        get->has_key = true;
        get->key = *build_key(build);
        if (get->ask.asks->core->once) {
                ask_answer(&get->ask, ASK_NOT_READY,
                           "not compiled yet, and without a daemon nobody is at it (get --wait "
                           "does it)");
                build_cancel(build);
                return;
        }
        get->unit_state = UNIT_QUEUED;
        ask_answer(&get->ask, ASK_NOT_READY,
                   "not compiled yet; it is being done (get --wait waits for it)");
        if (get_leave_to_workspace(get))
                build_cancel(build);
        else
                build_go(build);
}

/* Nobody named the toolchain, so nobody asked for what only it makes. */
static bool get_demands_dpu(const Get *get) {
        const char *name = get->toolchain_name ?: get->choice.pair.toolchain;

        if (!name)
                name = get->ask.asks->core->config->toolchain;
        return get->require_dpu && strcmp(name, CONFIG_AUTO) == 0;
}

static void get_take_result(Get *get, const BuildResult *result) {
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
        ask_note(&get->ask, get->choice.pair.warning);
}

/* A copy is all that there will be: what the cache could not take goes when we have answered. */
static bool get_loses_artifact(const Get *get) {
        return get->salvage && (get->adopt_path ||
                                (get->ask.asks->core->once && !get->output_dir && !get->want_fd));
}

static void get_deliver(Get *get) {
        Problem problem = {};
        int r;

        if (get->no_dpu_code && get_demands_dpu(get)) {
                (void) problem_set(&problem, 0,
                                   "there is no DPU code in what %s, the only compiler that is "
                                   "installed, makes of %s: install vai_c_xir, or ask for %s by "
                                   "name (DPUCC_TOOLCHAIN=%s)",
                                   get->toolchain, get->source_path, get->toolchain,
                                   get->toolchain);
                ask_finish(&get->ask, ASK_COMPILE_FAILED, problem.text);
                return;
        }
        if (get_loses_artifact(get)) {
                ask_finish(&get->ask, ASK_FAILED,
                           "it is compiled, but the cache cannot keep it: have it copied, with get "
                           "-o FILE or build --output_dir DIR");
                return;
        }
        if (!get->output_dir || get->ask.answered || get->ask.cancelled) {
                get_deliver_unit(get);
                return;
        }
        r = work_start(&get->ask.asks->core->pool, &get->work, WORK_STORE, get_deliver_work,
                       get_on_delivered);
        if (r < 0)
                ask_finish(&get->ask, ASK_FAILED, strerror(-r));
}

static void get_on_built(Build *build, const BuildResult *result, void *userdata) {
        Get *get = userdata;
        const char *why = result->detail.text;

        (void) build;
        get->build = NULL;
        get_take_result(get, result);
        switch (result->outcome) {
        case BUILD_READY:
                get->unit_state = UNIT_READY;
                ask_note(&get->ask, why);
                get_deliver(get);
                return;
        case BUILD_FAILED:
                get->unit_state = UNIT_FAILED;
                ask_finish(&get->ask, ASK_COMPILE_FAILED, why);
                return;
        case BUILD_OVER_LIMIT:
                get->unit_state = UNIT_OVER_LIMIT;
                ask_finish(&get->ask, ASK_LIMIT_EXCEEDED, why);
                return;
        case BUILD_NOT_RIGHT:
                get->unit_state = UNIT_FAILED;
                ask_finish(&get->ask, ASK_NOT_RIGHT, why);
                return;
        case BUILD_NOT_SOURCE:
        case BUILD_UNREADABLE:
                get->unit_state = UNIT_NOT_SOURCE;
                ask_finish(&get->ask, ASK_NOT_FOUND, why);
                return;
        case BUILD_TRANSIENT:
                get->unit_state = UNIT_FAILED;
                ask_finish(&get->ask, ASK_FAILED, why);
                return;
        case BUILD_INVALID:
                get->unit_state = UNIT_INVALID;
                ask_finish(&get->ask, ASK_FAILED, why);
                return;
        case BUILD_CANCELLED:
                break;
        }
        ask_finish(&get->ask, ASK_FAILED, "cancelled");
}

static void get_build(Get *get) {
        static const BuildHandlers handlers = {
                .phase = get_on_phase,
                .gate = get_on_gate,
                .done = get_on_built,
        };
        Core *core = get->ask.asks->core;
        const char *toolchain = get->toolchain_name ?: get->choice.pair.toolchain;
        Problem problem = {};
        BuildSpec spec;
        int r;

        r = toolchains_check(core->toolchains, toolchain, &problem);
        if (r < 0) {
                ask_finish(&get->ask, ASK_USAGE, problem.text);
                return;
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
                .urgency = { .client = get->wait, .saved = (uint64_t) get->identity.stat.ctime_ns },
                .force = get->force,
                .adopt_fd = get->adopt_fd,
                .adopt_path = get->adopt_path,
        };
        r = build_start(&get->build, core, &spec, &handlers, get);
        if (r < 0) {
                ask_finish(&get->ask, ASK_FAILED, strerror(-r));
                return;
        }
        get->source_fd = get->adopt_fd = -1;
}

/* --- identifying and pairing ---------------------------------------------------------------------- */

static void get_pair(Get *get) {
        const ChoiceSpec spec = {
                .core = get->ask.asks->core,
                .source_path = get->source_path,
                .source_fd = get->source_fd,
                .arch_fd = get->arch_fd,
                .arch_path = get->arch_path,
                .target = get->target,
                .net_name = get->net_name,
        };
        Problem problem = {};
        AskOutcome outcome;

        outcome = choice_make(&get->choice, &spec, &get->ask, &problem);
        if (outcome != ASK_DONE)
                ask_finish(&get->ask, outcome, problem.text);
        else
                get_build(get);
}

static int get_identify_work(Work *work) {
        Get *get = container_of(work, Get, work);
        _cleanup_(closep) int fd = identify_open(get->source_fd, get->source_path);

        return fd < 0 ? fd : identify_fd(get->ask.asks->core->state, fd, &get->identity);
}

static void get_on_identified(Work *work, int r) {
        Get *get = container_of(work, Get, work);
        Problem problem = {};

        if (get->ask.cancelled || r == -ECANCELED) {
                ask_finish(&get->ask, ASK_FAILED, "cancelled");
        } else if (r < 0) {
                (void) problem_set(&problem, r, "%s: %s", get->source_path,
                                   r == -EAGAIN ? "it does not stop changing" : strerror(-r));
                ask_finish(&get->ask, r == -ENOENT ? ASK_NOT_FOUND : ASK_FAILED, problem.text);
        } else if (get->identity.class != XMODEL_QUANTIZED) {
                (void) problem_set(&problem, 0, "%s: %s", get->source_path,
                                   get->identity.reason.text);
                ask_finish(&get->ask, ASK_NOT_FOUND, problem.text);
        } else {
                statistics_count(&get->ask.asks->core->statistics,
                                 get->identity.was_read ? STATISTIC_HASHES : STATISTIC_MEMO_HITS);
                get_pair(get);
        }
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

        if (get->delivering)
                get_check_unit_delivery(get);
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
                r = work_start(&asks->core->pool, &get->work, WORK_HASH, get_identify_work,
                               get_on_identified);
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
