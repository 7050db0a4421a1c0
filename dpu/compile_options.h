#pragma once

/*
 * The text after -e/--options
 *
 * vai_c_xir hands it to Python's eval(). Here it is data: a dictionary of quoted keys and plain
 * values (quoted string, integer, true or false in either language's spelling), as scripts write
 * it for that tool. None of the vendor's options changes what this compiler does; those that
 * would have to (other outputs, another target, plugins) are refused instead of ignored.
 */

#include "base/bytes.h"
#include "base/problem.h"

/* @ret_ignored gets the names of options without effect here, ", " between them. -EINVAL with
 * @problem; -ENOMEM, -EFBIG. */
int compile_options_check(const char *text, Bytes *ret_ignored, Problem *problem);
