#pragma once

/*
 * Files
 *
 * Every descriptor is born O_CLOEXEC, every function that takes a directory takes its
 * descriptor first. A durable write is: temporary name in the same directory, write, fsync,
 * rename, fsync of the directory; after it returned 0 the new content survives power loss,
 * before that the old content does.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "base/stat_id.h"

/* Opens for reading, whatever it is without blocking on it: a FIFO, socket, device or directory
 * is -EINVAL (-EISDIR). Follows symbolic links. */
int file_open_regular(int dirfd, const char *path);

/* Opens the file behind @fd anew, for reading from its beginning: dup(2) would share the position
 * with everybody who has the descriptor. As file_open_regular(). */
int file_reopen(int fd);

/* For paths that a project file gives: nothing on the way may lead out of @dirfd (openat2 with
 * RESOLVE_BENEATH), -EXDEV otherwise. @flags as open(2). */
int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode);
int file_open_beneath_regular(int dirfd, const char *path); /* else as file_open_regular() */

/* For paths in a directory that a program writes whom we do not trust, such as a compiler in a
 * container: the same, and through no symbolic link at all (-ELOOP), so that it can neither be read
 * nor written what the link names. file_create_plain() makes a new file in the place of whatever is
 * there: read and write. */
int file_open_plain(int dirfd, const char *path, int flags, mode_t mode);
int file_open_plain_regular(int dirfd, const char *path); /* else as file_open_regular() */
int file_create_plain(int dirfd, const char *path, mode_t mode);

/* Whether anything can be opened so: 0, or -ENOSYS where openat2(2) is missing. The kernel is older
 * than 5.6, or a filter for system calls takes it away (that of an old container engine, with EPERM).
 * The functions above then fail with -ENOSYS, too. */
int file_check_openat2(void);

/* strerror(), and the remedy where there is one: -ENOSYS as above. */
const char *file_error_text(int r);

/* The whole of an open regular file, at most @ret->max bytes (-EFBIG), from offset 0. The file
 * may change meanwhile: what is returned is what read(2) gave; compare stat identities if that
 * matters. The file is never mapped. */
int file_read_fd(int fd, Bytes *ret);
int file_read(int dirfd, const char *path, Bytes *ret);
int file_read_plain(int dirfd, const char *path, Bytes *ret); /* with file_open_plain() */

int file_write_all(int fd, const void *data, size_t n);

/* Copies the rest of @from, by reflink or copy_file_range where the file system can, and
 * returns the bytes copied in @ret_size (may be NULL). Behind the end of @to, holes stay holes. */
int file_copy_fd(int from, int to, uint64_t *ret_size);

/* ".dpucc." 16 random digits ".tmp"; @ret_name has room for FILE_TEMP_NAME bytes. Names are
 * recognised by file_is_temp_name(). */
#define FILE_TEMP_NAME 64
int file_temp_name(char ret_name[FILE_TEMP_NAME]);
/* A file of such a name, created O_EXCL in @dirfd. Returns the descriptor. */
int file_open_temp(int dirfd, mode_t mode, char ret_name[FILE_TEMP_NAME]);
bool file_is_temp_name(const char *name);
/* A file in @dirfd that has no name and is gone when nobody has it open, whatever ends the process:
 * @ret_name is "". Where the file system knows no such thing, or there is no /proc, file_open_temp(). */
int file_open_unnamed(int dirfd, mode_t mode, char ret_name[FILE_TEMP_NAME]);
/* Gives it a temporary name for rename(2), if @name is "". A name that is left is the caller's to
 * remove. */
int file_name_unnamed(int fd, int dirfd, char name[FILE_TEMP_NAME]);

/* May a new file take the name by a rename? Not that of a directory (-EISDIR), and not of a device or
 * of a link to what some process has open (-EEXIST): root would put a file in the place of /dev/null
 * or /dev/stdout. */
int file_check_place(int dirfd, const char *name);

/* See above. @name is replaced if file_check_place() allows it; its mode is @mode less the umask.
 * When only the last step fails (the directory's fsync) the new content is in place, but not known
 * to be durable. */
int file_write_durable(int dirfd, const char *name, const void *data, size_t n, mode_t mode);

/* The same for what somebody asked for: @path, mode 0666 less the umask. -errno with @problem, which
 * names it. */
int file_save(const char *path, const Bytes *bytes, Problem *problem);

int file_sync_dir(int dirfd);

/* mkdir -p; every directory made gets @mode. Returns a descriptor of the last one. The second
 * form makes their names durable, too, except below a directory that may not be read. */
int file_make_dirs(int dirfd, const char *path, mode_t mode);
int file_make_dirs_durable(int dirfd, const char *path, mode_t mode);

/* A directory to be read. Takes over @fd, of a failure too. */
int file_list(int fd, DIR **ret);
/* Whatever has a temporary name in it, of which the caller knows that nobody is at it. Takes over
 * @fd. */
int file_remove_temps(int fd);

/* rm -r of one entry; missing is no error. Does not follow symbolic links, does not leave the
 * file system, goes at most 64 levels deep (-ELOOP). */
int file_remove_tree(int dirfd, const char *name);

/* Bytes that we may still write below @path: 0 where nothing can be, UINT64_MAX where that cannot be
 * told. */
uint64_t file_room(const char *path);

/* The stat identity of a path (following links) or of a descriptor. */
int file_stat_id(int dirfd, const char *path, StatId *ret);
int file_stat_id_fd(int fd, StatId *ret);
/* Both are there and are one file, by whatever names and links. */
bool file_is_same(const char *a, const char *b);

/* @fd was opened on a mount that we see below @root, or that @root is on, and its file lies below
 * @root, or did until it was removed or another was renamed over it. false: not so, or it cannot be
 * told. */
bool file_is_beneath(int fd, const char *root);
