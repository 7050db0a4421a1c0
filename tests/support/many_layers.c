/*
 * Makes a compiled model of many layers, for trials of pages
 *
 *      many-layers LAYERS OUT.xmodel [NAME]...
 *
 * Blocks with a line around them, every fifth block with one to a block far below, as in a network for
 * segmentation; the first layer is the application's, every 40th is on the CPU. Layers are called
 * NAME, if there are any left, then "layerN".
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "xmodel/graph.h"

#define FILE_MAX   ((size_t) 64 << 20)
#define LAYERS_MAX 100000
#define BLOCK      4

/* 0 the application's, then as long as it stays on one device */
static const char *device_of(size_t i) {
        if (i == 0)
                return "USER";
        return i % 40 == 0 ? "CPU" : "DPU";
}

static const char *type_of(size_t i) {
        if (i == 0)
                return "data-fix";
        if (i % 40 == 0)
                return "fancy";
        if (i % BLOCK == 0)
                return "eltwise-fix";
        return i % BLOCK == 2 ? "pool-fix" : "conv2d-fix";
}

static int add_layer(Graph *graph, size_t i, size_t n, const char *name) {
        static const int32_t dims[] = { 1, 32, 32, 16 }, kernel[] = { 3, 3 };
        Op **ops = graph->ops;
        Op *op;
        int r;

        r = graph_add_op(graph, name, type_of(i), &op);
        if (r == 0)
                r = graph_set_tensor(graph, op, name, DATA_TYPE_XINT, 8, dims, 4);
        if (r == 0)
                r = graph_set_int32(graph, &op->tensor.attrs, "fix_point", 5);
        if (r == 0 && i % BLOCK == 1)
                r = graph_set_int32s(graph, &op->attrs, "kernel", kernel, 2);
        ops = graph->ops;
        if (r == 0 && i > 0)
                r = graph_add_arg(graph, op, "input", ops[i - 1]);
        if (r == 0 && i % BLOCK == 0 && i >= BLOCK)
                r = graph_add_arg(graph, op, "input", ops[i - BLOCK]);
        if (r == 0 && i > n / 2 && (n - i) % (BLOCK * 5) == 0)
                r = graph_add_arg(graph, op, "input", ops[n - i]);
        return r;
}

/* one subgraph for each run of layers on one device */
static int add_subgraphs(Graph *graph) {
        Subgraph *subgraph = NULL;
        const char *last = "";
        int r = 0;

        for (size_t i = 0; i < graph->n_ops && r == 0; i++) {
                char name[32];

                if (strcmp(device_of(i), last) != 0) {
                        (void) snprintf(name, sizeof(name), "subgraph%zu", i);
                        r = graph_add_subgraph(graph, graph->root, name, &subgraph);
                        if (r == 0)
                                r = graph_set_string(graph, &subgraph->attrs, "device",
                                                     device_of(i));
                        last = device_of(i);
                }
                if (r == 0)
                        r = graph_assign(graph, subgraph, graph->ops[i]);
        }
        return r;
}

static int make(size_t n, char **names, size_t n_names, Graph **ret) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        int r;

        r = graph_new(&graph, "many");
        for (size_t i = 0; i < n && r == 0; i++) {
                char name[64];

                (void) snprintf(name, sizeof(name), "Many__Sequential_block_%zu__layer%zu",
                                i / BLOCK, i);
                r = add_layer(graph, i, n, i < n_names ? names[i] : name);
        }
        if (r == 0)
                r = add_subgraphs(graph);
        if (r == 0)
                *ret = TAKE_PTR(graph);
        return r;
}

static int write_file(const char *path, const Bytes *bytes) {
        _cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        return fd < 0 ? error_from_errno() : file_write_all(fd, bytes->data, bytes->size);
}

int main(int argc, char **argv) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(FILE_MAX);
        Problem problem = { "" };
        unsigned long n = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
        int r;

        if (n == 0 || n > LAYERS_MAX) {
                (void) fprintf(stderr, "usage: many-layers LAYERS OUT.xmodel [NAME]...\n");
                return 2;
        }
        r = make(n, argv + 3, (size_t) argc - 3, &graph);
        if (r == 0)
                r = graph_write(graph, true, &bytes, &problem);
        if (r == 0)
                r = write_file(argv[2], &bytes);
        if (r < 0)
                (void) fprintf(stderr, "many-layers: %s %s\n", strerror(-r), problem.text);
        return r < 0 ? 1 : 0;
}
