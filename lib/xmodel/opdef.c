/*
 * The table is text because 106 definitions as C initialisers are a thousand lines, and because
 * hardly any program run needs more than a few of them. Notation:
 *
 *      argument    NAME, then `?` optional, `*` any number, `+` one or more, nothing: exactly
 *                  one; then `:TYPE` of its tensors if that is not FLOAT
 *      attribute   NAME:KIND, then `[N]` the length of a list that has one, then `=DEFAULT` if it
 *                  is optional (elements separated by commas; nothing: empty)
 */
#include "xmodel/opdef.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "xmodel/graph.h"

typedef struct OpDefText {
        const char *type;
        const char *args;
        const char *attrs;
} OpDefText;

/* clang-format off */
#define CONV_1D \
        "kernel:int32_vec[1] stride:int32_vec[1] dilation:int32_vec[1]=1 " \
        "pad_mode:string pad:int32_vec[2]=0,0"
#define CONV_2D \
        "kernel:int32_vec[2] stride:int32_vec[2] dilation:int32_vec[2]=1,1 " \
        "pad_mode:string pad:int32_vec[4]=0,0,0,0"
#define CONV_3D \
        "kernel:int32_vec[3] stride:int32_vec[3] dilation:int32_vec[3]=1,1,1 " \
        "pad_mode:string pad:int32_vec[6]=0,0,0,0,0,0"
#define CONV_2D_FIX \
        "kernel:int32_vec[2] stride:int32_vec[2] dilation:int32_vec[2]=1,1 " \
        "pad:int32_vec[4]=0,0,0,0 nonlinear:string= hsigmoid_in:int32=-128 " \
        "shift_hsigmoid:int32=-128 shift_hswish:int32=-128"
#define CONV_3D_FIX \
        "kernel:int32_vec[3] stride:int32_vec[3] dilation:int32_vec[3]=1,1,1 " \
        "pad:int32_vec[6]=0,0,0,0,0,0 nonlinear:string= hsigmoid_in:int32=-128 " \
        "shift_hsigmoid:int32=-128 shift_hswish:int32=-128"
