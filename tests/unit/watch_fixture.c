#include "watch_fixture.h"

#include <ftw.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/path.h"

/* ---- what the events tell ------------------------------------------------------------------ */

Seen *seen(Fixture *f, const char *path) {
        Seen *s;

        HASH_FIND_STR(f->seen, path, s);
        if (!s) {
                s = calloc(1, sizeof(*s) + strlen(path) + 1);
                require(s);
                memcpy(s->path, path, strlen(path) + 1);
                HASH_ADD_STR(f->seen, path, s);
        }
        return s;
}

static void sink_file(Fixture *f, const WatchEvent *event) {
        Seen *s = seen(f, event->path);

        if (event->kind == WATCH_FILE_GONE) {
                require(s->present);
                s->present = s->writing = false;
                s->n_gone++;
                return;
        }
        s->present = true;
        s->writing = event->kind == WATCH_FILE_WRITING;
        if (s->writing)
                s->n_writing++;
        else {
                s->n_changed++;
                s->id = event->id;
        }
}

void sink(const WatchEvent *event, void *userdata) {
        Fixture *f = userdata;

        f->n_events++;
        switch (event->kind) {
        case WATCH_FILE_CHANGED:
        case WATCH_FILE_WRITING:
        case WATCH_FILE_GONE:
                sink_file(f, event);
                break;
        case WATCH_ROOT_GONE:
                f->n_gone++;
                break;
        case WATCH_ROOT_BACK:
                f->n_back++;
                break;
        case WATCH_LOST:
                f->n_lost++;
                break;
        case WATCH_SCANNED:
                f->n_scanned++;
                break;
        case WATCH_DEGRADED:
                f->n_degraded++;
                f->trouble = event->trouble;
                (void) snprintf(f->degraded, sizeof(f->degraded), "%s", event->path);
                break;
        case WATCH_RECOVERED:
                f->n_recovered++;
                break;
        }
}

void drain(Fixture *f) {
        int r;

        do
                r = watch_dispatch(f->watch, sink, f, WATCH_BUDGET);
        while (r == 1);
        require(r == 0);
        require(!watch_is_busy(f->watch));
}

/* ---- the tree ------------------------------------------------------------------------------- */

const char *at(const Fixture *f, const char *name) {
        static char paths[4][PATH_MAX * 2];
        static unsigned next;
        char *path = paths[next++ % 4];

        (void) snprintf(path, PATH_MAX * 2, "%s/%s", f->top, name);
        return path;
}

const char *outside(const Fixture *f, const char *name) {
        static char path[PATH_MAX * 2];

        (void) snprintf(path, sizeof(path), "%s/%s", f->dir->path, name);
        return path;
}

int open_new(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

        require(fd >= 0);
        return fd;
}

void save(const char *path, const char *content) {
        int fd = open_new(path);

        require(file_write_all(fd, content, strlen(content)) == 0);
        require(close(fd) == 0);
}

void make_dirs(const char *path) {
        int fd = file_make_dirs(AT_FDCWD, path, 0777);

        require(fd >= 0);
        close(fd);
}

void move(const char *from, const char *to) {
        require(rename(from, to) == 0);
}

static bool wanted(const char *name, void *userdata) {
        (void) userdata;
        return path_ends_with(name, ".xmodel") || path_ends_with(name, ".json");
}

bool ignored(const char *relative, bool is_directory, void *userdata) {
        const char *name = path_basename(relative);

        (void) userdata;
        require(relative[0] != '/' && relative[0] != '\0');
        return is_directory && (name[0] == '.' || strcmp(name, "node_modules") == 0);
}

const WatchFilter watch_fixture_filter = { .wanted = wanted, .ignored = ignored };

/* ---- a fresh look, to compare with --------------------------------------------------------- */

static Fixture *walked; /* nftw() has no userdata */
static unsigned n_walked;

