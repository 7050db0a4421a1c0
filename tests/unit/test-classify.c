#include "unit.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/random_graph.h"
#include "xmodel/classify.h"

static XmodelClass class_of(Slice file, Problem *reason) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        XmodelClass class;

        assert_int_equal(classify(file, &class, &walk, reason), 0);
        assert_int_equal(walk != NULL, class == XMODEL_QUANTIZED || class == XMODEL_COMPILED ||
                                               class == XMODEL_FLOAT);
        assert_true(reason->text[0] != '\0');
        assert_null(strchr(reason->text, '\n'));
        return class;
}

static void assert_class(Slice file, XmodelClass class, const char *text) {
        Problem reason = {};
        XmodelClass found = class_of(file, &reason);

        if (found != class || !strstr(reason.text, text))
                print_error("%s: %s\n", xmodel_class_name(found), reason.text);
        assert_int_equal(found, class);
        assert_non_null(strstr(reason.text, text));
}

/* @type for its one op, in a subgraph of its own below the root if @device is not NULL */
static Node *one_op(const char *type, const char *device) {
        Node *graph = node_new(), *subgraph;

        (void) node_string(graph, 1, "Net");
        (void) node_op(graph, "x", type);
        subgraph = node_message(graph, 10);
        if (device) {
                subgraph = node_message(subgraph, 10);
                (void) node_string(node_attr(subgraph, 5, "device"), 11, device);
        }
        (void) node_string(subgraph, 3, "x");
        return graph;
}

static void assert_graph(Node *graph, XmodelClass class, const char *text) {
        _cleanup_(node_freep) Node *owned = graph;
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);

        node_write(owned, &(NodeStyle){}, &file);
        assert_class(bytes_slice(&file), class, text);
}

static void graphs_are_told_apart(void **state) {
        Node *graph;

        assert_graph(one_op("fix", NULL), XMODEL_QUANTIZED, "quantized: 1 ops, 1 of them fix");
        assert_graph(one_op("conv2d", NULL), XMODEL_FLOAT, "run the quantizer");
        assert_graph(one_op("conv2d-fix", "DPU"), XMODEL_COMPILED, "for device \"DPU\"");
        /* even if all of it went to the CPU and still holds fix ops */
        assert_graph(one_op("fix", "CPU"), XMODEL_COMPILED, "the quantized model is the source");

        graph = one_op("fix", NULL); /* on the root it says nothing */
        (void) node_string(node_attr(graph->children[2], 5, "device"), 11, "CPU");
        assert_graph(graph, XMODEL_QUANTIZED, "quantized");

        graph = node_new();
        (void) node_string(graph, 1, "Net");
        (void) node_message(graph, 10);
        assert_graph(graph, XMODEL_EMPTY, "without any op");

        graph = one_op("fix", NULL);
        (void) node_op(graph, "x", "fix");
        assert_graph(graph, XMODEL_REFUSED, "two ops are named \"x\"");
}

static void other_files_are_told_apart(void **state) {
        static const char lfs[] = "version https://git-lfs.github.com/spec/v1\n"
                                  "oid sha256:0123456789abcdef\nsize 3391344\n";
        static const char *const texts[] = {
                "#!/bin/sh\necho hello\n",
                "Hello, world\n",
                "\n\n\n* a list\n* of things\n",
                "README\n======\n\nText that goes on for a while.\n",
                "{ \"fingerprint\": \"0x101000056010402\" }\n",
                "[1, 2, 3]\n",
                "<!DOCTYPE html>\n<html></html>\n",
                ("\x7f"
                 "ELF\x02\x01\x01"),
                "\x89PNG\r\n\x1a\n",
                "PK\x03\x04\x14",
                "\x1f\x8b\x08",
                "\xef\xbb\xbftext",
                "x",
                "\n",
                "\x08\x07\x12\x07pytorch", /* ONNX begins with a number */
        };

        assert_class(slice_of("", 0), XMODEL_EMPTY, "an empty file");
        assert_class(slice_of_string(lfs), XMODEL_LFS_POINTER, "git lfs pull");
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_class(slice_of_string(texts[i]), XMODEL_NOT_XIR, "not an XIR model");
}

static void zeros_and_noise_are_no_models(void **state) {
        uint8_t noise[4096] = {};
        Problem reason = {};
        unsigned n = 0;

        assert_class(slice_of(noise, sizeof(noise)), XMODEL_NOT_XIR, "");
        for (uint64_t seed = 1; seed <= 2000; seed++) {
                Random random = { .state = seed };

                for (size_t i = 0; i < sizeof(noise); i++)
                        noise[i] = (uint8_t) random_u64(&random);
                n += class_of(slice_of(noise, sizeof(noise)), &reason) != XMODEL_NOT_XIR;
        }
        assert_true(n <= 5);
}

static void a_cut_file_is_truncated(void **state) {
        _cleanup_(random_graph_freep) RandomGraph *g = random_graph_new(5, 20);
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        Problem reason = {};

        (void) node_string(g->root, 1, "Net");
        g->root->children[0]->freedom = NODE_OMIT; /* an empty name, or the same one */
        node_write(g->root, &(NodeStyle){ .omit = true }, &file);
        /* a name, then ops: all before the end of the root subgraph cannot be whole */
        for (size_t n = 6; n < file.size; n++) {
                XmodelClass class = class_of(slice_of(file.data, n), &reason);

                if (class == XMODEL_TRUNCATED)
                        assert_non_null(strstr(reason.text, "cut short"));
                else /* between the last fields, when all ops and subgraphs are there */
                        assert_true(n > file.size / 2);
        }
        assert_class(slice_of(file.data, 20), XMODEL_TRUNCATED, "after 5 bytes");
}

static int classify_once(void *userdata) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        const Bytes *file = userdata;
        XmodelClass class;

        return classify(bytes_slice(file), &class, &walk, NULL);
}

static void only_memory_is_an_error(void **state) {
        _cleanup_(random_graph_freep) RandomGraph *g = random_graph_new(2, 20);
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);

        node_write(g->root, &(NodeStyle){}, &file);
        assert_true(fail_alloc_sweep(classify_once, &file) > 5);
}

static void every_class_has_a_name(void **state) {
        for (XmodelClass class = XMODEL_QUANTIZED; class <= XMODEL_REFUSED; class ++)
                assert_string_not_equal(xmodel_class_name(class), "unknown");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(graphs_are_told_apart),
                cmocka_unit_test(other_files_are_told_apart),
                cmocka_unit_test(zeros_and_noise_are_no_models),
                cmocka_unit_test(a_cut_file_is_truncated),
                cmocka_unit_test(only_memory_is_an_error),
                cmocka_unit_test(every_class_has_a_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
