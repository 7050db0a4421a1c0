#include "unit.h"

#include "base/cleanup.h"
#include "xmodel/filename.h"

static void names_of_arch_files(void **state) {
        static const struct {
                const char *file;
                bool is;
                const char *name;
        } cases[] = {
                { "arch.json", true, NULL },
                { "arch-leopard.json", true, "leopard" },
                { "arch_leopard.json", true, "leopard" },
                { "arch.leopard.json", true, "leopard" },
                { "leopard.arch.json", true, "leopard" },
                { "arch-a b.json", true, "a b" },
                { "arch..json", false, NULL },
                { "arch-.json", false, NULL },
                { ".arch.json", false, NULL },
                { "archx.json", false, NULL },
                { "myarch.json", false, NULL },
                { "kv260_arch.json", false, NULL },
                { "arch.json.bak", false, NULL },
                { "meta.json", false, NULL },
                { "arch", false, NULL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *name = NULL;

                assert_int_equal(filename_is_arch(cases[i].file), cases[i].is);
                assert_int_equal(filename_target(cases[i].file, &name), 0);
                if (cases[i].name)
                        assert_string_equal(name, cases[i].name);
                else
                        assert_null(name);
        }
}

static void names_nets(void **state) {
        static const char *const cases[][2] = {
                { "a/Unet_int.xmodel", "Unet" }, { "Unet.xmodel", "Unet" },
                { "_int.xmodel", "_int" },       { "a_int_int.xmodel", "a_int" },
                { ".xmodel", ".xmodel" },        { "x", "x" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *name = filename_net(cases[i][0]);

                assert_string_equal(name, cases[i][1]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_of_arch_files),
                cmocka_unit_test(names_nets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
