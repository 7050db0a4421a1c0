/*
 * Makes a compiled graph with DPU code out of one without
 *
 *      double-compiled dpu|cpu FINGERPRINT IN.xmodel OUT.xmodel
 *
 * IN is what `dpucc compile` leaves. With "dpu" each CPU subgraph becomes a DPU subgraph with the
 * attributes that the vendor's runtime looks up; its code is noise, eight bytes of it or as many
 * as DOUBLE_COMPILED_CODE in the environment says. With "cpu" the file is only copied.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "xmodel/graph.h"

#define FILE_MAX ((size_t) 512 * 1024 * 1024)

static int set_pair(Graph *graph, Attrs *attrs, const char *name, const char *key,
                    const Attr *value) {
        AttrPair pair = { .key = key, .value = *value };
        const Attr map = {
                .kind = value->kind == ATTR_STRING ? ATTR_MAP_STRING_STRING : ATTR_MAP_STRING_INT32,
                .pairs = &pair,
                .n = 1,
        };

        return graph_set_attr(graph, attrs, name, &map);
}

/* bytes that no cache can make smaller */
static int set_code(Graph *graph, Attrs *attrs) {
        const char *wanted = getenv("DOUBLE_COMPILED_CODE");
        size_t size = wanted ? strtoul(wanted, NULL, 10) : 8;
        _cleanup_(freep) uint8_t *code = malloc(size ?: 1);
        uint64_t state = 1;

        if (!code)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++) {
                state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
                code[i] = (uint8_t) (state >> 56);
        }
        return graph_set_bytes(graph, attrs, "mc_code", slice_of(code, size));
}

static int make_dpu(Graph *graph, Subgraph *subgraph, uint64_t fingerprint) {
        const Attr data = { .kind = ATTR_STRING, .string = "DATA" };
        const Attr runner = { .kind = ATTR_STRING, .string = "libvart-dpu-runner.so" };
        const Attr size = { .kind = ATTR_INT32, .int32 = 4096 };
        Attrs *attrs = &subgraph->attrs;
        int r;

        r = graph_set_string(graph, attrs, "device", "DPU");
        if (r == 0)
                r = graph_set_string(graph, attrs, "dpu_name", "DPUCZDX8G_ISA1_B1024");
        if (r == 0)
                r = graph_set_uint64(graph, attrs, "dpu_fingerprint", fingerprint);
        if (r == 0)
                r = set_code(graph, attrs);
        if (r == 0)
                r = set_pair(graph, attrs, "reg_id_to_context_type", "REG_0", &data);
        if (r == 0)
                r = set_pair(graph, attrs, "reg_id_to_size", "REG_0", &size);
        return r < 0 ? r : set_pair(graph, attrs, "runner", "run", &runner);
}

static int convert(Graph *graph, uint64_t fingerprint) {
        const Attr *device;
        int r = 0;

        for (size_t i = 0; r == 0 && i < graph->root->n_children; i++) {
                device = attrs_find(&graph->root->children[i]->attrs, "device");
                if (device && strcmp(device->string, "CPU") == 0)
                        r = make_dpu(graph, graph->root->children[i], fingerprint);
        }
        return r;
}

static int run(char **argv, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes in = BYTES_INIT(FILE_MAX), out = BYTES_INIT(FILE_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        r = file_read(AT_FDCWD, argv[3], &in);
        if (r == 0)
                r = graph_read(&graph, bytes_slice(&in), problem);
        if (r == 0 && strcmp(argv[1], "dpu") == 0)
                r = convert(graph, strtoull(argv[2], NULL, 16));
        if (r == 0)
                r = graph_write(graph, true, &out, problem);
        if (r < 0)
                return r;
        fd = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : file_write_all(fd, out.data, out.size);
}

int main(int argc, char **argv) {
        Problem problem = {};
        int r = argc == 5 ? run(argv, &problem) : -EINVAL;

        if (r < 0)
                fprintf(stderr, "double-compiled: %s: %s\n", strerror(-r), problem.text);
        return r < 0 ? 1 : 0;
}
