#include "cache/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/layout.h"
#include "cache/memo.h"

#define VIEW_MODE      0700
#define VIEW_FILE_MODE 0444
#define VIEW_LINK      64 /* room for "../../../objects/ab/cdef..." */

static void view_link_target(const Digest *object, char ret[VIEW_LINK]) {
        char hex[DIGEST_HEX];

        digest_to_hex(object, hex);
        (void) snprintf(ret, VIEW_LINK, "../../../" LAYOUT_OBJECTS "/%.2s/%s", hex, hex + 2);
}

static bool view_link_is_right(int dirfd, const ViewFile *file) {
        char wanted[VIEW_LINK], found[VIEW_LINK];
        ssize_t n;

        view_link_target(file->object, wanted);
        n = readlinkat(dirfd, file->name, found, sizeof(found));
        return n == (ssize_t) strlen(wanted) && memcmp(found, wanted, (size_t) n) == 0;
}

static bool view_data_is_right(int dirfd, const ViewFile *file) {
        _cleanup_(bytes_cleanup) Bytes found = BYTES_INIT(file->data.size);
        _cleanup_(closep) int fd = -1;
        struct stat st;

        fd = openat(dirfd, file->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
            (uint64_t) st.st_size != file->data.size)
                return false;
        return file_read_fd(fd, &found) == 0 && slice_equal(bytes_slice(&found), file->data);
}

static int view_make_link(int views, const ViewFile *file, char ret_name[FILE_TEMP_NAME]) {
        char target[VIEW_LINK];
        int r;

        view_link_target(file->object, target);
        r = file_temp_name(ret_name);
        if (r < 0)
                return r;
        return symlinkat(target, views, ret_name) < 0 ? error_from_errno() : 0;
}

static int view_make_data(int views, const ViewFile *file, char ret_name[FILE_TEMP_NAME]) {
        _cleanup_(closep) int fd = file_open_temp(views, VIEW_FILE_MODE, ret_name);
        int r;

        if (fd < 0)
                return fd;
        r = file_write_all(fd, file->data.data, file->data.size);
        if (r < 0)
                (void) unlinkat(views, ret_name, 0);
        return r;
}

/* One file of the view in @dirfd, made under a temporary name in @views, where those are looked
 * for after a crash. */
static int view_put(int views, int dirfd, const ViewFile *file) {
        char temp[FILE_TEMP_NAME];
        int r;

        if (file->object ? view_link_is_right(dirfd, file) : view_data_is_right(dirfd, file))
                return 0;

        r = file->object ? view_make_link(views, file, temp) : view_make_data(views, file, temp);
        if (r < 0)
                return r;
        r = renameat(views, temp, dirfd, file->name) < 0 ? error_from_errno() : 0;
        if (r == -EISDIR) { /* somebody put a directory there */
                r = file_remove_tree(dirfd, file->name);
                if (r == 0 && renameat(views, temp, dirfd, file->name) < 0)
                        r = error_from_errno();
        }
        if (r < 0)
                (void) unlinkat(views, temp, 0);
        return r;
}

static int view_fill(int views, int dirfd, const ViewFile *files, size_t n_files) {
        int r = 0;

        for (size_t i = 0; i < n_files && r == 0; i++)
                r = view_put(views, dirfd, &files[i]);
        return r;
}

static int view_open_dir(int dirfd, const char *name) {
        int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? error_from_errno() : fd;
}

/* a new directory, filled, as @temp in @views; returns its descriptor */
static int view_build(int views, const ViewFile *files, size_t n_files,
                      char ret_temp[FILE_TEMP_NAME]) {
        _cleanup_(closep) int fd = -1;
        int r;

        r = file_temp_name(ret_temp);
        if (r < 0)
                return r;
        if (mkdirat(views, ret_temp, VIEW_MODE) < 0)
                return error_from_errno();
        fd = view_open_dir(views, ret_temp);
        r = fd < 0 ? fd : view_fill(views, fd, files, n_files);
        if (r < 0) {
                (void) file_remove_tree(views, ret_temp);
                return r;
        }
        return TAKE_FD(fd);
}

