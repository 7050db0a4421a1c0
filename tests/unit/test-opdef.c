#include "unit.h"

#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"
#include "xmodel/graph.h"
#include "xmodel/opdef.h"

static int setup(void **state) {
        OpDefs *defs;

        if (opdefs_new(&defs) < 0)
                return -1;
        *state = defs;
        return 0;
}

static int teardown(void **state) {
        opdefs_free(*state);
        return 0;
}

static const OpDef *find(OpDefs *defs, const char *type) {
        const OpDef *def = NULL;

        assert_int_equal(opdefs_find(defs, type, &def), 0);
        return def;
}

static const OpDefAttr *attr(const OpDef *def, const char *name) {
        for (size_t i = 0; i < def->n_attrs; i++)
                if (strcmp(def->attrs[i].name, name) == 0)
                        return &def->attrs[i];
        fail_msg("%s has no attribute %s", def->type, name);
        return NULL;
}

/* nothing in the text is misspelt: every part of it parses into something sensible */
static void all_definitions_parse(void **state) {
        const char *previous = "";
        const OpDef *def;

        assert_int_equal(opdefs_count(), 106);
        for (size_t i = 0; i < opdefs_count(); i++) {
                assert_int_equal(opdefs_get(*state, i, &def), 0);
                assert_true(strcmp(previous, def->type) < 0);
                assert_ptr_equal(find(*state, def->type), def);
                assert_false(opdef_is_custom(def));
                previous = def->type;
                for (size_t a = 0; a < def->n_args; a++) {
                        assert_true(strspn(def->args[a].name, "abcdefghijklmnopqrstuvwxyz_") ==
                                    strlen(def->args[a].name));
                        assert_in_range(def->args[a].data_type, DATA_TYPE_INT, DATA_TYPE_FLOAT);
                }
                for (size_t a = 0; a < def->n_attrs; a++) {
                        const OpDefAttr *one = &def->attrs[a];

                        assert_in_range(one->value.kind, ATTR_BOOL, ATTR_STRING_VEC);
                        assert_in_range(one->occurs, OPDEF_REQUIRED, OPDEF_OPTIONAL);
                        if (one->list_length > 1)
                                assert_int_equal(attr_kind_shape(one->value.kind),
                                                 ATTR_SHAPE_VECTOR);
                        if (one->list_length > 1 && one->occurs == OPDEF_OPTIONAL)
                                assert_int_equal(one->value.n, one->list_length);
                        if (one->occurs == OPDEF_REQUIRED)
                                assert_int_equal(one->value.n, 0);
                }
        }
}

static void knows_conv2d(void **state) {
        const OpDef *def = find(*state, "conv2d-fix");

        assert_int_equal(def->n_args, 3);
        assert_string_equal(def->args[0].name, "input");
        assert_int_equal(def->args[0].occurs, OPDEF_REQUIRED);
        assert_int_equal(def->args[0].data_type, DATA_TYPE_XINT);
        assert_int_equal(opdef_arg(def, "bias")->occurs, OPDEF_OPTIONAL);
        assert_null(opdef_arg(def, "scale"));
        assert_int_equal(find(*state, "conv2d")->args[0].data_type, DATA_TYPE_FLOAT);

        assert_int_equal(def->n_attrs, 9);
        assert_int_equal(attr(def, "kernel")->occurs, OPDEF_REQUIRED);
        assert_int_equal(attr(def, "kernel")->list_length, 2);
        assert_int_equal(attr(def, "dilation")->value.int32s[1], 1);
        assert_int_equal(attr(def, "group")->value.int32, 1);
        assert_int_equal(attr(def, "shift_hswish")->value.int32, -128);
        assert_string_equal(attr(def, "nonlinear")->value.string, "");
}

static void knows_every_kind_of_default(void **state) {
        assert_int_equal(find(*state, "add")->args[0].occurs, OPDEF_REQUIRED_AND_REPEATED);
        assert_int_equal(find(*state, "cost_volume")->args[0].occurs, OPDEF_REPEATED);
        assert_int_equal(opdef_arg(find(*state, "reshape"), "shape")->data_type, DATA_TYPE_INT);
        assert_true(attr(find(*state, "avgpool2d"), "count_include_pad")->value.boolean);
        assert_true(attr(find(*state, "celu"), "alpha")->value.float32 == 1.0f);
        assert_true(attr(find(*state, "l2_normalize"), "epsilon")->value.float64 == 1e-12);
        assert_string_equal(attr(find(*state, "eltwise-fix"), "type")->value.string, "ADD");
        assert_int_equal(attr(find(*state, "const"), "data")->value.kind, ATTR_BYTES);
        assert_int_equal(attr(find(*state, "const"), "data")->list_length, 0);
        assert_int_equal(attr(find(*state, "resize"), "scale")->value.kind, ATTR_FLOAT_VEC);
        assert_int_equal(attr(find(*state, "resize"), "scale")->occurs, OPDEF_OPTIONAL);
        assert_int_equal(attr(find(*state, "scale"), "axis")->value.int32, -1);
}

static void others_are_custom(void **state) {
        const OpDef *def = find(*state, "PPScatterV2");

        assert_true(opdef_is_custom(def));
        assert_int_equal(def->n_args, 1);
        assert_int_equal(def->args[0].occurs, OPDEF_REPEATED);
        assert_int_equal(def->n_attrs, 2);
        assert_int_equal(attr(def, "shape")->value.kind, ATTR_INT32_VEC);
        assert_ptr_equal(find(*state, ""), def);
}

static int parse_all(void *userdata) {
        _cleanup_(opdefs_freep) OpDefs *defs = NULL;
        const OpDef *def;
        int r;

        (void) userdata;
        r = opdefs_new(&defs);
        for (size_t i = 0; r == 0 && i < opdefs_count(); i++)
                r = opdefs_get(defs, i, &def);
        return r;
}

static void every_allocation_may_fail(void **state) {
        assert_true(fail_alloc_sweep(parse_all, NULL) > 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(all_definitions_parse, setup, teardown),
                cmocka_unit_test_setup_teardown(knows_conv2d, setup, teardown),
                cmocka_unit_test_setup_teardown(knows_every_kind_of_default, setup, teardown),
                cmocka_unit_test_setup_teardown(others_are_custom, setup, teardown),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
