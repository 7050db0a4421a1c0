#include "daemon/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/memo.h"

/* what the vendor's tool leaves, the .xmodel last */
#define DELIVER_FILES STATE_DELIVERY_FILES

typedef enum DeliverNeed {
        DELIVER_NOTHING, /* it is there */
        DELIVER_CREATE,
        DELIVER_REPLACE,
} DeliverNeed;

typedef struct DeliverFile {
        char name[NAME_MAX + 16];
        char *path; /* as in state.db; NULL: not remembered */
        int from;   /* -1 when withdrawing */
        Digest content;
        DeliverNeed need;
        int temp_fd;               /* -1, or its copy */
        char temp[FILE_TEMP_NAME]; /* ... and that one's name for now; "": it has none */
} DeliverFile;

typedef struct Delivery {
        const DeliverSpec *spec;
        int dir_fd;
        DeliverFile files[DELIVER_FILES];
} Delivery;

static void delivery_cleanup(Delivery *delivery) {
        for (size_t i = 0; i < DELIVER_FILES; i++) {
                DeliverFile *file = &delivery->files[i];

                if (file->temp[0] != '\0')
                        (void) unlinkat(delivery->dir_fd, file->temp, 0);
                closep(&file->temp_fd);
                closep(&file->from);
                free(file->path);
        }
        closep(&delivery->dir_fd);
}

/* --- the directory ---------------------------------------------------------------------------- */

/* The way to the directory, and how it may be gone. */
typedef struct DeliverWay {
        int root_fd;
        bool beneath; /* and never out of the root */
        bool make;
        mode_t umask;
} DeliverWay;