/* the view as @name in @keydir, where there is none; -EEXIST if somebody was faster */
static int view_create(int views, int keydir, const char *name, const ViewFile *files,
                       size_t n_files) {
        _cleanup_(closep) int fd = -1;
        char temp[FILE_TEMP_NAME];
        int r;

        fd = view_build(views, files, n_files, temp);
        if (fd < 0)
                return fd;
        if (renameat(views, temp, keydir, name) < 0) {
                r = errno == ENOTEMPTY ? -EEXIST : error_from_errno();
                (void) file_remove_tree(views, temp);
                return r;
        }
        return TAKE_FD(fd);
}

static int view_open(int views, int keydir, const char *name, const ViewFile *files,
                     size_t n_files) {
        _cleanup_(closep) int fd = view_open_dir(keydir, name);
        int r;

        if (fd == -ENOTDIR || fd == -ELOOP) { /* not a view: nothing of ours */
                if (unlinkat(keydir, name, 0) < 0 && errno != ENOENT)
                        return error_from_errno();
                fd = -ENOENT;
        }
        if (fd == -ENOENT) {
                fd = view_create(views, keydir, name, files, n_files);
                if (fd != -EEXIST)
                        return TAKE_FD(fd);
                fd = view_open_dir(keydir, name);
        }
        if (fd < 0)
                return fd;
        r = view_fill(views, fd, files, n_files);
        return r < 0 ? r : TAKE_FD(fd);
}

static int view_open_keydir(int views, const Digest *key) {
        char hex[DIGEST_HEX];
        int fd;

        digest_to_hex(key, hex);
        fd = view_open_dir(views, hex);
        if (fd != -ENOENT)
                return fd;
        if (mkdirat(views, hex, VIEW_MODE) < 0 && errno != EEXIST)
                return error_from_errno();
        return view_open_dir(views, hex);
}

static bool view_names_are_plain(const char *net_name, const ViewFile *files, size_t n_files) {
        for (size_t i = 0; i < n_files; i++)
                if (!path_is_plain_component(files[i].name))
                        return false;
        return n_files <= VIEW_FILES_MAX && path_is_plain_component(net_name);
}

