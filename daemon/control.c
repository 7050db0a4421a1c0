#include "daemon/control.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/call.h"
#include "daemon/engine.h"
#include "daemon/field.h"
#include "daemon/inventory.h"

typedef Dpucc__Wire__Reply Reply;

static int control_cancel_jobs(Engine *engine, const Dpucc__Wire__Selector *selector,
                               Inventory *inventory, Problem *problem) {
        _cleanup_(freep) char *text = NULL, *path = NULL;
        int r;

        r = field_selector(selector, &text, &path, problem);
        return r < 0 ? r : engine_cancel(engine, text, path, inventory_add_job, inventory, problem);
}

void control_cancel(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector) {
        _cleanup_(inventory_deinit) Inventory inventory = {};
        Dpucc__Wire__JobList list = DPUCC__WIRE__JOB_LIST__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        Problem problem = {};
        int r;

        r = control_cancel_jobs(engine, selector, &inventory, &problem);
        if (r < 0) {
                call_fail(call, r, &problem);
                return;
        }
        list.jobs = inventory.jobs;
        list.n_jobs = inventory.n_jobs;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_CANCELLED;
        reply.cancelled = &list;
        call_end(call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}

void control_pause(Engine *engine, Call *call, bool pause) {
        engine_pause(engine, pause);
        call_end_with(call, DPUCC__WIRE__OUTCOME__DONE, NULL);
}
