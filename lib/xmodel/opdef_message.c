#include "xmodel/opdef_message.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "xmodel/attr_message.h"
#include "xmodel/opdef.h"

/* A custom type that was seen already. */
typedef struct CustomType {
        const char *name;
        UT_hash_handle hh;
} CustomType;

static void custom_types_clear(CustomType **types) {
        HASH_CLEAR(hh, *types);
}

static int arg_to_message(Arena *arena, const OpDefArg *arg, SerialV2__OpArgDef **ret) {
        SerialV2__OpArgDef *message = arena_alloc(arena, sizeof(*message));

        if (!message)
                return -ENOMEM;
        serial_v2__op_arg_def__init(message);
        message->has_name = true;
        message->name = string_to_message(arg->name);
        message->has_occur_type = arg->occurs != 0;
        message->occur_type = (int32_t) arg->occurs;
        message->has_data_type = arg->data_type != 0;
        message->data_type = arg->data_type;
        *ret = message;
        return 0;
}

static int attr_def_to_message(Arena *arena, const OpDefAttr *attr, SerialV2__AttrDef **ret) {
        SerialV2__AttrDef *message = arena_alloc(arena, sizeof(*message));

        if (!message)
                return -ENOMEM;
        serial_v2__attr_def__init(message);
        message->has_name = true;
        message->name = string_to_message(attr->name);
        message->has_occur_type = attr->occurs != 0;
        message->occur_type = (int32_t) attr->occurs;
        message->has_list_length = attr->list_length != 0;
        message->list_length = attr->list_length;
        *ret = message;
        return attr_to_message(arena, &attr->value, &message->default_value);
}

static int def_to_message(Arena *arena, const OpDef *def, const char *type, SerialV2__OpDef **ret) {
        SerialV2__OpDef *message = arena_alloc(arena, sizeof(*message));
        int r = 0;

        if (!message)
                return -ENOMEM;
        serial_v2__op_def__init(message);
        message->has_name = true;
        message->name = string_to_message(type);
        message->input_args = arena_zalloc(arena, def->n_args, sizeof(*message->input_args));
        message->attrs = arena_zalloc(arena, def->n_attrs, sizeof(*message->attrs));
        if (!message->input_args || !message->attrs)
                return -ENOMEM;

        for (size_t i = 0; r == 0 && i < def->n_args; i++)
                r = arg_to_message(arena, &def->args[i], &message->input_args[i]);
        for (size_t i = 0; r == 0 && i < def->n_attrs; i++)
                r = attr_def_to_message(arena, &def->attrs[i], &message->attrs[i]);
        message->n_input_args = def->n_args;
        message->n_attrs = def->n_attrs;
        *ret = message;
        return r;
}

static int append(Arena *arena, const OpDef *def, const char *type, SerialV2__OpDef ***list,
                  size_t *n) {
        SerialV2__OpDef **grown = arena_grow(arena, *list, *n, sizeof(*grown));
        int r;

        if (!grown)
                return -ENOMEM;
        *list = grown;
        r = def_to_message(arena, def, type, &grown[*n]);
        if (r == 0)
                (*n)++;
        return r;
}

/* 1 if @name is new */
static int remember_type(Arena *arena, CustomType **types, const char *name) {
        CustomType *type;

        HASH_FIND(hh, *types, name, strlen(name), type);
        if (type)
                return 0;

        type = arena_zalloc(arena, 1, sizeof(*type));
        if (!type)
                return -ENOMEM;
        type->name = name;
        HASH_ADD_KEYPTR(hh, *types, name, strlen(name), type);
        return map_failed(type) ? -ENOMEM : 1;
}

static int append_custom(Arena *arena, OpDefs *defs, const Graph *graph, SerialV2__OpDef ***list,
                         size_t *n) {
        _cleanup_(custom_types_clear) CustomType *types = NULL;
        const OpDef *def;
        int r;

        for (size_t i = 0; i < graph->n_ops; i++) {
                const char *type = graph->ops[i]->type;

                r = opdefs_find(defs, type, &def);
                if (r == 0 && opdef_is_custom(def))
                        r = remember_type(arena, &types, type);
                if (r == 1)
                        r = append(arena, def, type, list, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int append_built_in(Arena *arena, OpDefs *defs, SerialV2__OpDef ***list, size_t *n) {
        const OpDef *def;
        int r;

        for (size_t i = 0; i < opdefs_count(); i++) {
                r = opdefs_get(defs, i, &def);
                if (r == 0)
                        r = append(arena, def, def->type, list, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

int opdef_to_messages(Arena *arena, OpDefs *defs, const Graph *graph, SerialV2__OpDef ***ret,
                      size_t *ret_n) {
        SerialV2__OpDef **list = NULL;
        size_t n = 0;
        int r;

        r = append_built_in(arena, defs, &list, &n);
        if (r == 0)
                r = append_custom(arena, defs, graph, &list, &n);
        if (r < 0)
                return r;

        *ret = list;
        *ret_n = n;
        return 0;
}
