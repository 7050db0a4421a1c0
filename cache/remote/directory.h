#pragma once

/*
 * A directory that several people or machines share, on a network file system or on one machine
 *
 * A blob is written under a temporary name in its folder, synced and renamed, so others see all
 * of it or nothing. Files and folders get the permissions that the directory itself has: a group
 * that may write there may use what is in it. Nothing in it is believed, and nothing in it can
 * lead out of it (RESOLVE_BENEATH).
 *
 * It grows with what is put there; writing stops while the file system has less than a twentieth
 * of its space left. What nobody read for long is removed by whoever runs it (docs/REMOTE.md).
 */

#include "cache/remote/link.h"

extern const LinkOps directory_ops;
