#include "daemon/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/checkup.h"
#include "daemon/workspaces.h"

typedef struct Doctor {
        Ask ask;
        Work work;
        Checkup checkup;
} Doctor;

static int doctor_work(Work *work) {
        Doctor *doctor = container_of(work, Doctor, work);

        checkup_run(&doctor->checkup);
        return doctor->checkup.findings.error;
}

static int doctor_add_root(const RootView *root, void *userdata) {
        bool gone = strcmp(root->state, "gone") == 0;
        bool degraded = root->detail || strcmp(root->state, "polling") == 0;
        Findings *findings = userdata;

        findings_add(findings, "workspace", "",
                     gone       ? FINDING_FAILED
                     : degraded ? FINDING_WARNING
                                : FINDING_OK,
                     "%s: %s, %" PRIu64 " models%s%s", root->path, root->state, root->n_sources,
                     root->detail ? "; "
                     : gone       ? "; bring it back, or 'dpucc-client unwatch'"
                                  : "",
                     root->detail ?: "");
        return 0;
}

static void doctor_add_roots(Doctor *doctor) {
        const Core *core = doctor->ask.asks->core;
        Findings *findings = &doctor->checkup.findings;

        (void) workspaces_each_root(core->workspaces, doctor_add_root, findings);
        if (core->workspaces->n == 0 && !core->once)
                findings_add(findings, "workspace", "", FINDING_OK,
                             "none is watched; 'dpucc-client watch DIR' adds one");
}

/* how many units are as they should be */
typedef struct DoctorUnits {
        size_t n, n_ready, n_wrong;
} DoctorUnits;

static int doctor_count_unit(const UnitView *unit, void *userdata) {
        DoctorUnits *units = userdata;

        switch (unit->state) {
        case UNIT_READY:
                units->n_ready++;
                break;
        case UNIT_FAILED:
        case UNIT_OVER_LIMIT:
        case UNIT_NO_TARGET:
        case UNIT_INVALID:
                units->n_wrong++;
                break;
        case UNIT_NOT_SOURCE:
                return 0;
        case UNIT_NEW:
        case UNIT_WRITING:
        case UNIT_SETTLING:
        case UNIT_HASHING:
        case UNIT_QUEUED:
        case UNIT_COMPILING:
        case UNIT_FETCHING:
                break;
        }
        units->n++;
        return 0;
}

static void doctor_add_units(Doctor *doctor) {
        Findings *findings = &doctor->checkup.findings;
        DoctorUnits units = {};

        (void) workspaces_each_unit(doctor->ask.asks->core->workspaces, doctor_count_unit, &units);
        if (units.n == 0)
                return;
        findings_add(findings, "units", "", units.n_wrong > 0 ? FINDING_WARNING : FINDING_OK,
                     "%zu: %zu ready, %zu at work, %zu with a problem%s", units.n, units.n_ready,
                     units.n - units.n_ready - units.n_wrong, units.n_wrong,
                     units.n_wrong > 0 ? "; 'dpucc-client status' says which, and why" : "");
}

static void doctor_on_done(Work *work, int r) {
        Doctor *doctor = container_of(work, Doctor, work);

        if (r == 0) {
                doctor_add_roots(doctor);
                doctor_add_units(doctor);
        }
        if (r == 0)
                r = doctor->checkup.findings.error;
        ask_finish(&doctor->ask, r < 0 ? ASK_FAILED : ASK_DONE, r < 0 ? strerror(-r) : NULL);
}

static void doctor_check(Ask *ask) {
        (void) ask; /* doctor_on_done() finishes it */
}

static void doctor_cancel(Ask *ask) {
        work_cancel(&container_of(ask, Doctor, ask)->work);
}

static void doctor_answer(Ask *ask, AskOutcome outcome, const char *message) {
        const Doctor *doctor = container_of(ask, Doctor, ask);
        AskResult result = {
                .outcome = outcome,
                .message = message,
                .artifact_fd = -1,
                .log_fd = -1,
                .findings = doctor->checkup.findings.items,
                .n_findings = outcome == ASK_DONE ? doctor->checkup.findings.n : 0,
        };

        ask_tell(ask, &result);
}

static void doctor_free(Ask *ask) {
        Doctor *doctor = container_of(ask, Doctor, ask);

        ask_deinit(ask);
        checkup_deinit(&doctor->checkup);
        free(doctor);
}

static int doctor_take_root(const RootView *root, void *userdata) {
        return strings_add(userdata, root->path);
}

static int doctor_fill(Doctor *doctor, const Core *core, const DoctorSpec *spec) {
        Checkup *c = &doctor->checkup;

        if (strings_dup(&c->conf_file, spec->conf_file) < 0 ||
            strings_dup(&c->conf_default, spec->conf_default) < 0 ||
            strings_dup(&c->cache_dir, cache_directory(core->cache)) < 0 ||
            strings_dup(&c->state_dir, spec->state_dir) < 0 ||
            strings_dup(&c->jobs, core->jobs) < 0 || strings_dup(&c->dpucc, core->dpucc) < 0 ||
            strings_dup(&c->toolchain, spec->toolchain) < 0 ||
            strings_dup(&c->preferred, core->config->toolchain) < 0)
                return -ENOMEM;
        c->cache_mode = cache_mode(core->cache);
        c->once = core->once;
        c->config_problem = *spec->config_problem;
        c->cache_problem = *spec->cache_problem;
        c->state_problem = *spec->state_problem;
        c->toolchains = toolchains_ref(core->toolchains);
        c->state = core->state;
        c->cancelled = &doctor->work.cancelled;
        return workspaces_each_root(core->workspaces, doctor_take_root, &c->roots);
}

int doctor_start(Asks *asks, const DoctorSpec *spec, const AskHandlers *handlers, void *userdata,
                 Ask **ret, Problem *problem) {
        static const AskKind kind = {
                .check = doctor_check,
                .cancel = doctor_cancel,
                .answer = doctor_answer,
                .free = doctor_free,
        };
        Doctor *doctor;
        int r;

        if (toolchains_check(asks->core->toolchains, spec->toolchain, problem) < 0)
                return -EINVAL;
        doctor = calloc(1, sizeof(*doctor));
        if (!doctor)
                return -ENOMEM;
        ask_init(&doctor->ask, asks, &kind, handlers, userdata);
        r = doctor_fill(doctor, asks->core, spec);
        if (r == 0)
                r = work_start(&asks->core->pool, &doctor->work, WORK_PROBE, doctor_work,
                               doctor_on_done);
        if (r < 0) {
                doctor_free(&doctor->ask);
                return r;
        }
        *ret = &doctor->ask;
        return 0;
}
