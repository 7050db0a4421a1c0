#include "daemon/inventory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/path.h"

/* Collecting goes on after an item that is not wanted and stops at the first error. */

static int inventory_add_root(const RootView *view, void *userdata) {
        Inventory *inventory = userdata;
        Dpucc__Wire__Root *root;
        int r;

        if (inventory->beneath && !path_is_beneath(view->path, inventory->beneath) &&
            !path_is_beneath(inventory->beneath, view->path))
                return 0;
        if (inventory->n_roots == INVENTORY_ROOTS_MAX) {
                inventory->n_roots_left_out++;
                return 0;
        }

        r = array_reserve(&inventory->roots, &inventory->roots_capacity, inventory->n_roots + 1,
                          sizeof(*inventory->roots));
        if (r < 0)
                return r;
        root = malloc(sizeof(*root));
        if (!root)
                return -ENOMEM;
        message_from_root(view, root);
        inventory->roots[inventory->n_roots++] = root;
        return 0;
}

static int inventory_add_unit(const UnitView *view, void *userdata) {
        Inventory *inventory = userdata;
        UnitMessage *message;
        int r;

        if (inventory->beneath && !path_is_beneath(view->source_path, inventory->beneath))
                return 0;
        if (inventory->n_units == INVENTORY_UNITS_MAX) {
                inventory->n_units_left_out++;
                return 0;
        }

        r = array_reserve(&inventory->units, &inventory->units_capacity, inventory->n_units + 1,
                          sizeof(*inventory->units));
        if (r < 0)
                return r;
        message = calloc(1, sizeof(*message));
        if (!message)
                return -ENOMEM;
        r = message_from_unit(view, message);
        if (r < 0) {
                free(message);
                return r;
        }
        inventory->units[inventory->n_units++] = &message->unit;
        return 0;
}

int inventory_add_job(const JobView *view, void *userdata) {
        Inventory *inventory = userdata;
        JobMessage *message;
        int r;

        if (inventory->beneath && !path_is_beneath(view->source_path, inventory->beneath))
                return 0;
        if (inventory->n_jobs == INVENTORY_JOBS_MAX) {
                inventory->n_jobs_left_out++;
                return 0;
        }
        r = array_reserve(&inventory->jobs, &inventory->jobs_capacity, inventory->n_jobs + 1,
                          sizeof(*inventory->jobs));
        if (r < 0)
                return r;
        message = calloc(1, sizeof(*message));
        if (!message)
                return -ENOMEM;
        r = message_from_job(view, message);
        if (r < 0) {
                job_message_deinit(message);
                free(message);
                return r;
        }
        inventory->jobs[inventory->n_jobs++] = &message->job;
        return 0;
}

static int inventory_add_warning(const char *text, void *userdata) {
        Inventory *inventory = userdata;
        int r;

        if (inventory->n_warnings == INVENTORY_WARNINGS_MAX)
                return 0;
        r = array_reserve(&inventory->warnings, &inventory->warnings_capacity,
                          inventory->n_warnings + 1, sizeof(*inventory->warnings));
        if (r < 0)
                return r;
        inventory->warnings[inventory->n_warnings] = strdup(text);
        if (!inventory->warnings[inventory->n_warnings])
                return -ENOMEM;
        inventory->n_warnings++;
        return 0;
}

int inventory_take_roots(Inventory *inventory, Engine *engine) {
        return engine_each_root(engine, inventory_add_root, inventory);
}

int inventory_take_units(Inventory *inventory, Engine *engine) {
        return engine_each_unit(engine, inventory_add_unit, inventory);
}

int inventory_take_jobs(Inventory *inventory, Engine *engine) {
        return engine_each_job(engine, inventory_add_job, inventory);
}

int inventory_take_warnings(Inventory *inventory, Engine *engine) {
        return engine_each_warning(engine, inventory_add_warning, inventory);
}

void inventory_deinit(Inventory *inventory) {
        for (size_t i = 0; i < inventory->n_roots; i++)
                free(inventory->roots[i]);
        for (size_t i = 0; i < inventory->n_units; i++) {
                UnitMessage *message = container_of(inventory->units[i], UnitMessage, unit);

                unit_message_deinit(message);
                free(message);
        }
        for (size_t i = 0; i < inventory->n_jobs; i++) {
                JobMessage *message = container_of(inventory->jobs[i], JobMessage, job);

                job_message_deinit(message);
                free(message);
        }
        for (size_t i = 0; i < inventory->n_warnings; i++)
                free(inventory->warnings[i]);
        free(inventory->roots);
        free(inventory->units);
        free(inventory->jobs);
        free(inventory->warnings);
        *inventory = (Inventory){};
}
