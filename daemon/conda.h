#pragma once

/*
 * Conda environments, without conda
 *
 * `conda info` takes a second and is a Python program that may itself be broken. Where the
 * environments are is written down in a few places, which are looked at in this order:
 *
 *   1. ~/.conda/environments.txt, one prefix a line: conda adds every environment it makes
 *   2. $CONDA_ENVS_PATH, $CONDA_ENVS_DIRS (separated by colons)
 *   3. envs/ below the installation of $CONDA_EXE, $MAMBA_ROOT_PREFIX, ~/.conda, the usual folders
 *      in the home directory, /opt and /usr/local, and the vendor's /opt/vitis_ai/conda
 *
 * A prefix is an environment if it has a folder conda-meta. "base" is an installation itself.
 */

#include "base/problem.h"

/* The prefix: a new string. -ENOENT with the remedy in @problem. Quick. */
int conda_find(const char *name, char **ret, Problem *problem);
