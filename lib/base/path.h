#pragma once

/*
 * Paths: bytes without NUL, not necessarily UTF-8. Everything here is lexical; what needs the
 * file system is in file.h.
 */

#include <stdbool.h>
#include <stddef.h>

/* A new string, the caller frees it; NULL when out of memory. An absolute @b wins. */
char *path_join(const char *a, const char *b);

/* Absolute, without "//", "/./" and trailing "/"; ".." is resolved lexically and stops at the
 * root. Relative paths are taken from @cwd, which must be absolute. New string or NULL. */
char *path_normalise(const char *cwd, const char *path);

const char *path_basename(const char *path); /* points into @path */
char *path_dirname(const char *path);        /* new string; "." if there is none */

/* @path equals @root or lies beneath it; both normalised */
bool path_is_beneath(const char *path, const char *root);
/* The part of @path below @root ("" if equal), pointing into @path; NULL if not beneath. */
const char *path_relative(const char *path, const char *root);

/* One plain file name: not empty, not "." or "..", no '/', no control characters, at most
 * NAME_MAX bytes. What a net_name or a target name must be. */
bool path_is_plain_component(const char *name);

/* No "..", not absolute, not empty: stays below the directory it is taken from. (Symbolic
 * links are the file system's business: file_open_beneath().) */
bool path_is_downward(const char *path);

bool path_ends_with(const char *path, const char *suffix);

/* $XDG_..._HOME/dpucc or its default below $HOME, as the base directory specification says (a
 * relative value is ignored). New string; NULL when out of memory or without any home. */
char *path_cache_home(void);  /* DPUCC_CACHE_DIR, or ~/.cache/dpucc */
char *path_state_home(void);  /* ~/.local/state/dpucc */
char *path_config_home(void); /* ~/.config/dpucc */

/* DPUCC_SOCKET; else $XDG_RUNTIME_DIR/dpucc/dpuccd.sock; else path_cache_home()/run/dpuccd.sock */
char *path_default_socket(void);
