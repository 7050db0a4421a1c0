#include "daemon/field.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool field_is_string(ProtobufCBinaryData bytes) {
        return bytes.len > 0 && bytes.len < PATH_MAX && !memchr(bytes.data, '\0', bytes.len);
}

static int field_dup(ProtobufCBinaryData bytes, char **ret) {
        char *string = strndup((const char *) bytes.data, bytes.len);

        if (!string)
                return -ENOMEM;
        *ret = string;
        return 0;
}

int field_text(ProtobufCBinaryData bytes, char **ret, Problem *problem) {
        if (!field_is_string(bytes))
                return problem_set(problem, -EINVAL,
                                   "what is asked for is empty, too long, or "
                                   "holds a NUL");
        return field_dup(bytes, ret);
}

int field_path(ProtobufCBinaryData bytes, char **ret, Problem *problem) {
        if (!field_is_string(bytes) || bytes.data[0] != '/')
                return problem_set(problem, -EINVAL,
                                   "a path in the request is not absolute, too "
                                   "long, or holds a NUL");
        return field_dup(bytes, ret);
}

int field_optional_path(protobuf_c_boolean has, ProtobufCBinaryData bytes, char **ret,
                        Problem *problem) {
        if (!has) {
                *ret = NULL;
                return 0;
        }
        return field_path(bytes, ret, problem);
}

int field_selector(const Dpucc__Wire__Selector *selector, char **ret_text, char **ret_path,
                   Problem *problem) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = field_text(selector->text, &text, problem);
        if (r == 0)
                r = field_optional_path(selector->has_path, selector->path, ret_path, problem);
        if (r < 0)
                return r;
        *ret_text = TAKE_PTR(text);
        return 0;
}
