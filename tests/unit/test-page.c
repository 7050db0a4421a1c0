#include "unit.h"

#include <ctype.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dpu/page/html.h"
#include "dpu/page/markdown.h"
#include "dpu/page/svg.h"
#include "tests/support/corpus.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/sample_graph.h"

#define PAGE_MAX ((size_t) 64 << 20)

typedef enum Form {
        HTML,
        SVG,
        MARKDOWN,
} Form;

static int write_form(const FactsSpec *spec, Form form, Bytes *out) {
        _cleanup_(facts_cleanup) Facts facts = { 0 };
        Markup m = { .out = out };
        int r = facts_init(&facts, spec);

        if (r < 0)
                return r;
        if (form == HTML)
                r = html_document(&facts, &m);
        else if (form == SVG)
                svg_document(&facts, &m);
        else
                markdown_document(&facts, &m);
        return r < 0 ? r : m.error;
}

static char *page_of(const FactsSpec *spec, Form form) {
        Bytes out = BYTES_INIT(PAGE_MAX);
        char *text;

        assert_int_equal(write_form(spec, form, &out), 0);
        text = bytes_take_string(&out);
        assert_non_null(text);
        return text;
}

static size_t count(const char *text, const char *what) {
        size_t n = 0;

        for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
                n++;
        return n;
}

static void assert_has(const char *text, const char *what) {
        if (!strstr(text, what))
                fail_msg("not there: %s", what);
}

/* --- is it what it should be? ---------------------------------------------------------------- */

/* behind the tag that begins at @at; its quotes are closed, and '<' is in none of its values */
static const char *behind_tag(const char *at) {
        char quote = '\0';

        for (at++; *at && (quote || *at != '>'); at++) {
                if (*at == '<')
                        fail_msg("'<' in a tag: %.60s", at);
                if (*at == '"')
                        quote = quote ? '\0' : '"';
        }
        assert_int_equal(*at, '>');
        return at + 1;
}

static bool is_void(const char *name, size_t n) {
        static const char *const names[] = { "meta", "input" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strlen(names[i]) == n && strncmp(name, names[i], n) == 0)
                        return true;
        return false;
}

static size_t name_length(const char *at) {
        size_t n = 0;

        while (isalnum((unsigned char) at[n]))
                n++;
        return n;
}

/* Every element that is opened is closed, inside out. */
static void assert_balanced(const char *text) {
        const char *open[64];
        size_t depth = 0;

        for (const char *at = text; (at = strchr(at, '<'));) {
                bool closing = at[1] == '/';
                const char *name = at + 1 + closing, *end;
                size_t n = name_length(name);

                if (at[1] == '!') { /* the document type */
                        at++;
                        continue;
                }
                assert_true(n > 0);
                end = behind_tag(at);
                if (closing) {
                        assert_true(depth > 0);
                        depth--;
                        if (name_length(open[depth]) != n || strncmp(open[depth], name, n) != 0)
                                fail_msg("%.20s is closed by %.20s", open[depth], name);
                } else if (end[-2] != '/' && !is_void(name, n)) {
                        assert_true(depth < ARRAY_SIZE(open));
                        open[depth++] = name;
                }
                /* what is in a script is no markup */
                at = !closing && n == 6 && strncmp(name, "script", 6) == 0
                             ? strstr(end, "</script>")
                             : end;
                assert_non_null(at);
        }
        assert_int_equal(depth, 0);
}

static json_object *data_of(const char *html) {
        static const char begin[] = "<script type=\"application/json\" id=\"data\">";
        const char *at = strstr(html, begin), *end;
        json_object *document;
        Problem problem;

        assert_non_null(at);
        at += strlen(begin);
        end = strstr(at, "</script>");
        assert_non_null(end);
        if (json_parse(slice_of(at, (size_t) (end - at)), &document, &problem) < 0)
                fail_msg("%s", problem.text);
        return document;
}

static json_object *member(json_object *object, const char *key) {
        json_object *value;

        if (!json_object_object_get_ex(object, key, &value))
                fail_msg("no member %s", key);
        return value;
}

/* --- what a page holds ----------------------------------------------------------------------- */

static void a_page_tells_what_the_graph_holds(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        const FactsNote notes[] = { { "key", "0123456789abcdef" } };
        const FactsSpec spec = { .title = "sample@b1024",
                                 .graph = graph,
                                 .file_size = 1234,
                                 .notes = notes,
                                 .n_notes = 1 };
        _cleanup_(freep) char *html = page_of(&spec, HTML);
        json_object *data = data_of(html), *box;

        assert_balanced(html);
        assert_has(html, "<title>sample@b1024</title>");
        assert_has(html, "DPUCZDX8G_ISA1_B1024");
        assert_has(html, "0123456789abcdef");
        assert_has(html, "id=\"off-dpu\"");
        assert_has(html, "softmax");
        assert_has(html, "class=\"box dpu\"");
        assert_has(html, "class=\"box cpu\"");
        assert_has(html, "class=\"box user\"");
        /* machine code of four bytes: it cannot be counted, and the page says why */
        assert_has(html, "DPU programs that could not be counted");
        /* nothing is loaded from elsewhere */
        assert_has(html, "default-src 'none'");
        assert_int_equal(count(html, "src="), 0);
        assert_int_equal(count(html, "http://") + count(html, "https://"),
                         count(html, "http://www.w3.org/2000/svg"));

        /* data, the convolution, the conversion, softmax: no box for the weights */
        assert_int_equal(json_object_array_length(member(data, "boxes")),
                         count(html, "class=\"card\""));
        box = json_object_array_get_idx(member(data, "boxes"), 0);
        assert_string_equal(json_object_get_string(member(box, "side")), "USER");
        json_object_put(data);
}

