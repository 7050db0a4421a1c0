#pragma once

/*
 * Job directories: where one compiler runs, and how it is found again
 *
 *      jobs/ID/            0700, ID is 32 random hexadecimal digits
 *         lock             held (flock) by the process that made the directory
 *         process          "PID START-TIME" of the compiler that was last started
 *         in/ out/ tmp/    its inputs, its outputs, its TMPDIR
 *
 * Compilers get "DPUCC_JOB=ID" in their environment. That is how everything they leave behind
 * is recognised, after a cancel as after a kill -9 of the daemon: a process whose environment
 * holds an identifier that we drew at random is a descendant of ours, whatever its number,
 * parent, session or group; nothing else ever is. One that threw its environment away is found
 * through `process`: number and start time together are unique since boot.
 *
 * A directory whose lock can be had belonged to a process that is dead. Everything here blocks:
 * pool threads, or the start of the daemon.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define JOBDIR_MARKER    "DPUCC_JOB"
#define JOBDIR_ID_DIGITS 32

typedef struct JobDir {
        char id[JOBDIR_ID_DIGITS + 1];
        char *path; /* absolute */
        int fd;
        int lock_fd;
        int parent_fd;
        bool made;
} JobDir;

/* @jobs is made if missing. */
int jobdir_new(JobDir **ret, const char *jobs);

/* Kills what is left of its processes, removes it and frees @dir. Takes NULL, returns NULL. */
JobDir *jobdir_remove(JobDir *dir);

static inline void jobdir_removep(JobDir **dir) {
        (void) jobdir_remove(*dir);
}

/* Empties a folder of it, which stays the same directory: something may have it mounted. */
int jobdir_clear(const JobDir *dir, const char *folder);

/* Back to what jobdir_new() made, for another job: kills what is left of its processes and
 * empties everything. */
int jobdir_renew(JobDir *dir);

/* Writes down which process now runs here. */
int jobdir_record(const JobDir *dir, pid_t pid);

/* Kills every process that carries the marker of @dir, or is the recorded one. Returns how many
 * there were. */
unsigned jobdir_sweep(const JobDir *dir);

/* Whether the directory of the job @id is there and its owner lives: true also if that cannot be
 * told now, for want of descriptors, say, since what is not held may be killed. */
bool jobdir_is_held(const char *jobs, const char *id);

/* For the start of a daemon: does both for each directory whose owner is dead. @ret_killed and
 * @ret_removed count. -ENOENT is no error: there never was a job. */
int jobdir_reap(const char *jobs, unsigned *ret_killed, unsigned *ret_removed);
