/* dpucc disasm: the instructions of a compiled model */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_writer.h"
#include "dpu/command.h"
#include "dpu/isa/isa.h"
#include "dpu/programs.h"

const char command_disasm_help[] =
        "usage: dpucc disasm [--subgraph N] [--json] FILE\n"
        "\n"
        "Prints the instructions of the DPU subgraphs of a compiled model, one to a line:\n"
        "offset, name, the engines whose tokens it waits for and to which it posts one\n"
        "(L load, S save, C conv, M misc), and its fields. Fields that are stored as 0 are\n"
        "left out. Understands DPUCZDX8G with ISA 1.\n"
        "\n"
        "      --subgraph N  only the N-th DPU subgraph, from 0\n"
        "      --json        as JSON, with all fields\n"
        "\n"
        "Example:\n"
        "  dpucc disasm --subgraph 0 out/unet.xmodel | less\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

#define DISASM_OUTPUT_MAX ((size_t) 1 << 31)
#define DISASM_ALL        UINT64_MAX

typedef struct DisasmArguments {
        uint64_t subgraph;
        bool json;
} DisasmArguments;

enum {
        OPTION_SUBGRAPH = 256,
        OPTION_JSON,
};

static int disasm_option(const char *name, int option, void *arguments) {
        DisasmArguments *ret = arguments;

        if (option == OPTION_SUBGRAPH)
                return command_number(name, "--subgraph", optarg, DISASM_ALL - 1, &ret->subgraph);
        ret->json = true;
        return COMMAND_OK;
}

static int disasm_parse(int argc, char **argv, DisasmArguments *ret) {
        static const struct option options[] = {
                { "subgraph", required_argument, NULL, OPTION_SUBGRAPH },
                { "json", no_argument, NULL, OPTION_JSON },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "", options, disasm_option, ret);
        if (code != COMMAND_OK)
                return code;
        return optind + 1 == argc ? COMMAND_OK : command_usage(argv[0], "one file, please");
}

/* --- text ------------------------------------------------------------------------------------ */

static int disasm_print(const Program *program, Problem *problem) {
        Instruction instruction;
        Problem name;
        int r;

        (void) problem_set(&name, 0, "%s", program->subgraph->name); /* makes it printable */
        (void) printf("subgraph %s\ntarget   %s\nbytes    %zu\n\n", name.text, program->target.name,
                      program->code.size);
        for (uint32_t at = 0; at < program->code.size;
             at += 4 * isa_describe(instruction.kind)->words) {
                _cleanup_(bytes_cleanup) Bytes line = BYTES_INIT(4096);

                r = isa_decode(program->code, at, &instruction, problem);
                if (r == 0)
                        r = isa_disassemble(&instruction, &line);
                if (r < 0)
                        return r;
                (void) printf("%06" PRIx32 "  %.*s\n", at, (int) line.size,
                              (const char *) line.data);
        }
        return 0;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void disasm_write_engines(JsonWriter *w, const char *key, uint32_t engines) {
        json_writer_array(w, key);
        for (unsigned i = 0; i < ISA_ENGINES; i++)
                if (engines & 1u << i)
                        json_writer_string(w, NULL, isa_engine_name((IsaEngine) (1u << i)));
        json_writer_end(w);
}

static void disasm_write_instruction(JsonWriter *w, const Instruction *instruction) {
        const IsaDescription *d = isa_describe(instruction->kind);

        json_writer_object(w, NULL);
        json_writer_uint64(w, "offset", instruction->offset);
        json_writer_string(w, "name", d->name);
        json_writer_string(w, "engine", isa_engine_name(d->engine));
        disasm_write_engines(w, "wait", instruction->tokens.dpdon);
        disasm_write_engines(w, "post", instruction->tokens.dpdby);
        json_writer_object(w, "fields");
        for (size_t i = 2; i < d->n_fields; i++) /* behind the tokens */
                json_writer_uint64(w, d->fields[i].name, instruction->values[i]);
        json_writer_end(w);
        json_writer_end(w);
}

static int disasm_write(JsonWriter *w, const Program *program, Problem *problem) {
        Instruction instruction;

        json_writer_object(w, NULL);
        json_writer_string(w, "subgraph", program->subgraph->name);
        json_writer_string(w, "target", program->target.name);
        json_writer_uint64(w, "bytes", program->code.size);
        json_writer_array(w, "instructions");
        for (uint32_t at = 0; at < program->code.size;
             at += 4 * isa_describe(instruction.kind)->words) {
                int r = isa_decode(program->code, at, &instruction, problem);

                if (r < 0)
                        return r;
                disasm_write_instruction(w, &instruction);
        }
        json_writer_end(w);
        json_writer_end(w);
        return 0;
}

static int disasm_json(const Program *programs, size_t n, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(DISASM_OUTPUT_MAX);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);
        int r = 0;

        json_writer_array(&w, NULL);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = disasm_write(&w, &programs[i], problem);
        json_writer_end(&w);
        if (r == 0)
                r = json_writer_finish(&w);
        if (r == 0)
                (void) fwrite(out.data, 1, out.size, stdout);
        return r;
}

/* --- the command ----------------------------------------------------------------------------- */

static int disasm_run(const char *path, const DisasmArguments *arguments, Problem *problem) {
        _cleanup_(programs_cleanup) Programs programs = {};
        size_t first = 0, n;
        int r;

        r = programs_load(path, &programs, problem);
        if (r < 0)
                return r;
        n = programs.n;
        if (arguments->subgraph != DISASM_ALL) {
                first = (size_t) arguments->subgraph;
                if (arguments->subgraph >= n)
                        return problem_set(problem, -ENOENT, "%s: has %zu DPU subgraphs, from 0",
                                           path, n);
                n = 1;
        }
        if (arguments->json)
                return disasm_json(programs.items + first, n, problem);
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (i > 0)
                        (void) printf("\n");
                r = disasm_print(&programs.items[first + i], problem);
        }
        return r < 0 ? problem_prefix(problem, r, "%s", path) : 0;
}

int command_disasm(int argc, char **argv) {
        DisasmArguments arguments = { .subgraph = DISASM_ALL };
        Problem problem = { "" };
        int code, r;

        code = disasm_parse(argc, argv, &arguments);
        if (code != COMMAND_OK)
                return code;
        r = disasm_run(argv[optind], &arguments, &problem);
        return r < 0 ? command_failed(argv[0], r, &problem) : COMMAND_OK;
}
