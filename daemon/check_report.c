#include "daemon/check_report.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/json.h"

#define CHECK_REPORT_COMPILER_MAX 900 /* bytes; more components are left out */

static inline void check_report_putp(json_object **document) {
        json_object_put(*document);
}

static int check_report_count(const JsonPlace *root, const char *key, uint32_t *ret,
                              Problem *problem) {
        JsonPlace place;
        int64_t value;
        int r;

        r = json_member(root, key, &place);
        if (r == 0)
                r = json_integer(&place, 0, UINT32_MAX, &value, problem);
        if (r == 0)
                *ret = (uint32_t) value;
        return r == -ENOENT ? 0 : r;
}

static int check_report_flag(const JsonPlace *root, const char *key, bool *ret, Problem *problem) {
        JsonPlace place;
        int r;

        r = json_member(root, key, &place);
        if (r == 0)
                r = json_boolean(&place, ret, problem);
        return r == -ENOENT ? 0 : r;
}

static int check_report_fingerprint(const JsonPlace *root, CheckReport *report, Problem *problem) {
        const char *text;
        JsonPlace place;
        int r;

        r = json_member(root, "fingerprint", &place);
        if (r < 0 || !place.value)
                return r == -ENOENT ? 0 : r;
        r = json_string(&place, &text, problem);
        if (r < 0)
                return r;
        if (hex_parse_u64(text, &report->fingerprint) < 0)
                return json_complain(&place, problem, "is '%s', expected a fingerprint", text);
        report->has_fingerprint = true;
        return 0;
}

static int check_report_list(const JsonPlace *root, const char *key, Strings *ret,
                             Problem *problem) {
        JsonPlace list, element;
        const char *text;
        int r;

        r = json_member(root, key, &list);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = json_require_array(&list, problem);
        for (size_t i = 0; r == 0 && i < json_object_array_length(list.value); i++) {
                element = json_element(&list, i);
                r = json_string(&element, &text, problem);
                if (r == 0)
                        r = strings_add(ret, text);
        }
        return r;
}

/* as one line, whatever it holds */
static int check_report_take_compiler(const Bytes *text, CheckReport *report) {
        Problem line;

        (void) problem_set(&line, 0, "%.*s", (int) text->size, (const char *) text->data);
        report->compiler = strdup(line.text);
        return report->compiler ? 0 : -ENOMEM;
}

/* "compiler": an object of components and their versions; may be missing */
static int check_report_compiler(const JsonPlace *root, CheckReport *report, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(CHECK_REPORT_COMPILER_MAX);
        JsonPlace place;
        int r;

        r = json_member(root, "compiler", &place);
        if (r < 0 || !place.value)
                return r == -ENOENT ? 0 : r;
        r = json_require_object(&place, problem);
        if (r < 0)
                return r;
        json_object_object_foreach(place.value, name, value) {
                report->by_dpucc |= strcmp(name, "dpucc") == 0;
                r = bytes_printf(&text, "%s%s %s", text.size > 0 ? ", " : "", name,
                                 value ? json_object_get_string(value) : "");
                if (r == -ENOMEM) /* other errors: enough is told */
                        return r;
        }
        return text.size > 0 ? check_report_take_compiler(&text, report) : 0;
}

static int check_report_read(json_object *document, CheckReport *report, Problem *problem) {
        const JsonPlace root = { .value = document };
        JsonPlace ok;
        int r;

        r = json_require_object(&root, problem);
        if (r < 0)
                return r;
        r = json_member(&root, "ok", &ok);
        if (r < 0)
                return json_complain(&root, problem, "has no member \"ok\"");
        r = json_boolean(&ok, &report->ok, problem);
        if (r == 0)
                r = check_report_list(&root, "problems", &report->problems, problem);
        if (r == 0)
                r = check_report_list(&root, "cpu_ops", &report->cpu_ops, problem);
        if (r == 0)
                r = check_report_compiler(&root, report, problem);
        if (r == 0)
                r = check_report_flag(&root, "verified", &report->verified, problem);
        if (r == 0)
                r = check_report_fingerprint(&root, report, problem);
        if (r == 0)
                r = check_report_count(&root, "dpu_subgraphs", &report->dpu_subgraphs, problem);
        if (r == 0)
                r = check_report_count(&root, "cpu_subgraphs", &report->cpu_subgraphs, problem);
        return r;
}

int check_report_parse(Slice text, CheckReport *ret, Problem *problem) {
        _cleanup_(check_report_putp) json_object *document = NULL;
        CheckReport report = {};
        int r;

        r = json_parse(text, &document, problem);
        if (r < 0)
                return r;
        r = check_report_read(document, &report, problem);
        if (r < 0) {
                check_report_deinit(&report);
                return r == -ENOMEM ? r : -EBADMSG;
        }
        *ret = report;
        return 0;
}

void check_report_deinit(CheckReport *report) {
        strings_deinit(&report->problems);
        strings_deinit(&report->cpu_ops);
        free(report->compiler);
        *report = (CheckReport){};
}
