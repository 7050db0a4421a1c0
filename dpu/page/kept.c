#include "dpu/page/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "dpu/model_report.h"

int kept_load(const char *path, Kept *ret, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(JSON_TEXT_MAX);
        json_object *document, *version;
        int r;

        r = file_read(AT_FDCWD, path, &text);
        if (r < 0)
                return problem_set(problem, r, "%s: %s", path, strerror(-r));
        r = json_parse(bytes_slice(&text), &document, problem);
        if (r < 0)
                return problem_prefix(problem, r, "%s", path);
        if (!json_object_is_type(document, json_type_object) ||
            !json_object_object_get_ex(document, "report", &version) ||
            json_object_get_int(version) != MODEL_REPORT_VERSION) {
                (void) json_object_put(document);
                return problem_set(problem, -EBADMSG, "%s: no report of version %d", path,
                                   MODEL_REPORT_VERSION);
        }
        ret->document = document;
        return 0;
}

void kept_deinit(Kept *kept) {
        (void) json_object_put(kept->document);
        kept->document = NULL;
}

static const char *kept_member(json_object *object, const char *key) {
        json_object *value;

        if (!json_object_is_type(object, json_type_object) ||
            !json_object_object_get_ex(object, key, &value) ||
            !json_object_is_type(value, json_type_string))
                return NULL;
        return json_object_get_string(value);
}

const char *kept_string(const Kept *kept, const char *member) {
        return kept_member(kept->document, member);
}

void kept_read_layers(const Kept *kept, const Graph *graph, KeptLayer *ret) {
        json_object *list;

        if (!kept->document || !json_object_object_get_ex(kept->document, "off_dpu", &list) ||
            !json_object_is_type(list, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                json_object *item = json_object_array_get_idx(list, i);
                const char *name = kept_member(item, "op");
                const Op *op = name ? graph_find_op(graph, name) : NULL;

                if (op)
                        ret[op->index] = (KeptLayer){
                                .reason = kept_member(item, "reason"),
                                .reason_from = kept_member(item, "reason_from"),
                                .source = kept_member(item, "source_op"),
                                .source_type = kept_member(item, "source_type"),
                        };
        }
}