#define FIX "fix_point:int32 bit_width:int32 round_mode:string if_signed:bool"
#define SHAPE "shape:int32_vec data_type:string"
#define RESIZE "mode:string align_corners:bool=false half_pixel_centers:bool=false"
#define WEIGHTS "input weights bias?"
#define WEIGHTS_FIX "input:XINT weights:XINT bias?:XINT"
static const OpDefText opdef_texts[] = { /* ascending by type */
        { "add", "input+", "" },
        { "argmax", "input", "axis:int32" },
        { "argmax-fix", "input:XINT", "axis:int32" },
        { "avgpool2d", "input",
          "kernel:int32_vec[2] stride:int32_vec[2] pad_mode:string pad:int32_vec[4]=0,0,0,0 "
          "global:bool=false count_include_pad:bool=true count_include_invalid:bool=true" },
        { "batchnorm", "input gamma beta moving_mean moving_var", "axis:int32 epsilon:float" },
        { "cast", "input", "data_type:string" },
        { "celu", "input", "alpha:float=1" },
        { "concat", "input+", "axis:int32" },
        { "concat-fix", "input+:XINT", "axis:int32" },
        { "const", "", SHAPE " data:bytes" },
        { "const-fix", "", SHAPE " data:bytes" },
        { "conv1d", WEIGHTS, CONV_1D },
        { "conv2d", WEIGHTS, CONV_2D " group:int32=1" },
        { "conv2d-fix", WEIGHTS_FIX, CONV_2D_FIX " group:int32=1" },
        { "conv3d", WEIGHTS, CONV_3D },
        { "conv3d-fix", WEIGHTS_FIX, CONV_3D_FIX },
        { "correlation1d_elemwise", "input*", "pad_size:int32 " SHAPE },
        { "correlation1d_elemwise-fix", "input*", "pad_size:int32 " SHAPE },
        { "correlation2d_elemwise", "input*", "pad_size:int32 " SHAPE },
        { "correlation2d_elemwise-fix", "input*", "pad_size:int32 " SHAPE },
        { "cost_volume", "input*", "maxdisp:int32 " SHAPE },
        { "cost_volume-fix", "input*", "maxdisp:int32 " SHAPE },
        { "data", "", SHAPE },
        { "data-fix", "", SHAPE },
        { "depthwise-conv2d", WEIGHTS, CONV_2D },
        { "depthwise-conv2d-fix", WEIGHTS_FIX, CONV_2D_FIX },
        { "depthwise-conv3d", WEIGHTS, CONV_3D },
        { "depthwise-conv3d-fix", WEIGHTS_FIX, CONV_3D_FIX },
        { "depthwise-fix", "input+:XINT", "type:string=MUL" },
        { "div", "input+", "" },
        { "download", "input:XINT", "" },
        { "downsample-fix", "input:XINT size?:INT", RESIZE " scale:float_vec[2]" },
        { "eltwise-fix", "input+:XINT", "nonlinear:string=NONE type:string=ADD" },
        { "elu", "input", "alpha:float=1" },
        { "exp", "input", "" },
        { "fix", "input", FIX },
        { "fix2float", "input:XINT", FIX },
        { "flatten", "input", "start_axis:int32 end_axis:int32" },
        { "float2fix", "input", FIX },
        { "gelu", "input", "" },
        { "groupnorm", "input weight? bias?",
          "num_groups:int32 num_channels:int32 eps:float affine:bool" },
        { "gstiling", "input", "reverse:bool stride:int32" },
        { "hard-sigmoid", "input", "" },
        { "hard-sigmoid-fix", "input", "" },
        { "hard-softmax", "input", "axis:int32 type:string" },
        { "hard-swish", "input", "" },
        { "hard-tanh", "input", "" },
        { "identity", "input:XINT", "" },
        { "inner-product", WEIGHTS, "axis:int32" },
        { "instancenorm", "input weight? bias?", "eps:float affine:bool" },
        { "l2_normalize", "input", "axis:int32_vec= epsilon:double=1e-12" },
        { "leaky-relu", "input", "alpha:float" },
        { "matmul", "input+ bias?", "transpose_a:bool transpose_b:bool" },
        { "max", "input+", "" },
        { "maxpool1d", "input",
          "kernel:int32_vec[1] stride:int32_vec[1] pad_mode:string pad:int32_vec[2]=0,0 "
          "global:bool=false" },
        { "maxpool2d", "input",
          "kernel:int32_vec[2] stride:int32_vec[2] pad_mode:string pad:int32_vec[4]=0,0,0,0 "
          "global:bool=false" },
        { "min", "input+", "" },
        { "mish", "input", "" },
        { "mul", "input+", "" },
        { "neg", "input", "" },
        { "pad", "input", "paddings:int32_vec mode:string constant_values:float_vec=" },
        { "pad-fix", "input:XINT", "paddings:int32_vec mode:string constant_values:bytes=" },
        { "pixel-shuffle", "input", "scale:int32 upscale:bool" },
        { "pixel-shuffle-fix", "input", "scale:int32 reverse:bool" },
        { "placeholder", "input", "" },
        { "pool-fix", "input:XINT",
          "kernel:int32_vec[2] stride:int32_vec[2] pad:int32_vec[4]=0,0,0,0 type:string" },
        { "prelu", "input weight", "" },
        { "priorbox", "input+",
          "min_sizes:float_vec max_sizes:float_vec= aspect_ratio:float_vec= flip:bool clip:bool "
          "variance:float_vec step:float_vec offset:float" },
        { "random_standard_normal", "", SHAPE " seed:int32=0 seed2:int32=0" },
        { "reduction_max", "input", "axis:int32_vec keep_dims:bool" },
        { "reduction_max-fix", "input:XINT", "axis:int32_vec keep_dims:bool" },
        { "reduction_mean", "input", "axis:int32_vec keep_dims:bool" },
        { "reduction_product", "input", "axis:int32_vec keep_dims:bool" },
        { "reduction_sum", "input", "axis:int32_vec keep_dims:bool" },
        { "relu", "input", "" },
        { "relu6", "input", "" },
        { "reorg", "input", "scale:int32 reverse:bool" },
        { "reorg-fix", "input", "scale:int32 reverse:bool" },
        { "reshape", "input shape?:INT", "shape:int32_vec=0" },
        { "reshape-fix", "input:XINT", "shape:int32_vec" },
        { "resize", "input size?:INT", RESIZE " scale:float_vec=" },
        { "scale", "input scale bias?", "axis:int32=-1" },
        { "selu", "input", "" },
        { "shape", "input", "" },
        { "sigmoid", "input", "" },
        { "softmax", "input", "axis:int32" },
        { "squeeze", "input", "axis:int32_vec=" },
        { "stack", "input+", "axis:int32" },
        { "strided_slice", "input", "begin:int32_vec end:int32_vec strides:int32_vec" },
        { "strided_slice-fix", "input", "begin:int32_vec end:int32_vec strides:int32_vec" },
        { "sub", "input+", "" },
        { "swish", "input", "" },
        { "tanh", "input", "" },
        { "threshold", "input:XINT threshold:XINT", "" },
        { "tile-fix", "input:XINT", "reverse:bool stride:int32" },
        { "transpose", "input", "order:int32_vec" },
        { "transposed-conv2d", WEIGHTS, CONV_2D },
        { "transposed-conv2d-fix", WEIGHTS_FIX, CONV_2D_FIX },
        { "transposed-conv3d", WEIGHTS, CONV_3D },
        { "transposed-conv3d-fix", WEIGHTS_FIX, CONV_3D_FIX },
        { "transposed-depthwise-conv2d", WEIGHTS, CONV_2D },
        { "transposed-depthwise-conv2d-fix", WEIGHTS_FIX, CONV_2D_FIX },
        { "transposed-depthwise-conv3d", WEIGHTS, CONV_3D },
        { "transposed-depthwise-conv3d-fix", WEIGHTS_FIX, CONV_3D_FIX },
        { "upload", "input", "" },
        { "upsample-fix", "input:XINT size?:INT", RESIZE " scale:float_vec[2]" },};
