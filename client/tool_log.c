#include "client/tool_log.h"

#include <string.h>

#include "base/cleanup.h"

#define TOOL_LOG_LINE_MAX ((size_t) 256 * 1024 * 1024) /* of a log without line ends */
#define TOOL_LOG_MARK     " saved to \""

static const uint8_t *tool_log_find(Slice line, const char *text) {
        return line.size > 0 ? memmem(line.data, line.size, text, strlen(text)) : NULL;
}

/* Vitis AI 1.3 to 3.5: meta json, compiled xmodel, md5sum, in that order */
static const uint8_t *tool_log_saved_path(Slice line) {
        const uint8_t *mark;

        if (!tool_log_find(line, "The meta json") && !tool_log_find(line, "The compiled xmodel"))
                return NULL;
        mark = tool_log_find(line, TOOL_LOG_MARK);
        return mark ? mark + strlen(TOOL_LOG_MARK) : NULL;
}

int tool_log_render(Slice line, const char *output_dir, Bytes *ret) {
        const uint8_t *end = line.data + line.size, *path = tool_log_saved_path(line);
        const uint8_t *quote = path ? memrchr(path, '"', (size_t) (end - path)) : NULL;
        const uint8_t *slash = quote ? memrchr(path, '/', (size_t) (quote - path)) : NULL;
        size_t n;
        int r;

        if (!quote)
                return bytes_append(ret, line.data, line.size);
        n = strlen(output_dir);
        r = bytes_append(ret, line.data, (size_t) (path - line.data));
        if (r == 0)
                r = bytes_append_string(ret, output_dir);
        if (r == 0 && (n == 0 || output_dir[n - 1] != '/'))
                r = bytes_append_string(ret, "/");
        if (slash)
                path = slash + 1;
        return r < 0 ? r : bytes_append(ret, path, (size_t) (end - path));
}

bool tool_log_is_saved(Slice line) {
        return tool_log_saved_path(line) != NULL;
}

/* UniLog is glog on stderr: its own prefix, glog's, or a failed check's */
bool tool_log_is_error(Slice line) {
        return tool_log_find(line, "[UNILOG]") || tool_log_find(line, "*** Check failure stack");
}

static int tool_log_print(Slice line, const char *output_dir, ToolLogFn print, void *userdata) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TOOL_LOG_LINE_MAX);
        int r;

        if (!output_dir && tool_log_is_saved(line))
                return 0;
        r = tool_log_render(line, output_dir, &text);
        if (r == 0)
                r = bytes_append_string(&text, "\n");
        if (r == 0)
                print(bytes_slice(&text), tool_log_is_error(line), userdata);
        return r;
}

int tool_log_each(Slice log, const char *output_dir, ToolLogFn print, void *userdata) {
        int r = 0;

        while (r == 0 && log.size > 0) {
                const uint8_t *end = memchr(log.data, '\n', log.size);
                size_t n = end ? (size_t) (end - log.data) : log.size, whole = n + (end != NULL);

                r = tool_log_print(slice_of(log.data, n), output_dir, print, userdata);
                log = slice_of(log.data + whole, log.size - whole);
        }
        return r;
}
