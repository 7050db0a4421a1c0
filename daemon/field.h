#pragma once

/*
 * Fields: paths and names off the wire, as strings
 *
 * Bytes have a length and may hold anything. What comes out of here has no NUL inside and is no
 * longer than a path; a path is absolute. New strings; -EINVAL with @problem, -ENOMEM.
 */

#include "base/problem.h"
#include "proto/dpucc.pb-c.h"

int field_text(ProtobufCBinaryData bytes, char **ret, Problem *problem);
int field_path(ProtobufCBinaryData bytes, char **ret, Problem *problem);
/* NULL if it is not there */
int field_optional_path(protobuf_c_boolean has, ProtobufCBinaryData bytes, char **ret,
                        Problem *problem);

/* The text of a Selector, and the same as a path, or NULL. Both are owned by the caller. */
int field_selector(const Dpucc__Wire__Selector *selector, char **ret_text, char **ret_path,
                   Problem *problem);
