#pragma once

/*
 * Real inotify in a directory of our own. What this process does to the tree is in the kernel's
 * queue when the system call returns, so there is nothing to wait for: drain() dispatches until
 * the watcher says that there is no more.
 */

#include "unit.h"

#include <limits.h>

#include "base/map.h"
#include "daemon/watch.h"

/* like assert_true(), and works in a forked child too */
#define require(expression)                                                                        \
        do {                                                                                       \
                if (!(expression)) {                                                               \
                        (void) fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,        \
                                       #expression);                                               \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

typedef struct Seen {
        UT_hash_handle hh;
        StatId id;
        bool present;
        bool writing;
        unsigned n_changed;
        unsigned n_writing;
        unsigned n_gone;
        char path[];
} Seen;

typedef struct Fixture {
        UnitDir *dir;
        char top[PATH_MAX]; /* of the root */
        Watch *watch;
        WatchRoot *root;
        Seen *seen; /* all paths ever reported, of all roots */
        unsigned n_events;
        unsigned n_lost, n_scanned, n_gone, n_back, n_degraded, n_recovered;
        WatchTrouble trouble; /* of the last DEGRADED */
        char degraded[PATH_MAX];
} Fixture;

extern const WatchFilter watch_fixture_filter;

Seen *seen(Fixture *f, const char *path);
void sink(const WatchEvent *event, void *userdata);
void drain(Fixture *f);
/* Absolute path of something below the root. A few results stay valid at a time. */
const char *at(const Fixture *f, const char *name);
/* beside the root, not in it */
const char *outside(const Fixture *f, const char *name);
int open_new(const char *path);
void save(const char *path, const char *content);
void make_dirs(const char *path);
void move(const char *from, const char *to);
bool ignored(const char *relative, bool is_directory, void *userdata);
/* what the events said, what the watcher says, and what is there are the same */
void compare_with_disk(Fixture *f);
int watch_fixture_setup_bare(void **state);
void start(Fixture *f);
int watch_fixture_setup(void **state);
int watch_fixture_teardown(void **state);
/* overlayfs and some container file systems have an inotify that says nothing */
bool inotify_works(void);

/* Runs @tests, where inotify works; else the exit status of a skip. */
#define watch_fixture_run(tests)                                                                   \
        (inotify_works() ? cmocka_run_group_tests(tests, NULL, NULL) : watch_fixture_skip())
int watch_fixture_skip(void);

#define on_started(test)                                                                           \
        cmocka_unit_test_setup_teardown(test, watch_fixture_setup, watch_fixture_teardown)
#define on_bare(test)                                                                              \
        cmocka_unit_test_setup_teardown(test, watch_fixture_setup_bare, watch_fixture_teardown)
