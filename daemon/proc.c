/*
 * A process is over when it was reaped and its output ended. The two are not the same: with a
 * grandchild that holds the pipe, the exit callback comes first and the end of file seconds
 * later or never. Hence DRAINING, and a limit to it.
 *
 * Signals go to the group only between spawn and exit callback. After it the number may belong
 * to somebody else; what lingers then is the business of jobdir.c, which recognises our
 * descendants by a marker instead of a number.
 */

#include "daemon/proc.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/footprint.h"

/* How long a child may take to react to SIGTERM before we send SIGKILL. */
#define PROC_GRACE_MS 2000

/* How long we wait for the end of the output once the child was reaped. */
#define PROC_DRAIN_MS 500

/* The pauses between looks at its memory: twice as long each time, for a short life is soon over and
 * in a long one little happens. */
#define PROC_LOOK_MS     8
#define PROC_LOOK_MAX_MS 512

/* from <linux/ioprio.h>, which not every libc's headers go with */
#define PROC_IOPRIO_WHO_PGRP 2
#define PROC_IOPRIO_LOWEST   (2 << 13 | 7) /* best-effort, the last of its levels */
#define PROC_IOPRIO_IDLE     (3 << 13)

/* room for the line that tells what was left out */
#define PROC_GAP_MAX 96

typedef enum ProcState {
        PROC_RUNNING,
        PROC_STOPPING, /* SIGTERM sent, SIGKILL armed */
        PROC_DRAINING, /* reaped, waiting for the end of the output */
        PROC_CLOSING,  /* waiting for close callbacks */
} ProcState;

struct Proc {
        ProcState state;
        ProcDoneFn done; /* NULL if proc_spawn() failed */
        void *userdata;

        uv_process_t process;
        uv_pipe_t pipe;
        uv_timer_t timer, look;
        uint64_t look_ms;
        unsigned n_handles; /* handles whose close callback is outstanding */
        bool ended;         /* end of the output seen */
        uint64_t started_ms;

        ProcResult result;
        ProcOutputFn on_output;
        size_t head_max, tail_max;
        size_t n_head;
        uint64_t n_after_head; /* all bytes past the head, kept or not */
        char *head;            /* head_max bytes, room for the gap line, tail_max bytes */
        char *tail;            /* ring of tail_max bytes */
        char chunk[16 * 1024];
};

static void proc_keep(Proc *proc, const char *data, size_t n) {
        size_t room = proc->head_max - proc->n_head;
        size_t take = n < room ? n : room;

        memcpy(proc->head + proc->n_head, data, take);
        proc->n_head += take;

        for (size_t i = take; i < n; i++) {
                if (proc->tail_max > 0)
                        proc->tail[proc->n_after_head % proc->tail_max] = data[i];
                proc->n_after_head++;
        }
}

/* joins head, gap line and tail in place */
static void proc_finish_output(Proc *proc) {
        uint64_t kept = proc->n_after_head;
        size_t n = proc->n_head, start = 0;

        if (kept > proc->tail_max) {
                kept = proc->tail_max;
                proc->result.n_left_out = proc->n_after_head - kept;
                start = proc->tail_max > 0 ? (size_t) (proc->n_after_head % proc->tail_max) : 0;
                n += (size_t) snprintf(proc->head + n, PROC_GAP_MAX,
                                       "\n[... %llu bytes left out ...]\n",
                                       (unsigned long long) proc->result.n_left_out);
        }
        for (size_t i = 0; i < kept; i++)
                proc->head[n++] = proc->tail[(start + i) % proc->tail_max];
        proc->result.output = slice_of(proc->head, n);
}

static void proc_on_closed(uv_handle_t *handle) {
        Proc *proc = handle->data;

        assert(proc->n_handles > 0);
        if (--proc->n_handles > 0)
                return;

        if (proc->done) {
                proc_finish_output(proc);
                proc->done(&proc->result, proc->userdata);
        }
        free(proc->head);
        free(proc->tail);
        free(proc);
}

static void proc_own(Proc *proc, uv_handle_t *handle) {
        handle->data = proc;
        proc->n_handles++;
}

static void proc_close_handle(uv_handle_t *handle) {
        if (!uv_is_closing(handle))
                uv_close(handle, proc_on_closed);
}

