#include "daemon/manager.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/engine.h"
#include "daemon/server.h"
#include "daemon/service.h"
#include "daemon/status.h"
#include "daemon/verbs.h"

static const int manager_signals[] = { SIGTERM, SIGINT, SIGHUP };

typedef struct Manager {
        uv_loop_t loop;
        Service *service; /* NULL: no service manager is to know of us */
        Engine *engine;
        Server *server;
        Verbs verbs;
        Status status;
        uv_signal_t signals[ARRAY_SIZE(manager_signals)];
        uv_prepare_t prepare; /* before the loop sleeps: tell what goes on */
        bool has_handles;
        bool stopping;
} Manager;

/* ---- stopping: one after the other, each may be missing after a failed start -------------- */

static void manager_on_service_closed(void *userdata) {
        Manager *manager = userdata;

        manager->service = NULL;
}

static void manager_on_server_stopped(void *userdata) {
        Manager *manager = userdata;

        manager->server = NULL;
        if (manager->has_handles) {
                for (size_t i = 0; i < ARRAY_SIZE(manager_signals); i++)
                        uv_close((uv_handle_t *) &manager->signals[i], NULL);
                uv_close((uv_handle_t *) &manager->prepare, NULL);
        }
        if (manager->service)
                service_close(manager->service, manager_on_service_closed, manager);
}

static void manager_on_engine_stopped(void *userdata) {
        Manager *manager = userdata;

        manager->engine = NULL;
        if (manager->server)
                server_stop(manager->server, manager_on_server_stopped, manager);
        else
                manager_on_server_stopped(manager);
}

/* @again: whoever waits may ask the daemon that comes next. */
static void manager_stop(Manager *manager, bool again) {
        if (manager->stopping)
                return;

        manager->stopping = true;
        manager->verbs.engine = NULL; /* no more requests */
        manager->verbs.again = again;
        if (manager->service)
                service_stopping();
        if (manager->server)
                server_stop_listening(manager->server);
        if (manager->engine)
                engine_stop(manager->engine, again, manager_on_engine_stopped, manager);
        else
                manager_on_engine_stopped(manager);
}

static void manager_shutdown(void *userdata) {
        log_notice("stopping: a client asked for it");
        manager_stop(userdata, false);
}

/* ---- running ------------------------------------------------------------------------------ */

static int manager_reload(Problem *problem, void *userdata) {
        Manager *manager = userdata;
        int r;

        service_reloading();
        r = engine_reload(manager->engine, problem);
        if (r < 0)
                log_error("the configuration stays as it was: %s", problem->text);
        else
                log_notice("configuration read");
        service_ready();
        return r;
}

static void manager_on_signal(uv_signal_t *handle, int signum) {
        Manager *manager = handle->data;
        Problem problem = {};

        if (signum != SIGHUP || !manager->service) {
                log_notice("stopping: %s", strsignal(signum));
                manager_stop(manager, true);
        } else if (!manager->stopping) {
                (void) manager_reload(&problem, manager);
        }
}

static void manager_on_prepare(uv_prepare_t *handle) {
        Manager *manager = handle->data;
        char line[2 * STATUS_NAME_MAX];

        if (!manager->service)
                return;
        if (!manager->stopping)
                status_write(&manager->status, manager->engine, line, sizeof(line));
        service_status(manager->service, "%s", manager->stopping ? "Stopping" : line);
}

/* ---- starting ----------------------------------------------------------------------------- */

static int manager_start_engine(Manager *manager, const ManagerSpec *spec, Problem *problem) {
        const EngineSpec engine_spec = {
                .loop = &manager->loop,
                .cache_dir = spec->cache_dir,
                .cache_dir_is_given = spec->cache_dir_is_given,
                .state_dir = spec->state_dir,
                .dpucc = spec->dpucc,
                .conf_file = spec->conf_file,
                .conf_default = spec->conf_default,
                .umask = spec->umask,
                .once = spec->once,
        };
        int r;

        r = engine_new(&manager->engine, &engine_spec, problem);
        if (r < 0)
                return r;

        manager->verbs = (Verbs){
                .engine = manager->engine,
                .once = spec->once,
                .reload = manager_reload,
                .shutdown = manager_shutdown,
                .userdata = manager,
        };
        return 0;
}

static int manager_start_server(Manager *manager, const ManagerSpec *spec, Problem *problem) {
        ServerSpec server_spec = {
                .loop = &manager->loop,
                .handler = { verbs_start, &manager->verbs },
                .path = spec->socket,
                .listen_fd = -1,
        };
        int r;

        r = service_listen_fd(&server_spec.listen_fd, problem);
        if (r < 0 && r != -ENOENT)
                return r;
        r = server_new(&manager->server, &server_spec, problem);
        if (r < 0)
                return r;

        if (server_spec.listen_fd >= 0)
                log_info("serving the socket of the service manager");
        else
                log_info("serving %s", spec->socket);
        return 0;
}

static void manager_on_gone(void *userdata) {
        manager_stop(userdata, false);
}

static int manager_start_single(Manager *manager, const ManagerSpec *spec, Problem *problem) {
        const CallHandler handler = { verbs_start, &manager->verbs };

        return server_new_single(&manager->server, &manager->loop, handler, spec->connection,
                                 manager_on_gone, manager, problem);
}

static int manager_start_handles(Manager *manager) {
        int r = 0;

        (void) uv_prepare_init(&manager->loop, &manager->prepare);
        manager->prepare.data = manager;
        for (size_t i = 0; i < ARRAY_SIZE(manager_signals); i++) {
                (void) uv_signal_init(&manager->loop, &manager->signals[i]);
                manager->signals[i].data = manager;
        }
        manager->has_handles = true;

        (void) uv_prepare_start(&manager->prepare, manager_on_prepare);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(manager_signals); i++)
                r = uv_signal_start(&manager->signals[i], manager_on_signal, manager_signals[i]);
        return r;
}

static int manager_start(Manager *manager, const ManagerSpec *spec, Problem *problem) {
        int r;

        r = spec->once ? 0 : service_new(&manager->service, &manager->loop);
        if (r == 0) /* before what takes time: a signal is kept until the loop turns */
                r = manager_start_handles(manager);
        if (r == 0)
                r = manager_start_engine(manager, spec, problem);
        if (r == 0)
                r = spec->once ? manager_start_single(manager, spec, problem)
                               : manager_start_server(manager, spec, problem);
        return r;
}

int manager_run(const ManagerSpec *spec, Problem *problem) {
        Manager manager = {};
        int r, closed;

        problem_set(problem, 0, "%s", "");
        r = uv_loop_init(&manager.loop);
        if (r < 0)
                return r;

        r = manager_start(&manager, spec, problem);
        if (r < 0)
                manager_stop(&manager, false);
        else if (manager.service)
                service_ready();
        (void) uv_run(&manager.loop, UV_RUN_DEFAULT);

        closed = uv_loop_close(&manager.loop);
        if (closed < 0) { /* a bug: say which one */
                log_error("handles were left open at the end");
                uv_print_all_handles(&manager.loop, stderr);
                return closed;
        }
        return r;
}
