#include "cache/remote/workers.h"

#include <errno.h>
#include <pthread.h>

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cache/remote/dial.h"

#define WORKERS_READERS 4
#define WORKERS_WRITERS 2

typedef struct Lane {
        struct TaskList waiting;
        size_t n_waiting, n_running;
        atomic_bool cancelled; /* what is under way ends soon */
        pthread_cond_t wake;
} Lane;

struct Workers {
        const Access *access;
        size_t n_tiers;
        int event_fd;

        pthread_mutex_t mutex; /* of everything below but the cancelled flags */
        Lane lanes[2];         /* reading, writing */
        struct TaskList done;
        bool stopping;

        pthread_t threads[WORKERS_READERS + WORKERS_WRITERS];
        size_t n_threads;
};

/* what a thread is told when it starts */
typedef struct WorkerStart {
        Workers *workers;
        Lane *lane;
} WorkerStart;

/* --- a thread ---------------------------------------------------------------------------- */

static void workers_do(const Workers *workers, Lane *lane, Task *task, Link **links) {
        const Access *access = &workers->access[task->tier];
        int r = 0;

        if (access->problem.text[0]) {
                task_fail(task, -EINVAL, access->problem.text);
                return;
        }
        if (!links[task->tier])
                r = dial(access, &links[task->tier]);
        if (r < 0)
                task_fail(task, r, "out of memory");
        else
                task_run(task, links[task->tier], &lane->cancelled);
}

/* the next task, or NULL when there will be none */
static Task *workers_wait(Workers *workers, Lane *lane) {
        Task *task;

        (void) pthread_mutex_lock(&workers->mutex);
        while (STAILQ_EMPTY(&lane->waiting) && !workers->stopping)
                (void) pthread_cond_wait(&lane->wake, &workers->mutex);
        task = STAILQ_FIRST(&lane->waiting);
        if (task) {
                STAILQ_REMOVE_HEAD(&lane->waiting, link);
                lane->n_waiting--;
                lane->n_running++;
        }
        (void) pthread_mutex_unlock(&workers->mutex);
        return task;
}

static void workers_put_back(Workers *workers, Lane *lane, Task *task) {
        (void) pthread_mutex_lock(&workers->mutex);
        lane->n_running--;
        STAILQ_INSERT_TAIL(&workers->done, task, link);
        (void) pthread_mutex_unlock(&workers->mutex);
        (void) eventfd_write(workers->event_fd, 1);
}

static void *workers_main(void *userdata) {
        WorkerStart start = *(WorkerStart *) userdata;
        Link **links;
        Task *task;

        free(userdata);
        links = calloc(start.workers->n_tiers + 1, sizeof(Link *));
        while ((task = workers_wait(start.workers, start.lane))) {
                if (links)
                        workers_do(start.workers, start.lane, task, links);
                else
                        task_fail(task, -ENOMEM, "out of memory");
                workers_put_back(start.workers, start.lane, task);
        }
        for (size_t i = 0; links && i < start.workers->n_tiers; i++)
                (void) link_close(links[i]);
        free(links);
        return NULL;
}

static int workers_start(Workers *workers, Lane *lane) {
        WorkerStart *start = malloc(sizeof(*start));
        int e;

        if (!start)
                return -ENOMEM;
        *start = (WorkerStart){ .workers = workers, .lane = lane };
        e = pthread_create(&workers->threads[workers->n_threads], NULL, workers_main, start);
        if (e != 0) {
                free(start);
                return -e;
        }
        workers->n_threads++;
        return 0;
}

/* --- the owner's side -------------------------------------------------------------------- */

int workers_new(Workers **ret, const Access *access, size_t n_tiers) {
        Workers *workers = calloc(1, sizeof(*workers));
        int r = 0;

        if (!workers)
                return -ENOMEM;
        workers->access = access;
        workers->n_tiers = n_tiers;
        workers->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (workers->event_fd < 0) {
                r = error_from_errno();
                free(workers);
                return r;
        }
        (void) pthread_mutex_init(&workers->mutex, NULL);
        STAILQ_INIT(&workers->done);
        for (size_t i = 0; i < ARRAY_SIZE(workers->lanes); i++) {
                STAILQ_INIT(&workers->lanes[i].waiting);
                (void) pthread_cond_init(&workers->lanes[i].wake, NULL);
        }
        while (r == 0 && workers->n_threads < ARRAY_SIZE(workers->threads))
                r = workers_start(workers, &workers->lanes[workers->n_threads >= WORKERS_READERS]);
        if (r < 0) {
                (void) workers_stop(workers, true);
                return r;
        }
        *ret = workers;
        return 0;
}

static void workers_drop(struct TaskList *list) {
        Task *task;

        while ((task = STAILQ_FIRST(list))) {
                STAILQ_REMOVE_HEAD(list, link);
                (void) task_free(task);
        }
}

Workers *workers_stop(Workers *workers, bool now) {
        (void) pthread_mutex_lock(&workers->mutex);
        workers->stopping = true;
        for (size_t i = 0; i < ARRAY_SIZE(workers->lanes); i++) {
                Lane *lane = &workers->lanes[i];

                if (i == 0 || now) {
                        workers_drop(&lane->waiting);
                        lane->n_waiting = 0;
                        atomic_store(&lane->cancelled, true);
                }
                (void) pthread_cond_broadcast(&lane->wake);
        }
        (void) pthread_mutex_unlock(&workers->mutex);
        for (size_t i = 0; i < workers->n_threads; i++)
                (void) pthread_join(workers->threads[i], NULL);

        workers_drop(&workers->done);
        for (size_t i = 0; i < ARRAY_SIZE(workers->lanes); i++)
                (void) pthread_cond_destroy(&workers->lanes[i].wake);
        (void) pthread_mutex_destroy(&workers->mutex);
        close(workers->event_fd);
        free(workers);
        return NULL;
}

int workers_fd(const Workers *workers) {
        return workers->event_fd;
}

int workers_give(Workers *workers, Task *task) {
        Lane *lane = &workers->lanes[task->kind == TASK_PUT];
        int r = -EBUSY;

        (void) pthread_mutex_lock(&workers->mutex);
        if (lane->n_waiting < WORKERS_TASKS_MAX) {
                STAILQ_INSERT_TAIL(&lane->waiting, task, link);
                lane->n_waiting++;
                (void) pthread_cond_signal(&lane->wake);
                r = 0;
        }
        (void) pthread_mutex_unlock(&workers->mutex);
        return r;
}

Task *workers_take(Workers *workers) {
        eventfd_t n;
        Task *task;

        (void) eventfd_read(workers->event_fd, &n);
        (void) pthread_mutex_lock(&workers->mutex);
        task = STAILQ_FIRST(&workers->done);
        if (task)
                STAILQ_REMOVE_HEAD(&workers->done, link);
        (void) pthread_mutex_unlock(&workers->mutex);
        return task;
}
