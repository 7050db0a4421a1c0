/*
 * Callbacks record what happened and call job_run(); job_run() is the only place that decides
 * what comes next. Between job_start() and CLEANING exactly one operation is outstanding.
 *
 * The job's directory is on the disk of the cache, so that what a compiler wrote is stored by
 * reflink where the file system can. All its names are constant, and the compiler is given
 * relative ones: a path that ended up in an output would make equal inputs differ.
 */

#include "daemon/job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/artifact.h"
#include "daemon/box.h"
#include "daemon/diagnosis.h"
#include "daemon/identify.h"
#include "daemon/jobdir.h"
#include "daemon/jobnews.h"
#include "daemon/jobplace.h"
#include "daemon/proc.h"
#include "daemon/publication.h"

#define JOB_LOG_HEAD     ((size_t) 256 * 1024)
#define JOB_LOG_TAIL     ((size_t) 768 * 1024)
#define JOB_CHECK_MS     (5 * 60 * 1000)
#define JOB_SNAPSHOT     "in/model.xmodel"
#define JOB_ARCH         "in/arch.json"
#define JOB_CHECK_OUTPUT "check.json"
#define JOB_SOURCE       "in/source.xmodel" /* as it is, for the check of an adoption */
#define JOB_LOG          "compile.log"

typedef enum JobState {
        JOB_PREPARING,
        JOB_COMPILING,
        JOB_CLEARING,
        JOB_EXAMINING,
        JOB_CHECKING,
        JOB_REPORTING,
        JOB_STORING,
        JOB_CLEANING,
        JOB_OVER,
} JobState;

struct Job {
        Core *core;
        Order *order; /* a reference */
        JobState state;
        bool busy; /* one operation is outstanding */
        bool cancelled;

        Work work;
        Proc *proc; /* borrowed, while a child runs */

        const char *jobs; /* where its directory is; borrowed */
        JobDir *dir;
        Box *box; /* whose directory that is; NULL: the job's own */
        int key_lock;
        Command command;
        Sha256 snapshot_sha256;
        uint64_t snapshot_size;

        Diagnosis diagnosis;
        bool tried_again;
        bool stored; /* an artifact that the cache did not have */
        uint64_t started_ms;

        void (*on_phase)(JobPhase phase, void *userdata);
        void (*on_done)(const JobResult *result, void *userdata);
        void *userdata;
};

static Job *job_free(Job *job) {
        if (!job)
                return NULL;

        assert(!job->busy && !job->dir && !job->box);
        command_deinit(&job->command);
        diagnosis_deinit(&job->diagnosis);
        closep(&job->key_lock);
        (void) order_unref(job->order);
        free(job);
        return NULL;
}

/* --- PREPARING: on a pool thread -------------------------------------------------------------- */

