#pragma once

/*
 * Ignore patterns, a small part of .gitignore's
 *
 *   *      any characters but '/'
 *   **     any characters; before a '/': any number of directories, also none
 *   ?      one byte but '/'
 *   \c     c itself
 *   a/     directories only
 *   a/b    (a '/' anywhere but at the end) from the root; otherwise the name at any depth
 *
 * fnmatch(3) is not used: on patterns with many stars it takes exponential time, and patterns
 * come from files that others wrote. Here it is at most |pattern| x |path| steps.
 */

#include <stdbool.h>

#define GLOB_MAX 256 /* bytes of a pattern; longer ones match nothing */

/* @path is relative to the root, without "//" and "." */
bool glob_match(const char *pattern, const char *path, bool is_directory);
