#include "daemon/publication.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "daemon/limits.h"
#include "daemon/salvage.h"

#define PUBLICATION_PROVENANCE_MAX 8

static Record publication_draft(const Publication *publication,
                                KeyField provenance[static PUBLICATION_PROVENANCE_MAX]) {
        const Order *order = publication->order;
        const Diagnosis *diagnosis = publication->diagnosis;
        bool failed = diagnosis->result.outcome == JOB_FAILED;
        Record draft = {
                .kind = failed ? RECORD_FAILURE : RECORD_SUCCESS,
                .key = order->key,
                .snapshot_sha256 = publication->snapshot_sha256,
                .snapshot_size = publication->snapshot_size,
                .toolchain = toolchain_name(order->toolchain),
                .provenance = provenance,
                .build_ms = diagnosis->elapsed_ms,
                .peak_memory = diagnosis->peak_memory,
                .check_version = PUBLICATION_CHECK_VERSION,
                .failure_class = failed ? diagnosis->result.failure_class : NULL,
                .failure = failed ? diagnosis->result.diagnosis.text : NULL,
        };

        draft.transcript = key_fields(order->fields, &draft.n_transcript);
        provenance[draft.n_provenance++] = (KeyField){
                .tag = "net_name",
                .value = slice_of_string(order->net_name),
        };
        provenance[draft.n_provenance++] = (KeyField){
                .tag = "source",
                .value = slice_of_string(order->source_path),
        };
        if (order->target_name)
                provenance[draft.n_provenance++] = (KeyField){
                        .tag = "target",
                        .value = slice_of_string(order->target_name),
                };
        if (order_adopts(order))
                provenance[draft.n_provenance++] = (KeyField){
                        .tag = ARTIFACT_ADOPTED_TAG,
                        .value = slice_of_string(order->adopt_path),
                };
        if (diagnosis->report.compiler)
                provenance[draft.n_provenance++] = (KeyField){
                        .tag = "compiler",
                        .value = slice_of_string(diagnosis->report.compiler),
                };
        if (diagnosis->cpu_ops)
                provenance[draft.n_provenance++] = (KeyField){
                        .tag = LIMITS_CPU_OPS_TAG,
                        .value = slice_of_string(diagnosis->cpu_ops),
                };
        if (!failed)
                draft.facts = (RecordFacts){
                        .has_fingerprint = diagnosis->report.has_fingerprint,
                        .fingerprint = diagnosis->report.fingerprint,
                        .dpu_subgraphs = diagnosis->report.dpu_subgraphs,
                        .cpu_subgraphs = diagnosis->report.cpu_subgraphs,
                        .no_dpu_code = diagnosis->report.dpu_subgraphs == 0,
                        .proved_in_simulator = diagnosis->report.verified,
                };
        return draft;
}

bool publication_is_checked(const Record *record) {
        return record->kind == RECORD_FAILURE || record->check_version >= PUBLICATION_CHECK_VERSION;
}

#define PUBLICATION_FILES_MAX 4

typedef struct PublicationFiles {
        CacheFile files[PUBLICATION_FILES_MAX];
        size_t n;
} PublicationFiles;

static void publication_files_cleanup(PublicationFiles *files) {
        for (size_t i = 0; i < files->n; i++)
                closep(&files->files[i].fd);
}

static int publication_files_open(PublicationFiles *files, int dir_fd, RecordRole role,
                                  const char *name) {
        int fd = file_open_plain_regular(dir_fd, name);

        if (fd < 0)
                return fd;
        files->files[files->n++] = (CacheFile){ .role = role, .mode = 0644, .fd = fd };
        return 0;
}

static int publication_collect(const Publication *publication, PublicationFiles *files) {
        const Diagnosis *diagnosis = publication->diagnosis;
        int r = 0;

        files->files[files->n++] = (CacheFile){
                .role = RECORD_ROLE_LOG,
                .mode = 0644,
                .fd = -1,
                .data = bytes_slice(&diagnosis->log),
        };
        if (diagnosis->result.outcome == JOB_FAILED)
                return 0;

        r = publication_files_open(files, publication->dir_fd, RECORD_ROLE_XMODEL,
                                   PUBLICATION_XMODEL);
        if (r == 0)
                r = publication_files_open(files, publication->dir_fd, RECORD_ROLE_META,
                                           PUBLICATION_META);
        if (r < 0)
                return r;
        return publication_files_open(files, publication->dir_fd, RECORD_ROLE_REPORT,
                                      PUBLICATION_REPORT);
}

int publication_store(const Publication *publication, Cache *cache) {
        _cleanup_(publication_files_cleanup) PublicationFiles files = {};
        _cleanup_(record_freep) Record *record = NULL;
        KeyField provenance[PUBLICATION_PROVENANCE_MAX];
        Record draft;
        int r;

        r = publication_collect(publication, &files);
        if (r < 0)
                return r;
        draft = publication_draft(publication, provenance);
        return cache_publish(cache, &draft, files.files, files.n, &record);
}

static void publication_learn(const Order *order, uint64_t build_ms, uint64_t peak_memory,
                              State *state) {
        const Cost cost = {
                .build_ms = build_ms,
                .peak_memory = peak_memory,
                .size = order->size,
        };

        (void) costs_learn(state, order->source_path, order->unit_target,
                           toolchain_name(order->toolchain), &cost);
}

/* How long a failure took says little about the next compile. */
void publication_learn_memory(const Diagnosis *diagnosis, State *state) {
        uint64_t peak = diagnosis->peak_memory;

        if (peak > 0)
                publication_learn(diagnosis->order, 0, peak + peak / 2, state);
}

void publication_remember(const Publication *publication, State *state) {
        const Order *order = publication->order;
        const Diagnosis *diagnosis = publication->diagnosis;
        const StateBuild build = {
                .ended_ns = clock_real_ns(),
                .build_ms = diagnosis->elapsed_ms,
                .source = order->source_path,
                .net_name = order->net_name,
                .target = order->target_name,
                .toolchain = toolchain_name(order->toolchain),
                .key = order->key,
                .outcome = (int) diagnosis->result.outcome,
                .detail = diagnosis->result.diagnosis.text[0] ? diagnosis->result.diagnosis.text
                                                              : NULL,
        };

        (void) state_add_build(state, &build);
        if (diagnosis->result.outcome == JOB_MADE && !order_adopts(order))
                publication_learn(order, diagnosis->elapsed_ms ?: 1, diagnosis->peak_memory, state);
}

int publication_salvage(Diagnosis *diagnosis, JobDir **dir, const Cache *cache, int error) {
        JobResult *result = &diagnosis->result;

        (void) problem_set(&result->diagnosis, error,
                           "caching is off: %s: %s; what is compiled can be had until the daemon "
                           "ends, and each compile tries again to keep it",
                           cache_directory(cache), strerror(-error));
        if (salvage_new(&result->salvage, dir, bytes_slice(&diagnosis->log)) == 0) {
                result->outcome = JOB_UNSTORED;
                return 0;
        }
        result->outcome = JOB_TRANSIENT;
        return error;
}