static void proc_close(Proc *proc) {
        proc->state = PROC_CLOSING;
        if (proc->process.data)
                proc_close_handle((uv_handle_t *) &proc->process);
        proc_close_handle((uv_handle_t *) &proc->pipe);
        proc_close_handle((uv_handle_t *) &proc->timer);
        proc_close_handle((uv_handle_t *) &proc->look);
}

static void proc_kill_group(Proc *proc, int signum) {
        (void) kill(-proc->process.pid, signum);
}

static void proc_on_timer(uv_timer_t *timer);

static void proc_stop(Proc *proc, int error) {
        if (proc->state != PROC_RUNNING)
                return;

        proc->state = PROC_STOPPING;
        proc->result.error = error;
        proc_kill_group(proc, SIGTERM);
        (void) uv_timer_start(&proc->timer, proc_on_timer, PROC_GRACE_MS, 0);
}

static void proc_on_timer(uv_timer_t *timer) {
        Proc *proc = timer->data;

        switch (proc->state) {
        case PROC_RUNNING:
                proc_stop(proc, -ETIMEDOUT);
                break;
        case PROC_STOPPING:
                proc_kill_group(proc, SIGKILL);
                break;
        case PROC_DRAINING:
                proc_close(proc);
                break;
        case PROC_CLOSING:
                break;
        }
}

static void proc_on_exit(uv_process_t *process, int64_t exit_status, int term_signal) {
        Proc *proc = process->data;

        proc->result.exit_status = exit_status;
        proc->result.term_signal = term_signal;
        proc->result.elapsed_ms = uv_now(process->loop) - proc->started_ms;
        (void) uv_timer_stop(&proc->look);

        if (proc->ended) {
                proc_close(proc);
                return;
        }
        proc->state = PROC_DRAINING;
        (void) uv_timer_start(&proc->timer, proc_on_timer, PROC_DRAIN_MS, 0);
}

static void proc_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        Proc *proc = handle->data;

        (void) suggested;
        *ret = uv_buf_init(proc->chunk, sizeof(proc->chunk));
}

static void proc_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        Proc *proc = stream->data;

        if (n > 0) {
                proc_keep(proc, buf->base, (size_t) n);
                if (proc->on_output)
                        proc->on_output(slice_of(buf->base, (size_t) n), proc->userdata);
        }
        if (n >= 0)
                return; /* 0 is EAGAIN in disguise */

        (void) uv_read_stop(stream);
        if (n != UV_EOF) /* nobody reads any more what it writes: it would wait for that for ever */
                proc_stop(proc, (int) n);
        proc->ended = true;
        if (proc->state == PROC_DRAINING)
                proc_close(proc);
}

static int proc_new(Proc **ret, const ProcSpec *spec) {
        _cleanup_(freep) Proc *proc = NULL;
        _cleanup_(freep) char *head = NULL, *tail = NULL;

        proc = calloc(1, sizeof(*proc));
        head = malloc(spec->head_max + PROC_GAP_MAX + spec->tail_max);
        tail = malloc(spec->tail_max ?: 1);
        if (!proc || !head || !tail)
                return -ENOMEM;

        proc->on_output = spec->on_output;
        proc->head_max = spec->head_max;
        proc->tail_max = spec->tail_max;
        proc->head = TAKE_PTR(head);
        proc->tail = TAKE_PTR(tail);
        *ret = TAKE_PTR(proc);
        return 0;
}

static int proc_start(Proc *proc, uv_loop_t *loop, const ProcSpec *spec, int write_fd) {
        uv_stdio_container_t stdio[] = {
                { .flags = UV_IGNORE },
                { .flags = UV_INHERIT_FD },
                { .flags = UV_INHERIT_FD },
        };
        const uv_process_options_t options = {
                .file = spec->argv[0],
                .args = (char **) spec->argv,
                .env = (char **) spec->env,
                .cwd = spec->cwd,
                .flags = UV_PROCESS_DETACHED,
                .exit_cb = proc_on_exit,
                .stdio = stdio,
                .stdio_count = 3,
        };

        stdio[1].data.fd = spec->stdout_fd >= 0 ? spec->stdout_fd : write_fd;
        stdio[2].data.fd = write_fd;
        return uv_spawn(loop, &proc->process, &options);
}

