#include "daemon/checkup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "daemon/capture.h"
#include "daemon/inotify_use.h"
#include "daemon/probe.h"
#include "daemon/supervision.h"

#define CHECKUP_ROOM_MIN   ((uint64_t) 1 << 30) /* bytes free: less is worth a warning */
#define CHECKUP_WRITE_TRY  4096                 /* bytes that must fit */
#define CHECKUP_PROGRAM_MS 30000
#define CHECKUP_FILES_MIN  256 /* that may be open: fewer are worth a warning */
#define CHECKUP_FULL       90  /* percent of a limit of the kernel */

/* --- files ------------------------------------------------------------------------------------ */

static void checkup_configuration(Checkup *c) {
        static const char *const subject = "configuration";
        _cleanup_(config_freep) Config *config = NULL;
        Problem text = {};
        int r;

        r = config_load(&config, c->conf_default, c->conf_file, &text);
        if (r < 0)
                findings_add(&c->findings, subject, "", FINDING_FAILED,
                             "%s; until it is corrected and read again ('dpucc-client reload') "
                             "what was read before stays in force",
                             text.text[0] ? text.text : strerror(-r));
        else if (c->config_problem.text[0])
                findings_add(&c->findings, subject, "", FINDING_WARNING,
                             "%s is good now, but was not when it was read last: 'dpucc-client "
                             "reload'",
                             c->conf_file);
        else if (!c->conf_file || access(c->conf_file, F_OK) < 0)
                findings_add(&c->findings, subject, "", FINDING_OK,
                             "no %s: the installed defaults are in force", c->conf_file ?: "file");
        else
                findings_add(&c->findings, subject, "", FINDING_OK, "%s", c->conf_file);
}

/* Whether a little can be written there, as everything else is: a new file. */
static int checkup_try_writing(const char *directory) {
        static const char nothing[CHECKUP_WRITE_TRY];
        _cleanup_(closep) int dir = -1, fd = -1;
        char name[FILE_TEMP_NAME];
        int r;

        dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return error_from_errno();
        fd = file_open_temp(dir, 0600, name);
        if (fd < 0)
                return fd;
        r = file_write_all(fd, nothing, sizeof(nothing));
        (void) unlinkat(dir, name, 0);
        return r;
}

static void checkup_room(Checkup *c, const char *subject, const char *directory) {
        struct statvfs st;
        uint64_t room;

        if (statvfs(directory, &st) < 0) {
                findings_add(&c->findings, subject, "", FINDING_OK, "%s", directory);
                return;
        }
        room = (uint64_t) st.f_bavail * st.f_frsize;
        findings_add(
                &c->findings, subject, "", room < CHECKUP_ROOM_MIN ? FINDING_WARNING : FINDING_OK,
                "%s, %" PRIu64 " MiB free%s", directory, room >> 20,
                room < CHECKUP_ROOM_MIN ? ": make room, or what is compiled will not be kept" : "");
}

/* @known: what was found when it was opened; @remedy: what it costs, and what to do */
static void checkup_place(Checkup *c, const char *subject, const char *directory,
                          const Problem *known, const char *remedy) {
        int r = checkup_try_writing(directory);

        if (r == 0 && !known)
                checkup_room(c, subject, directory);
        else if (known)
                findings_add(&c->findings, subject, "", r < 0 ? FINDING_FAILED : FINDING_WARNING,
                             "%s; %s", known->text, remedy);
        else
                findings_add(&c->findings, subject, "", FINDING_FAILED,
                             "%s cannot be written: %s; %s", directory, strerror(-r), remedy);
}

static const Problem *checkup_known(const Problem *problem) {
        return problem->text[0] != '\0' ? problem : NULL;
}

static void checkup_cache(Checkup *c) {
        if (c->cache_mode != CACHE_NORMAL && !c->cache_problem.text[0])
                findings_add(&c->findings, "cache", "", FINDING_WARNING, "%s: %s", c->cache_dir,
                             c->cache_mode == CACHE_OFF ? "off, as configured"
                                                        : "only read, as configured");
        else
                checkup_place(c, "cache", c->cache_dir, checkup_known(&c->cache_problem),
                              "nothing that is compiled is kept: mend its rights, make room, or "
                              "choose another directory (DPUCC_CACHE_DIR, or \"cache\" in the "
                              "configuration), and start dpuccd again");
}

static void checkup_places(Checkup *c) {
        checkup_cache(c);
        checkup_place(c, "state", c->state_dir, checkup_known(&c->state_problem),
                      "workspaces are forgotten and files are hashed again with every start: mend "
                      "its rights, or choose another directory (XDG_STATE_HOME), and start dpuccd "
                      "again");
        checkup_place(c, "jobs", c->jobs, NULL,
                      "nothing can be compiled: compilers run in there; make the cache, the state "
                      "or TMPDIR a directory that can be written, and start dpuccd again");
}

