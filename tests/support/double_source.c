/*
 * Writes a quantized model of which no layer can be on the DPU
 *
 *      double-source OUT.xmodel
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/support/sample_graph.h"

static int run(const char *path) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(1 << 20);
        _cleanup_(graph_freep) Graph *graph = sample_graph_off_dpu();
        _cleanup_(closep) int fd = -1;
        int r;

        r = graph_write(graph, true, &out, NULL);
        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : file_write_all(fd, out.data, out.size);
}

int main(int argc, char **argv) {
        int r = argc == 2 ? run(argv[1]) : -EINVAL;

        if (r < 0)
                fprintf(stderr, "double-source: %s\n", strerror(-r));
        return r < 0 ? 1 : 0;
}
