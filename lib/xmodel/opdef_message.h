#pragma once

/* Op definitions as protobuf-c messages. Private to the graph writer. */

#include "xmodel/graph.h"
#include "xmodel/opdef.h"
#include "xmodel/xir.pb-c.h"

/* All built-in definitions, ascending by type, then one for each custom type that @graph uses.
 * Made in @arena, with pointers into @defs and @graph. -ENOMEM. */
int opdef_to_messages(Arena *arena, OpDefs *defs, const Graph *graph, SerialV2__OpDef ***ret,
                      size_t *ret_n);
