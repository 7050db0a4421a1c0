#include "dpu/page/caption.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "dpu/ports.h"

#define CAPTION_TIMES "\xc3\x97"

static const Attr *caption_list(const Op *op, const char *name) {
        const Attr *attr = attrs_find(&op->attrs, name);

        return attr && attr->kind == ATTR_INT32_VEC && attr->n > 0 ? attr : NULL;
}

static bool caption_all_are(const Attr *list, int32_t value) {
        for (size_t i = 0; i < list->n; i++)
                if (list->int32s[i] != value)
                        return false;
        return true;
}

/* "3×3", or "3" if @short and all are alike */
static int caption_sizes(const Attr *list, const char *before, bool brief, Bytes *ret) {
        size_t n = brief && caption_all_are(list, list->int32s[0]) ? 1 : list->n;
        int r;

        r = bytes_append_string(ret, before);
        for (size_t i = 0; i < n && i < 4 && r == 0; i++)
                r = bytes_printf(ret, "%s%" PRId32, i > 0 ? CAPTION_TIMES : "", list->int32s[i]);
        return r;
}

/* "NONE" and the like are not worth a word */
static const char *caption_word(const Op *op, const char *name) {
        const char *word = attrs_string(&op->attrs, name);

        return word && strcmp(word, "NONE") != 0 && strcmp(word, "") != 0 ? word : NULL;
}

static int caption_append_lower(const char *word, Bytes *ret) {
        int r = bytes_append_string(ret, " ");

        for (const char *c = word; *c && r == 0; c++) {
                char lower = (char) (*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);

                r = bytes_append(ret, &lower, 1);
        }
        return r;
}

int caption_title(const Op *op, Bytes *ret) {
        const Attr *kernel = caption_list(op, "kernel"), *stride = caption_list(op, "stride");
        static const char *const words[] = { "type", "nonlinear", "mode" };
        size_t n = strlen(op->type);
        int r;

        if (n > strlen("-fix") && strcmp(op->type + n - strlen("-fix"), "-fix") == 0)
                n -= strlen("-fix"); /* on the DPU all are */
        r = bytes_append(ret, op->type, n);
        if (r == 0 && kernel)
                r = caption_sizes(kernel, " ", false, ret);
        if (r == 0 && stride && !caption_all_are(stride, 1))
                r = caption_sizes(stride, " /", true, ret);
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && r == 0; i++)
                if (caption_word(op, words[i]))
                        r = caption_append_lower(caption_word(op, words[i]), ret);
        return r;
}

int caption_shape(const Tensor *tensor, Bytes *ret) {
        int r = 0;

        if (tensor->n_dims == 0)
                return bytes_append_string(ret, "scalar");
        for (size_t i = 0; i < tensor->n_dims && r == 0; i++)
                r = bytes_printf(ret, "%s%" PRId32, i > 0 ? CAPTION_TIMES : "", tensor->dims[i]);
        return r;
}

int caption_values(const Tensor *tensor, Bytes *ret) {
        return bytes_printf(ret, "%s%" PRId32, data_type_name(tensor->data_type),
                            tensor->bit_width);
}

int caption_tensor(const Op *op, Bytes *ret) {
        int32_t fix_point;
        int r;

        r = caption_shape(&op->tensor, ret);
        if (r == 0)
                r = bytes_append_string(ret, " ");
        if (r == 0)
                r = caption_values(&op->tensor, ret);
        if (r == 0 && ports_fix_point(op, &fix_point))
                r = bytes_printf(ret, ", fix %" PRId32, fix_point);
        return r;
}

char *caption_take(int r, Bytes *text, int *error) {
        char *string = r == 0 ? bytes_take_string(text) : NULL;

        if (!string && r != -EFBIG && text->size < text->max && *error == 0)
                *error = r < 0 ? r : -ENOMEM;
        return string;
}
