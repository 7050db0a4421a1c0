#pragma once

/*
 * Finding programs, without running them. Quick.
 */

#include <stdbool.h>

/* A regular file that we may run and that is not the file @not_this (which may be NULL). */
bool search_is_program(const char *path, const char *not_this);

/* The first such @name on PATH; relative entries of PATH do not count. A new string; -ENOENT. */
int search_program(const char *name, const char *not_this, char **ret);
