/*
 * What belongs to one process is a HelperRun: its handles close in their own time, while the next
 * one may be running already. Requests belong to the Helper; those of a run that ends are answered
 * from the callback in which it ends.
 */

#include "daemon/helper.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "proto/frame.h"

#define HELPER_FRAME_MAX    (2 * 1024 * 1024) /* bytes */
#define HELPER_QUEUE_MAX    (4 * HELPER_FRAME_MAX)
#define HELPER_TICK_MS      1000
#define HELPER_SILENCE_MS   3000 /* a ping must be answered within */
#define HELPER_PAUSE_MS     1000
#define HELPER_PAUSE_MAX_MS 60000
#define HELPER_PARTING_MS   1000 /* for what is still to be handed over */
#define HELPER_FRAMES_MAX   16   /* per turn of the loop */
#define HELPER_ERRNO_MAX    4095 /* as the kernel has it */

/* What it does at once, the oldest first: threads of cache/remote/workers.c. With more there these
 * wait for nobody. */
#define HELPER_READERS 4
#define HELPER_WRITERS 2

static_assert(HELPER_FDS_MAX == FRAME_FDS_MAX, "what a frame can carry");

typedef Dpucc__Remote__Reply Reply;
typedef Dpucc__Remote__Request Request;

struct HelperRun {
        Helper *helper; /* NULL: it is over, only the handles are left */
        LIST_ENTRY(HelperRun) link;
        bool left; /* it is in the list of those */
        uv_process_t process;
        uv_poll_t poll;
        bool has_process;
        unsigned n_handles;
        int socket;
        FrameReader reader;
        FrameWriter writer;
};

typedef struct HelperCall {
        TAILQ_ENTRY(HelperCall) link;
        uint32_t id;
        bool writes; /* goes on when we are gone */
        uint64_t limit_ms;
        uint64_t deadline_ms; /* 0: it waits for those before it */
        HelperDoneFn done;
        void *userdata;
} HelperCall;

struct Helper {
        HelperSpec spec;
        char *program;
        HelperRun *run;                 /* NULL: none */
        TAILQ_HEAD(, HelperCall) calls; /* the oldest first */
        uint32_t last_id;
        uint32_t configured_id; /* of the request whose reply has the problems */
        uint32_t ping_id;       /* 0: none is out */
        uint64_t ping_ms;

        uv_timer_t timer;
        uint64_t pause_ms, paused_until_ms;
        unsigned n_deaths;
        Problem problem; /* why there is a pause */

        bool stopping;
        void (*stopped)(void *userdata);
        void *stopped_userdata;
};

static uint64_t helper_now(const Helper *helper) {
        return uv_now(helper->spec.loop);
}

/* --- the process ------------------------------------------------------------------------- */

static void helper_run_on_closed(uv_handle_t *handle) {
        HelperRun *run = handle->data;

        assert(run->n_handles > 0);
        if (--run->n_handles > 0)
                return;
        frame_reader_deinit(&run->reader);
        frame_writer_deinit(&run->writer);
        free(run);
}

static void helper_run_leave(HelperRun *run, HelperLeft *left) {
        run->left = true;
        LIST_INSERT_HEAD(&left->runs, run, link);
}

static void helper_run_close_process(HelperRun *run) {
        if (run->left)
                LIST_REMOVE(run, link);
        run->left = false;
        if (!uv_is_closing((uv_handle_t *) &run->process))
                uv_close((uv_handle_t *) &run->process, helper_run_on_closed);
}

void helper_forget(HelperLeft *left) {
        HelperRun *run;

        while ((run = LIST_FIRST(&left->runs)))
                helper_run_close_process(run);
}

/* The last one out frees it. A process that goes on writing is left to itself. */
static void helper_run_close(HelperRun *run, bool kill) {
        if (kill && run->has_process)
                (void) uv_process_kill(&run->process, SIGKILL);
        else if (run->has_process)
                helper_run_leave(run, run->helper->spec.left);
        run->helper = NULL;
        if (!uv_is_closing((uv_handle_t *) &run->poll))
                uv_close((uv_handle_t *) &run->poll, helper_run_on_closed);
        if (!run->has_process) /* else it is reaped in its exit callback */
                helper_run_close_process(run);
        closep(&run->socket);
        run->socket = -1;
}

