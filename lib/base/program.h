#pragma once

/*
 * Programs of ours that other programs of ours start
 */

/* The absolute path of the executable @name: beside the running program, so that a build tree
 * and a second installation use their own, else from PATH. New string. -ENOENT. */
int program_find(const char *name, char **ret);

/* The first executable @name on PATH that is not the running program under another name. New
 * string. -ENOENT. */
int program_find_other(const char *name, char **ret);

/* Where the running program is. New string. */
int program_directory(char **ret);
