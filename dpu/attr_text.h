#pragma once

/* Attribute values in writing, for people and as JSON. Binary data is told by its size. */

#include "base/bytes.h"
#include "base/json_writer.h"
#include "xmodel/attrs.h"

#define ATTR_TEXT_ELEMENTS 16 /* of a list or map are written out for people; then "..." */

/* "[2, 2]", "{REG_0: 4096}", "'FLOOR'", "1024 bytes". Appends; not escaped. -ENOMEM, -EFBIG. */
int attr_text(const Attr *attr, Bytes *ret);

/* An array: {"name": "stride", "kind": "int32_vec", "value": [2, 2]}, for bytes
 * {"name": "data", "kind": "bytes", "size": 1024}. */
void attr_text_json(const Attrs *attrs, JsonWriter *w, const char *key);