static int walk_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        const char *name = path + ftw->base;
        struct stat target;
        Seen *s;

        if (type == FTW_D && ftw->level > 0 && ignored(name, true, NULL))
                return FTW_SKIP_SUBTREE;
        if (type == FTW_D || !wanted(name, NULL) || stat(path, &target) < 0 ||
            !S_ISREG(target.st_mode))
                return FTW_CONTINUE;

        s = seen(walked, path);
        if (!s->present)
                (void) fprintf(stderr, "never heard of: %s\n", path);
        require(s->present);
        /* linked and unlinked within a tick: see watch.h */
        require(!s->writing || name[0] == 'l');
        require(s->id.ino == target.st_ino);
        if (!S_ISLNK(st->st_mode)) {
                StatId id = stat_id_of(st);

                require(s->id.size == id.size && s->id.mtime_ns == id.mtime_ns);
        }
        n_walked++;
        return FTW_CONTINUE;
}

static void count_file(const char *path, const StatId *id, bool writing, void *userdata) {
        unsigned *n = userdata;

        (void) path;
        (void) id;
        (void) writing;
        ++*n;
}

void compare_with_disk(Fixture *f) {
        unsigned n_present = 0, n_known = 0;

        walked = f;
        n_walked = 0;
        require(nftw(f->top, walk_entry, 64, FTW_PHYS | FTW_ACTIONRETVAL) == 0);
        for (Seen *s = f->seen; s; s = s->hh.next)
                n_present += s->present;
        watch_for_each_file(f->watch, f->root, count_file, &n_known);
        require(n_present == n_walked);
        require(n_known == n_walked);
        require(watch_root_info(f->root).n_files == n_walked);
}

/* ---- fixture -------------------------------------------------------------------------------- */

int watch_fixture_setup_bare(void **state) {
        static Fixture f;
        void *dir;

        memset(&f, 0, sizeof(f));
        if (unit_dir_setup(&dir) < 0)
                return -1;
        f.dir = dir;
        (void) snprintf(f.top, sizeof(f.top), "%s/root", f.dir->path);
        if (mkdir(f.top, 0777) < 0 || chmod(f.dir->path, 0777) < 0)
                return -1;
        *state = &f;
        return 0;
}

void start(Fixture *f) {
        require(watch_new(&f->watch, WATCH_NODES_MAX) == 0);
        require(watch_add_root(f->watch, f->top, &watch_fixture_filter, f, &f->root) == 0);
        drain(f);
}

int watch_fixture_setup(void **state) {
        Fixture *f;

        if (watch_fixture_setup_bare(state) < 0)
                return -1;
        f = *state;
        start(f);
        return f->n_scanned == 1 ? 0 : -1;
}

int watch_fixture_teardown(void **state) {
        Fixture *f = *state;
        void *dir = f->dir;
        Seen *s, *next;

        f->watch = watch_free(f->watch);
        HASH_ITER(hh, f->seen, s, next) {
                HASH_DEL(f->seen, s);
                free(s);
        }
        return unit_dir_teardown(&dir);
}

bool inotify_works(void) {
        void *state;
        UnitDir *dir;
        struct pollfd pfd = { .fd = inotify_init1(IN_CLOEXEC), .events = POLLIN };
        bool works;
        char path[128];

        if (pfd.fd < 0 || unit_dir_setup(&state) < 0)
                return false;
        dir = state;
        (void) snprintf(path, sizeof(path), "%s/probe", dir->path);
        works = inotify_add_watch(pfd.fd, dir->path, IN_CLOSE_WRITE) >= 0;
        if (works) {
                save(path, "1");
                works = poll(&pfd, 1, 1000) == 1;
        }
        (void) unit_dir_teardown(&state);
        close(pfd.fd);
        return works;
}

int watch_fixture_skip(void) {
        (void) fprintf(stderr,
                       "skipped: inotify reports nothing in this file system; set TMPDIR to "
                       "another one\n");
        return 77;
}