/* --- the program and the kernel --------------------------------------------------------------- */

static void checkup_take_version(Checkup *c, const Capture *capture) {
        static const char wanted[] = "dpucc " DPUCC_VERSION;
        char line[256];

        capture_first_line(capture, line, sizeof(line));
        if (capture->status != 0)
                findings_add(&c->findings, "dpucc", "", FINDING_FAILED,
                             "%s does not run (%s): install dpucc again", c->dpucc, line);
        else if (strncmp(line, wanted, strlen(wanted)) != 0)
                findings_add(&c->findings, "dpucc", "", FINDING_FAILED,
                             "%s is %s, but dpuccd is %s: install both from one build, and start "
                             "dpuccd again",
                             c->dpucc, line, DPUCC_VERSION);
        else
                findings_add(&c->findings, "dpucc", "", FINDING_OK, "%s, %s", c->dpucc, line);
}

static void checkup_program(Checkup *c) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        int r;

        command_argument(&command, c->dpucc);
        command_argument(&command, "--version");
        r = command_finish(&command);
        if (r == 0)
                r = capture_run(&command, CHECKUP_PROGRAM_MS, &capture);
        if (r < 0)
                findings_add(&c->findings, "dpucc", "", FINDING_FAILED,
                             "%s cannot be started: %s; every compile needs it: install dpucc "
                             "again",
                             c->dpucc, strerror(-r));
        else
                checkup_take_version(c, &capture);
}

static void checkup_openat2(Checkup *c) {
        static const char *const subject = "openat2";
        int r = file_check_openat2();

        if (r < 0)
                findings_add(&c->findings, subject, "", FINDING_FAILED,
                             "nothing can be compiled or delivered: %s", file_error_text(r));
        else
                findings_add(&c->findings, subject, "", FINDING_OK,
                             "files can be kept within their directories");
}

static bool checkup_is_full(uint64_t used, uint64_t max) {
        return used * 100 >= max * CHECKUP_FULL;
}

static void checkup_inotify(Checkup *c) {
        static const char *const subject = "inotify";
        InotifyUse use;
        int r;

        r = inotify_use_read(&use);
        if (r < 0) {
                findings_add(&c->findings, subject, "", FINDING_WARNING,
                             "the kernel's limits cannot be read: %s", strerror(-r));
                return;
        }
        if (checkup_is_full(use.watches, use.watches_max))
                findings_add(&c->findings, subject, "watches", FINDING_WARNING,
                             "%" PRIu64 " of %" PRIu64 " are used: what is beyond is polled; "
                             "sysctl fs.inotify.max_user_watches=%" PRIu64 " (as root) raises the "
                             "limit",
                             use.watches, use.watches_max, 2 * use.watches_max);
        if (checkup_is_full(use.instances, use.instances_max))
                findings_add(&c->findings, subject, "instances", FINDING_WARNING,
                             "%" PRIu64 " of %" PRIu64 " are used: sysctl "
                             "fs.inotify.max_user_instances=%" PRIu64 " (as root) raises the limit",
                             use.instances, use.instances_max, 2 * use.instances_max);
        findings_add(&c->findings, subject, "", FINDING_OK,
                     "%" PRIu64 " of %" PRIu64 " watches and %" PRIu64 " of %" PRIu64
                     " instances are used",
                     use.watches, use.watches_max, use.instances, use.instances_max);
}

static uint64_t checkup_count_files(void) {
        _cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
        uint64_t n = 0;

        while (dir && readdir(dir))
                n++;
        return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}

/* Each compile needs some, and each client, and each save that is hashed. */
static void checkup_files(Checkup *c) {
        uint64_t used = checkup_count_files();
        struct rlimit limit;
        bool few;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        few = limit.rlim_cur < CHECKUP_FILES_MIN || checkup_is_full(used, limit.rlim_cur);
        findings_add(&c->findings, "files", "", few ? FINDING_WARNING : FINDING_OK,
                     "%" PRIu64 " of %" PRIu64 " that may be open are%s", used,
                     (uint64_t) limit.rlim_cur,
                     few ? ": start dpuccd with more (LimitNOFILE= of its unit, ulimit -n), "
                           "or clients are turned away"
                         : "");
}

/* --- toolchains ------------------------------------------------------------------------------- */

