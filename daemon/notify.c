#include "daemon/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/*
 * IN_MODIFY is asked for only where a wanted file is: elsewhere a training log that grows would
 * wake us up with every line. IN_MASK_ADD, because a mark may serve several directories and
 * what one of them needs must not be taken away by another.
 */
#define NOTIFY_MASK                                                                                \
        (IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF |   \
         IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD)

/* As little as possible, beside what is asked for already: a directory that is only on the way to a
 * root may be a busy one. */
#define NOTIFY_HELD_MASK (IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_ADD)

int notify_open(Notify *notify) {
        int fd;

        fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (fd < 0)
                return error_from_errno();

        notify->fd = fd;
        notify->at = 0;
        notify->size = 0;
        return 0;
}

void notify_close(Notify *notify) {
        if (notify->fd >= 0)
                (void) close(notify->fd);
        notify->fd = -1;
}

NotifyMark *notify_mark(const Notify *notify, int wd) {
        NotifyMark *mark;

        HASH_FIND_INT(notify->marks, &wd, mark);
        return mark;
}

static void notify_remove_watch(const Notify *notify, const NotifyMark *mark) {
        /* fails harmlessly if the kernel has dropped it with its directory already */
        if (notify->fd >= 0)
                (void) inotify_rm_watch(notify->fd, mark->wd);
}

static void notify_drop_mark(Notify *notify, NotifyMark *mark) {
        notify_remove_watch(notify, mark);
        HASH_DEL(notify->marks, mark);
        free(mark);
}

/* the kernel has the watch, our books do not */
static NotifyMark *notify_new_mark(Notify *notify, int wd) {
        NotifyMark *mark;

        mark = calloc(1, sizeof(*mark));
        if (mark) {
                mark->wd = wd;
                HASH_ADD_INT(notify->marks, wd, mark);
                if (!map_failed(mark))
                        return mark;
        }
        free(mark);
        (void) inotify_rm_watch(notify->fd, wd);
        return NULL;
}

int notify_attach(Notify *notify, TreeDir *dir, const char *path, bool modify) {
        NotifyMark *mark;
        int wd, r;

        if (notify->fd < 0)
                return -EMFILE;

        wd = inotify_add_watch(notify->fd, path, NOTIFY_MASK | (modify ? IN_MODIFY : 0));
        if (wd < 0) {
                r = error_from_errno();
                notify_detach(notify, dir);
                return r;
        }
        if (dir->mark && dir->mark->wd == wd)
                return NOTIFY_SAME;

        notify_detach(notify, dir);
        mark = notify_mark(notify, wd);
        if (!mark)
                mark = notify_new_mark(notify, wd);
        if (!mark)
                return -ENOMEM;

        LIST_INSERT_HEAD(&mark->dirs, dir, same_mark);
        dir->mark = mark;
        return 0;
}

void notify_detach(Notify *notify, TreeDir *dir) {
        NotifyMark *mark = dir->mark;

        if (!mark)
                return;

        LIST_REMOVE(dir, same_mark);
        dir->mark = NULL;
        if (!LIST_EMPTY(&mark->dirs))
                return;
        if (mark->n_held == 0)
                notify_drop_mark(notify, mark);
        else /* IN_IGNORED follows: who holds it asks again, for less */
                notify_remove_watch(notify, mark);
}

int notify_hold(Notify *notify, const char *path, int *wd) {
        NotifyMark *mark;
        int now, r;

        now = notify->fd < 0 ? -1 : inotify_add_watch(notify->fd, path, NOTIFY_HELD_MASK);
        if (now < 0) {
                r = notify->fd < 0 ? -EMFILE : error_from_errno();
                notify_release(notify, wd);
                return r;
        }
        mark = notify_mark(notify, now);
        if (mark && now == *wd)
                return 0;

        notify_release(notify, wd);
        if (!mark)
                mark = notify_new_mark(notify, now);
        if (!mark)
                return -ENOMEM;
        mark->n_held++;
        *wd = now;
        return 0;
}

void notify_release(Notify *notify, int *wd) {
        NotifyMark *mark = *wd == NOTIFY_NOTHING ? NULL : notify_mark(notify, *wd);

        *wd = NOTIFY_NOTHING;
        if (!mark || mark->n_held == 0) /* dropped meanwhile */
                return;
        if (--mark->n_held == 0 && LIST_EMPTY(&mark->dirs))
                notify_drop_mark(notify, mark);
}

void notify_lose(Notify *notify, NotifyMark *mark) {
        HASH_DEL(notify->marks, mark);
        free(mark);
}

static int notify_fill(Notify *notify) {
        ssize_t n;

        do
                n = read(notify->fd, notify->buffer, sizeof(notify->buffer));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? 0 : error_from_errno();

        notify->at = 0;
        notify->size = (size_t) n;
        return n > 0;
}

int notify_next(Notify *notify, NotifyEvent *ret) {
        const struct inotify_event *event;
        int r;

        if (notify->at == notify->size) {
                if (notify->fd < 0)
                        return 0;
                r = notify_fill(notify);
                if (r <= 0)
                        return r;
        }
        event = (const struct inotify_event *) (const void *) (notify->buffer + notify->at);
        notify->at += sizeof(*event) + event->len;

        *ret = (NotifyEvent){
                .wd = event->wd,
                .mask = event->mask,
                .name = event->len > 0 ? event->name : NULL,
        };
        return 1;
}
