#pragma once

/*
 * Finding programs, without running them. Quick.
 */

#include "base/problem.h"

/* 0: a regular file that we may run and that is not the file @not_this (which may be NULL). -ENOENT:
 * it is none. Another -errno: nobody can tell. */
int search_check(const char *path, const char *not_this);

/* The first such @name on PATH; relative entries of PATH do not count. A new string; -errno as above.
 * Where nobody can tell, in a folder that does not answer, the rest of PATH is not looked at, lest an
 * outage chose another program; @problem (may be NULL) then names the folder. */
int search_program(const char *name, const char *not_this, char **ret, Problem *problem);
