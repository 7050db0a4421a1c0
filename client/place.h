#pragma once

/*
 * Places: paths as the daemon knows them
 *
 * The daemon watches real directories. So directories on the way are resolved, symbolic links
 * included, and the last name is kept as it is: a link to a model is a source of its own.
 */

/* A new string, absolute. Where the directory does not exist (yet), the path is made absolute
 * by its text. -ENOMEM, or what getcwd(3) says. */
int place_of(const char *path, char **ret);

/* The same where a directory is expected: that is resolved altogether if it exists. */
int place_of_directory(const char *path, char **ret);
