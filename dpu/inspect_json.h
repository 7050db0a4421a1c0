#pragma once

/* `dpucc inspect --json`: one document per file; the schema is in docs/FORMATS.md, "Inspect". */

#include "base/bytes.h"
#include "dpu/inspection.h"

#define INSPECT_JSON_MAX ((size_t) 256 << 20)

typedef struct InspectJsonSpec {
        const Inspection *inspection;
        bool with_ops;
        const Op *op; /* with everything about it; NULL: none */
} InspectJsonSpec;

int inspect_json_write(const InspectJsonSpec *spec, Bytes *ret); /* -ENOMEM, -EFBIG */
