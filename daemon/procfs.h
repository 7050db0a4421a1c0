#pragma once

/*
 * What the kernel says of processes: the text of files in /proc (proc(5)). Pure.
 *
 * Names of programs, and an environment, are whatever a process made of them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* `status`: the number behind "NAME:" at the beginning of a line; 0 if there is none. */
uint64_t procfs_field(const char *status, const char *name);

/* `children`: the next process in @at, and where to go on. NULL: there is no other. */
const char *procfs_next_child(const char *at, int *ret);

/* `stat`: when it started. -ESRCH: it is dead, and only waits for its parent. -EBADMSG. */
int procfs_start_time(const char *stat, uint64_t *ret);

/* `environ`: whether it has the very entry @wanted, "NAME=VALUE". */
bool procfs_has_variable(Slice environment, const char *wanted);
