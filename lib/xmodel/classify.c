#include "xmodel/classify.h"

#include <errno.h>

#include "base/cleanup.h"
#include "xmodel/schema.h"

#define LFS_HEAD "version https://git-lfs.github.com/spec/v1" /* first line of a pointer file */
#define LFS_MAX  1024                                         /* bytes; by the same specification */

static bool classify_has_control(Slice text) {
        for (size_t i = 0; i < text.size; i++)
                if (text.data[i] < ' ')
                        return true;
        return false;
}

/*
 * XIR has no magic number. A file that does not walk counts as meant to be a graph if it begins
 * with two fields of Graph in their wire type, of which the second may be cut: libxir writes the
 * name first and ops next, and two such tags in the right places are rare in anything else. (Text
 * that begins with empty lines comes close, but it has line breaks where the name would be.)
 */
static bool classify_begins_as_graph(Slice file) {
        for (unsigned n = 0; n < 2; n++) {
                Slice tail = file;
                uint64_t tag;
                WireField f;
                int r;

                if (wire_varint(&tail, &tag) < 0 || (tag & 7) != WIRE_BYTES ||
                    tag >> 3 > WIRE_NUMBER_MAX || !schema_field(&schema_graph, tag >> 3))
                        return false;
                r = wire_next(&file, &f);
                if (r < 0)
                        return r == -ENODATA && n == 1;
                if (f.number == SCHEMA_GRAPH_NAME && classify_has_control(f.content))
                        return false;
        }
        return true;
}

static bool classify_is_lfs_pointer(Slice file) {
        Slice head = slice_of_string(LFS_HEAD);

        return file.size < LFS_MAX && file.size >= head.size &&
               slice_equal(slice_of(file.data, head.size), head);
}

/* a file that does not walk; @reason says why, and is made to say what that means */
static XmodelClass classify_failure(Slice file, int r, Problem *reason) {
        if (r == -EFBIG || (r == -EBADMSG && classify_begins_as_graph(file))) {
                (void) problem_prefix(reason, 0, "refused as malformed or oversized");
                return XMODEL_REFUSED;
        }
        if (r == -ENODATA && classify_begins_as_graph(file)) {
                (void) problem_prefix(reason, 0, "cut short, copy or export it again");
                return XMODEL_TRUNCATED;
        }
        (void) problem_set(
                reason, 0,
                "not an XIR model: expected a graph as the Vitis AI quantizer exports it");
        return XMODEL_NOT_XIR;
}

static const WalkSubgraph *classify_find_device(const Walk *walk) {
        for (uint32_t i = 1; i < walk->n_subgraphs; i++)
                if (walk->subgraphs[i].has_device)
                        return &walk->subgraphs[i];
        return NULL;
}

static XmodelClass classify_graph(const Walk *walk, Problem *reason) {
        const WalkSubgraph *subgraph = classify_find_device(walk);
        uint32_t n_fix = 0;

        for (uint32_t i = 0; i < walk->n_ops; i++)
                n_fix += slice_is(walk->ops[i].type, "fix");

        if (walk->n_ops == 0) {
                (void) problem_set(reason, 0, "a graph without any op: export the model again");
                return classify_begins_as_graph(walk->file) ? XMODEL_EMPTY : XMODEL_NOT_XIR;
        }
        if (walk->n_subgraphs == 0) {
                (void) problem_set(reason, 0,
                                   "cut short, copy or export it again: %u ops and no subgraph",
                                   walk->n_ops);
                return XMODEL_TRUNCATED;
        }
        if (subgraph) {
                (void) problem_set(reason, 0,
                                   "compiled already (subgraph \"%.*s\" is for device \"%.*s\"): "
                                   "the quantized model is the source",
                                   (int) subgraph->name.size, (const char *) subgraph->name.data,
                                   (int) subgraph->device.size,
                                   (const char *) subgraph->device.data);
                return XMODEL_COMPILED;
        }
        if (n_fix == 0) {
                (void) problem_set(reason, 0,
                                   "not quantized (no op of type fix among %u): run the "
                                   "quantizer first",
                                   walk->n_ops);
                return XMODEL_FLOAT;
        }
        (void) problem_set(reason, 0, "quantized: %u ops, %u of them fix", walk->n_ops, n_fix);
        return XMODEL_QUANTIZED;
}

static bool classify_has_walk(XmodelClass class) {
        return class == XMODEL_QUANTIZED || class == XMODEL_COMPILED || class == XMODEL_FLOAT;
}

int classify(Slice file, XmodelClass *ret_class, Walk **ret_walk, Problem *ret_reason) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        XmodelClass class;
        int r;

        if (file.size == 0) {
                class = XMODEL_EMPTY;
                (void) problem_set(ret_reason, 0, "an empty file: export the model again");
        } else if (classify_is_lfs_pointer(file)) {
                class = XMODEL_LFS_POINTER;
                (void) problem_set(ret_reason, 0,
                                   "a git-lfs pointer, not the model: run `git lfs pull`");
        } else {
                r = walk_new(&walk, file, ret_reason);
                if (r == -ENOMEM)
                        return r;
                class = r < 0 ? classify_failure(file, r, ret_reason)
                              : classify_graph(walk, ret_reason);
        }

        *ret_class = class;
        *ret_walk = classify_has_walk(class) ? TAKE_PTR(walk) : NULL;
        return 0;
}

const char *xmodel_class_name(XmodelClass class) {
        switch (class) {
        case XMODEL_QUANTIZED:
                return "quantized";
        case XMODEL_COMPILED:
                return "compiled";
        case XMODEL_FLOAT:
                return "float";
        case XMODEL_LFS_POINTER:
                return "lfs-pointer";
        case XMODEL_EMPTY:
                return "empty";
        case XMODEL_TRUNCATED:
                return "truncated";
        case XMODEL_NOT_XIR:
                return "not-xir";
        case XMODEL_REFUSED:
                return "refused";
        }
        return "unknown";
}