static int deliver_open_there(const DeliverWay *way, const char *path) {
        int fd;

        if (way->beneath)
                return file_open_beneath(way->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
        fd = openat(way->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_from_errno() : fd;
}

/* Makes one directory. Ours is the umask of a private daemon, so the mode is set afterwards. */
static int deliver_make_directory(const DeliverWay *way, int parent_fd, const char *path) {
        _cleanup_(closep) int fd = -1;
        struct stat st;

        if (mkdirat(parent_fd, path_basename(path), 0777) < 0)
                return errno == EEXIST ? deliver_open_there(way, path) : error_from_errno();
        fd = deliver_open_there(way, path);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0 || fchmod(fd, (st.st_mode & S_ISGID) | (0777 & ~way->umask)) < 0)
                return error_from_errno();
        return TAKE_FD(fd);
}

static int deliver_walk(const DeliverWay *way, const char *path) {
        _cleanup_(freep) char *parent = NULL;
        _cleanup_(closep) int parent_fd = -1;
        int fd;

        fd = deliver_open_there(way, path);
        if (fd != -ENOENT || !way->make || strcmp(path, ".") == 0 || strcmp(path, "/") == 0)
                return fd;

        parent = path_dirname(path);
        if (!parent)
                return -ENOMEM;
        parent_fd = deliver_walk(way, parent);
        return parent_fd < 0 ? parent_fd : deliver_make_directory(way, parent_fd, path);
}

static int deliver_open_directory(const DeliverSpec *spec, bool make, Problem *problem) {
        DeliverWay way = { .root_fd = AT_FDCWD, .make = make, .umask = spec->umask };
        _cleanup_(closep) int root_fd = -1;
        _cleanup_(freep) char *path = NULL;
        int fd;

        path = path_normalise(spec->trusted ? spec->root : "/", spec->output_dir);
        if (!path)
                return -ENOMEM;
        if (spec->trusted)
                return deliver_walk(&way, path);

        if (!path_is_downward(spec->output_dir))
                return problem_set(problem, -EXDEV,
                                   "output_dir %s leads out of the workspace %s (only a trusted "
                                   "workspace may do that: dpucc-client watch --trust)",
                                   spec->output_dir, spec->root);
        root_fd = open(spec->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return error_from_errno();
        way.root_fd = root_fd;
        way.beneath = true;
        fd = deliver_walk(&way, path[1] ? path + 1 : ".");
        if (fd == -EXDEV || fd == -ELOOP)
                return problem_set(problem, -EXDEV,
                                   "output_dir %s leads out of the workspace %s by a symbolic "
                                   "link (only a trusted workspace may do that: dpucc-client "
                                   "watch --trust)",
                                   spec->output_dir, spec->root);
        return fd;
}

char *deliver_path(const DeliverSpec *spec) {
        _cleanup_(freep) char *directory = path_normalise(spec->root, spec->output_dir);
        char *path;

        if (!directory ||
            asprintf(&path, "%s/%s.xmodel", strcmp(directory, "/") == 0 ? "" : directory,
                     spec->net_name) < 0)
                return NULL;
        return path;
}

/* true if the directory is the one that its path means here */
static bool delivery_is_here(const Delivery *delivery, const char *path) {
        StatId given, here;

        return file_stat_id_fd(delivery->dir_fd, &given) == 0 &&
               file_stat_id(AT_FDCWD, path, &here) == 0 && stat_id_is_same_file(&given, &here);
}

static int delivery_open(Delivery *delivery, const DeliverSpec *spec, bool make, Problem *problem) {
        static const char *const fixed[DELIVER_FILES - 1] = { "meta.json", "md5sum.txt" };
        _cleanup_(freep) char *directory = path_normalise(spec->root, spec->output_dir);
        bool remembered;

        if (!directory)
                return -ENOMEM;
        delivery->spec = spec;
        delivery->dir_fd = spec->directory_fd >= 0 ? fcntl(spec->directory_fd, F_DUPFD_CLOEXEC, 3)
                                                   : deliver_open_directory(spec, make, problem);
        if (delivery->dir_fd < 0)
                return spec->directory_fd >= 0 ? error_from_errno() : delivery->dir_fd;
        remembered = spec->directory_fd < 0 || delivery_is_here(delivery, directory);

        for (size_t i = 0; i < DELIVER_FILES; i++) {
                DeliverFile *file = &delivery->files[i];

                (void) snprintf(file->name, sizeof(file->name), "%s%s",
                                i < DELIVER_FILES - 1 ? fixed[i] : spec->net_name,
                                i < DELIVER_FILES - 1 ? "" : ".xmodel");
                file->path = remembered ? path_join(directory, file->name) : NULL;
                if (remembered && !file->path)
                        return -ENOMEM;
        }
        return 0;
}

/* --- whose file is it? ------------------------------------------------------------------------ */

typedef enum DeliverOwner {
        DELIVER_NOBODY, /* there is none */
        DELIVER_OURS,   /* as we delivered it */
        DELIVER_FOREIGN,
        DELIVER_OBSTACLE, /* neither file nor link */
} DeliverOwner;

/* @ret_content is set unless there is nobody, or nothing that can be read. */
static int deliver_owner(const Delivery *delivery, const DeliverFile *file, DeliverOwner *ret,
                         Digest *ret_content, bool *ret_readable) {
        State *state = delivery->spec->state;
        _cleanup_(closep) int fd = -1;
        struct stat st;
        StatId id;
        int r;

        *ret_readable = false;
        if (fstatat(delivery->dir_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                *ret = DELIVER_NOBODY;
                return errno == ENOENT ? 0 : error_from_errno();
        }

        *ret = S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) ? DELIVER_FOREIGN : DELIVER_OBSTACLE;
        if (!S_ISREG(st.st_mode))
                return 0;
        fd = openat(delivery->dir_fd, file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd <
            0) /* where we may not look, or it is none any more; else nobody knows whose it is */
                return errno == EACCES || errno == EPERM || errno == ELOOP ? 0 : error_from_errno();
        r = memo_digest_fd(state, fd, ret_content, &id);
        if (r < 0)
                return r;
        *ret_readable = true;
        r = file->path ? state_has_delivered(state, file->path, ret_content) : 0;
        if (r > 0)
                *ret = DELIVER_OURS;
        return r < 0 ? r : 0;
}

static int deliver_is_in_the_way(const Delivery *delivery, const DeliverFile *file,
                                 Problem *problem) {
        return problem_set(problem, -EEXIST,
                           "%s/%s is in the way and was not delivered by dpucc: move it away",
                           delivery->spec->output_dir, file->name);
}

static int delivery_plan_file(const Delivery *delivery, DeliverFile *file, Problem *problem) {
        DeliverOwner owner;
        Digest there;
        bool readable;
        int r;

        r = deliver_owner(delivery, file, &owner, &there, &readable);
        if (r < 0)
                return r;
        if (owner == DELIVER_NOBODY) {
                file->need = DELIVER_CREATE;
                return 0;
        }
        if (readable && digest_equal(&there, &file->content)) {
                file->need = DELIVER_NOTHING;
                return 0;
        }
        if (owner == DELIVER_OBSTACLE || (owner == DELIVER_FOREIGN && !delivery->spec->overwrite))
                return deliver_is_in_the_way(delivery, file, problem);
        file->need = DELIVER_REPLACE;
        return 0;
}

/* --- delivering ------------------------------------------------------------------------------- */

static int delivery_open_files(Delivery *delivery) {
        _cleanup_(closep) int view_fd =
                open(delivery->spec->view, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (view_fd < 0)
                return error_from_errno();
        for (size_t i = 0; i < DELIVER_FILES; i++) {
                DeliverFile *file = &delivery->files[i];

                file->from = file_open_regular(view_fd, file->name);
                if (file->from < 0)
                        return file->from;
        }
        return 0;
}

static int delivery_digest_files(Delivery *delivery) {
        StatId id;
        int r;

        for (size_t i = 0; i < DELIVER_FILES; i++) {
                DeliverFile *file = &delivery->files[i];

                r = memo_digest_fd(delivery->spec->state, file->from, &file->content, &id);
                if (r < 0)
                        return r;
                if (lseek(file->from, 0, SEEK_SET) < 0)
                        return error_from_errno();
        }
        return 0;
}

static int delivery_open_view(Delivery *delivery, Problem *problem) {
        int r = delivery_open_files(delivery);

        if (r == -ENOENT)
                return problem_set(problem, -ESTALE,
                                   "%s was evicted before it could be delivered to %s: ask again",
                                   delivery->spec->view, delivery->spec->output_dir);
        return r < 0 ? r : delivery_digest_files(delivery);
}

static int delivery_copy(const Delivery *delivery, DeliverFile *file) {
        int r;

        if (file->need == DELIVER_NOTHING)
                return 0;
        file->temp_fd = file_open_unnamed(delivery->dir_fd, 0666, file->temp);
        if (file->temp_fd < 0)
                return file->temp_fd;
        r = file_copy_fd(file->from, file->temp_fd, NULL);
        if (r < 0)
                return r;
        return fchmod(file->temp_fd, 0666 & ~delivery->spec->umask) < 0 ? error_from_errno() : 0;
}

/* When all are copied: the first sync then takes most of the others' with it. */
static int delivery_sync(const DeliverFile *file) {
        return file->temp_fd >= 0 && fsync(file->temp_fd) < 0 ? error_from_errno() : 0;
}

/* A file that appeared since we looked is not ours to replace. NFS, 9p and most of FUSE cannot rename
 * so; where there are no links either (folders shared with a virtual machine), a last look must do. */
static int delivery_rename_new(int dir_fd, const char *temp, const char *name) {
        struct stat st;

        if (renameat2(dir_fd, temp, dir_fd, name, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno != EINVAL && errno != ENOSYS)
                return error_from_errno();
        if (linkat(dir_fd, temp, dir_fd, name, 0) == 0) {
                (void) unlinkat(dir_fd, temp, 0);
                return 0;
        }
        if (errno == EEXIST || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;
        return renameat(dir_fd, temp, dir_fd, name) < 0 ? error_from_errno() : 0;
}

/* The copy has a name from here to there only, so that a daemon that is killed leaves nothing in
 * folders of people that nobody would ever look into again. */
static int delivery_rename(const Delivery *delivery, DeliverFile *file, Problem *problem) {
        int dir_fd = delivery->dir_fd, r;

        if (file->temp_fd < 0)
                return 0;
        r = file_name_unnamed(file->temp_fd, dir_fd, file->temp);
        if (r == 0 && file->need == DELIVER_CREATE)
                r = delivery_rename_new(dir_fd, file->temp, file->name);
        else if (r == 0 && renameat(dir_fd, file->temp, dir_fd, file->name) < 0)
                r = error_from_errno();
        if (r == -EEXIST)
                return deliver_is_in_the_way(delivery, file, problem);
        if (r < 0)
                return r;
        file->temp[0] = '\0';
        closep(&file->temp_fd);
        file->temp_fd = -1;
        return 0;
}

static bool delivery_is_remembered(const Delivery *delivery, const DeliverFile *file) {
        Digest content, key;

        return state_get_delivery(delivery->spec->state, file->path, &content, &key) == 0 &&
               digest_equal(&content, &file->content) && digest_equal(&key, delivery->spec->key);
}

/* A daemon that is killed between a rename and delivery_remember() knows its file again. */
static int delivery_intend(const Delivery *delivery, Problem *problem) {
        StateDelivery files[DELIVER_FILES];
        size_t n = 0;
        int r;

        for (size_t i = 0; i < DELIVER_FILES; i++) {
                const DeliverFile *file = &delivery->files[i];

                if (file->path && file->need != DELIVER_NOTHING)
                        files[n++] =
                                (StateDelivery){ .path = file->path, .content = file->content };
        }
        r = n > 0 ? state_intend_deliveries(delivery->spec->state, files, n) : 0;
        return r < 0 ? problem_set(
                               problem, r, "cannot deliver %s to %s: state.db cannot note it: %s",
                               delivery->spec->net_name, delivery->spec->output_dir, strerror(-r))
                     : 0;
}

/* The files that are in place now. */
static int delivery_remember(const Delivery *delivery) {
        StateDelivery files[DELIVER_FILES];
        size_t n = 0;

        for (size_t i = 0; i < DELIVER_FILES; i++) {
                const DeliverFile *file = &delivery->files[i];

                if (!file->path || file->temp_fd >= 0 || delivery_is_remembered(delivery, file))
                        continue;
                files[n++] = (StateDelivery){ .path = file->path, .content = file->content };
        }
        return state_set_deliveries(delivery->spec->state, delivery->spec->key, files, n);
}

static int delivery_plan(Delivery *delivery, bool *ret_changes, Problem *problem) {
        int r;

        r = delivery_open_view(delivery, problem);
        for (size_t i = 0; r == 0 && i < DELIVER_FILES; i++)
                r = delivery_plan_file(delivery, &delivery->files[i], problem);
        for (size_t i = 0; r == 0 && i < DELIVER_FILES; i++)
                *ret_changes |= delivery->files[i].need != DELIVER_NOTHING;
        return r;
}

static int delivery_run(Delivery *delivery, Problem *problem) {
        bool changes = false;
        int r, k;

        r = delivery_plan(delivery, &changes, problem);
        for (size_t i = 0; r == 0 && i < DELIVER_FILES; i++)
                r = delivery_copy(delivery, &delivery->files[i]);
        if (r == 0)
                r = delivery_intend(delivery, problem);
        for (size_t i = 0; r == 0 && i < DELIVER_FILES; i++)
                r = delivery_sync(&delivery->files[i]);
        if (r < 0)
                return r;

        for (size_t i = 0; r == 0 && i < DELIVER_FILES; i++)
                r = delivery_rename(delivery, &delivery->files[i], problem);
        k = delivery_remember(delivery);
        r = r < 0 ? r : k;
        if (r < 0)
                return r;
        return changes ? 0 : DELIVER_UNCHANGED;
}

static int deliver_explain(const DeliverSpec *spec, int r, const Problem *own, Problem *problem) {
        if (own->text[0] != '\0')
                return problem_set(problem, r, "%s", own->text);
        return problem_set(problem, r, "cannot deliver %s to %s in %s: %s", spec->net_name,
                           spec->output_dir, spec->root, file_error_text(r));
}

static Delivery delivery_empty(void) {
        Delivery delivery = { .dir_fd = -1 };

        for (size_t i = 0; i < DELIVER_FILES; i++)
                delivery.files[i].from = delivery.files[i].temp_fd = -1;
        return delivery;
}

int deliver(const DeliverSpec *spec, Problem *problem) {
        _cleanup_(delivery_cleanup) Delivery delivery = delivery_empty();
        Problem own = {};
        int r;

        r = delivery_open(&delivery, spec, true, &own);
        if (r == 0)
                r = delivery_run(&delivery, &own);
        return r < 0 ? deliver_explain(spec, r, &own, problem) : r;
}

/* --- withdrawing ------------------------------------------------------------------------------ */

static int delivery_remove(const Delivery *delivery, const DeliverFile *file) {
        DeliverOwner owner;
        Digest there;
        bool readable;
        int r;

        r = deliver_owner(delivery, file, &owner, &there, &readable);
        if (r < 0 || owner == DELIVER_FOREIGN || owner == DELIVER_OBSTACLE)
                return r;
        if (owner == DELIVER_OURS && unlinkat(delivery->dir_fd, file->name, 0) < 0 &&
            errno != ENOENT)
                return error_from_errno();
        return state_remove_delivery(delivery->spec->state, file->path);
}

int deliver_withdraw(const DeliverSpec *spec, Problem *problem) {
        _cleanup_(delivery_cleanup) Delivery delivery = delivery_empty();
        Problem own = {};
        int r;

        r = delivery_open(&delivery, spec, false, &own);
        if (r == -ENOENT)
                return 0;
        for (size_t i = DELIVER_FILES; r == 0 && i > 0; i--)
                r = delivery_remove(&delivery, &delivery.files[i - 1]);
        return r < 0 ? deliver_explain(spec, r, &own, problem) : 0;
}
