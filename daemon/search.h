#pragma once

/*
 * Finding programs, without running them. Quick.
 */

/* 0: a regular file that we may run and that is not the file @not_this (which may be NULL). -ENOENT:
 * it is none. Another -errno: nobody can tell. */
int search_check(const char *path, const char *not_this);

/* The first such @name on PATH; relative entries of PATH do not count. A new string; -errno as above. */
int search_program(const char *name, const char *not_this, char **ret);
