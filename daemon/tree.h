#pragma once

/*
 * The tree: the directories and wanted files that the watcher knows
 *
 * All nodes of all roots are in one hash map, by parent and name: a map per directory would
 * cost more than the directories. Nodes are owned by the tree. A file costs about 200 bytes, a
 * directory about 350.
 *
 * Only structure lives here. The fields below "the watcher's" belong to books.c, watch.c and notify.c.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/map.h"
#include "base/stat_id.h"

typedef struct TreeDir TreeDir;
typedef struct TreeNode TreeNode;

TAILQ_HEAD(TreeNodes, TreeNode);

struct TreeNode {
        UT_hash_handle hh;
        TAILQ_ENTRY(TreeNode) siblings; /* parent->children */
        bool is_directory;
        bool hidden;     /* tree_hide() */
        uint32_t seen;   /* the scan of the parent in which it was last there */
        TreeDir *parent; /* the key begins here; NULL for a root */
        char name[];     /* and ends here; a root's name is its absolute path */
};

typedef struct TreeFile {
        StatId id;
        bool writing; /* opened for writing, not closed yet, as far as we know */
        bool racy;    /* id was taken so soon after the last change that it may miss another */
        TreeNode node;
} TreeFile;

struct TreeDir {
        struct TreeNodes children; /* those not seen by the last scan come first: tree_see() */
        size_t path_size;          /* length of the absolute path, 0 for "/" */
        unsigned depth;            /* 0 for a root */

        /* the watcher's */
        struct WatchRoot *root;
        struct NotifyMark *mark;         /* NULL: not watched */
        LIST_ENTRY(TreeDir) same_mark;   /* NotifyMark.dirs */
        TAILQ_ENTRY(TreeDir) queue_link; /* Watch.queue if queued, Watch.doomed if doomed */
        TAILQ_ENTRY(TreeDir) poll_link;  /* Watch.polled if polled */
        uint64_t dev;                    /* as of the last scan */
        uint64_t ino;
        uint32_t scan_id; /* counts its scans */
        uint32_t n_files;
        int trouble; /* WatchTrouble, or -1 */
        bool queued;
        bool doomed;
        bool polled;
        uint32_t turn; /* the last event that was handled for it */
        bool deep;     /* when scanned, scan what is below too */
        bool doubt;    /* when scanned, report also what may have changed unnoticed */
        bool remote;
        bool left_out; /* something in it was */

        TreeNode node;
};

typedef struct Tree {
        TreeNode *nodes; /* uthash */
        size_t n_nodes;
        size_t nodes_max;
} Tree;

static inline TreeFile *tree_file(TreeNode *node) {
        return (TreeFile *) ((char *) node - offsetof(TreeFile, node));
}

static inline TreeDir *tree_dir(TreeNode *node) {
        return (TreeDir *) ((char *) node - offsetof(TreeDir, node));
}

/* NULL if there is none. @parent is NULL for roots. */
TreeNode *tree_find(const Tree *tree, const TreeDir *parent, const char *name);

/* The name must not be there. -ENOMEM, -ENOSPC (nodes_max), -ENAMETOOLONG (its path would not
 * be shorter than PATH_MAX, or a name longer than NAME_MAX). Everything else is zero, except
 * trouble. */
int tree_add_dir(Tree *tree, TreeDir *parent, const char *name, TreeDir **ret);
int tree_add_file(Tree *tree, TreeDir *parent, const char *name, TreeFile **ret);

/* The node was there just now. Moves it behind those of which that is not yet known, so that what
 * a scan did not meet can be found at the front. */
void tree_see(TreeNode *node);

/* The first child that the scan under way has not met, NULL if it met all. */
TreeNode *tree_first_unseen(const TreeDir *dir);

/* Takes a node out of the map and of its parent's children, so that its name is free again. It
 * still knows its parent and path. */
void tree_hide(Tree *tree, TreeNode *node);

/* Frees a file, or a directory without children. */
void tree_remove(Tree *tree, TreeNode *node);

/* The absolute path of @dir, or of @name in it. -ENAMETOOLONG */
int tree_path(const TreeDir *dir, const char *name, char ret[PATH_MAX]);
