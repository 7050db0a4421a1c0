/*
 * How fast does the simulator convolve?
 *
 *   bench-simulate [--quick] [THREADS]     default: all processors
 *
 * Runs the convolutions of a U-Net for 512x512 pixels, tile by tile as a simple compiler would
 * order them (load rows, load weights, convolve, save rows), for a small and a large DPU, with the
 * vector instructions of this processor and without. Rows C3: 10^9 multiplications a second, and the
 * time for the 49.6 * 10^9 of the tutorial's network. --quick leaves out what has no vectors.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/row.h"
#include "dpu/sim/simulator.h"
#include "tests/support/micro.h"

#define TUTORIAL_MULTIPLICATIONS 49.6e9

typedef struct Layer {
        uint32_t size, in, out; /* pixels a side, channels; kernels are 3x3 */
} Layer;

static const Layer unet[] = {
        { 512, 3, 32 },    { 512, 32, 32 },  { 256, 32, 64 },   { 256, 64, 64 },   { 128, 64, 128 },
        { 128, 128, 128 }, { 64, 128, 256 }, { 64, 256, 256 },  { 32, 256, 512 },  { 32, 512, 512 },
        { 64, 768, 256 },  { 64, 256, 256 }, { 128, 384, 128 }, { 128, 128, 128 }, { 256, 192, 64 },
        { 256, 64, 64 },   { 512, 96, 32 },  { 512, 32, 32 },
};

#define WORKSPACE ((size_t) 512 * 512 * 96)
#define CONSTANT  ((size_t) 9 * 768 * 16)

static void add_rows(Micro *m, uint32_t rows, uint32_t columns, uint32_t channels) {
        uint32_t pixels = m->program.target.pixels;
        Instruction load = isa_blank(ISA_LOAD);
        uint32_t cg = (channels + m->program.target.input_channels - 1) /
                      m->program.target.input_channels;

        for (uint32_t row = 0; row < rows; row++) {
                load.load.bank_id = row % pixels;
                load.load.bank_addr = row / pixels * columns * cg;
                load.load.jump_write = cg;
                load.load.length = columns;
                load.load.channel = load.load.jump_read = channels;
                load.load.reg_id = 1;
                load.load.ddr_addr = row * columns * channels;
                micro_add(m, load);
        }
}

static void add_weights(Micro *m, uint32_t channels) {
        Instruction load = isa_blank(ISA_LOAD);
        uint32_t lanes = m->program.target.input_channels;

        for (uint32_t o = 0; o < lanes; o++) {
                load.load.bank_id = 2 * m->program.target.pixels + o;
                load.load.length = 9;
                load.load.jump_write = (channels + lanes - 1) / lanes;
                load.load.channel = load.load.jump_read = channels;
                micro_add(m, load);
        }
}

static uint64_t add_conv(Micro *m, uint32_t columns, uint32_t channels, bool first) {
        uint32_t pixels = m->program.target.pixels, lanes = m->program.target.input_channels;
        Instruction init = isa_blank(ISA_CONVINIT), conv = isa_blank(ISA_CONV);
        uint32_t cg = (channels + lanes - 1) / lanes;

        init.convinit.kernel_h = init.convinit.kernel_w = 3;
        init.convinit.valid_pp = pixels;
        init.convinit.jump_read = cg;
        init.convinit.shift_cut = 10;
        if (first)
                micro_add(m, init);
        conv.conv.bank_addr_in_1 = columns * cg;
        conv.conv.pad_bottom = conv.conv.pad_right = 2;
        conv.conv.channel_group = cg;
        conv.conv.channel_offset = cg * lanes - channels;
        conv.conv.length = columns - 2;
        conv.conv.bank_id_out = pixels;
        micro_add(m, conv);
        return (uint64_t) pixels * (columns - 2) * 9 * channels * lanes;
}

static void add_saves(Micro *m, uint32_t columns) {
        Instruction save = isa_blank(ISA_SAVE);

        for (uint32_t row = 0; row < m->program.target.pixels; row++) {
                save.save.bank_id = m->program.target.pixels + row;
                save.save.length = columns - 2;
                save.save.channel = save.save.jump_write = m->program.target.input_channels;
                save.save.reg_id = 1;
                save.save.ddr_addr = row * columns * m->program.target.input_channels;
                micro_add(m, save);
        }
}

/* returns the multiplications that count */
static uint64_t add_layer(Micro *m, const Layer *layer) {
        uint32_t pixels = m->program.target.pixels, lanes = m->program.target.input_channels;
        uint32_t cg = (layer->in + lanes - 1) / lanes, columns = 900 / cg;
        uint64_t multiplications = 0;

        if (columns > 66)
                columns = 66;
        for (uint32_t y = 0; y < layer->size; y += pixels)
                for (uint32_t x = 0; x < layer->size; x += columns - 2) {
                        uint32_t wide =
                                layer->size - x < columns - 2 ? layer->size - x + 2 : columns;

                        add_rows(m, pixels + 2, wide, layer->in);
                        for (uint32_t o = 0; o < layer->out; o += lanes) {
                                add_weights(m, layer->in);
                                multiplications += add_conv(m, wide, layer->in, o == 0);
                                add_saves(m, wide);
                        }
                }
        return multiplications;
}

static void bench(uint64_t target, const char *what, const SimulatorOptions *options) {
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Problem problem = { "" };
        uint64_t multiplications = 0;
        char text[80];
        double seconds;
        int64_t start;
        Micro m;

        micro_init(&m, target, CONSTANT, WORKSPACE);
        for (size_t i = 0; i < ARRAY_SIZE(unet); i++)
                multiplications += add_layer(&m, &unet[i]);
        micro_finish(&m);
        start = clock_monotonic_ns();
        if (simulator_new(&s, &m.program, options, &problem) < 0 ||
            simulator_run(s, &problem) < 0) {
                (void) fprintf(stderr, "bench-simulate: %s\n", problem.text);
                exit(1);
        }
        seconds = (double) (clock_monotonic_ns() - start) / 1e9;
        row_value("C3", what, m.program.target.name, (double) multiplications / 1e9 / seconds,
                  "GMAC/s");
        (void) snprintf(text, sizeof(text), "%s: 49.6 GMAC", what);
        row_value("C3", text, m.program.target.name,
                  seconds * TUTORIAL_MULTIPLICATIONS / (double) multiplications, "s");
        micro_deinit(&m);
}

int main(int argc, char **argv) {
        const bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
        const unsigned threads =
                argc > 1 + quick ? (unsigned) strtoul(argv[1 + quick], NULL, 10) : 0;
        const struct {
                const char *what;
                SimulatorOptions options;
        } all[] = {
                { "all processors", { .threads = threads } },
                { "one processor", { .threads = 1 } },
                { "order of accesses not checked", { .threads = threads, .unchecked = true } },
                { "without vector instructions", { .threads = threads, .portable = true } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(all) - quick; i++) {
                bench(MICRO_B1024, all[i].what, &all[i].options);
                bench(MICRO_B4096, all[i].what, &all[i].options);
        }
        return 0;
}
