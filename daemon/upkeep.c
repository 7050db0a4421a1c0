#include "daemon/upkeep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cache/fsck.h"
#include "daemon/call.h"
#include "daemon/engine.h"

typedef Dpucc__Wire__Outcome Outcome;
typedef Dpucc__Wire__Reply Reply;

static const Dpucc__Wire__DefectSort upkeep_sorts[] = {
        [DEFECT_PROBLEM] = DPUCC__WIRE__DEFECT_SORT__DEFECT_PROBLEM,
        [DEFECT_LEFTOVER] = DPUCC__WIRE__DEFECT_SORT__DEFECT_LEFTOVER,
        [DEFECT_NOTE] = DPUCC__WIRE__DEFECT_SORT__DEFECT_NOTE,
};

/* texts are borrowed from the findings */
typedef struct UpkeepDefects {
        Dpucc__Wire__Defect *messages;
        Dpucc__Wire__Defect **pointers;
} UpkeepDefects;

static void upkeep_defects_deinit(UpkeepDefects *defects) {
        free(defects->messages);
        free(defects->pointers);
}

static int upkeep_fill_defects(const Defects *defects, UpkeepDefects *ret) {
        ret->messages = calloc(defects->n + 1, sizeof(*ret->messages));
        ret->pointers = calloc(defects->n + 1, sizeof(*ret->pointers));
        if (!ret->messages || !ret->pointers)
                return -ENOMEM;
        for (size_t i = 0; i < defects->n; i++) {
                Dpucc__Wire__Defect *to = &ret->messages[i];
                Defect *from = &defects->items[i];

                dpucc__wire__defect__init(to);
                to->kind = (char *) defect_text(from->kind);
                to->sort = upkeep_sorts[defect_sort(from->kind)];
                to->path.data = (uint8_t *) from->path;
                to->path.len = strlen(from->path);
                to->detail.data = (uint8_t *) from->detail;
                to->detail.len = strlen(from->detail);
                to->mended = from->mended;
                ret->pointers[i] = to;
        }
        return 0;
}

static void upkeep_fill_fsck(const Fsck *fsck, Dpucc__Wire__FsckReply *ret) {
        const Defects *defects = fsck_defects(fsck);
        const FsckTotals totals = fsck_totals(fsck);

        ret->n_records = totals.n_records;
        ret->n_objects = totals.n_objects;
        ret->n_views = totals.n_views;
        ret->bytes = totals.bytes;
        ret->quarantine_files = totals.quarantine.n_files;
        ret->quarantine_bytes = totals.quarantine.bytes;
        ret->n_problems = defects->n_problems;
        ret->n_unmended = defects->n_unmended;
        ret->n_leftovers = defects->n_leftovers;
        ret->n_notes = defects->n_notes;
        ret->n_defects = defects->n;
}

static void upkeep_on_audited(const AskResult *result, void *userdata) {
        Dpucc__Wire__FsckReply fsck = DPUCC__WIRE__FSCK_REPLY__INIT;
        _cleanup_(upkeep_defects_deinit) UpkeepDefects defects = {};
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        Problem problem = {};
        Call *call = userdata;

        call->ask = NULL;
        reply.message = (char *) result->message;
        if (result->fsck) {
                if (upkeep_fill_defects(fsck_defects(result->fsck), &defects) < 0) {
                        call_fail(call, -ENOMEM, &problem);
                        return;
                }
                upkeep_fill_fsck(result->fsck, &fsck);
                fsck.defects = defects.pointers;
                reply.body_case = DPUCC__WIRE__REPLY__BODY_FSCK;
                reply.fsck = &fsck;
        }
        call_end(call, (Outcome) result->outcome, &reply, -1);
}

static void upkeep_on_progress(const AskProgress *progress, void *userdata) {
        Dpucc__Wire__Progress message = DPUCC__WIRE__PROGRESS__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;

        message.phase = (char *) progress->phase;
        message.has_elapsed_ms = true;
        message.elapsed_ms = progress->elapsed_ms;
        reply.progress = &message;
        call_progress(userdata, &reply);
}

void upkeep_fsck(Engine *engine, Call *call, const Dpucc__Wire__FsckRequest *request) {
        static const AskHandlers handlers = {
                .progress = upkeep_on_progress,
                .done = upkeep_on_audited,
        };
        Problem problem = {};
        int r;

        r = engine_audit(engine, request->has_repair && request->repair, &handlers, call,
                         &call->ask, &problem);
        if (r < 0)
                call_fail(call, r, &problem);
}
