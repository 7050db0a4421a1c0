#pragma once

/* Tensors as members of a JSON object: "tensor", "shape", "type" ("XINT8"). */

#include "base/json_writer.h"
#include "xmodel/graph.h"

void tensor_json_members(const Tensor *tensor, JsonWriter *w);
