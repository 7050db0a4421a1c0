/*
 * The graph reader: what it accepts is written and read back without a change, and is the same
 * model by the canonical digest, which does not use the graph
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "xmodel/canon.h"
#include "xmodel/graph.h"

#define OUTPUT_MAX ((size_t) 64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Digest canonical_digest(Slice bytes, bool *ret_has_root) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        Digest digest;

        if (walk_new(&walk, bytes, NULL) < 0 ||
            canon_digest(walk, NULL, CANON_CANONICAL, &digest) < 0)
                abort();
        *ret_has_root = walk->n_subgraphs > 0;
        return digest;
}

static void check_accepted(Slice input, const Graph *graph) {
        _cleanup_(bytes_cleanup) Bytes first = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(bytes_cleanup) Bytes second = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *again = NULL;
        Digest before, after;
        bool has_root, unused;

        (void) graph_verify(graph, NULL);
        if (graph_write(graph, false, &first, NULL) < 0 ||
            graph_read(&again, bytes_slice(&first), NULL) < 0 ||
            graph_write(again, false, &second, NULL) < 0 ||
            !slice_equal(bytes_slice(&first), bytes_slice(&second)))
                abort();

        /* a graph without a root subgraph gets one */
        before = canonical_digest(input, &has_root);
        after = canonical_digest(bytes_slice(&first), &unused);
        if (has_root && !digest_equal(&before, &after))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        Problem problem = { "" };

        if (graph_read(&graph, slice_of(data, size), &problem) < 0) {
                if (problem.text[0] == '\0' || strchr(problem.text, '\n'))
                        abort();
                return 0;
        }
        check_accepted(slice_of(data, size), graph);
        return 0;
}
