#include "daemon/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cache/fsck.h"

typedef struct Audit {
        Ask ask;
        Work work;
        Fsck *fsck;
} Audit;

static int audit_work(Work *work) {
        return fsck_step(container_of(work, Audit, work)->fsck);
}

static void audit_finish(Audit *audit) {
        const Defects *defects = fsck_defects(audit->fsck);
        char message[128];

        (void) snprintf(message, sizeof(message), "%" PRIu64 " of %" PRIu64 " problems remain",
                        defects->n_unmended, defects->n_problems);
        if (defects->n_unmended > 0)
                ask_finish(&audit->ask, ASK_FAILED, message);
        else
                ask_finish(&audit->ask, ASK_DONE, NULL);
}

static void audit_report(Audit *audit) {
        char phase[64];

        (void) snprintf(phase, sizeof(phase), "checking %s, %u%%", fsck_phase(audit->fsck),
                        fsck_percent(audit->fsck));
        ask_report(&audit->ask, phase, 0, -1);
}

static void audit_on_done(Work *work, int r) {
        Audit *audit = container_of(work, Audit, work);

        if (r == FSCK_MORE && !audit->ask.cancelled) {
                audit_report(audit);
                r = work_start(&audit->ask.asks->core->pool, work, WORK_HASH, audit_work,
                               audit_on_done);
                if (r == 0)
                        return;
        }
        if (r < 0)
                ask_finish(&audit->ask, ASK_FAILED, strerror(-r));
        else
                audit_finish(audit);
}

static void audit_check(Ask *ask) {
        (void) ask; /* audit_on_done() finishes it */
}

static void audit_cancel(Ask *ask) {
        work_cancel(&container_of(ask, Audit, ask)->work);
}

static void audit_answer(Ask *ask, AskOutcome outcome, const char *message) {
        const Audit *audit = container_of(ask, Audit, ask);
        AskResult result = {
                .outcome = outcome,
                .message = message,
                .artifact_fd = -1,
                .log_fd = -1,
                .fsck = strcmp(fsck_phase(audit->fsck), "done") == 0 ? audit->fsck : NULL,
        };

        ask_tell(ask, &result);
}

static void audit_free(Ask *ask) {
        Audit *audit = container_of(ask, Audit, ask);

        ask_deinit(ask);
        (void) fsck_free(audit->fsck);
        free(audit);
}

int audit_start(Asks *asks, bool repair, const AskHandlers *handlers, void *userdata, Ask **ret,
                Problem *problem) {
        static const AskKind kind = {
                .check = audit_check,
                .cancel = audit_cancel,
                .answer = audit_answer,
                .free = audit_free,
        };
        Audit *audit = calloc(1, sizeof(*audit));
        int r;

        if (!audit)
                return -ENOMEM;
        ask_init(&audit->ask, asks, &kind, handlers, userdata);
        r = cache_fsck(asks->core->cache, repair, &audit->fsck);
        if (r == -EROFS)
                r = problem_set(problem, r, "%s: the cache is %s",
                                cache_directory(asks->core->cache),
                                repair ? "not to be written, so it cannot be repaired" : "off");
        if (r == 0)
                r = work_start(&asks->core->pool, &audit->work, WORK_HASH, audit_work,
                               audit_on_done);
        if (r < 0) {
                audit_free(&audit->ask);
                return r;
        }
        *ret = &audit->ask;
        return 0;
}
