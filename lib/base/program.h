#pragma once

/*
 * Programs of ours that other programs of ours start
 */

/* Set in the environment of every compiler that we start: our own vai_c_xir refuses to run under
 * it, for then it was taken for the vendor's. */
#define PROGRAM_GUARD "DPUCC_GUARD"

/* The absolute path of the executable @name: beside the running program, so that a build tree
 * and a second installation use their own, else from PATH. New string. -ENOENT. */
int program_find(const char *name, char **ret);

/* The first executable @name on PATH that is not the running program under another name. New
 * string. -ENOENT. */
int program_find_other(const char *name, char **ret);

/* Where the running program is. New string. */
int program_directory(char **ret);

/* The first thing that main() does. Takes the numbers of those standard streams that are closed, so
 * that no file or socket gets them, which would then be written to as if it were the stream. Using
 * them fails as it did. */
void program_keep_streams(void);

/* The last thing that it does: a full disk or a closed pipe behind stdout is a failure too. -errno. */
int program_flush_output(void);