/* A question's time begins when the helper comes to it: that tiers before it are slow says nothing
 * of the helper. */
static void helper_set_deadlines(Helper *helper) {
        unsigned n_free[] = { HELPER_READERS, HELPER_WRITERS };
        HelperCall *call;

        TAILQ_FOREACH(call, &helper->calls, link) {
                if (n_free[call->writes] == 0)
                        continue;
                n_free[call->writes]--;
                if (call->deadline_ms == 0)
                        call->deadline_ms = helper_now(helper) + call->limit_ms;
        }
}

static void helper_answer(Helper *helper, HelperCall *call, const HelperAnswer *answer) {
        TAILQ_REMOVE(&helper->calls, call, link);
        helper_set_deadlines(helper);
        call->done(answer, call->userdata);
        free(call);
}

static bool helper_is_late(const Helper *helper, const HelperCall *call) {
        return call->deadline_ms > 0 && helper_now(helper) > call->deadline_ms;
}

/* What is late waited for its remote, of which the others know nothing. */
static void helper_fail_calls(Helper *helper, int r, const char *detail) {
        const HelperAnswer failed = { .result = r, .detail = detail };
        const HelperAnswer late = { .result = -ETIMEDOUT, .detail = "does not come to an end" };
        HelperCall *call;

        while ((call = TAILQ_FIRST(&helper->calls)))
                helper_answer(helper, call, helper_is_late(helper, call) ? &late : &failed);
}

static void helper_set_timer(Helper *helper);

/* The process is gone, or will be. */
static void helper_die(Helper *helper, const char *reason) {
        HelperRun *run = helper->run;

        helper->run = NULL;
        helper->ping_id = 0;
        helper_run_close(run, true);
        helper->n_deaths++;
        helper->pause_ms = helper->pause_ms == 0 ? HELPER_PAUSE_MS : 2 * helper->pause_ms;
        if (helper->pause_ms > HELPER_PAUSE_MAX_MS)
                helper->pause_ms = HELPER_PAUSE_MAX_MS;
        helper->paused_until_ms = helper_now(helper) + helper->pause_ms;
        (void) problem_set(&helper->problem, 0,
                           "dpucc-remote %s; remote caches are asked again in %llu s", reason,
                           (unsigned long long) helper->pause_ms / 1000);
        log_warning("%s", helper->problem.text);
        helper_set_timer(helper);
        helper_fail_calls(helper, -ENOTCONN, "dpucc-remote is gone");
}

static void helper_on_exit(uv_process_t *process, int64_t exit_status, int term_signal) {
        HelperRun *run = process->data;
        char reason[64];

        run->has_process = false;
        if (run->helper) {
                if (term_signal != 0)
                        (void) snprintf(reason, sizeof(reason), "was ended by signal %d",
                                        term_signal);
                else
                        (void) snprintf(reason, sizeof(reason), "ended with status %lld",
                                        (long long) exit_status);
                helper_die(run->helper, reason); /* closes the handle, too */
        } else {
                helper_run_close_process(run);
        }
}

/* --- frames ------------------------------------------------------------------------------ */

static void helper_take_configured(Helper *helper, const Reply *reply) {
        for (size_t i = 0; i < reply->n_problems; i++)
                if (reply->problems[i]->tier < helper->spec.n_remotes)
                        helper->spec.problem(reply->problems[i]->tier, reply->problems[i]->detail,
                                             helper->spec.userdata);
}

static HelperCall *helper_find_call(Helper *helper, uint32_t id) {
        HelperCall *call;

        TAILQ_FOREACH(call, &helper->calls, link)
        if (call->id == id)
                return call;
        return NULL;
}

/* It is not trusted more than what it talks to: an id that nobody waits for is ignored. */
static void helper_take_reply(Helper *helper, const Reply *reply) {
        const HelperAnswer answer = {
                .result = reply->result < -HELPER_ERRNO_MAX ? -EPROTO : reply->result,
                .detail = reply->detail,
                .data = slice_of(reply->data.data, reply->data.len),
                .n_bytes = reply->n_bytes,
        };
        HelperCall *call;

        if (reply->id == helper->ping_id) {
                helper->ping_id = 0;
                return;
        }
        if (reply->id == helper->configured_id) {
                helper_take_configured(helper, reply);
                return;
        }
        call = helper_find_call(helper, reply->id);
        if (!call)
                return;
        helper->pause_ms = 0;
        helper->problem.text[0] = '\0';
        helper_answer(helper, call, &answer);
}

