#include "daemon/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

/* --- text ------------------------------------------------------------------------------------- */

static int artifact_append_json(Bytes *out, const char *text) {
        int r = 0;

        for (const char *p = text; r == 0 && *p; p++) {
                if (*p == '"' || *p == '\\')
                        r = bytes_append(out, "\\", 1);
                if (r == 0)
                        r = bytes_append(out, p, 1);
        }
        return r;
}

/* Copies @text with every @from replaced; @json: what replaces it is escaped. */
static int artifact_replace(Slice text, const char *from, const char *to, bool json, Bytes *ret) {
        size_t n = strlen(from), done = 0;
        int r = 0;

        while (r == 0 && done < text.size) {
                const uint8_t *start = text.data + done;
                const uint8_t *hit = memmem(start, text.size - done, from, n);
                size_t before = hit ? (size_t) (hit - start) : text.size - done;

                r = bytes_append(ret, start, before);
                done += before;
                if (!hit || r < 0)
                        break;
                r = json ? artifact_append_json(ret, to) : bytes_append_string(ret, to);
                done += n;
        }
        return r;
}

int artifact_render(Slice text, const char *net_name, bool json, Bytes *ret) {
        return artifact_replace(text, ARTIFACT_NET_NAME, net_name, json, ret);
}

int artifact_clean_log(Slice log, const char *job_path, Bytes *ret) {
        return artifact_replace(log, job_path, ".", false, ret);
}

/* --- what a compiler left --------------------------------------------------------------------- */

/* It may have left anything under a name, a link to a file of the user's as well. */
static int artifact_explain_open(const char *name, int r, Problem *problem) {
        if (r == -ENOENT)
                return problem_set(problem, -EBADMSG, "the compiler wrote no %s", name);
        if (r == -EINVAL || r == -EISDIR || r == -ELOOP || r == -ENXIO)
                return problem_set(problem, -EBADMSG, "what the compiler wrote as %s is no file",
                                   name);
        return r;
}

static int artifact_read_required(int fd, const char *name, Bytes *ret, Problem *problem) {
        int r;

        r = file_read_plain(fd, name, ret);
        if (r == -EFBIG)
                return problem_set(problem, -EBADMSG,
                                   "what the compiler wrote as %s is no file of a sensible size",
                                   name);
        return artifact_explain_open(name, r, problem);
}

static int artifact_check_md5(int fd, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes sum = BYTES_INIT(4096);
        _cleanup_(closep) int xmodel = -1;
        char hex[MD5_HEX];
        uint64_t size;
        Md5 md5;
        int r;

        xmodel = file_open_plain_regular(fd, ARTIFACT_NET_NAME ".xmodel");
        if (xmodel < 0)
                return artifact_explain_open(".xmodel", xmodel, problem);
        r = digest_fd(xmodel, NULL, NULL, &md5, &size);
        if (r < 0)
                return r;
        if (size == 0)
                return problem_set(problem, -EBADMSG, "the compiler wrote an empty .xmodel");

        r = artifact_read_required(fd, "md5sum.txt", &sum, problem);
        if (r < 0)
                return r;
        md5_to_hex(&md5, hex);
        if (sum.size < MD5_HEX - 1 || memcmp(sum.data, hex, MD5_HEX - 1) != 0)
                return problem_set(problem, -EBADMSG,
                                   "md5sum.txt does not match the .xmodel beside it");
        return 0;
}

