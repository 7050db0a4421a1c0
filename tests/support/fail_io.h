#pragma once

/*
 * Fault injection: system calls that fail, or are the last ones
 *
 * A test that links `fail_io` has the calls of our code (not of shared libraries) that change a
 * file system, or open something on it, go through here: open, openat, mkdirat, fchmod, write,
 * pwrite, ftruncate, copy_file_range, fsync, linkat, symlinkat, rename, renameat, unlinkat,
 * flock. Sweeping an operation over "call number n fails" and "the process ends at call number
 * n" visits every state that a full disk, a broken disk or kill -9 can leave behind.
 *
 * `fail_calls` in its place adds what looks and talks: the calls that read files and directories,
 * inotify, sockets and descriptors, random numbers, and what starts a process (fork, pipe2, execvp:
 * of shared libraries as well).
 */

#include <stdbool.h>

#define FAIL_IO_DIE    0  /* in place of an errno: end the process instead of the call */
#define FAIL_IO_STATUS 97 /* the exit status then */

/* From now on count, and let call number @nth (0 is the next one) fail with @error. */
void fail_io_arm(long nth, int error);

/* True if the armed call was reached already. */
bool fail_io_is_reached(void);

/* Back to normal. True if the armed call was reached. */
bool fail_io_disarm(void);

/* The name of the call that failed, for messages. */
const char *fail_io_call(void);

/* The calls of this thread do not count: it is the other end of what is tested. */
void fail_io_spare(bool on);

/* Directories do not tell what their entries are (`fail_calls`), as those of some file systems. */
void fail_io_hide_types(bool on);

/* The system call @number, made by syscall(2) (`fail_calls`), fails with @error until 0 is given. */
void fail_io_refuse(long number, int error);

/* For wrappers: counts a call. True, with errno set: this is the one that fails. */
bool fail_io_now(const char *call);

/* Would power loss spare @path? False if, since watching was switched on, its content, its name
 * or that of a directory above it changed without a later fsync of the file or directory that
 * holds it. */
void fail_io_watch_syncs(bool on);
bool fail_io_is_synced(const char *path);
