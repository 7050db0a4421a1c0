#include "cache/remote/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cache/remote/access.h"
#include "cache/remote/workers.h"
#include "proto/frame.h"
#include "proto/remote.pb-c.h"

#define SERVE_TIERS_MAX 16
#define SERVE_QUEUE_MAX (4 * SERVE_FRAME_MAX)

typedef Dpucc__Remote__Reply Reply;
typedef Dpucc__Remote__Request Request;

typedef struct Server {
        int socket;
        FrameReader reader;
        FrameWriter writer;
        Access *tiers;
        size_t n_tiers;
        Workers *workers; /* NULL: not configured yet */
        bool hung_up;
} Server;

static void server_deinit(Server *server) {
        if (server->workers)
                server->workers = workers_stop(server->workers, false);
        for (size_t i = 0; i < server->n_tiers; i++)
                access_deinit(&server->tiers[i]);
        free(server->tiers);
        frame_reader_deinit(&server->reader);
        frame_writer_deinit(&server->writer);
}

static int server_reply(Server *server, const Reply *reply) {
        return frame_writer_put(&server->writer, &reply->base, NULL, 0);
}

/* --- configuration ----------------------------------------------------------------------- */

static int server_reply_configured(Server *server, uint32_t id) {
        Dpucc__Remote__TierProblem problems[SERVE_TIERS_MAX], *pointers[SERVE_TIERS_MAX];
        Reply reply = DPUCC__REMOTE__REPLY__INIT;

        reply.id = id;
        reply.problems = pointers;
        for (size_t i = 0; i < server->n_tiers; i++) {
                Dpucc__Remote__TierProblem *problem = &problems[reply.n_problems];

                if (server->tiers[i].problem.text[0] == '\0')
                        continue;
                dpucc__remote__tier_problem__init(problem);
                problem->tier = (uint32_t) i;
                problem->detail = server->tiers[i].problem.text;
                pointers[reply.n_problems++] = problem;
        }
        return server_reply(server, &reply);
}

static int server_configure(Server *server, const Request *request) {
        const Dpucc__Remote__Configure *configure = request->configure;
        int r = 0;

        if (server->workers || configure->n_tiers == 0 || configure->n_tiers > SERVE_TIERS_MAX)
                return -EBADMSG;
        server->tiers = calloc(configure->n_tiers, sizeof(*server->tiers));
        if (!server->tiers)
                return -ENOMEM;
        while (r == 0 && server->n_tiers < configure->n_tiers) {
                r = access_init(&server->tiers[server->n_tiers], configure->tiers[server->n_tiers]);
                if (r == 0)
                        server->n_tiers++;
        }
        if (r == 0)
                r = workers_new(&server->workers, server->tiers, server->n_tiers);
        return r < 0 ? r : server_reply_configured(server, request->id);
}

/* --- requests ---------------------------------------------------------------------------- */

static int server_reply_task(Server *server, const Task *task) {
        Reply reply = DPUCC__REMOTE__REPLY__INIT;

        reply.id = task->id;
        reply.result = task->result;
        reply.detail = task->problem.text[0] ? (char *) task->problem.text : NULL;
        reply.has_data = task->data.size > 0;
        reply.data.data = task->data.data;
        reply.data.len = task->data.size;
        reply.has_n_bytes = true;
        reply.n_bytes = task->n_bytes;
        return server_reply(server, &reply);
}

static int server_pong(Server *server, uint32_t id) {
        Reply reply = DPUCC__REMOTE__REPLY__INIT;

        reply.id = id;
        return server_reply(server, &reply);
}

/* takes over @request */
static int server_start_task(Server *server, Request *request, Frame *frame) {
        _cleanup_(task_freep) Task *task = NULL;
        int r;

        r = task_new(&task, request, frame, server->n_tiers);
        if (r < 0) {
                dpucc__remote__request__free_unpacked(request, NULL);
                return r == -EINVAL ? -EBADMSG : r;
        }
        r = workers_give(server->workers, task);
        if (r == 0) {
                TAKE_PTR(task);
                return 0;
        }
        task_fail(task, r, "too many requests at once");
        return server_reply_task(server, task);
}

static int server_handle(Server *server, Frame *frame) {
        ProtobufCMessage *message;
        Request *request;
        int r;

        r = frame_unpack(frame, &dpucc__remote__request__descriptor, &message);
        if (r < 0)
                return r;
        request = (Request *) message;
        if (request->get || request->put || request->probe)
                return server_start_task(server, request, frame);
        r = request->configure ? server_configure(server, request)
                               : server_pong(server, request->id);
        dpucc__remote__request__free_unpacked(request, NULL);
        return r;
}

/* --- the loop ---------------------------------------------------------------------------- */

static int server_read(Server *server) {
        for (;;) {
                Frame frame = {};
                int r;

                r = frame_reader_step(&server->reader, server->socket, &frame);
                if (r == FRAME_WAIT)
                        return 0;
                if (r == FRAME_CLOSED || r == -ECONNRESET) {
                        server->hung_up = true;
                        return 0;
                }
                if (r == FRAME_DONE)
                        r = server_handle(server, &frame);
                frame_deinit(&frame);
                if (r < 0)
                        return r;
        }
}

static int server_collect(Server *server) {
        Task *task;
        int r = 0;

        while (r == 0 && server->workers && (task = workers_take(server->workers))) {
                r = server_reply_task(server, task);
                (void) task_free(task);
        }
        return r;
}

static int server_turn(Server *server) {
        struct pollfd pollfds[] = {
                { .fd = server->socket, .events = POLLIN },
                { .fd = server->workers ? workers_fd(server->workers) : -1, .events = POLLIN },
        };
        int r;

        if (!frame_writer_is_empty(&server->writer))
                pollfds[0].events |= POLLOUT;
        if (poll(pollfds, ARRAY_SIZE(pollfds), -1) < 0)
                return errno == EINTR ? 0 : error_from_errno();
        r = server_collect(server);
        if (r == 0)
                r = server_read(server);
        if (r < 0 || server->hung_up)
                return r;
        r = frame_writer_step(&server->writer, server->socket);
        if (r == -EPIPE || r == -ECONNRESET)
                server->hung_up = true;
        return server->hung_up || r > 0 ? 0 : r;
}

int serve(int socket) {
        _cleanup_(server_deinit) Server server = {
                .socket = socket,
                .reader = FRAME_READER_INIT(SERVE_FRAME_MAX),
                .writer = FRAME_WRITER_INIT(SERVE_FRAME_MAX, SERVE_QUEUE_MAX),
        };
        int r = 0;

        while (r == 0 && !server.hung_up)
                r = server_turn(&server);
        return r;
}
