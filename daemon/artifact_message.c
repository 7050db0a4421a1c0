#include "daemon/artifact_message.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/artifact.h"
#include "daemon/message.h"
#include "daemon/subject.h"

static char *artifact_message_string(Slice slice) {
        return slice.size > 0 ? strndup((const char *) slice.data, slice.size) : NULL;
}

void artifact_message_deinit(ArtifactMessage *m) {
        free(m->net_name);
        free(m->target);
        free(m->toolchain);
        free(m->source_path);
        free(m->adopted_path);
        free(m->compiler);
}

void artifact_message_fill(const Record *record, ArtifactMessage *ret) {
        const RecordObject *xmodel = record_object(record, RECORD_ROLE_XMODEL);
        Dpucc__Wire__Artifact *a = &ret->artifact;

        dpucc__wire__artifact__init(a);
        digest_to_hex(&record->key, ret->key);
        a->key = ret->key;
        a->net_name = ret->net_name =
                artifact_message_string(record_provenance(record, "net_name"));
        a->target = ret->target = subject_target(record);
        a->toolchain = ret->toolchain = strdup(record->toolchain);
        a->has_size = xmodel != NULL;
        a->size = xmodel ? xmodel->size : 0;
        a->has_created_s = true;
        a->created_s = record->created_ns / 1000000000;
        a->has_build_ms = true;
        a->build_ms = record->build_ms;
        a->has_failed = a->has_no_dpu_code = true;
        a->failed = record->kind == RECORD_FAILURE;
        a->no_dpu_code = record->facts.no_dpu_code;
        a->warning = (char *) artifact_warning(record);
        ret->source_path = artifact_message_string(record_provenance(record, "source"));
        a->has_source_path = ret->source_path != NULL;
        a->source_path = message_bytes(ret->source_path);
        ret->adopted_path =
                artifact_message_string(record_provenance(record, ARTIFACT_ADOPTED_TAG));
        a->has_adopted_path = ret->adopted_path != NULL;
        a->adopted_path = message_bytes(ret->adopted_path);
        a->compiler = ret->compiler =
                artifact_message_string(record_provenance(record, "compiler"));
}