static void pages_are_the_same_each_time(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        const FactsSpec spec = { .title = "sample", .graph = graph };

        for (int form = HTML; form <= MARKDOWN; form++) {
                _cleanup_(freep) char *a = page_of(&spec, (Form) form);
                _cleanup_(freep) char *b = page_of(&spec, (Form) form);

                assert_string_equal(a, b);
        }
}

static void a_drawing_stands_alone(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        const FactsSpec spec = { .title = "sample", .graph = graph };
        _cleanup_(freep) char *svg = page_of(&spec, SVG);

        assert_balanced(svg);
        assert_int_equal(strncmp(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39), 0);
        assert_has(svg, "<style>");
        assert_has(svg, "prefers-color-scheme: dark");
}

static void markdown_has_the_tables(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        const FactsSpec spec = { .title = "sample", .graph = graph };
        _cleanup_(freep) char *markdown = page_of(&spec, MARKDOWN);

        assert_has(markdown, "## sample\n");
        assert_has(markdown, "### Layers off the DPU\n\n| Layer |");
        assert_has(markdown, "softmax");
        assert_int_equal(count(markdown, "<script"), 0);
}

static void what_was_kept_counts(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        static const char report[] =
                "{\"report\": 1, \"proved\": \"simulator\", \"off_dpu\": [{\"op\": "
                "\"conv_fix_softmax\", \"reason\": "
                "\"because it was told\", \"reason_from\": \"log\", \"source_op\": "
                "\"the_softmax\", \"source_type\": \"softmax\"}, {\"op\": \"unknown\"}, 7]}";
        UnitDir *dir = *state;
        char path[128];
        Kept kept = {};
        const FactsSpec spec = { .title = "sample", .graph = graph, .kept = &kept };
        _cleanup_(freep) char *html = NULL;

        (void) snprintf(path, sizeof(path), "%s/report.json", dir->path);
        assert_int_equal(file_write_durable(dir->fd, "report.json", report, strlen(report), 0600),
                         0);
        assert_int_equal(kept_load(path, &kept, NULL), 0);
        html = page_of(&spec, HTML);
        assert_has(html, "because it was told");
        assert_has(html, "the_softmax");
        assert_has(html, "no board has run it");
        kept_deinit(&kept);

        assert_int_equal(file_write_durable(dir->fd, "report.json", "[]", 2, 0600), 0);
        assert_int_equal(kept_load(path, &kept, NULL), -EBADMSG);
}

static void it_is_compared_with_the_previous_one(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        _cleanup_(graph_freep) Graph *previous = sample_graph_compiled();
        const FactsSpec spec = {
                .title = "sample", .graph = graph, .previous = previous, .previous_size = 77
        };
        _cleanup_(freep) char *same = page_of(&spec, HTML);
        _cleanup_(freep) char *other = NULL;

        assert_has(same, "The two do the same");
        assert_int_equal(
                graph_set_int32(graph, &graph_find_op(graph, "conv_fix_softmax")->attrs, "axis", 1),
                0);
        other = page_of(&spec, HTML);
        assert_has(other, "The two do not do the same");
        assert_has(other, "conv_fix_softmax: axis");
        assert_balanced(other);
}

/* --- names of other people ------------------------------------------------------------------- */

static const char *const hostile[] = {
        "</script><script>alert(1)</script>",
        "</title></style><img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "' onfocus='alert(1)",
        "<!--",
        "]]>",
        "a\xe2\x80\xae"
        "gnp.exe",
        "|[click](javascript:alert(1))`",
        "\x1b[31m\r\n\x80",
};