static int artifact_check_report(int fd, Problem *problem) {
        struct stat st;
        int r = 0;

        if (fstatat(fd, "report.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
                r = error_from_errno();
        else if (!S_ISREG(st.st_mode))
                r = -EINVAL;
        return artifact_explain_open("report.json", r, problem);
}

int artifact_check_files(int fd, bool report_required, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes meta = BYTES_INIT(ARTIFACT_META_MAX);
        int r;

        r = artifact_check_md5(fd, problem);
        if (r < 0)
                return r;
        r = artifact_read_required(fd, "meta.json", &meta, problem);
        if (r < 0)
                return r;
        return report_required ? artifact_check_report(fd, problem) : 0;
}

/* --- views ------------------------------------------------------------------------------------ */

static int artifact_read_object(Cache *cache, const RecordObject *object, Bytes *ret) {
        _cleanup_(closep) int fd = -1;
        int r;

        r = cache_open_object(cache, object, &fd);
        if (r != 0)
                return r < 0 ? r : -EIO;
        return file_read_fd(fd, ret);
}

typedef struct ViewDraft {
        ViewFile files[VIEW_FILES_MAX];
        size_t n;
        char xmodel_name[NAME_MAX + 16];
        char md5sum[ARTIFACT_MD5SUM_SIZE + 1];
        const RecordObject *meta, *log;
        Bytes rendered_meta, rendered_log;
} ViewDraft;

static void view_draft_cleanup(ViewDraft *draft) {
        bytes_deinit(&draft->rendered_meta);
        bytes_deinit(&draft->rendered_log);
}

static void view_draft_add(ViewDraft *draft, ViewFile file) {
        draft->files[draft->n++] = file;
}

/* All but what is rendered from objects, which in most cases is right already. */
static void view_draft_fill(ViewDraft *draft, const Record *record, const char *net_name) {
        const RecordObject *xmodel = record_object(record, RECORD_ROLE_XMODEL);
        const RecordObject *report = record_object(record, RECORD_ROLE_REPORT);
        ViewFile file = {};
        char hex[MD5_HEX];

        draft->meta = record_object(record, RECORD_ROLE_META);
        draft->log = record_object(record, RECORD_ROLE_LOG);
        if (draft->meta) {
                file = (ViewFile){ .name = "meta.json", .rendered_from = &draft->meta->digest };
                view_draft_add(draft, file);
        }
        if (draft->log) {
                file = (ViewFile){ .name = "compile.log", .rendered_from = &draft->log->digest };
                view_draft_add(draft, file);
        }
        if (xmodel) {
                (void) snprintf(draft->xmodel_name, sizeof(draft->xmodel_name), "%s.xmodel",
                                net_name);
                file = (ViewFile){ .name = draft->xmodel_name, .object = &xmodel->digest };
                view_draft_add(draft, file);
                md5_to_hex(&xmodel->md5, hex);
                (void) snprintf(draft->md5sum, sizeof(draft->md5sum), "%s\n", hex);
                file = (ViewFile){ .name = "md5sum.txt", .data = slice_of_string(draft->md5sum) };
                view_draft_add(draft, file);
        }
        if (report) {
                file = (ViewFile){ .name = "report.json", .object = &report->digest };
                view_draft_add(draft, file);
        }
}

static int view_draft_render_one(Cache *cache, const RecordObject *object, const char *net_name,
                                 Bytes *rendered, ViewFile *file) {
        _cleanup_(bytes_cleanup) Bytes raw = BYTES_INIT(rendered->max);
        int r;

        r = artifact_read_object(cache, object, &raw);
        if (r == 0)
                r = artifact_render(bytes_slice(&raw), net_name, object->role == RECORD_ROLE_META,
                                    rendered);
        if (r == 0)
                file->data = bytes_slice(rendered);
        return r;
}

static int view_draft_render(ViewDraft *draft, Cache *cache, const char *net_name) {
        size_t i = 0;
        int r = 0;

        if (draft->meta)
                r = view_draft_render_one(cache, draft->meta, net_name, &draft->rendered_meta,
                                          &draft->files[i++]);
        if (r == 0 && draft->log)
                r = view_draft_render_one(cache, draft->log, net_name, &draft->rendered_log,
                                          &draft->files[i]);
        return r;
}

const char *artifact_warning(const Record *record) {
        Slice compiler = record_provenance(record, "compiler");

        if (record->kind != RECORD_SUCCESS || record->facts.no_dpu_code || compiler.size < 6 ||
            memcmp(compiler.data, "dpucc ", 6) != 0)
                return NULL;
        return record->facts.proved_in_simulator
                       ? "the DPU code is the open compiler's: verified in the simulator, run on "
                         "no "
                         "board"
                       : "the DPU code is the open compiler's, and is not verified";
}

int artifact_view(Cache *cache, const Record *record, const char *net_name, char **ret) {
        _cleanup_(view_draft_cleanup) ViewDraft draft = {
                .rendered_meta = BYTES_INIT(ARTIFACT_META_MAX + 64 * 1024),
                .rendered_log = BYTES_INIT(ARTIFACT_LOG_MAX + 64 * 1024),
        };
        _cleanup_(freep) char *directory = NULL, *path = NULL;
        int r;

        view_draft_fill(&draft, record, net_name);
        r = cache_view_again(cache, &record->key, net_name, draft.files, draft.n, &directory);
        if (r == CACHE_MISS) {
                r = view_draft_render(&draft, cache, net_name);
                if (r == 0)
                        r = cache_view(cache, &record->key, net_name, draft.files, draft.n,
                                       &directory);
        }
        if (r < 0)
                return r;

        path = draft.xmodel_name[0] ? path_join(directory, draft.xmodel_name) : TAKE_PTR(directory);
        if (!path)
                return -ENOMEM;
        *ret = TAKE_PTR(path);
        return 0;
}
