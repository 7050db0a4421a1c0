/*
 * The simulator from outside: construction, tensors in memory, captures, failing allocations.
 * (What instructions do is in test-conv, test-alu, test-elew and test-transfer, their order in
 * test-hazard.)
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/micro.h"

/* LOAD, CONV over it, SAVE: something that uses every buffer */
static void build(Micro *m) {
        Instruction load = isa_blank(ISA_LOAD), init = isa_blank(ISA_CONVINIT);
        Instruction conv = isa_blank(ISA_CONV), save = isa_blank(ISA_SAVE);

        micro_init(m, MICRO_B4096, 4096, 4096);
        load.load.length = 4;
        load.load.channel = load.load.jump_read = 16;
        load.load.reg_id = 1;
        micro_add(m, load);
        init.convinit.kernel_w = 2;
        micro_add(m, init);
        conv.conv.length = 3;
        conv.conv.pad_right = 1;
        conv.conv.bank_id_out = 8;
        micro_add(m, conv);
        save.save.bank_id = 8;
        save.save.length = 3;
        save.save.channel = save.save.jump_write = 16;
        save.save.reg_id = 1;
        save.save.ddr_addr = 64;
        micro_add(m, save);
        micro_finish(m);
}

static int everything(void *userdata) {
        const SimulatorOptions options = { .threads = 2 };
        _cleanup_(simulator_freep) Simulator *s = NULL;
        const Micro *m = userdata;
        int r;

        r = simulator_new(&s, &m->program, &options, NULL);
        if (r < 0)
                return r;
        r = simulator_capture(s);
        if (r < 0)
                return r;
        return simulator_run(s, NULL);
}

static void failing_allocations_fail_cleanly(void **state) {
        Micro m;

        build(&m);
        assert_true(fail_alloc_sweep(everything, &m) > 10);
        micro_deinit(&m);
}

/* --- construction ---------------------------------------------------------------------------- */

static void assert_not_made(const Program *program, int error, const char *said) {
        Problem problem = { "" };
        Simulator *s = NULL;

        assert_int_equal(simulator_new(&s, program, NULL, &problem), error);
        assert_null(s);
        if (!strstr(problem.text, said))
                fail_msg("'%s' does not say '%s'", problem.text, said);
}

static void impossible_programs_are_refused(void **state) {
        Micro m;

        build(&m);
        m.program.regions[0].constant.size--;
        assert_not_made(&m.program, -EINVAL, "not the size of its content");
        m.program.regions[0].constant.size++;
        m.program.regions[2] =
                (ProgramRegion){ .role = PROGRAM_WORKSPACE, .size = PROGRAM_MEMORY_MAX };
        assert_not_made(&m.program, -EFBIG, "more than 1073741824 bytes");
        m.program.regions[2].size = 0;
        assert_int_equal(fingerprint_decode(UINT64_C(0x0603000b56011861), &m.program.target, NULL),
                         0);
        assert_not_made(&m.program, -ENOTSUP, "only DPUCZDX8G with ISA 1");
        micro_deinit(&m);
}

/* the four small ones: B64 to B256, which nobody has seen a program for, have banks, too */
static void every_size_has_banks(void **state) {
        for (uint64_t arch = 0; arch < 12; arch++) {
                _cleanup_(simulator_freep) Simulator *s = NULL;
                Problem problem = { "" };
                Micro m;

                micro_init(&m, UINT64_C(0x0101000056010200) + arch, 16, 16);
                micro_finish(&m);
                if (simulator_new(&s, &m.program, NULL, &problem) < 0)
                        fail_msg("%s", problem.text);
                assert_int_equal(simulator_run(s, NULL), 0);
                micro_deinit(&m);
        }
}

/* --- tensors --------------------------------------------------------------------------------- */

static void tensors_lie_where_strides_say(void **state) {
        const ProgramTensor slice = { .reg_id = 1,
                                      .address = 5,
                                      .n_dims = 3,
                                      .dims = { 2, 3, 2 },
                                      .strides = { 40, 10, 1 },
                                      .elements = 12 };
        _cleanup_(simulator_freep) Simulator *s = NULL;
        _cleanup_(bytes_cleanup) Bytes all = BYTES_INIT(8192), again = BYTES_INIT(64);
        const uint8_t numbers[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
        ProgramTensor workspace;
        Problem problem = { "" };
        Micro m;

        build(&m);
        workspace = micro_workspace(&m);
        assert_int_equal(simulator_new(&s, &m.program, NULL, NULL), 0);
        assert_int_equal(simulator_write(s, &slice, slice_of(numbers, 12), NULL), 0);
        assert_int_equal(simulator_read(s, &slice, &again), 0);
        assert_memory_equal(again.data, numbers, 12);
        assert_int_equal(simulator_read(s, &workspace, &all), 0);
        assert_int_equal(all.data[5 + 40 + 2 * 10 + 1], 12);
        assert_int_equal(all.data[5 + 10], 3);
        assert_int_equal(simulator_write(s, &slice, slice_of(numbers, 11), &problem), -EINVAL);
        assert_non_null(strstr(problem.text, "has 12 elements, not 11"));
        (void) simulator_free(TAKE_PTR(s));
        micro_deinit(&m);
}

/* A tensor that the program overwrites later is kept as it was when it was complete. */
static void captures_outlive_what_follows(void **state) {
        Op first = { .type = "conv2d-fix" }, second = { .type = "conv2d-fix" };
        const ProgramTensor place = { .op = &first,
                                      .reg_id = 1,
                                      .address = 100,
                                      .n_dims = 2,
                                      .dims = { 2, 16 },
                                      .strides = { 16, 1 },
                                      .elements = 32 };
        ProgramTensor tensors[3] = { place, place, place };
        Instruction load = isa_blank(ISA_LOAD), save = isa_blank(ISA_SAVE);
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Slice captured;
        Micro m;

        micro_init(&m, MICRO_B4096, 4096, 4096);
        memset(m.constant, 1, 32);
        memset(m.constant + 32, 2, 32);
        load.load.length = save.save.length = 2;
        load.load.channel = load.load.jump_read = 16;
        save.save.channel = save.save.jump_write = 16;
        save.save.reg_id = 1;
        save.save.ddr_addr = 100;
        micro_add(&m, load);
        micro_add(&m, save);
        load.load.ddr_addr = 32;
        micro_add(&m, load);
        micro_add(&m, save);
        micro_finish(&m);
        tensors[1].op = &second;
        m.program.tensors = tensors;
        m.program.n_tensors = 3;
        assert_int_equal(simulator_new(&s, &m.program, NULL, NULL), 0);
        assert_int_equal(simulator_capture(s), 0);
        assert_int_equal(simulator_run(s, NULL), 0);
        assert_int_equal(simulator_captured(s, &tensors[0], &captured), 0);
        assert_int_equal(captured.data[31], 1);
        assert_int_equal(simulator_captured(s, &tensors[1], &captured), 0);
        assert_int_equal(captured.data[0], 2);
        assert_int_equal(simulator_captured(s, &tensors[2], &captured), -ENOENT);
        (void) simulator_free(TAKE_PTR(s)); /* before the program that it borrows */
        micro_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(failing_allocations_fail_cleanly),
                cmocka_unit_test(impossible_programs_are_refused),
                cmocka_unit_test(every_size_has_banks),
                cmocka_unit_test(tensors_lie_where_strides_say),
                cmocka_unit_test(captures_outlive_what_follows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