/* clang-format on */

static const OpDefText opdef_custom = { "", "input*", SHAPE };

struct OpDefs {
        Arena arena;
        const OpDef *custom;
        const OpDef *defs[ARRAY_SIZE(opdef_texts)]; /* NULL until parsed */
};

int opdefs_new(OpDefs **ret) {
        OpDefs *defs = calloc(1, sizeof(*defs));

        if (!defs)
                return -ENOMEM;
        *ret = defs;
        return 0;
}

OpDefs *opdefs_free(OpDefs *defs) {
        if (!defs)
                return NULL;

        arena_deinit(&defs->arena);
        free(defs);
        return NULL;
}

size_t opdefs_count(void) {
        return ARRAY_SIZE(opdef_texts);
}

/* --- parsing: the text is ours, so it is right; a test reads all of it -------------------- */

/* Takes the next word off @text, without the separator; empty at the end. */
static Slice parse_word(const char **text, const char *separators) {
        size_t size = strcspn(*text, separators);
        Slice word = slice_of(*text, size);

        *text += size;
        if (**text != '\0')
                (*text)++;
        return word;
}

static size_t parse_count(const char *text, const char *separators) {
        size_t n = 0;

        while (*text != '\0') {
                (void) parse_word(&text, separators);
                n++;
        }
        return n;
}

static int32_t parse_data_type(const char *name) {
        int32_t type = DATA_TYPE_INT;

        while (type < DATA_TYPE_UNKNOWN && strcmp(data_type_name(type), name) != 0)
                type++;
        return type;
}

static OpDefOccurs parse_occurs(char mark) {
        switch (mark) {
        case '?':
                return OPDEF_OPTIONAL;
        case '*':
                return OPDEF_REPEATED;
        case '+':
                return OPDEF_REQUIRED_AND_REPEATED;
        default:
                return OPDEF_REQUIRED;
        }
}

static int parse_arg(Arena *arena, Slice word, OpDefArg *ret) {
        char *name = arena_string(arena, word.data, word.size), *type;

        if (!name)
                return -ENOMEM;
        type = strchr(name, ':');
        ret->data_type = type ? parse_data_type(type + 1) : DATA_TYPE_FLOAT;
        if (type)
                *type = '\0';
        ret->occurs = parse_occurs(name[strlen(name) - 1]);
        if (ret->occurs != OPDEF_REQUIRED)
                name[strlen(name) - 1] = '\0';
        ret->name = name;
        return 0;
}

/* "int32_vec" at the front of @text, up to '[', '=' or the end */
static AttrKind parse_kind(const char *text, size_t size) {
        AttrKind kind = ATTR_BOOL;

        while (kind < ATTR_MAP_STRING_STRING_VEC &&
               (strncmp(attr_kind_name(kind), text, size) != 0 ||
                attr_kind_name(kind)[size] != '\0'))
                kind++;
        return kind;
}

