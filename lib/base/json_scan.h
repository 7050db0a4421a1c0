#pragma once

/*
 * The grammar of RFC 8259, checked before json-c builds the value
 *
 * json-c, even when strict, takes more than JSON (NaN, leading zeros, integers that do not fit,
 * lone surrogates), keeps the last of two equal keys, cuts keys at an escaped NUL, and says
 * only at which byte it stopped. This scan accepts exactly JSON, minus duplicate keys, keys
 * with NUL, integers outside int64 and nesting deeper than JSON_DEPTH_MAX, and names the place
 * of the first offence. It allocates only for the keys of objects that are still open.
 */

#include "base/problem.h"
#include "base/slice.h"

/* 0; -EBADMSG with @problem set to "line L, column C: ..."; -ENOMEM */
int json_scan(Slice text, Problem *problem);
