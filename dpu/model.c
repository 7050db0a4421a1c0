#include "dpu/model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"

int model_init(Model *model, const char *path, Problem *problem) {
        Model m = { .bytes = BYTES_INIT(WALK_FILE_MAX) };
        int r;

        r = file_read(AT_FDCWD, path, &m.bytes);
        if (r < 0) {
                bytes_deinit(&m.bytes);
                return problem_set(problem, r, "%s: %s", path,
                                   r == -EINVAL ? "not a regular file" : strerror(-r));
        }
        r = classify(bytes_slice(&m.bytes), &m.class, &m.walk, &m.reason);
        if (r < 0) {
                bytes_deinit(&m.bytes);
                return problem_set(problem, r, "%s: %s", path, strerror(-r));
        }

        *model = m;
        return 0;
}

void model_deinit(Model *model) {
        model->walk = walk_free(model->walk);
        bytes_deinit(&model->bytes);
}

int model_md5(const Model *model, Md5 *ret) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        int r;

        r = hasher_new(&hasher, HASHER_MD5);
        if (r < 0)
                return r;
        r = hasher_update(hasher, model->bytes.data, model->bytes.size);
        if (r < 0)
                return r;
        return hasher_md5(hasher, ret);
}

/* The form is written to a file that only exists in memory: canon_write() wants a descriptor,
 * so that the daemon's snapshots never are in memory as a whole. */
int model_form(const Model *model, CanonForm form, Bytes *ret, Md5 *ret_md5) {
        _cleanup_(closep) int fd = -1;
        Digest digest;
        int r;

        fd = memfd_create("dpucc-form", MFD_CLOEXEC);
        if (fd < 0)
                return error_from_errno();
        r = canon_write(model->walk, NULL, form, fd, &digest, NULL, NULL);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_from_errno();
        r = digest_fd(fd, NULL, NULL, ret_md5, NULL);
        if (r < 0)
                return r;
        return ret ? file_read_fd(fd, ret) : 0;
}

int model_graph(const Model *model, Graph **ret, Problem *problem) {
        return graph_read(ret, bytes_slice(&model->bytes), problem);
}

int model_load_source(const char *path, Graph **ret, Md5 *ret_md5, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes form = BYTES_INIT(WALK_FILE_MAX);
        Model model;
        int r;

        r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        if (model.class == XMODEL_QUANTIZED)
                r = model_form(&model, CANON_CANONICAL, &form, ret_md5);
        else
                r = problem_set(problem, -EBADMSG, "%s: %s", path, model.reason.text);
        model_deinit(&model); /* the file's own bytes, before the graph is made */
        if (r < 0)
                return r;

        r = graph_read(ret, bytes_slice(&form), problem);
        return r < 0 ? problem_prefix(problem, r, "%s", path) : 0;
}

int model_load_graph(const char *path, XmodelClass *ret_class, Graph **ret, Problem *problem) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        XmodelClass class;
        Model model;
        int r;

        r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        class = model.class;
        if (model.walk)
                r = model_graph(&model, &graph, problem);
        else
                r = problem_set(problem, -EBADMSG, "%s", model.reason.text);
        model_deinit(&model);
        if (r == 0)
                r = graph_verify(graph, problem);
        if (r < 0)
                return problem_prefix(problem, r, "%s", path);
        graph_count_consumers(graph);

        *ret_class = class;
        *ret = TAKE_PTR(graph);
        return 0;
}
