#pragma once

/*
 * The log of a compiler, printed as vai_c_xir would have printed it
 *
 * A compile runs in a directory of ours, once for many; its log names that directory where the
 * tool tells what it saved. Those lines name the caller's directory again, the way the tool does:
 * the working directory, a slash, and what was given as --output_dir. Like the tool, lines of its
 * log library go to stderr and all others to stdout, in their order.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "base/slice.h"

/* @line (without its end) as the tool would print it, for the absolute @output_dir. -EFBIG,
 * -ENOMEM. */
int tool_log_render(Slice line, const char *output_dir, Bytes *ret);

/* Does the tool write this line to stderr? */
bool tool_log_is_error(Slice line);

/* Does it say that a file was saved? */
bool tool_log_is_saved(Slice line);

/* Calls @print for each line of @log, rendered, with its end. @output_dir NULL: nothing was saved
 * after all, so no line says so. Returns 0, or the first error. */
typedef void (*ToolLogFn)(Slice line, bool to_stderr, void *userdata);
int tool_log_each(Slice log, const char *output_dir, ToolLogFn print, void *userdata);
