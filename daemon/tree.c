#include "daemon/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static size_t tree_key_size(const char *name) {
        return sizeof(TreeDir *) + strlen(name);
}

static const void *tree_key(const TreeNode *node) {
        return &node->parent;
}

TreeNode *tree_find(const Tree *tree, const TreeDir *parent, const char *name) {
        char key[sizeof(TreeDir *) + PATH_MAX];
        size_t size = tree_key_size(name);
        TreeNode *node;

        if (size >= sizeof(key))
                return NULL;

        memcpy(key, &parent, sizeof(parent));
        memcpy(key + sizeof(parent), name, size - sizeof(parent));
        HASH_FIND(hh, tree->nodes, key, size, node);
        return node;
}

/* links a node whose name is not set yet */
static int tree_link(Tree *tree, TreeNode *node, TreeDir *parent, const char *name) {
        memcpy(node->name, name, strlen(name) + 1);
        node->parent = parent;
        HASH_ADD_KEYPTR(hh, tree->nodes, tree_key(node), tree_key_size(name), node);
        if (map_failed(node))
                return -ENOMEM;

        if (parent) {
                TAILQ_INSERT_TAIL(&parent->children, node, siblings);
                node->seen = parent->scan_id;
        }
        tree->n_nodes++;
        return 0;
}

static int tree_check(const Tree *tree, const TreeDir *parent, const char *name) {
        size_t n = strlen(name);

        if (tree->n_nodes >= tree->nodes_max)
                return -ENOSPC;
        if (!parent)
                return n < PATH_MAX ? 0 : -ENAMETOOLONG;
        return n <= NAME_MAX && parent->path_size + 1 + n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* A zeroed object of @size bytes that ends in a node at @offset and the node's name. */
static int tree_add(Tree *tree, TreeDir *parent, const char *name, size_t size, size_t offset,
                    void **ret) {
        _cleanup_(freep) char *object = NULL;
        int r;

        r = tree_check(tree, parent, name);
        if (r < 0)
                return r;

        object = calloc(1, size + strlen(name) + 1);
        if (!object)
                return -ENOMEM;

        r = tree_link(tree, (TreeNode *) (void *) (object + offset), parent, name);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(object);
        return 0;
}

int tree_add_dir(Tree *tree, TreeDir *parent, const char *name, TreeDir **ret) {
        TreeDir *dir;
        void *object;
        int r;

        r = tree_add(tree, parent, name, sizeof(TreeDir), offsetof(TreeDir, node), &object);
        if (r < 0)
                return r;

        dir = object;
        TAILQ_INIT(&dir->children);
        dir->trouble = -1;
        dir->node.is_directory = true;
        dir->depth = parent ? parent->depth + 1 : 0;
        dir->path_size = parent ? parent->path_size + 1 + strlen(name) : strlen(name);
        if (!parent && strcmp(name, "/") == 0)
                dir->path_size = 0;
        *ret = dir;
        return 0;
}

int tree_add_file(Tree *tree, TreeDir *parent, const char *name, TreeFile **ret) {
        void *object;
        int r;

        r = tree_add(tree, parent, name, sizeof(TreeFile), offsetof(TreeFile, node), &object);
        if (r == 0)
                *ret = object;
        return r;
}

void tree_see(TreeNode *node) {
        TreeDir *parent = node->parent;

        if (!parent || node->seen == parent->scan_id)
                return;

        TAILQ_REMOVE(&parent->children, node, siblings);
        TAILQ_INSERT_TAIL(&parent->children, node, siblings);
        node->seen = parent->scan_id;
}

TreeNode *tree_first_unseen(const TreeDir *dir) {
        TreeNode *first = TAILQ_FIRST(&dir->children);

        return first && first->seen != dir->scan_id ? first : NULL;
}

void tree_hide(Tree *tree, TreeNode *node) {
        if (node->hidden)
                return;

        HASH_DEL(tree->nodes, node);
        if (node->parent)
                TAILQ_REMOVE(&node->parent->children, node, siblings);
        node->hidden = true;
}

void tree_remove(Tree *tree, TreeNode *node) {
        tree_hide(tree, node);
        tree->n_nodes--;
        if (node->is_directory)
                free(tree_dir(node));
        else
                free(tree_file(node));
}

int tree_path(const TreeDir *dir, const char *name, char ret[PATH_MAX]) {
        size_t n = name ? strlen(name) : 0, size = dir->path_size + (name ? 1 + n : 0);
        char *end = ret + dir->path_size;

        if (size >= PATH_MAX)
                return -ENAMETOOLONG;

        if (name) {
                ret[dir->path_size] = '/';
                memcpy(ret + dir->path_size + 1, name, n);
        } else if (size == 0)
                ret[size++] = '/'; /* the root directory itself */
        ret[size] = '\0';

        for (; dir->node.parent; dir = dir->node.parent) {
                size_t m = strlen(dir->node.name);

                end -= m + 1;
                end[0] = '/';
                memcpy(end + 1, dir->node.name, m);
        }
        memcpy(ret, dir->node.name, (size_t) (end - ret));
        return 0;
}
