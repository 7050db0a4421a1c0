#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/page/markup.h"

static char *written(void (*write)(Markup *m, const char *text), const char *text) {
        Bytes out = BYTES_INIT(1 << 20);
        Markup m = { .out = &out };
        char *string;

        write(&m, text);
        assert_int_equal(m.error, 0);
        string = bytes_take_string(&out);
        assert_non_null(string);
        return string;
}

static void expect(void (*write)(Markup *m, const char *text), const char *text,
                   const char *expected) {
        _cleanup_(freep) char *got = written(write, text);

        assert_string_equal(got, expected);
}

static void text_means_only_itself(void **state) {
        expect(markup_text, "</script><b a='x' b=\"y\">&amp;",
               "&lt;/script&gt;&lt;b a=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;");
        expect(markup_text, "1\xc3\x97\xe6\x97\xa5", "1\xc3\x97\xe6\x97\xa5");
        expect(markup_text, "a\nb\x01", "a\\nb\\x01");
        expect(markup_text, "bad \xff utf8", "bad \\xff utf8");
        expect(markup_text, NULL, "");
}

/* right-to-left override, and an isolate that is not closed */
static void direction_cannot_be_turned(void **state) {
        _cleanup_(freep) char *html = written(markup_text, "a\xe2\x80\xae"
                                                           "b\xe2\x81\xa6");
        _cleanup_(freep) char *markdown = written(markup_markdown, "a\xe2\x80\xae"
                                                                   "b");

        assert_null(strstr(html, "\xe2\x80\xae"));
        assert_null(strstr(html, "\xe2\x81\xa6"));
        assert_null(strstr(markdown, "\xe2\x80\xae"));
}

static void markdown_means_only_itself(void **state) {
        expect(markup_markdown, "a|b", "a&#124;b");
        expect(markup_markdown, "[x](http://y) ![z]", "&#91;x&#93;(http&#58;//y) &#33;&#91;z&#93;");
        expect(markup_markdown, "`code` *b* <i>", "&#96;code&#96; &#42;b&#42; &#60;i&#62;");
        expect(markup_markdown, "@all #1 www.x", "&#64;all &#35;1 www&#46;x");
        expect(markup_markdown, "a\nb", "a&#92;nb");
        /* within words they are plain, and names are full of them */
        expect(markup_markdown, "Conv2d_conv1__ret_3", "Conv2d_conv1__ret_3");
        expect(markup_markdown, "__x__ _y_", "&#95;&#95;x&#95;&#95; &#95;y&#95;");
}

static void long_names_are_cut_between_characters(void **state) {
        char name[10001], *at;
        _cleanup_(freep) char *got = NULL;

        for (size_t i = 0; i < 10000; i += 2)
                memcpy(name + i, "\xc3\xa9", 2);
        name[10000] = '\0';
        got = written(markup_name, name);
        assert_true(strlen(got) < MARKUP_NAME_MAX + 16);
        assert_null(strstr(got, "\\x"));
        at = strstr(got, "\xe2\x80\xa6");
        assert_non_null(at);
}

static void tails_end_as_the_name_does(void **state) {
        char tail[MARKUP_TAIL_ROOM(8)];

        markup_tail("conv", 8, tail, sizeof(tail));
        assert_string_equal(tail, "conv");
        markup_tail("12345678", 8, tail, sizeof(tail));
        assert_string_equal(tail, "12345678");
        markup_tail("123456789", 8, tail, sizeof(tail));
        assert_string_equal(tail, "\xe2\x80\xa6"
                                  "3456789");
        /* visible, and then cut */
        markup_tail("\x01\x02\x03", 8, tail, sizeof(tail));
        assert_string_equal(tail, "\xe2\x80\xa6"
                                  "x02\\x03");
        markup_tail("", 8, tail, sizeof(tail));
        assert_string_equal(tail, "");
}

static void json_does_not_end_its_element(void **state) {
        Bytes out = BYTES_INIT(1 << 10);
        Markup m = { .out = &out };
        _cleanup_(freep) char *got = NULL;

        markup_json(&m, slice_of_string("{\"a\":\"</script><!--\"}"));
        got = bytes_take_string(&out);
        assert_string_equal(got, "{\"a\":\"\\u003c/script>\\u003c!--\"}");
}

static void numbers_are_short(void **state) {
        char text[MARKUP_NUMBER_MAX];

        assert_string_equal(markup_size(0, text), "0 bytes");
        assert_string_equal(markup_size(999, text), "999 bytes");
        assert_string_equal(markup_size(1000, text), "1.00 kB");
        assert_string_equal(markup_size(99949, text), "99.9 kB");
        assert_string_equal(markup_size(999499, text), "999 kB");
        assert_string_equal(markup_size(999500, text), "1.00 MB");
        assert_string_equal(markup_count(2079232000, text), "2.08 G");
        assert_string_equal(markup_count(UINT64_MAX, text), "18446744 T");
}

static void the_first_error_stays(void **state) {
        Bytes out = BYTES_INIT(4);
        Markup m = { .out = &out };

        markup_raw(&m, "123");
        markup_text(&m, "<>");
        markup_raw(&m, "4");
        assert_int_equal(m.error, -EFBIG);
        assert_int_equal(out.size, 3);
        bytes_deinit(&out);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_means_only_itself),
                cmocka_unit_test(direction_cannot_be_turned),
                cmocka_unit_test(markdown_means_only_itself),
                cmocka_unit_test(long_names_are_cut_between_characters),
                cmocka_unit_test(tails_end_as_the_name_does),
                cmocka_unit_test(json_does_not_end_its_element),
                cmocka_unit_test(numbers_are_short),
                cmocka_unit_test(the_first_error_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
