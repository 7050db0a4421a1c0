/*
 * Makes what the vendor's compiler could have made of a quantized model
 *
 *      double-compiled dpu|cpu FINGERPRINT IN.xmodel OUT.xmodel
 *
 * IN is the quantized model. The open compiler puts all of it on the CPU; with "dpu" each CPU
 * subgraph then becomes a DPU subgraph with the attributes that the vendor's runtime looks up; its
 * code is noise, eight bytes of it or as many as DOUBLE_COMPILED_CODE in the environment says.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "dpu/compiler/compiler.h"
#include "dpu/model.h"

#define FILE_MAX           ((size_t) 512 * 1024 * 1024)
#define DOUBLE_FINGERPRINT UINT64_C(0x101000056010402) /* without DPU code, all are alike */

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

static int compile(const char *path, Compilation **ret, Problem *problem) {
        CompilerSpec spec = { .fingerprint = DOUBLE_FINGERPRINT,
                              .compiler = "double",
                              .last = COMPILER_EMIT,
                              .all_refused = "a double of a compiler has no reasons" };
        _cleanup_(graph_freep) Graph *source = NULL;
        int r;

        r = model_load_source(path, &source, &spec.source_md5, problem);
        if (r < 0)
                return r;
        spec.source = source;
        return compiler_run(&spec, ret, problem);
}

static int run(char **argv, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(FILE_MAX);
        _cleanup_(compilation_freep) Compilation *compilation = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        r = compile(argv[3], &compilation, problem);
        if (r == 0 && strcmp(argv[1], "dpu") == 0)
                r = convert(compilation->graph, strtoull(argv[2], NULL, 16));
        if (r == 0)
                r = graph_write(compilation->graph, true, &out, problem);
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
