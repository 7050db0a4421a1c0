#pragma once

/*
 * What the names of files say
 *
 * Without a project file a net is called like its model, and a target like its arch file.
 */

#include <stdbool.h>

/* "arch.json", "arch-NAME.json", "arch_NAME.json", "arch.NAME.json", "NAME.arch.json" */
bool filename_is_arch(const char *name);

/* NAME of the above: a new string in *ret, NULL for "arch.json". -ENOMEM. */
int filename_target(const char *arch_path, char **ret);

/* The file name without ".xmodel" and a trailing "_int", which vai_q_pytorch appends; a new
 * string, NULL when out of memory. */
char *filename_net(const char *xmodel_path);
