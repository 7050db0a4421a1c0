#include "daemon/reaper.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/jobdir.h"

void reaper_init(Reaper *reaper, Core *core) {
        *reaper = (Reaper){ .core = core };
}

static void reaper_reap_directory(Reaper *reaper, const char *jobs) {
        unsigned killed = 0, removed = 0;
        int r;

        r = jobdir_reap(jobs, &killed, &removed);
        if (r < 0)
                log_warning("%s: %s", jobs, strerror(-r));
        else if (removed > 0)
                log_notice("reaped what an earlier daemon left: %u job(s), %u process(es)", removed,
                           killed);
        reaper->core->statistics.counts[STATISTIC_ORPHANS_KILLED] += killed;
}

void reaper_reap_jobs(Reaper *reaper) {
        reaper_reap_directory(reaper, reaper->core->jobs);
        if (reaper->core->spare_jobs)
                reaper_reap_directory(reaper, reaper->core->spare_jobs);
}

static int reaper_work(Work *work) {
        Reaper *reaper = container_of(work, Reaper, work);

        reaper->n_containers = toolchains_reap(reaper->toolchains, reaper->core->jobs);
        if (reaper->core->spare_jobs)
                reaper->n_containers +=
                        toolchains_reap(reaper->toolchains, reaper->core->spare_jobs);
        return 0;
}

static void reaper_on_work(Work *work, int r) {
        Reaper *reaper = container_of(work, Reaper, work);

        (void) r;
        reaper->toolchains = toolchains_unref(reaper->toolchains);
        reaper->core->statistics.counts[STATISTIC_ORPHANS_KILLED] += reaper->n_containers;
        if (reaper->n_containers > 0)
                log_notice("removed %u container(s) that an earlier daemon left",
                           reaper->n_containers);
}

void reaper_start(Reaper *reaper) {
        reaper->toolchains = toolchains_ref(reaper->core->toolchains);
        if (work_start(&reaper->core->pool, &reaper->work, WORK_STORE, reaper_work,
                       reaper_on_work) < 0)
                reaper->toolchains = toolchains_unref(reaper->toolchains);
}

bool reaper_is_over(const Reaper *reaper) {
        return !reaper->work.busy;
}