static int view_path(const char *root, const Digest *key, const char *net_name, char **ret) {
        char hex[DIGEST_HEX], *path;

        digest_to_hex(key, hex);
        if (asprintf(&path, "%s/" LAYOUT_VIEWS "/%s/%s", root, hex, net_name) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

int view_make(const char *root, const Digest *key, const char *net_name, const ViewFile *files,
              size_t n_files, char **ret) {
        _cleanup_(closep) int views = -1, keydir = -1, fd = -1;

        if (!view_names_are_plain(net_name, files, n_files))
                return -EINVAL;
        views = layout_open(root, LAYOUT_VIEWS, true);
        if (views < 0)
                return views;
        keydir = view_open_keydir(views, key);
        if (keydir < 0)
                return keydir;
        fd = view_open(views, keydir, net_name, files, n_files);
        if (fd < 0)
                return fd;

        (void) futimens(fd, NULL); /* where that is not allowed nothing is evicted either */
        return view_path(root, key, net_name, ret);
}

int view_renew(const char *root, const Digest *key, const char *net_name, char **ret) {
        int r;

        r = view_path(root, key, net_name, ret);
        if (r == 0)
                (void) utimensat(AT_FDCWD, *ret, NULL, AT_SYMLINK_NOFOLLOW);
        return r;
}

/* --- how they look ----------------------------------------------------------------------- */

typedef struct ViewPart {
        Digest name, content;
        uint64_t is_link;
} ViewPart;

Digest view_meaning(const Digest *key, const char *net_name, const ViewFile *files,
                    size_t n_files) {
        ViewPart parts[1 + VIEW_FILES_MAX] = {};

        parts[0].name = digest_of(net_name, strlen(net_name));
        parts[0].content = *key;
        for (size_t i = 0; i < n_files && i < VIEW_FILES_MAX; i++) {
                const Digest *object = files[i].object ?: files[i].rendered_from;
                ViewPart *part = &parts[1 + i];

                part->name = digest_of(files[i].name, strlen(files[i].name));
                part->content =
                        object ? *object : digest_of(files[i].data.data, files[i].data.size);
                part->is_link = files[i].object != NULL;
        }
        return digest_of(parts, sizeof(parts));
}

static int view_look_at(const char *path, int64_t observed_ns, StatId *ret) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return VIEW_UNSURE;
        *ret = stat_id_of(&st);
        return S_ISDIR(st.st_mode) || !memo_is_racy(ret, observed_ns) ? 0 : VIEW_UNSURE;
}

int view_look(const char *root, const Digest *key, const char *net_name, const ViewFile *files,
              size_t n_files, Digest *ret, int64_t *ret_used_ns) {
        StatId looks[1 + VIEW_FILES_MAX] = {};
        int64_t observed_ns = clock_real_ns(), used_ns;
        char hex[DIGEST_HEX], path[PATH_MAX];
        size_t room;
        int n, r;

        digest_to_hex(key, hex);
        n = snprintf(path, sizeof(path), "%s/" LAYOUT_VIEWS "/%s/%s", root, hex, net_name);
        if ((size_t) n >= sizeof(path) || n_files > VIEW_FILES_MAX)
                return VIEW_UNSURE;
        room = sizeof(path) - (size_t) n;
        r = view_look_at(path, observed_ns, &looks[0]);
        for (size_t i = 0; i < n_files && r == 0; i++) {
                if ((size_t) snprintf(path + n, room, "/%s", files[i].name) >= room)
                        return VIEW_UNSURE;
                r = view_look_at(path, observed_ns, &looks[1 + i]);
        }
        if (r != 0)
                return r;
        /* of the directory, whose times are the lease, only who it is */
        used_ns = looks[0].mtime_ns;
        looks[0] = (StatId){ .dev = looks[0].dev, .ino = looks[0].ino };
        *ret = digest_of(looks, sizeof(looks));
        *ret_used_ns = used_ns;
        return 0;
}

/* --- what they show ---------------------------------------------------------------------- */

/* The object that the link means; -EINVAL: it is none of ours. */
static int view_read_link(int dirfd, const char *name, Digest *ret) {
        static const char before[] = "../../../" LAYOUT_OBJECTS "/";
        const size_t n_before = sizeof(before) - 1;
        char target[VIEW_LINK], hex[DIGEST_HEX];
        ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

        /* two digits, a slash, the others */
        if (n != (ssize_t) (n_before + DIGEST_HEX) || memcmp(target, before, n_before) != 0)
                return -EINVAL;
        (void) snprintf(hex, sizeof(hex), "%.2s%.*s", target + n_before, DIGEST_HEX - 3,
                        target + n_before + 3);
        return digest_from_hex(hex, ret);
}

static int view_each_in(int parent, const char *name, unsigned depth, ViewObjectFn fn,
                        void *userdata) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd = view_open_dir(parent, name), r = 0;
        struct dirent *entry;
        Digest object;

        if (fd < 0)
                return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
        r = file_list(fd, &dir);
        if (r < 0)
                return r;
        while (r == 0 && (entry = readdir(dir))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (depth > 0)
                        r = view_each_in(fd, entry->d_name, depth - 1, fn, userdata);
                else if (view_read_link(fd, entry->d_name, &object) == 0)
                        r = fn(&object, userdata);
        }
        return r;
}

int view_each_object(const char *root, const Digest *key, ViewObjectFn fn, void *userdata) {
        _cleanup_(closep) int views = layout_open(root, LAYOUT_VIEWS, false);
        char hex[DIGEST_HEX];

        if (views < 0)
                return views == -ENOENT ? 0 : views;
        digest_to_hex(key, hex);
        return view_each_in(views, hex, 1, fn, userdata);
}
