#include "cache/remote/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define TASK_PROBE_NAME "v1/probe" /* nobody ever writes it */

static void task_close_fds(Task *task) {
        for (size_t i = 0; i < FRAME_FDS_MAX; i++) {
                closep(&task->fds[i]);
                task->fds[i] = -1;
        }
}

Task *task_free(Task *task) {
        if (!task)
                return NULL;

        task_close_fds(task);
        if (task->request)
                dpucc__remote__request__free_unpacked(task->request, NULL);
        bytes_deinit(&task->data);
        free(task);
        return NULL;
}

/* It becomes part of URLs, keys and paths. */
static bool task_is_name(const char *name) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789/";
        size_t n = strlen(name);

        return n > 0 && n < TASK_NAME_MAX && name[strspn(name, allowed)] == '\0' &&
               name[0] != '/' && name[n - 1] != '/' && !strstr(name, "//");
}

static bool task_is_put(const Dpucc__Remote__Put *put, const Frame *frame) {
        if (put->n_objects != frame->n_fds || !task_is_name(put->record_name))
                return false;
        for (size_t i = 0; i < put->n_objects; i++)
                if (!task_is_name(put->objects[i]->name) ||
                    put->objects[i]->sha256.len != SHA256_SIZE)
                        return false;
        return true;
}

static bool task_is_get(const Dpucc__Remote__Get *get, const Frame *frame) {
        return frame->n_fds <= 1 && task_is_name(get->name) &&
               (frame->n_fds == 1 || get->max <= TASK_RECORD_MAX);
}

/* exactly one of them, and what it needs */
static int task_classify(Task *task, const Dpucc__Remote__Request *request, const Frame *frame) {
        if (request->configure || !!request->get + !!request->put + !!request->probe != 1)
                return -EINVAL;
        if (request->get) {
                task->kind = TASK_GET;
                task->tier = request->get->tier;
                return task_is_get(request->get, frame) ? 0 : -EINVAL;
        }
        if (request->put) {
                task->kind = TASK_PUT;
                task->tier = request->put->tier;
                return task_is_put(request->put, frame) ? 0 : -EINVAL;
        }
        task->kind = TASK_PROBE;
        task->tier = request->probe->tier;
        return frame->n_fds == 0 ? 0 : -EINVAL;
}

int task_new(Task **ret, Dpucc__Remote__Request *request, Frame *frame, size_t n_tiers) {
        _cleanup_(task_freep) Task *task = calloc(1, sizeof(*task));
        int r;

        if (!task)
                return -ENOMEM;
        for (size_t i = 0; i < FRAME_FDS_MAX; i++)
                task->fds[i] = -1;
        task->data = BYTES_INIT(TASK_RECORD_MAX);
        task->id = request->id;
        r = task_classify(task, request, frame);
        if (r == 0 && task->tier >= n_tiers)
                r = -EINVAL;
        if (r < 0)
                return r;

        for (size_t i = 0; i < frame->n_fds; i++)
                task->fds[i] = frame_take_fd(frame, i);
        task->request = request;
        *ret = TAKE_PTR(task);
        return 0;
}

void task_fail(Task *task, int r, const char *reason) {
        task->result = problem_set(&task->problem, r, "%s", reason);
        task_close_fds(task);
}

/* --- doing it ---------------------------------------------------------------------------- */

static int64_t task_deadline(const Link *link, uint32_t limit_ms) {
        uint64_t ms = link->access->transfer_ms;

        if (limit_ms > 0 && limit_ms < ms)
                ms = limit_ms;
        return clock_monotonic_ns() + (int64_t) ms * CLOCK_NS_PER_MS;
}

static int task_get(Task *task, Link *link, LinkRequest *request) {
        const Dpucc__Remote__Get *get = task->request->get;
        Sink sink = { .fd = task->fds[0], .bytes = BYTES_INIT(TASK_RECORD_MAX), .max = get->max };
        int r;

        request->name = get->name;
        request->deadline_ns = task_deadline(link, get->limit_ms);
        r = link->ops->get(link, request, &sink);
        if (r == 0 && get->exact && sink.n != sink.max)
                r = problem_set(request->problem, -ECONNRESET, "only a part of it came");
        task->n_bytes = sink.n;
        if (r == 0)
                task->data = sink.bytes;
        else
                bytes_deinit(&sink.bytes);
        return r;
}

static int task_put_blob(Task *task, Link *link, LinkRequest *request, Source *source,
                         bool replace) {
        int r = LINK_ABSENT;

        request->deadline_ns = task_deadline(link, 0);
        if (!replace)
                r = link->ops->has(link, request, source->size);
        if (r != LINK_ABSENT)
                return r;
        request->problem->text[0] = '\0';
        r = link->ops->put(link, request, source);
        if (r == 0)
                task->n_bytes += source->size;
        return r;
}

static int task_put_record(Task *task, Link *link, LinkRequest *request) {
        const Dpucc__Remote__Put *put = task->request->put;
        Source source = {
                .fd = -1,
                .data = slice_of(put->record.data, put->record.len),
                .size = put->record.len,
        };
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        int r;

        r = hasher_new(&hasher, HASHER_SHA256);
        if (r == 0)
                r = hasher_update(hasher, put->record.data, put->record.len);
        if (r == 0)
                r = hasher_sha256(hasher, &source.sha256);
        request->name = put->record_name;
        return r < 0 ? r : task_put_blob(task, link, request, &source, true);
}

static int task_put(Task *task, Link *link, LinkRequest *request) {
        const Dpucc__Remote__Put *put = task->request->put;
        int r = 0;

        for (size_t i = 0; r == 0 && i < put->n_objects; i++) {
                Source source = { .fd = task->fds[i], .size = put->objects[i]->size };

                memcpy(source.sha256.bytes, put->objects[i]->sha256.data, SHA256_SIZE);
                request->name = put->objects[i]->name;
                r = task_put_blob(task, link, request, &source, put->replace);
        }
        return r < 0 ? r : task_put_record(task, link, request);
}

static int task_probe(Link *link, LinkRequest *request) {
        int r;

        request->name = TASK_PROBE_NAME;
        request->deadline_ns = task_deadline(link, 2 * link->access->connect_ms);
        r = link->ops->has(link, request, 0);
        return r < 0 ? r : 0;
}

void task_run(Task *task, Link *link, const atomic_bool *cancelled) {
        LinkRequest request = { .cancelled = cancelled, .problem = &task->problem };
        int r = -EINVAL;

        switch (task->kind) {
        case TASK_GET:
                r = task_get(task, link, &request);
                break;
        case TASK_PUT:
                r = task_put(task, link, &request);
                break;
        case TASK_PROBE:
                r = task_probe(link, &request);
                break;
        }
        if (r >= 0)
                task->problem.text[0] = '\0';
        else if (task->problem.text[0] == '\0')
                (void) problem_set(&task->problem, r, "%s", strerror(-r));
        task->result = r;
        task_close_fds(task);
}
