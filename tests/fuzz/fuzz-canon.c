/*
 * The canonical form against other spellings of the same model: maps, ops and fields in another
 * order, lists packed or not, what means nothing left out. They must be accepted and have the same
 * digest; and one with a single value changed, if the walker accepts it, another. How the input is
 * spelled otherwise follows from its own bytes. The walker's own fuzzer (fuzz-walk) has the forms'
 * other properties.
 */

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "tests/support/graph_tree.h"
#include "xmodel/canon.h"

#define STYLES     3
#define INPUT_MAX  ((size_t) 1 << 20)
#define OUTPUT_MAX ((size_t) 64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
        if (!good)
                abort();
}

typedef struct Digests {
        Digest canonical, sorted;
} Digests;

/* false: the walker refuses it */
static bool digests_of(Slice file, Digests *ret) {
        _cleanup_(walk_freep) Walk *walk = NULL;

        if (walk_new(&walk, file, NULL) < 0)
                return false;
        must(canon_digest(walk, NULL, CANON_CANONICAL, &ret->canonical) == 0);
        must(canon_digest(walk, NULL, CANON_MAP_SORTED, &ret->sorted) == 0);
        return true;
}

static bool digests_of_tree(const Node *tree, const NodeStyle *style, Digests *ret) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(OUTPUT_MAX);

        node_write(tree, style, &file);
        return digests_of(bytes_slice(&file), ret);
}

static void check_style(const Node *tree, const Digests *expected, Random *random) {
        uint64_t bits = random_below(random, 32);
        const NodeStyle style = { .seed = random_u64(random),
                                  .shuffle_maps = bits & 1,
                                  .shuffle_ops = bits & 2,
                                  .shuffle_fields = bits & 4,
                                  .split_lists = bits & 8,
                                  .omit = bits & 16 };
        Digests found;

        must(digests_of_tree(tree, &style, &found));
        must(digest_equal(&found.canonical, &expected->canonical));
        must(style.shuffle_ops || digest_equal(&found.sorted, &expected->sorted));
}

/* a value of the tree, each of those that mean something equally likely; NULL: there is none */
static Node *pick_value(Node *node, Random *random, uint64_t *n) {
        Node *ret = NULL, *found;

        for (size_t i = 0; i < node->n_children; i++) {
                Node *child = node->children[i];

                if (child->freedom & NODE_OMIT)
                        continue;
                if (child->kind == NODE_MESSAGE)
                        found = pick_value(child, random, n);
                else if ((child->kind == NODE_BYTES && child->data.size == 0) ||
                         (child->kind == NODE_LIST && child->n_values == 0))
                        found = NULL;
                else
                        found = random_below(random, ++*n) == 0 ? child : NULL;
                ret = found ?: ret;
        }
        return ret;
}

static void change_value(Node *node, Random *random) {
        uint64_t bit = UINT64_C(1) << random_below(random, node->kind == NODE_FIXED32 ? 32 : 5);

        if (node->kind == NODE_BYTES)
                node->data.data[random_below(random, node->data.size)] ^= (uint8_t) (bit & 0x1f);
        else if (node->kind == NODE_LIST)
                node->values[random_below(random, node->n_values)] ^= bit;
        else
                node->value ^= bit;
}

static void check_change(Node *tree, const Digests *before, Random *random) {
        uint64_t n = 0;
        Node *value = pick_value(tree, random, &n);
        Digests after;

        if (!value)
                return;
        change_value(value, random);
        if (!digests_of_tree(tree, &(NodeStyle){}, &after))
                return;
        must(!digest_equal(&before->canonical, &after.canonical));
        must(!digest_equal(&before->sorted, &after.sorted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(node_freep) Node *tree = NULL;
        Digest of_input = digest_of(data, size);
        Random random = RANDOM_INIT(of_input.bytes[0] | (uint64_t) of_input.bytes[1] << 8);
        Digests digests;

        if (size > INPUT_MAX || !digests_of(slice_of(data, size), &digests))
                return 0;
        tree = graph_tree_new(slice_of(data, size));
        must(tree != NULL);
        for (unsigned i = 0; i < STYLES; i++)
                check_style(tree, &digests, &random);
        check_change(tree, &digests, &random);
        return 0;
}