/* What "auto" came to in a workspace: names of toolchains. */
static void checkup_picked(Checkup *c, Strings *ret) {
        for (size_t i = 0; i < c->roots.n; i++) {
                _cleanup_(freep) char *name = NULL;
                Problem text = {};

                if (state_get_toolchain(c->state, c->roots.items[i], &name) < 0)
                        continue;
                (void) strings_add(ret, name);
                if (toolchains_check(c->toolchains, name, &text) < 0)
                        findings_add(&c->findings, "choice", "", FINDING_FAILED,
                                     "the workspace %s keeps to '%s', but %s: define it again, or "
                                     "unwatch and watch the workspace",
                                     c->roots.items[i], name, text.text);
                else
                        findings_add(&c->findings, "choice", "", FINDING_OK,
                                     "the workspace %s keeps to '%s'", c->roots.items[i], name);
        }
}

static bool checkup_is_auto(const Checkup *c) {
        return strcmp(c->preferred, CONFIG_AUTO) == 0;
}

static void checkup_choice(Checkup *c) {
        const ToolchainQuestion question = {
                .since_ns = clock_monotonic_ns(),
                .may_ask = true,
                .cancelled = c->cancelled,
        };
        Toolchain *toolchain;
        Problem text = {};
        int r;

        if (!checkup_is_auto(c))
                return;
        r = toolchains_find(c->toolchains, c->state, NULL, NULL, &question, &toolchain, &text);
        if (r < 0)
                findings_add(&c->findings, "choice", "", FINDING_FAILED, "%s",
                             text.text[0] ? text.text : strerror(-r));
        else
                findings_add(&c->findings, "choice", "", FINDING_OK,
                             "\"auto\" is '%s' for a new workspace, the first that is installed",
                             toolchain_name(toolchain));
}

typedef struct CheckupProbe {
        Checkup *checkup;
        char subject[128];
        bool wanted;
} CheckupProbe;

static FindingState checkup_weigh(const CheckupProbe *probe, int error) {
        bool missing = error == -ENOENT || error == -ENODATA;

        if (error == 0)
                return FINDING_OK;
        /* where it is installed, "auto" would take it */
        if (probe->wanted || (checkup_is_auto(probe->checkup) && !missing))
                return FINDING_FAILED;
        return FINDING_WARNING;
}

static void checkup_on_step(const ProbeStep *step, void *userdata) {
        const CheckupProbe *probe = userdata;

        findings_add(&probe->checkup->findings, probe->subject, step->name,
                     checkup_weigh(probe, step->error), "%s", step->text);
}

static bool checkup_is_wanted(const Checkup *c, const Toolchain *toolchain, const Strings *picked) {
        const char *name = toolchain_name(toolchain);

        return c->toolchain || !toolchain_config(toolchain)->installed ||
               strcmp(name, c->preferred) == 0 || strings_contain(picked, name);
}

static void checkup_toolchain(Checkup *c, Toolchain *toolchain, const Strings *picked) {
        CheckupProbe probe = {
                .checkup = c,
                .wanted = checkup_is_wanted(c, toolchain, picked),
        };

        (void) snprintf(probe.subject, sizeof(probe.subject), "toolchain %s",
                        toolchain_name(toolchain));
        (void) probe_toolchain(toolchain, c->state, checkup_on_step, &probe);
}

static void checkup_toolchains(Checkup *c) {
        _cleanup_(strings_cleanup) Strings picked = {};

        if (!c->toolchain) {
                checkup_choice(c);
                checkup_picked(c, &picked);
        }
        for (size_t i = 0; i < toolchains_count(c->toolchains); i++) {
                Toolchain *toolchain = toolchains_at(c->toolchains, i);

                if (atomic_load_explicit(c->cancelled, memory_order_relaxed))
                        return;
                if (!c->toolchain || strcmp(c->toolchain, toolchain_name(toolchain)) == 0)
                        checkup_toolchain(c, toolchain, &picked);
        }
}

/* --- the whole -------------------------------------------------------------------------------- */

void checkup_run(Checkup *c) {
        checkup_configuration(c);
        checkup_places(c);
        checkup_program(c);
        if (!c->once)
                supervision_check(c->toolchains, &c->findings);
        checkup_openat2(c);
        checkup_inotify(c);
        checkup_files(c);
        checkup_toolchains(c);
}

void checkup_deinit(Checkup *c) {
        free(c->conf_file);
        free(c->conf_default);
        free(c->cache_dir);
        free(c->state_dir);
        free(c->jobs);
        free(c->dpucc);
        free(c->toolchain);
        free(c->preferred);
        strings_deinit(&c->roots);
        (void) toolchains_unref(c->toolchains);
        findings_deinit(&c->findings);
        *c = (Checkup){};
}