static int job_write_snapshot(Job *job) {
        _cleanup_(closep) int source = -1, to = -1;

        source = identify_open(job->order->source_fd, job->order->source_path);
        if (source < 0)
                return source;
        to = openat(job->dir->fd, JOB_SNAPSHOT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
        if (to < 0)
                return error_from_errno();
        return identify_snapshot(source, job->order->form, &job->order->snapshot, to,
                                 &job->snapshot_sha256, &job->snapshot_size);
}

static int job_copy(const Job *job, int from, const char *name) {
        _cleanup_(closep) int to = -1;
        int r;

        to = openat(job->dir->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (to < 0)
                return error_from_errno();
        r = file_copy_fd(from, to, NULL);
        return r < 0 ? r : 0;
}

/* In the place of the compiler's output. Whoever compiled it may have given the compiler any form
 * of the source, the file itself included. */
static int job_write_adopted(const Job *job) {
        _cleanup_(closep) int source = -1, file = -1;
        int r;

        source = identify_open(job->order->source_fd, job->order->source_path);
        if (source < 0)
                return source;
        file = identify_open(job->order->adopt_fd, job->order->adopt_path);
        if (file < 0)
                return file;
        r = job_copy(job, source, JOB_SOURCE);
        return r < 0 ? r : job_copy(job, file, PUBLICATION_XMODEL);
}

static int job_write_arch(const Job *job) {
        _cleanup_(closep) int fd = -1;

        fd = openat(job->dir->fd, JOB_ARCH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
        if (fd < 0)
                return error_from_errno();
        return file_write_all(fd, job->order->arch_text, strlen(job->order->arch_text));
}

static int job_make_command(Job *job, Problem *problem) {
        const CommandSpec spec = {
                .job_id = job->dir->id,
                .directory = job->dir->path,
                .jobs = job->jobs,
                .xmodel = JOB_SNAPSHOT,
                .arch = JOB_ARCH,
                .output_dir = "out",
                .net_name = ARTIFACT_NET_NAME,
                .options = job->order->options,
                .identity = &job->order->toolchain_identity,
                .box = job->box,
        };

        return toolchain_command(job->order->toolchain, &spec, &job->command, problem);
}

/* Somebody else may have made it since the order was given. Returns 1 if so. */
static int job_find_made(Job *job) {
        _cleanup_(record_freep) Record *record = NULL;

        if (job->order->force)
                return 0;
        return cache_lookup(job->core->cache, &job->order->key, &record) == 0;
}

static int job_make_directory(Job *job, Problem *problem) {
        const Order *order = job->order;
        int r = 0;

        job->jobs = job->core->jobs;
        if (job->core->warm && !order_adopts(order))
                r = warm_take(job->core->warm, order->toolchain, &order->toolchain_identity,
                              job->core->jobs, &job->box, problem);
        if (r < 0)
                return r;
        if (job->box) {
                job->dir = TAKE_PTR(job->box->dir);
                return 0;
        }
        return jobplace_open(job->core, &job->dir, &job->jobs, problem);
}

/* Not after a compile of half an hour. */
static int job_check_system(Problem *problem) {
        int r = file_check_openat2();

        return r < 0 ? problem_set(problem, r, "a job's directory cannot be opened: %s",
                                   file_error_text(r))
                     : 0;
}

static int job_prepare(Job *job, Problem *problem) {
        int r;

        r = cache_lock_key(job->core->cache, &job->order->key, false, &job->key_lock);
        if (r == CACHE_BUSY) {
                diagnosis_judge(&job->diagnosis, JOB_BUSY, "", problem);
                return 0;
        }
        if (r < 0)
                job->key_lock = -1; /* no lock, no sharing of work; the compile goes on */
        if (job_find_made(job) == 1)
                return 1;

        r = job_check_system(problem);
        if (r == 0)
                r = job_make_directory(job, problem);
        if (r == 0)
                r = order_adopts(job->order) ? job_write_adopted(job)
                                             : job_make_command(job, problem);
        if (r == -ENOENT)
                return -EAGAIN; /* it was there when the key was made */
        if (r == 0)
                r = job_write_arch(job);
        return r < 0 ? r : job_write_snapshot(job);
}

static int job_prepare_work(Work *work) {
        Job *job = container_of(work, Job, work);
        Problem problem = {};
        int r;

        r = job_prepare(job, &problem);
        if (r < 0)
                diagnosis_judge_error(&job->diagnosis, r, &problem, "preparing the compile");
        return r;
}

/* --- COMPILING -------------------------------------------------------------------------------- */

/* What was seen to pass with the same input gets another chance, at once. So does what was to run in a
 * box that is gone: an engine that is started again ends all of them, and so many tries there are not. */
static bool job_wants_another_try(const Job *job) {
        const JobResult *result = &job->diagnosis.result;

        if (job->tried_again)
                return false;
        if (job->box && result->outcome == JOB_TRANSIENT)
                return strcmp(result->failure_class, DIAGNOSIS_ENGINE) == 0;
        return result->outcome == JOB_FAILED && job->diagnosis.verdict == COMPILER_FLAKY;
}

static void job_run(Job *job);

static void job_enter(Job *job, JobPhase phase) {
        if (job->on_phase)
                job->on_phase(phase, job->userdata);
}

static void job_on_compiled(const ProcResult *result, void *userdata) {
        Job *job = userdata;
        int r;

        job->busy = false;
        job->proc = NULL;
        job->diagnosis.stopped = result->error < 0;
        job->diagnosis.elapsed_ms = result->elapsed_ms;
        job->diagnosis.peak_memory = result->peak_memory;
        job->diagnosis.end = (CompilerExit){
                .status = (int) result->exit_status,
                .term_signal = result->term_signal,
                .timed_out = result->error == -ETIMEDOUT,
        };
        r = artifact_clean_log(result->output,
                               toolchain_job_root(job->order->toolchain, job->dir->path),
                               &job->diagnosis.log);
        if (r < 0)
                bytes_deinit(&job->diagnosis.log);
        (void) compiler_log_end(job->diagnosis.compiler_log);
        if (result->error == -ECANCELED)
                job->cancelled = true;
        job->state = JOB_EXAMINING;
        job_run(job);
}

static void job_on_output(Slice output, void *userdata) {
        Job *job = userdata;
        const CompilerPhase before = compiler_log_phase(job->diagnosis.compiler_log);

        /* out of memory: then it only knows less */
        (void) compiler_log_feed(job->diagnosis.compiler_log, output);
        if (before < COMPILER_PHASE_PARTITIONED &&
            compiler_log_phase(job->diagnosis.compiler_log) >= COMPILER_PHASE_PARTITIONED)
                job_enter(job, JOB_PHASE_WRITING);
}

/* What cannot be recorded is still found by its marker. */
static int job_spawn(Job *job, const ProcSpec *spec, ProcDoneFn done) {
        int r;

        r = proc_spawn(&job->proc, job->core->loop, spec, done, job);
        if (r < 0)
                return r;
        (void) jobdir_record(job->dir, proc_pid(job->proc));
        job->busy = true;
        return 0;
}

/* Its output is the log. */
static int job_spawn_compiler(Job *job, char *const *argv, char *const *env, uint64_t timeout_ms,
                              uint64_t memory_max) {
        const ProcSpec spec = {
                .argv = (const char *const *) argv,
                .env = (const char *const *) env,
                .cwd = job->dir->path,
                .timeout_ms = timeout_ms,
                .memory_max = memory_max,
                .head_max = JOB_LOG_HEAD,
                .tail_max = JOB_LOG_TAIL,
                .stdout_fd = -1,
                .on_output = job_on_output,
                .nice = (int) job->core->config->nice,
                .idle_io = job->core->config->idle_io,
                .measured = toolchain_is_measurable(job->order->toolchain),
        };
        int r;

        r = compiler_log_new(&job->diagnosis.compiler_log);
        return r < 0 ? r : job_spawn(job, &spec, job_on_compiled);
}

/* what a compiler leaves beside its file, for one that is there already */
static int job_complete_adopted(Job *job) {
        char *const argv[] = {
                job->core->dpucc,  (char *) "companions",       (char *) "--arch",
                (char *) JOB_ARCH, (char *) PUBLICATION_XMODEL, NULL,
        };
        char marker[64];
        char *const env[] = {
                (char *) "PATH=/usr/bin:/bin",
                (char *) "LC_ALL=C.UTF-8",
                marker,
                NULL,
        };

        (void) snprintf(marker, sizeof(marker), JOBDIR_MARKER "=%s", job->dir->id);
        return job_spawn_compiler(job, argv, env, JOB_CHECK_MS, 0);
}

static int job_compile(Job *job) {
        statistics_count(&job->core->statistics, STATISTIC_COMPILER_RUNS);
        job->command.removed = false;
        return job_spawn_compiler(job, job->command.argv.items, job->command.env.items,
                                  toolchain_timeout_ms(job->order->toolchain),
                                  toolchain_memory_max(job->order->toolchain));
}

/* --- CLEARING: on a pool thread --------------------------------------------------------------- */

/* A box is over once a compiler failed in it: what comes now has a container of its own. */
static int job_leave_box(Job *job, Problem *problem) {
        if (!job->box)
                return 0;
        job->box = box_free(job->box);
        command_deinit(&job->command);
        return job_make_command(job, problem);
}

/* Back to where it was before the compiler ran. */
static int job_clear_work(Work *work) {
        static const char *const folders[] = { "out", "tmp" };
        Job *job = container_of(work, Job, work);
        Problem problem = {};
        int r;

        job->tried_again = true;
        diagnosis_clear(&job->diagnosis);
        r = job_leave_box(job, &problem);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++)
                r = jobdir_clear(job->dir, folders[i]);
        if (r < 0)
                diagnosis_judge_error(&job->diagnosis, r == -ENOENT ? -EIO : r, &problem,
                                      "preparing another try");
        return r;
}

/* --- EXAMINING: on a pool thread -------------------------------------------------------------- */

static int job_write_log(const Job *job) {
        _cleanup_(closep) int fd = -1;

        fd = file_create_plain(job->dir->fd, JOB_LOG, 0600);
        if (fd < 0)
                return fd;
        return file_write_all(fd, job->diagnosis.log.data, job->diagnosis.log.size);
}

static int job_examine_work(Work *work) {
        Job *job = container_of(work, Job, work);
        bool dpucc = toolchain_kind(job->order->toolchain) == TOOLCHAIN_DPUCC;
        _cleanup_(closep) int out = -1;
        Problem problem = {};
        int r;

        diagnosis_conclude(&job->diagnosis, &job->command);
        if (job->diagnosis.result.outcome == JOB_MADE)
                diagnosis_judge_exit(&job->diagnosis);
        if (job->diagnosis.result.outcome != JOB_MADE)
                return 0;

        out = openat(job->dir->fd, "out", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = out < 0 ? error_from_errno() : artifact_check_files(out, dpucc, &problem);
        if (r == 0)
                r = job_write_log(job);
        if (r == -EBADMSG)
                diagnosis_judge_output(&job->diagnosis, &problem);
        else if (r < 0)
                diagnosis_judge_error(&job->diagnosis, r == -ENOENT ? -EIO : r, &problem,
                                      "reading the outputs");
        return r;
}

/* --- CHECKING --------------------------------------------------------------------------------- */

static void job_on_checked(const ProcResult *result, void *userdata) {
        Job *job = userdata;
        Problem diagnosis = {};

        job->busy = false;
        job->proc = NULL;
        if (result->error == -ECANCELED) {
                job->cancelled = true;
        } else if (result->error < 0 || result->term_signal != 0) {
                (void) problem_set(&diagnosis, 0, "the check of the output did not finish");
                diagnosis_judge(&job->diagnosis, JOB_TRANSIENT, "check", &diagnosis);
        } else if (result->exit_status != 0 && result->exit_status != 8) {
                diagnosis_judge_no_check(&job->diagnosis, (int) result->exit_status,
                                         result->output);
        }
        job->state = toolchain_kind(job->order->toolchain) == TOOLCHAIN_DPUCC ||
                                     job->diagnosis.result.outcome != JOB_MADE
                             ? JOB_STORING
                             : JOB_REPORTING;
        job_run(job);
}

/* Runs our own program, its standard output to a file in the job's directory. */
static int job_spawn_dpucc(Job *job, const char *const *argv, const char *output, ProcDoneFn done) {
        _cleanup_(closep) int fd = -1;
        char marker[64];
        const char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", marker, NULL };
        ProcSpec spec = {
                .argv = argv,
                .env = env,
                .cwd = job->dir->path,
                .timeout_ms = JOB_CHECK_MS,
                .head_max = 4096,
                .tail_max = 4096,
        };

        fd = file_create_plain(job->dir->fd, output, 0600);
        if (fd < 0)
                return fd;
        spec.stdout_fd = fd;
        (void) snprintf(marker, sizeof(marker), JOBDIR_MARKER "=%s", job->dir->id);
        return job_spawn(job, &spec, done);
}

static int job_check(Job *job) {
        const ConfigToolchain *config = toolchain_config(job->order->toolchain);
        const bool ours = config->kind == TOOLCHAIN_DPUCC;
        const char *const argv[] = {
                job->core->dpucc,
                "check",
                "--json",
                "--arch",
                JOB_ARCH,
                "--source",
                order_adopts(job->order) ? JOB_SOURCE : JOB_SNAPSHOT,
                PUBLICATION_XMODEL,
                ours ? "--report" : "--require-dpu",
                ours ? PUBLICATION_REPORT : NULL,
                "--verified",
                order_adopts(job->order) ? "none" : toolchain_verify_to_string(config->verify),
                NULL,
        };

        statistics_count(&job->core->statistics, STATISTIC_CHECK_RUNS);
        return job_spawn_dpucc(job, argv, JOB_CHECK_OUTPUT, job_on_checked);
}

/* --- REPORTING -------------------------------------------------------------------------------- */

static void job_on_reported(const ProcResult *result, void *userdata) {
        Job *job = userdata;
        Problem diagnosis = {};

        job->busy = false;
        job->proc = NULL;
        if (result->error == -ECANCELED) {
                job->cancelled = true;
        } else if (result->error < 0 || result->term_signal != 0 || result->exit_status != 0) {
                (void) problem_set(&diagnosis, 0, "the report of the output could not be made");
                diagnosis_judge(&job->diagnosis, JOB_TRANSIENT, "report", &diagnosis);
        }
        job->state = JOB_STORING;
        job_run(job);
}

/* The vendor's tool writes none. A source that was taken as it is may be no graph to us. */
static int job_report(Job *job) {
        bool graph = job->order->form != SNAPSHOT_FORM_VERBATIM;
        const char *const argv[] = {
                job->core->dpucc, "report", "--arch",           JOB_ARCH,
                "--log",          JOB_LOG,  PUBLICATION_XMODEL, graph ? "--source" : NULL,
                JOB_SNAPSHOT,     NULL,
        };

        return job_spawn_dpucc(job, argv, PUBLICATION_REPORT, job_on_reported);
}

/* --- STORING: on a pool thread ---------------------------------------------------------------- */

static int job_store_work(Work *work) {
        Job *job = container_of(work, Job, work);
        const Publication publication = {
                .order = job->order,
                .diagnosis = &job->diagnosis,
                .snapshot_sha256 = job->snapshot_sha256,
                .snapshot_size = job->snapshot_size,
                .dir_fd = job->dir->fd,
        };
        int r;

        if (job->diagnosis.result.outcome == JOB_MADE)
                diagnosis_judge_report(&job->diagnosis, job->dir->fd, JOB_CHECK_OUTPUT);
        diagnosis_judge_toolchain(&job->diagnosis, job->core->state);
        if (order_adopts(job->order) && job->diagnosis.result.outcome == JOB_FAILED)
                job->diagnosis.result.outcome = JOB_REFUSED; /* says nothing about the source */
        if (job->diagnosis.result.outcome != JOB_MADE &&
            job->diagnosis.result.outcome != JOB_FAILED)
                return 0;
        if (job->diagnosis.result.outcome == JOB_FAILED && job->diagnosis.verdict == COMPILER_FLAKY)
                return 0; /* twice is no proof: it must not answer for this key from now on */

        r = publication_store(&publication, job->core->cache);
        publication_remember(&publication, job->core->state);
        job->stored = r == 0 && job->diagnosis.result.outcome == JOB_MADE;
        if (r == 0 || job->diagnosis.result.outcome == JOB_FAILED)
                return 0; /* a diagnosis that cannot be kept is told all the same */
        return publication_salvage(&job->diagnosis, &job->dir, job->core->cache, r);
}

/* --- CLEANING: on a pool thread --------------------------------------------------------------- */

static int job_clean_work(Work *work) {
        Job *job = container_of(work, Job, work);

        if (job->diagnosis.result.outcome == JOB_TRANSIENT && !job->cancelled)
                publication_learn_memory(&job->diagnosis, job->core->state);
        toolchain_abandon(job->order->toolchain, &job->command);
        if (job->box) {
                job->box->dir = TAKE_PTR(job->dir);
                warm_give(job->core->warm, TAKE_PTR(job->box), job->command.intact);
        }
        job->dir = jobdir_remove(job->dir);
        closep(&job->key_lock);
        job->key_lock = -1;
        return 0;
}

/* --- the machine ------------------------------------------------------------------------------ */

static JobState job_after_work(const Job *job) {
        switch (job->state) {
        case JOB_PREPARING:
                return job->diagnosis.result.outcome == JOB_MADE && job->dir ? JOB_COMPILING
                                                                             : JOB_CLEANING;
        case JOB_CLEARING:
                return JOB_COMPILING;
        case JOB_EXAMINING:
                if (job_wants_another_try(job))
                        return JOB_CLEARING;
                return job->diagnosis.result.outcome == JOB_FAILED ? JOB_STORING : JOB_CHECKING;
        case JOB_STORING:
                return JOB_CLEANING;
        case JOB_CLEANING:
                return JOB_OVER;
        case JOB_COMPILING:
        case JOB_CHECKING:
        case JOB_REPORTING:
        case JOB_OVER:
                break;
        }
        return JOB_OVER;
}

static void job_on_work(Work *work, int r) {
        Job *job = container_of(work, Job, work);

        job->busy = false;
        if (r == -ECANCELED && job->state != JOB_CLEANING)
                job->cancelled = true;
        job->state = job_after_work(job);
        job_run(job);
}

static int job_queue(Job *job, WorkClass class, WorkRunFn run) {
        int r;

        r = work_start_first(&job->core->pool, &job->work, class, run, job_on_work);
        if (r < 0)
                return r;
        job->busy = true;
        return 0;
}

/* Nothing more is to be learnt: all that is left is to clean up. */
static bool job_is_decided(Job *job) {
        if (job->cancelled)
                job->diagnosis.result.outcome = JOB_CANCELLED;
        else if (job->state == JOB_CLEARING) /* it is going to be tried again */
                return false;
        return job->diagnosis.result.outcome != JOB_MADE &&
               job->diagnosis.result.outcome != JOB_FAILED;
}

static int job_step(Job *job) {
        switch (job->state) {
        case JOB_PREPARING:
                job_enter(job, JOB_PHASE_SNAPSHOT);
                return job_queue(job, WORK_STORE, job_prepare_work);
        case JOB_COMPILING:
                job_enter(job, JOB_PHASE_COMPILING);
                return order_adopts(job->order) ? job_complete_adopted(job) : job_compile(job);
        case JOB_CLEARING:
                return job_queue(job, WORK_STORE, job_clear_work);
        case JOB_EXAMINING:
                job_enter(job, JOB_PHASE_CHECKING);
                return job_queue(job, WORK_STORE, job_examine_work);
        case JOB_CHECKING:
                return job_check(job);
        case JOB_REPORTING:
                return job_report(job);
        case JOB_STORING:
                job_enter(job, JOB_PHASE_STORING);
                return job_queue(job, WORK_STORE, job_store_work);
        case JOB_CLEANING:
                return job_queue(job, WORK_STORE, job_clean_work);
        case JOB_OVER:
                break;
        }
        return 0;
}

static void job_count(Job *job) {
        static const StatisticName names[] = {
                [JOB_MADE] = STATISTIC_JOBS_DONE,
                [JOB_UNSTORED] = STATISTIC_JOBS_DONE,
                [JOB_FAILED] = STATISTIC_JOBS_FAILED,
                [JOB_TRANSIENT] = STATISTIC_JOBS_TRANSIENT,
                [JOB_REFUSED] = STATISTIC_JOBS_FAILED,
                [JOB_STALE] = STATISTIC_JOBS_STALE,
                [JOB_CANCELLED] = STATISTIC_JOBS_CANCELLED,
        };

        if (job->diagnosis.result.outcome != JOB_BUSY) /* the next try is the same job */
                statistics_count(&job->core->statistics, names[job->diagnosis.result.outcome]);
}

/* One warning when the cache stops to take what is compiled, one line when it does again. */
static void job_judge_cache(Job *job) {
        const JobResult *result = &job->diagnosis.result;
        Problem *uncached = &job->core->uncached;
        Problem line;

        if (cache_mode(job->core->cache) != CACHE_NORMAL)
                return; /* that was told when it was opened */
        if (result->outcome == JOB_UNSTORED) {
                if (uncached->text[0] == '\0')
                        log_warning("%s", result->diagnosis.text);
                *uncached = result->diagnosis;
        } else if (result->outcome == JOB_MADE && uncached->text[0] != '\0') {
                (void) problem_set(&line, 0, "%s takes again what is compiled",
                                   cache_directory(job->core->cache));
                log_notice("%s", line.text);
                uncached->text[0] = '\0';
        }
}

static void job_finish(Job *job) {
        job_count(job);
        job_judge_cache(job);
        jobnews_ended(job->order, &job->diagnosis.result,
                      uv_now(job->core->loop) - job->started_ms);
        job->diagnosis.result.peak_memory = job->diagnosis.peak_memory;
        if (job->core->warm)
                warm_tend(job->core->warm);
        if (job->stored)
                tiers_upload(job->core->tiers, &job->order->key);
        job->on_done(&job->diagnosis.result, job->userdata);
        (void) job_free(job);
}

static void job_run(Job *job) {
        Problem none = {};
        int r;

        while (!job->busy && job->state != JOB_OVER) {
                if (job->state < JOB_CLEANING && job_is_decided(job))
                        job->state = JOB_CLEANING;
                r = job_step(job);
                if (r < 0) {
                        diagnosis_judge_error(&job->diagnosis, r == -ENOENT ? -EAGAIN : r, &none,
                                              "starting the compiler");
                        job->state = JOB_CLEANING;
                }
        }
        if (!job->busy)
                job_finish(job);
}

int job_start(Core *core, Order *order, void (*phase)(JobPhase phase, void *userdata),
              void (*done)(const JobResult *result, void *userdata), void *userdata, Job **ret) {
        Job *job;
        int r;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        job->core = core;
        job->order = order_ref(order);
        job->key_lock = -1;
        diagnosis_init(&job->diagnosis, job->order);
        job->on_phase = phase;
        job->on_done = done;
        job->userdata = userdata;
        job->started_ms = uv_now(core->loop);

        r = job_step(job);
        if (r < 0) {
                (void) job_free(job);
                return r;
        }
        jobnews_started(order);
        *ret = job;
        return 0;
}

void job_cancel(Job *job) {
        job->cancelled = true;
        if (job->proc)
                proc_cancel(job->proc);
        else if (job->busy && job->state != JOB_STORING && job->state != JOB_CLEANING)
                work_cancel(&job->work);
}

static int job_start_op(void *context, Order *order, void (*phase)(JobPhase phase, void *userdata),
                        void (*done)(const JobResult *result, void *userdata), void *userdata,
                        Job **ret) {
        return job_start(context, order, phase, done, userdata, ret);
}

QueueOps job_queue_ops(Core *core) {
        return (QueueOps){ .start = job_start_op, .cancel = job_cancel, .context = core };
}