/* libuv has no hook between fork and exec; uv_spawn() returns right after the exec, and what
 * the child starts later inherits the limit. */
static void proc_limit_memory(const Proc *proc, uint64_t max) {
        const struct rlimit limit = { .rlim_cur = max, .rlim_max = max };

        if (max > 0)
                (void) prlimit(proc->process.pid, RLIMIT_AS, &limit, NULL);
}

/* Likewise. The daemon may open more than a program can that uses select(2). */
static void proc_limit_descriptors(const Proc *proc) {
        struct rlimit limit;

        if (prlimit(proc->process.pid, RLIMIT_NOFILE, NULL, &limit) < 0 ||
            limit.rlim_cur <= FD_SETSIZE)
                return;
        limit.rlim_cur = FD_SETSIZE;
        (void) prlimit(proc->process.pid, RLIMIT_NOFILE, &limit, NULL);
}

/* Likewise, and for the same reason. Somebody works at this machine. */
static void proc_be_nice(const Proc *proc, const ProcSpec *spec) {
        id_t group = (id_t) proc->process.pid;
        int nice;

        if (spec->nice <= 0)
                return;
        errno = 0;
        nice = getpriority(PRIO_PROCESS, 0);
        if (errno == 0)
                (void) setpriority(PRIO_PGRP, group, nice + spec->nice);
        (void) syscall(SYS_ioprio_set, PROC_IOPRIO_WHO_PGRP, group,
                       spec->idle_io ? PROC_IOPRIO_IDLE : PROC_IOPRIO_LOWEST);
}

static void proc_on_look(uv_timer_t *timer) {
        Proc *proc = timer->data;
        uint64_t memory = footprint_of(proc->process.pid);

        if (memory > proc->result.peak_memory)
                proc->result.peak_memory = memory;
        if (proc->look_ms < PROC_LOOK_MAX_MS)
                proc->look_ms *= 2;
        (void) uv_timer_start(timer, proc_on_look, proc->look_ms, 0);
}

static void proc_start_looking(Proc *proc) {
        proc->look_ms = PROC_LOOK_MS;
        (void) uv_timer_start(&proc->look, proc_on_look, proc->look_ms, 0);
}

int proc_spawn(Proc **ret, uv_loop_t *loop, const ProcSpec *spec, ProcDoneFn done, void *userdata) {
        _cleanup_(closep) int read_fd = -1, write_fd = -1;
        Proc *proc;
        int fds[2];
        int r;

        r = uv_pipe(fds, UV_NONBLOCK_PIPE, 0);
        if (r < 0)
                return r;
        read_fd = fds[0];
        write_fd = fds[1];

        r = proc_new(&proc, spec);
        if (r < 0)
                return r;
        proc->userdata = userdata;

        /* From here on the handles own the memory: it goes with the last close. A spawn that
         * failed has initialised its handle all the same. */
        (void) uv_timer_init(loop, &proc->timer);
        proc_own(proc, (uv_handle_t *) &proc->timer);
        (void) uv_timer_init(loop, &proc->look);
        proc_own(proc, (uv_handle_t *) &proc->look);
        (void) uv_pipe_init(loop, &proc->pipe, false);
        proc_own(proc, (uv_handle_t *) &proc->pipe);
        r = uv_pipe_open(&proc->pipe, read_fd);
        if (r == 0) {
                read_fd = -1;
                (void) uv_read_start((uv_stream_t *) &proc->pipe, proc_on_alloc, proc_on_read);
                r = proc_start(proc, loop, spec, write_fd);
                proc_own(proc, (uv_handle_t *) &proc->process);
        }
        if (r < 0) {
                proc_close(proc);
                return r;
        }

        proc_limit_memory(proc, spec->memory_max);
        proc_limit_descriptors(proc);
        proc_be_nice(proc, spec);
        if (spec->measured)
                proc_start_looking(proc);
        proc->started_ms = uv_now(loop);
        if (spec->timeout_ms > 0)
                (void) uv_timer_start(&proc->timer, proc_on_timer, spec->timeout_ms, 0);
        proc->done = done;
        *ret = proc;
        return 0;
}

void proc_cancel(Proc *proc) {
        proc_stop(proc, -ECANCELED);
}

pid_t proc_pid(const Proc *proc) {
        return proc->process.pid;
}
