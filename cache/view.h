#pragma once

/*
 * Views: an artifact under its real names
 *
 * `views/KEY/NET/` holds symbolic links to the objects (`NET.xmodel` -> `../../../objects/...`)
 * and the files that name the net, rendered by the caller (`meta.json`, `compile.log`,
 * `md5sum.txt`). It is the path that `get` prints. A view is made in a temporary directory and
 * renamed; one that is there is checked file by file and mended in place, each file by rename,
 * so a reader never sees a name vanish. The time of the directory is its lease: eviction leaves
 * views alone that were asked for within VIEW_LEASE_S.
 *
 * Views hold nothing that cannot be made again and are not synced. Format: docs/FORMATS.md,
 * "Views". Safe on any thread; the caller holds the shared lock (lock.h).
 */

#include <stddef.h>

#include "base/digest.h"
#include "base/slice.h"

#define VIEW_LEASE_S   3600
#define VIEW_FILES_MAX 16

/* one file of a view: a link to @object, or if that is NULL, the bytes of @data */
typedef struct ViewFile {
        const char *name; /* a plain component */
        const Digest *object;
        const Digest
                *rendered_from; /* the object that, with the net's name, makes @data; or NULL */
        Slice data;
} ViewFile;

/* Makes or mends the view and renews its lease. The path of the directory is a new string in
 * *ret. -EINVAL: a name that is no plain component. */
int view_make(const char *root, const Digest *key, const char *net_name, const ViewFile *files,
              size_t n_files, char **ret);

/* What a view is to show: the same for the same files, and needs no @data where it is rendered from
 * an object. */
Digest view_meaning(const Digest *key, const char *net_name, const ViewFile *files, size_t n_files);

/* How the view of that name looks, without reading it: changes whenever one of its files does.
 * VIEW_UNSURE: it is not there, or too young to be told from what it may be made into within the
 * same tick of the clock (memo.h). *ret_used_ns is the time of its lease. */
#define VIEW_UNSURE 1
int view_look(const char *root, const Digest *key, const char *net_name, const ViewFile *files,
              size_t n_files, Digest *ret, int64_t *ret_used_ns);
/* As view_make(), for one that looks as it did when it was right. */
int view_renew(const char *root, const Digest *key, const char *net_name, char **ret);

/* Calls @fn for each object that the views of @key show; no views: never. Non-zero ends it and is
 * returned. */
typedef int (*ViewObjectFn)(const Digest *object, void *userdata);
int view_each_object(const char *root, const Digest *key, ViewObjectFn fn, void *userdata);