static int helper_read(HelperRun *run) {
        for (unsigned i = 0; i < HELPER_FRAMES_MAX && run->helper; i++) {
                ProtobufCMessage *message;
                Frame frame = {};
                int r;

                r = frame_reader_step(&run->reader, run->socket, &frame);
                if (r == FRAME_WAIT)
                        return 0;
                if (r == FRAME_CLOSED)
                        return -ECONNRESET;
                if (r == 0)
                        r = frame_unpack(&frame, &dpucc__remote__reply__descriptor, &message);
                if (r == 0) {
                        helper_take_reply(run->helper, (Reply *) message);
                        protobuf_c_message_free_unpacked(message, NULL);
                }
                frame_deinit(&frame);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void helper_on_poll(uv_poll_t *poll, int status, int events);

static void helper_update_poll(HelperRun *run) {
        int events = UV_READABLE;

        if (!run->helper)
                return;
        if (!frame_writer_is_empty(&run->writer))
                events |= UV_WRITABLE;
        (void) uv_poll_start(&run->poll, events, helper_on_poll);
}

static void helper_part(Helper *helper);

static void helper_on_poll(uv_poll_t *poll, int status, int events) {
        HelperRun *run = poll->data;
        int r = status;

        if (r == 0 && events & UV_WRITABLE)
                r = frame_writer_step(&run->writer, run->socket);
        if (r >= 0 && events & UV_READABLE)
                r = helper_read(run);
        if (!run->helper)
                return;
        if (r < 0 && !run->helper->stopping)
                helper_die(run->helper,
                           r == -EBADMSG || r == -EMSGSIZE ? "sent nonsense" : "is gone");
        else if (run->helper->stopping && (r < 0 || frame_writer_is_empty(&run->writer)))
                helper_part(run->helper);
        else
                helper_update_poll(run);
}

static int helper_put(Helper *helper, Request *request, const int *fds, size_t n_fds) {
        int r;

        request->id = ++helper->last_id ?: ++helper->last_id; /* 0 is nobody's */
        r = frame_writer_put(&helper->run->writer, &request->base, fds, n_fds);
        if (r == 0)
                helper_update_poll(helper->run);
        return r;
}

/* --- starting ---------------------------------------------------------------------------- */

static void helper_fill_tier(const ConfigRemote *remote, Dpucc__Remote__Tier *tier) {
        dpucc__remote__tier__init(tier);
        tier->url = remote->url;
        tier->connect_ms = remote->connect_ms;
        tier->transfer_ms = remote->transfer_ms;
        tier->user = remote->user;
        tier->password_file = remote->password_file;
        tier->token_file = remote->token_file;
        tier->ca_file = remote->ca_file;
        tier->s3_region = remote->s3_region;
        tier->s3_access_key = remote->s3_access_key;
        tier->s3_secret_file = remote->s3_secret_file;
}

static int helper_configure(Helper *helper) {
        Dpucc__Remote__Tier tiers[CONFIG_REMOTES_MAX], *pointers[CONFIG_REMOTES_MAX];
        Dpucc__Remote__Configure configure = DPUCC__REMOTE__CONFIGURE__INIT;
        Request request = DPUCC__REMOTE__REQUEST__INIT;
        int r;

        for (size_t i = 0; i < helper->spec.n_remotes; i++) {
                helper_fill_tier(helper->spec.remotes[i], &tiers[i]);
                pointers[i] = &tiers[i];
        }
        configure.tiers = pointers;
        configure.n_tiers = helper->spec.n_remotes;
        request.configure = &configure;
        r = helper_put(helper, &request, NULL, 0);
        helper->configured_id = helper->last_id;
        return r;
}

/* Proxies and where certificates are: that is all that the environment has to say. */
static int helper_environment(Strings *ret) {
        static const char *const passed[] = {
                "http_proxy", "https_proxy", "HTTPS_PROXY",   "all_proxy",    "ALL_PROXY",
                "no_proxy",   "NO_PROXY",    "SSL_CERT_FILE", "SSL_CERT_DIR",
        };
        int r = strings_add(ret, "LC_ALL=C.UTF-8");

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(passed); i++) {
                const char *value = getenv(passed[i]);
                _cleanup_(freep) char *text = NULL;

                if (!value)
                        continue;
                if (asprintf(&text, "%s=%s", passed[i], value) < 0) {
                        text = NULL;
                        return -ENOMEM;
                }
                r = strings_add(ret, text);
        }
        return r;
}

/* A session of its own: Ctrl-C is for the client. Nothing of ours is open in it but its socket:
 * whoever waits for the end of our output does not wait for it. */
static int helper_spawn(const Helper *helper, HelperRun *run, int socket) {
        _cleanup_(strings_cleanup) Strings environment = {};
        uv_stdio_container_t stdio[] = {
                { .flags = UV_IGNORE },
                { .flags = UV_IGNORE },
                { .flags = UV_IGNORE },
                { .flags = UV_INHERIT_FD, .data.fd = socket },
        };
        char *argv[] = { helper->program, NULL };
        uv_process_options_t options = {
                .file = helper->program,
                .args = argv,
                .cwd = "/",
                .flags = UV_PROCESS_DETACHED,
                .exit_cb = helper_on_exit,
                .stdio = stdio,
                .stdio_count = ARRAY_SIZE(stdio),
        };
        int r;

        r = helper_environment(&environment);
        if (r < 0)
                return r;
        options.env = environment.items;
        return uv_spawn(helper->spec.loop, &run->process, &options);
}

static int helper_run_new(Helper *helper, HelperRun **ret) {
        _cleanup_(closep) int ours = -1, theirs = -1;
        HelperRun *run;
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_from_errno();
        ours = pair[0];
        theirs = pair[1];
        run = calloc(1, sizeof(*run));
        if (!run)
                return -ENOMEM;
        run->socket = -1;
        run->reader = FRAME_READER_INIT(HELPER_FRAME_MAX);
        run->writer = FRAME_WRITER_INIT(HELPER_FRAME_MAX, HELPER_QUEUE_MAX);
        r = uv_poll_init(helper->spec.loop, &run->poll, ours);
        if (r < 0) {
                free(run);
                return r;
        }
        run->poll.data = run;
        run->n_handles = 2;
        run->socket = TAKE_FD(ours);
        r = helper_spawn(helper, run, theirs); /* which initialises its handle whatever happens */
        run->process.data = run;
        run->has_process = r == 0;
        if (r < 0) {
                helper_run_close(run, false);
                return r;
        }
        run->helper = helper;
        *ret = run;
        return 0;
}

static int helper_start(Helper *helper) {
        int r;

        if (helper_now(helper) < helper->paused_until_ms)
                return -ENOTCONN;
        r = helper_run_new(helper, &helper->run);
        if (r < 0) {
                helper->paused_until_ms = helper_now(helper) + HELPER_PAUSE_MAX_MS;
                (void) problem_set(&helper->problem, 0, "%s cannot be run: %s", helper->program,
                                   strerror(-r));
                log_warning("%s", helper->problem.text);
                return -ENOTCONN;
        }
        r = helper_configure(helper);
        if (r < 0) {
                helper_run_close(TAKE_PTR(helper->run), true);
                return r;
        }
        return 0;
}

/* --- the timer --------------------------------------------------------------------------- */

static int helper_ping(Helper *helper) {
        Request request = DPUCC__REMOTE__REQUEST__INIT;
        int r;

        r = helper_put(helper, &request, NULL, 0);
        if (r == 0) {
                helper->ping_id = helper->last_id;
                helper->ping_ms = helper_now(helper);
        }
        return r;
}

static bool helper_is_overdue(const Helper *helper) {
        const HelperCall *call;

        TAILQ_FOREACH(call, &helper->calls, link)
        if (helper_is_late(helper, call))
                return true;
        return false;
}

static void helper_on_tick(uv_timer_t *timer) {
        Helper *helper = timer->data;

        if (helper->stopping) {
                helper_part(helper);
                return;
        }
        if (helper->run && helper->ping_id != 0 &&
            helper_now(helper) >= helper->ping_ms + HELPER_SILENCE_MS)
                helper_die(helper, "does not answer");
        else if (helper->run && helper_is_overdue(helper))
                helper_die(helper, "does not come to an end");
        else if (helper->run && helper->ping_id == 0 && helper_ping(helper) < 0)
                helper_die(helper, "takes no requests");
        if (!helper->run && helper_now(helper) >= helper->paused_until_ms)
                helper->problem.text[0] = '\0';
        helper_set_timer(helper);
}

/* Nothing ticks while nothing is under way. */
static void helper_set_timer(Helper *helper) {
        bool wanted = helper->run ? !TAILQ_EMPTY(&helper->calls) || helper->ping_id != 0
                                  : helper->problem.text[0] != '\0';

        if (helper->stopping)
                return;
        if (!wanted)
                (void) uv_timer_stop(&helper->timer);
        else if (!uv_is_active((uv_handle_t *) &helper->timer))
                (void) uv_timer_start(&helper->timer, helper_on_tick, HELPER_TICK_MS,
                                      HELPER_TICK_MS);
}

/* --- the interface ----------------------------------------------------------------------- */

int helper_new(Helper **ret, const HelperSpec *spec) {
        Helper *helper = calloc(1, sizeof(*helper));

        if (!helper || strings_dup(&helper->program, spec->program) < 0) {
                free(helper);
                return -ENOMEM;
        }
        helper->spec = *spec;
        TAILQ_INIT(&helper->calls);
        (void) uv_timer_init(spec->loop, &helper->timer);
        helper->timer.data = helper;
        *ret = helper;
        return 0;
}

int helper_ask(Helper *helper, Request *request, const int *fds, size_t n_fds, uint64_t limit_ms,
               HelperDoneFn done, void *userdata) {
        _cleanup_(freep) HelperCall *call = NULL;
        int r;

        if (helper->stopping)
                return -ECANCELED;
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        r = helper->run ? 0 : helper_start(helper);
        if (r == 0)
                r = helper_put(helper, request, fds, n_fds);
        if (r < 0)
                return r;
        call->id = request->id;
        call->writes = request->put != NULL;
        call->limit_ms = limit_ms;
        call->done = done;
        call->userdata = userdata;
        TAILQ_INSERT_TAIL(&helper->calls, call, link);
        TAKE_PTR(call);
        helper_set_deadlines(helper);
        helper_set_timer(helper);
        return 0;
}

unsigned helper_n_deaths(const Helper *helper) {
        return helper->n_deaths;
}

bool helper_warning(const Helper *helper, Problem *ret) {
        if (helper->problem.text[0] == '\0')
                return false;
        *ret = helper->problem;
        return true;
}

/* --- stopping ---------------------------------------------------------------------------- */

static void helper_on_timer_closed(uv_handle_t *handle) {
        Helper *helper = handle->data;

        helper->stopped(helper->stopped_userdata);
}

Helper *helper_free(Helper *helper) {
        if (!helper)
                return NULL;

        free(helper->program);
        free(helper);
        return NULL;
}

/* Everything was handed over, or time is up. */
static void helper_part(Helper *helper) {
        HelperRun *run = TAKE_PTR(helper->run);
        const HelperCall *call;
        bool writes = false;

        if (uv_is_closing((uv_handle_t *) &helper->timer))
                return;
        TAILQ_FOREACH(call, &helper->calls, link)
        writes |= call->writes;
        if (run)
                helper_run_close(run, !writes || !frame_writer_is_empty(&run->writer));
        helper_fail_calls(helper, -ECANCELED, "stopping");
        uv_close((uv_handle_t *) &helper->timer, helper_on_timer_closed);
}

void helper_stop(Helper *helper, void (*stopped)(void *userdata), void *userdata) {
        helper->stopped = stopped;
        helper->stopped_userdata = userdata;
        helper->stopping = true;
        if (!helper->run || frame_writer_is_empty(&helper->run->writer)) {
                helper_part(helper);
                return;
        }
        (void) uv_timer_start(&helper->timer, helper_on_tick, HELPER_PARTING_MS, 0);
}
