#include "dpu/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "dpu/where.h"
#include "xmodel/fingerprint.h"
#include "xmodel/walk.h"

#define ARTIFACT_META_MAX ((size_t) 16 << 20)
#define ARTIFACT_NAME_MAX 512 /* of one file */

/* "kernel" is the list of DPU subgraphs, or "" when there are none */
static int artifact_meta(const ArtifactSpec *spec, const char *file_name, Bytes *ret) {
        JsonWriter w = json_writer_begin(ret, JSON_WRITER_PRETTY);
        const Subgraph *root = spec->graph->root;
        FingerprintInfo info;
        size_t n_dpu = 0;
        int r;

        r = fingerprint_decode(spec->fingerprint, &info, NULL);
        if (r < 0)
                return r;
        for (size_t i = 0; i < root->n_children; i++)
                n_dpu += where_runs_on(root->children[i], "DPU");

        json_writer_object(&w, NULL);
        json_writer_string(&w, "lib", "libvart-dpu-runner.so");
        json_writer_string(&w, "filename", file_name);
        if (n_dpu == 0) {
                json_writer_string(&w, "kernel", "");
        } else {
                json_writer_array(&w, "kernel");
                for (size_t i = 0; i < root->n_children; i++)
                        if (where_runs_on(root->children[i], "DPU"))
                                json_writer_string(&w, NULL, root->children[i]->name);
                json_writer_end(&w);
        }
        json_writer_string(&w, "target", info.name);
        json_writer_end(&w);
        return json_writer_finish(&w);
}

static int artifact_md5(const Bytes *bytes, Md5 *ret) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        int r;

        r = hasher_new(&hasher, HASHER_MD5);
        if (r < 0)
                return r;
        r = hasher_update(hasher, bytes->data, bytes->size);
        if (r < 0)
                return r;
        return hasher_md5(hasher, ret);
}

static int artifact_file(int dirfd, const ArtifactSpec *spec, const char *name, const Bytes *bytes,
                         Problem *problem) {
        int r;

        r = file_write_durable(dirfd, name, bytes->data, bytes->size, 0666);
        if (r < 0)
                return problem_set(problem, r, "%s/%s: %s", spec->output_dir, name, strerror(-r));
        return 0;
}

/* everything beside the model */
static int artifact_companions(int dirfd, const ArtifactSpec *spec, const char *file_name,
                               const Bytes *xmodel, const Md5 *md5, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes meta = BYTES_INIT(ARTIFACT_META_MAX);
        _cleanup_(bytes_cleanup) Bytes sum = BYTES_INIT(MD5_HEX + 1);
        _cleanup_(bytes_cleanup) Bytes report = BYTES_INIT(MODEL_REPORT_MAX);
        const ModelReportSpec about = { .graph = spec->graph,
                                        .fingerprint = spec->fingerprint,
                                        .file_size = xmodel->size,
                                        .proof = spec->proof };
        char hex[MD5_HEX];
        int r;

        r = artifact_meta(spec, file_name, &meta);
        if (r < 0)
                return r;
        md5_to_hex(md5, hex);
        r = bytes_printf(&sum, "%s\n", hex);
        if (r < 0)
                return r;
        r = model_report_write(&about, &report);
        if (r < 0)
                return r;

        r = artifact_file(dirfd, spec, "meta.json", &meta, problem);
        if (r < 0)
                return r;
        r = artifact_file(dirfd, spec, "md5sum.txt", &sum, problem);
        if (r < 0)
                return r;
        return artifact_file(dirfd, spec, "report.json", &report, problem);
}

/* "NET.xmodel" as a new string */
static int artifact_file_name(const ArtifactSpec *spec, char **ret) {
        _cleanup_(bytes_cleanup) Bytes name = BYTES_INIT(ARTIFACT_NAME_MAX);
        int r;

        r = bytes_printf(&name, "%s.xmodel", spec->net_name);
        if (r < 0)
                return r;
        *ret = bytes_take_string(&name);
        return *ret ? 0 : -ENOMEM;
}

int artifact_write_companions(const ArtifactSpec *spec, const Bytes *xmodel, Md5 *ret_md5,
                              Problem *problem) {
        _cleanup_(freep) char *file_name = NULL;
        _cleanup_(closep) int dirfd = -1;
        Md5 md5;
        int r;

        r = artifact_file_name(spec, &file_name);
        if (r == 0)
                r = artifact_md5(xmodel, &md5);
        if (r < 0)
                return r;
        dirfd = file_make_dirs(AT_FDCWD, spec->output_dir, 0777);
        if (dirfd < 0)
                return problem_set(problem, dirfd, "%s: %s", spec->output_dir, strerror(-dirfd));
        r = artifact_companions(dirfd, spec, file_name, xmodel, &md5, problem);
        if (r == 0)
                *ret_md5 = md5;
        return r;
}

/* The bytes of the model. There are limits for files (xmodel/walk.h), and what a compiler adds to
 * names and ops may reach beyond: what nobody could read is not written. */
static int artifact_model(const ArtifactSpec *spec, Bytes *ret, Problem *problem) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        int r;

        r = graph_write(spec->graph, false, ret, problem);
        if (r < 0)
                return r;
        r = walk_new(&walk, bytes_slice(ret), problem);
        return r < 0 ? problem_prefix(problem, r, "the compiled model could not be read") : 0;
}

int artifact_write(const ArtifactSpec *spec, Md5 *ret_md5, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes xmodel = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(freep) char *file_name = NULL;
        _cleanup_(closep) int dirfd = -1;
        Md5 md5;
        int r;

        r = artifact_file_name(spec, &file_name);
        if (r < 0)
                return r;
        r = artifact_model(spec, &xmodel, problem);
        if (r < 0)
                return r;
        r = artifact_md5(&xmodel, &md5);
        if (r < 0)
                return r;

        dirfd = file_make_dirs(AT_FDCWD, spec->output_dir, 0777);
        if (dirfd < 0)
                return problem_set(problem, dirfd, "%s: %s", spec->output_dir, strerror(-dirfd));
        r = artifact_companions(dirfd, spec, file_name, &xmodel, &md5, problem);
        if (r < 0)
                return r;
        r = artifact_file(dirfd, spec, file_name, &xmodel, problem);
        if (r < 0)
                return r;

        *ret_md5 = md5;
        return 0;
}