/* Layers, each with such a name, such a type and such an attribute, and one name of 10 kB. */
static Graph *hostile_graph(void) {
        Graph *graph;
        Subgraph *subgraph;
        Op *op, *last = NULL;
        char longest[10001];

        memset(longest, '<', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(graph_new(&graph, hostile[0]), 0);
        for (size_t i = 0; i <= ARRAY_SIZE(hostile); i++) {
                const char *name = i < ARRAY_SIZE(hostile) ? hostile[i] : longest;

                assert_int_equal(graph_add_op(graph, name, name, &op), 0);
                assert_int_equal(graph_set_tensor(graph, op, name, DATA_TYPE_XINT, 8, NULL, 0), 0);
                assert_int_equal(graph_set_string(graph, &op->attrs, name, name), 0);
                assert_int_equal(graph_set_string(graph, &op->attrs, "partition_msg", name), 0);
                assert_int_equal(graph_add_arg(graph, op, name, last), 0);
                assert_int_equal(graph_add_subgraph(graph, graph->root, name, &subgraph), 0);
                assert_int_equal(graph_assign(graph, subgraph, op), 0);
                assert_int_equal(graph_set_string(graph, &subgraph->attrs, "device",
                                                  i % 3 == 0 ? "CPU" : name),
                                 0);
                last = op;
        }
        graph_count_consumers(graph);
        return graph;
}

static void hostile_names_are_only_names(void **state) {
        _cleanup_(graph_freep) Graph *graph = hostile_graph();

        for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
                const FactsNote note = { hostile[i], hostile[i] };
                const FactsSpec spec = {
                        .title = hostile[i], .graph = graph, .notes = &note, .n_notes = 1
                };

                for (int form = HTML; form <= MARKDOWN; form++) {
                        _cleanup_(freep) char *page = page_of(&spec, (Form) form);

                        if (form != MARKDOWN)
                                assert_balanced(page);
                        /* ours: one with data, one with the script */
                        assert_int_equal(count(page, "<script"), form == HTML ? 2 : 0);
                        assert_int_equal(count(page, "</script"), form == HTML ? 2 : 0);
                        assert_int_equal(count(page, "<img"), 0);
                        assert_int_equal(count(page, "<svg onload"), 0);
                        assert_int_equal(count(page, "<!--"), 0);
                        /* elsewhere it is between the quotes of a string, or only text */
                        if (form == SVG)
                                assert_int_equal(count(page, " onfocus='"), 0);
                        if (form == MARKDOWN)
                                assert_int_equal(count(page, "[click]"), 0);
                        assert_int_equal(count(page, "\xe2\x80\xae"), 0);
                        assert_int_equal(count(page, "\x1b"), 0);
                        assert_true(strlen(page) < 400000);
                }
        }
}

static void data_has_names_as_they_are(void **state) {
        _cleanup_(graph_freep) Graph *graph = hostile_graph();
        const FactsSpec spec = { .title = "hostile", .graph = graph };
        _cleanup_(freep) char *html = page_of(&spec, HTML);
        json_object *data = data_of(html);
        json_object *box = json_object_array_get_idx(member(data, "boxes"), 0);

        assert_string_equal(json_object_get_string(member(box, "name")), hostile[0]);
        json_object_put(data);
}

/* --- whatever happens ------------------------------------------------------------------------ */

static int run_page(void *userdata) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(PAGE_MAX);

        return write_form(userdata, HTML, &out);
}

static void every_allocation_may_fail(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        _cleanup_(graph_freep) Graph *previous = sample_graph_compiled();
        FactsSpec spec = { .title = "sample", .graph = graph, .previous = previous };

        assert_true(fail_alloc_sweep(run_page, &spec) > 10);
}

static void too_large_a_page_is_an_error(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        const FactsSpec spec = { .title = "sample", .graph = graph };

        for (int form = HTML; form <= MARKDOWN; form++) {
                _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(1000);

                assert_int_equal(write_form(&spec, (Form) form, &out), -EFBIG);
        }
}

/* --- real models ----------------------------------------------------------------------------- */

typedef struct Real {
        size_t n, n_with_cycles, n_boxes;
} Real;

static void real_page(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(freep) char *html = NULL, *svg = NULL;
        FactsSpec spec = { .title = name, .file_size = content->size };
        Real *real = userdata;
        json_object *data;

        if (!strstr(name, ".xmodel"))
                return;
        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        spec.graph = graph;
        html = page_of(&spec, HTML);
        assert_balanced(html);
        data = data_of(html);
        assert_int_equal(json_object_array_length(member(data, "boxes")),
                         count(html, "class=\"card\""));
        real->n_boxes += json_object_array_length(member(data, "boxes"));
        json_object_put(data);
        /* the vendor's ISA 1 targets, of which what is done is known */
        assert_int_equal(strstr(html, "class=\"chart\"") != NULL,
                         strstr(html, "DPUCZDX8G_ISA1_") != NULL);
        real->n_with_cycles += strstr(html, "class=\"chart\"") != NULL;
        svg = page_of(&spec, SVG);
        assert_balanced(svg);
        assert_true(strlen(svg) < strlen(html));
        real->n++;
}

static void real_models_have_pages(void **state) {
        Real real = { 0 };

        if (!corpus_present())
                skip();
        assert_true(corpus_each("compiled", real_page, &real) >= 0);
        assert_int_equal(real.n, 19);
        assert_int_equal(real.n_with_cycles, 12);
        assert_int_equal(real.n_boxes, 511);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_page_tells_what_the_graph_holds),
                cmocka_unit_test(pages_are_the_same_each_time),
                cmocka_unit_test(a_drawing_stands_alone),
                cmocka_unit_test(markdown_has_the_tables),
                cmocka_unit_test_setup_teardown(what_was_kept_counts, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test(it_is_compared_with_the_previous_one),
                cmocka_unit_test(hostile_names_are_only_names),
                cmocka_unit_test(data_has_names_as_they_are),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(too_large_a_page_is_an_error),
                cmocka_unit_test(real_models_have_pages),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
