#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "client/tool_log.h"

static bool renders(const char *line, const char *output_dir, const char *expected) {
        Bytes text = BYTES_INIT(4096);
        bool same;

        assert_int_equal(tool_log_render(slice_of_string(line), output_dir, &text), 0);
        same = slice_is(bytes_slice(&text), expected);
        if (!same)
                print_error("got: %.*s\n", (int) text.size, (const char *) text.data);
        bytes_deinit(&text);
        return same;
}

/* forms of Vitis AI 1.3 to 3.5 */
static void names_the_callers_directory(void **state) {
        (void) state;
        assert_true(renders("[UNILOG][INFO] The meta json is saved to \"./out/meta.json\"",
                            "/w/./o",
                            "[UNILOG][INFO] The meta json is saved to \"/w/./o/meta.json\""));
        assert_true(renders("The compiled xmodel is saved to \"/workspace/out/net.xmodel\"", "/w/",
                            "The compiled xmodel is saved to \"/w/net.xmodel\""));
        assert_true(renders("The compiled xmodel is saved to \"net.xmodel\"", "/a b",
                            "The compiled xmodel is saved to \"/a b/net.xmodel\""));
        assert_true(
                renders("[UNILOG][INFO] The compiled xmodel's md5sum is 0123, and been saved to "
                        "\"out/md5sum.txt\"",
                        "/w",
                        "[UNILOG][INFO] The compiled xmodel's md5sum is 0123, and been saved to "
                        "\"/w/md5sum.txt\""));
        assert_true(
                renders("\033[m[UNILOG][INFO] The compiled xmodel's md5sum is 0123, and has been "
                        "saved to \"out/md5sum.txt\"\033[m",
                        "/w",
                        "\033[m[UNILOG][INFO] The compiled xmodel's md5sum is 0123, and has "
                        "been saved to \"/w/md5sum.txt\"\033[m"));
}

static void leaves_other_lines_alone(void **state) {
        static const char *const lines[] = {
                "",
                "Total device subgraph number 3, DPU subgraph number 1",
                "a file was saved to \"out/x\"",
                "The compiled xmodel is saved to \"unfinished",
                "The compiled xmodel is saved to ",
                "The meta json is saved to \"",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                assert_true(renders(lines[i], "/w", lines[i]));
}

typedef struct Seen {
        Bytes out, err;
} Seen;

static void see(Slice line, bool to_stderr, void *userdata) {
        Seen *seen = userdata;

        assert_int_equal(bytes_append(to_stderr ? &seen->err : &seen->out, line.data, line.size),
                         0);
}

static void each(const char *log, size_t n, const char *output_dir, const char *out,
                 const char *err) {
        Seen seen = { BYTES_INIT(4096), BYTES_INIT(4096) };

        assert_int_equal(tool_log_each(slice_of(log, n), output_dir, see, &seen), 0);
        assert_true(slice_is(bytes_slice(&seen.out), out));
        assert_true(slice_is(bytes_slice(&seen.err), err));
        bytes_deinit(&seen.out);
        bytes_deinit(&seen.err);
}

static void splits_as_the_tool_does(void **state) {
        static const char log[] =
                "banner\n[UNILOG][INFO] Compile done.\n\nThe compiled xmodel is "
                "saved to \"o/n.xmodel\"\n*** Check failure stack trace: ***\nend";

        (void) state;
        each(log, strlen(log), "/w",
             "banner\n\nThe compiled xmodel is saved to \"/w/n.xmodel\"\nend\n",
             "[UNILOG][INFO] Compile done.\n*** Check failure stack trace: ***\n");
        each(log, strlen(log), NULL, "banner\n\nend\n",
             "[UNILOG][INFO] Compile done.\n*** Check failure stack trace: ***\n");
        each("", 0, "/w", "", "");
}

static void any_byte_may_come(void **state) {
        static const char log[] = "a\0b\n\xff\n";
        Seen seen = { BYTES_INIT(4096), BYTES_INIT(4096) };

        (void) state;
        assert_int_equal(tool_log_each(slice_of(log, sizeof(log) - 1), "/w", see, &seen), 0);
        assert_true(slice_equal(bytes_slice(&seen.out), slice_of(log, sizeof(log) - 1)));
        bytes_deinit(&seen.out);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_the_callers_directory),
                cmocka_unit_test(leaves_other_lines_alone),
                cmocka_unit_test(splits_as_the_tool_does),
                cmocka_unit_test(any_byte_may_come),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
