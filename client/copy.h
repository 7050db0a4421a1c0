#pragma once

/*
 * Copy: an artifact where the user wants it
 *
 * Whoever reads the path sees the old file or the new one, never half of it; and whatever ends
 * this process, short of SIGKILL, leaves no temporary file beside it.
 */

#include "base/problem.h"

/* The rest of @fd becomes the file @path. Only a regular file is replaced, by a rename. */
int copy_to(int fd, const char *path, Problem *problem);