static int parse_int32s(Arena *arena, const char *text, Attr *ret) {
        size_t n = parse_count(text, ",");
        int32_t *values = arena_zalloc(arena, n, sizeof(*values));

        if (!values)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                values[i] = (int32_t) strtol((const char *) parse_word(&text, ",").data, NULL, 10);
        ret->n = n;
        ret->int32s = values;
        return 0;
}

/* Defaults of vectors other than int32_vec, and of bytes, are all empty. */
static int parse_default(Arena *arena, const char *text, Attr *ret) {
        if (ret->kind == ATTR_BOOL)
                ret->boolean = strcmp(text, "true") == 0;
        else if (ret->kind == ATTR_INT32)
                ret->int32 = (int32_t) strtol(text, NULL, 10);
        else if (ret->kind == ATTR_FLOAT)
                ret->float32 = strtof(text, NULL);
        else if (ret->kind == ATTR_DOUBLE)
                ret->float64 = strtod(text, NULL);
        else if (ret->kind == ATTR_STRING)
                ret->string = text;
        else if (ret->kind == ATTR_INT32_VEC)
                return parse_int32s(arena, text, ret);
        return 0;
}

static int parse_attr(Arena *arena, Slice word, OpDefAttr *ret) {
        char *name = arena_string(arena, word.data, word.size), *kind, *length, *value;

        if (!name)
                return -ENOMEM;
        value = strchr(name, '=');
        if (value)
                *value++ = '\0';
        kind = strchr(name, ':');
        *kind++ = '\0';
        length = strchr(kind, '[');

        ret->name = name;
        ret->occurs = value ? OPDEF_OPTIONAL : OPDEF_REQUIRED;
        ret->value.kind = parse_kind(kind, strcspn(kind, "["));
        if (length)
                ret->list_length = (int32_t) strtol(length + 1, NULL, 10);
        else if (attr_kind_shape(ret->value.kind) == ATTR_SHAPE_SCALAR &&
                 ret->value.kind != ATTR_BYTES)
                ret->list_length = 1;
        return parse_default(arena, value ? value : "", &ret->value);
}

static int opdef_parse(Arena *arena, const OpDefText *text, const OpDef **ret) {
        size_t n_args = parse_count(text->args, " "), n_attrs = parse_count(text->attrs, " ");
        const char *args_text = text->args, *attrs_text = text->attrs;
        OpDef *def = arena_zalloc(arena, 1, sizeof(*def));
        OpDefArg *args = arena_zalloc(arena, n_args, sizeof(*args));
        OpDefAttr *attrs = arena_zalloc(arena, n_attrs, sizeof(*attrs));
        int r = 0;

        if (!def || !args || !attrs)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < n_args; i++)
                r = parse_arg(arena, parse_word(&args_text, " "), &args[i]);
        for (size_t i = 0; r == 0 && i < n_attrs; i++)
                r = parse_attr(arena, parse_word(&attrs_text, " "), &attrs[i]);
        if (r < 0)
                return r;

        *def = (OpDef){ text->type, args, n_args, attrs, n_attrs };
        *ret = def;
        return 0;
}

/* --- asking -------------------- */

static int opdefs_parsed(OpDefs *defs, const OpDefText *text, const OpDef **slot,
                         const OpDef **ret) {
        int r;

        if (!*slot) {
                r = opdef_parse(&defs->arena, text, slot);
                if (r < 0)
                        return r;
        }
        *ret = *slot;
        return 0;
}

int opdefs_get(OpDefs *defs, size_t index, const OpDef **ret) {
        return opdefs_parsed(defs, &opdef_texts[index], &defs->defs[index], ret);
}

static int compare_type(const void *key, const void *item) {
        return strcmp(key, ((const OpDefText *) item)->type);
}

int opdefs_find(OpDefs *defs, const char *type, const OpDef **ret) {
        const OpDefText *text = bsearch(type, opdef_texts, ARRAY_SIZE(opdef_texts),
                                        sizeof(*opdef_texts), compare_type);

        if (!text)
                return opdefs_parsed(defs, &opdef_custom, &defs->custom, ret);
        return opdefs_get(defs, (size_t) (text - opdef_texts), ret);
}

const OpDefArg *opdef_arg(const OpDef *def, const char *name) {
        for (size_t i = 0; i < def->n_args; i++)
                if (strcmp(def->args[i].name, name) == 0)
                        return &def->args[i];
        return NULL;
}

bool opdef_is_custom(const OpDef *def) {
        return def->type[0] == '\0';
}
