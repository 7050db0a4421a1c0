#pragma once

/*
 * Records as the wire's Artifacts. What cannot be copied for want of memory is left out: it is for
 * people.
 */

#include "base/digest.h"
#include "cache/record.h"
#include "proto/dpucc.pb-c.h"

/* an Artifact and the strings behind it; it points into itself and must not be copied */
typedef struct ArtifactMessage {
        Dpucc__Wire__Artifact artifact;
        char key[DIGEST_HEX];
        char *net_name;
        char *target;
        char *toolchain;
        char *source_path;
        char *adopted_path;
        char *compiler;
} ArtifactMessage;

void artifact_message_fill(const Record *record, ArtifactMessage *ret);
void artifact_message_deinit(ArtifactMessage *m);
