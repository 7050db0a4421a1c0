/*
 * dpucc inspect
 *
 * Shows what a model file holds: quantized, float or compiled. Names and strings of the file are
 * escaped on their way out; long lists are cut in the text and complete in the JSON.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/attr_text.h"
#include "dpu/command.h"
#include "dpu/inspect_json.h"
#include "dpu/inspection.h"
#include "dpu/table.h"
#include "dpu/where.h"

#define INSPECT_VALUE_MAX ((size_t) 64 << 20) /* bytes of one attribute's text */
#define INSPECT_CUT       160                 /* characters of it that are shown */

const char command_inspect_help[] =
        "usage: dpucc inspect [--ops] [--op NAME] [--json] FILE...\n"
        "\n"
        "Shows what a model file holds: its class, ops by type, inputs and outputs with\n"
        "shapes and fix points, attributes, and the subgraphs of compiled files.\n"
        "\n"
        "      --ops      list all ops in their order\n"
        "      --op NAME  one op with its arguments and attributes\n"
        "      --json     as JSON, one document for each file\n"
        "\n"
        "Example:\n"
        "  dpucc inspect --ops Unet_int.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

typedef struct InspectArguments {
        bool ops;
        const char *op;
        bool json;
} InspectArguments;

enum {
        OPTION_OPS = 256,
        OPTION_OP,
        OPTION_JSON,
};

static int inspect_option(const char *name, int option, void *arguments) {
        InspectArguments *ret = arguments;

        (void) name;
        switch (option) {
        case OPTION_OPS:
                ret->ops = true;
                break;
        case OPTION_OP:
                ret->op = optarg;
                break;
        case OPTION_JSON:
                ret->json = true;
                break;
        }
        return COMMAND_OK;
}

static int inspect_parse(int argc, char **argv, InspectArguments *ret) {
        static const struct option options[] = {
                { "ops", no_argument, NULL, OPTION_OPS },
                { "op", required_argument, NULL, OPTION_OP },
                { "json", no_argument, NULL, OPTION_JSON },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "", options, inspect_option, ret);
        if (code != COMMAND_OK)
                return code;
        return optind < argc ? COMMAND_OK : command_usage(argv[0], "no file");
}

/* --- cells ----------------------------------------------------------------------------------- */

static void cell_shape(Table *table, const Tensor *tensor) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(INSPECT_VALUE_MAX);
        const Attr shape = { .kind = ATTR_INT32_VEC, .n = tensor->n_dims, .int32s = tensor->dims };

        if (attr_text(&shape, &text) < 0)
                table->error = -ENOMEM; /* dimensions are few */
        table_cell(table, "%.*s", (int) text.size, (const char *) text.data);
}

static void cell_type(Table *table, const Tensor *tensor) {
        table_cell(table, "%s%d", data_type_name(tensor->data_type), tensor->bit_width);
}

static void cell_fix_point(Table *table, bool has, int32_t fix_point) {
        if (has)
                table_cell(table, "fix %d", fix_point);
        else
                table_cell(table, "-");
}

static void cell_value(Table *table, const Attr *attr) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(INSPECT_VALUE_MAX);
        const char *cut = "";
        int n, r;

        r = attr_text(attr, &text);
        if (r < 0) {
                table->error = r;
                return;
        }
        n = (int) text.size;
        if (n > INSPECT_CUT) {
                n = INSPECT_CUT;
                cut = "...";
        }
        table_cell(table, "%.*s%s", n, (const char *) text.data, cut);
}

/* --- sections --------------------------------------------------------------------------------- */

/* Prints "TITLE" and the table below it, if it has rows, and frees it. */
static int print_section(const char *title, Table *table) {
        int r = table->error;

        if (r == 0 && table->n_cells > 0) {
                (void) printf("%s\n", title);
                r = table_print(table, 2, stdout);
        }
        table_deinit(table);
        return r;
}

static int print_summary(const Inspection *inspection) {
        Table table = TABLE_INIT(2);
        int r;

        table_cell(&table, "file");
        table_cell(&table, "%s", inspection->path);
        table_cell(&table, "class");
        table_cell(&table, "%s", xmodel_class_name(inspection->class));
        table_cell(&table, "graph");
        table_cell(&table, "%s", inspection->graph->name);
        table_cell(&table, "size");
        table_cell(&table, "%zu bytes", inspection->size);
        table_cell(&table, "ops");
        table_cell(&table, "%zu", inspection->graph->n_ops);
        for (size_t i = 0; i < inspection->n_counts; i++) {
                table_cell(&table, "  %s", inspection->counts[i].type);
                table_cell(&table, "%zu", inspection->counts[i].n);
        }

        r = table_print(&table, 0, stdout);
        table_deinit(&table);
        return r;
}

static int print_ports(const char *title, const Port *ports, size_t n) {
        Table table = TABLE_INIT(4);

        for (size_t i = 0; i < n; i++) {
                cell_type(&table, &ports[i].op->tensor);
                cell_fix_point(&table, ports[i].has_fix_point, ports[i].fix_point);
                cell_shape(&table, &ports[i].op->tensor);
                table_cell(&table, "%s", ports[i].op->tensor.name);
        }
        return print_section(title, &table);
}

static int print_attrs(const char *title, const Attrs *attrs) {
        Table table = TABLE_INIT(3);

        for (size_t i = 0; i < attrs->n; i++) {
                table_cell(&table, "%s", attrs->items[i].name);
                table_cell(&table, "%s", attr_kind_name(attrs->items[i].value.kind));
                cell_value(&table, &attrs->items[i].value);
        }
        return print_section(title, &table);
}

static void subgraph_cells(const Subgraph *subgraph, void *userdata) {
        const char *device = attrs_string(&subgraph->attrs, "device");
        Table *table = userdata;

        table_cell(table, "%s", device ? device : "");
        table_cell(table, "%zu ops", where_count_ops(subgraph));
        table_cell(table, "%*s%s", (int) (2 * (subgraph->depth - 1)), "", subgraph->name);
}

static int print_subgraphs(const Inspection *inspection) {
        Table table = TABLE_INIT(3);

        inspection_each_subgraph(inspection, subgraph_cells, &table);
        return print_section("subgraphs", &table);
}

static int print_ops(const Inspection *inspection) {
        const bool compiled = inspection->class == XMODEL_COMPILED;
        Table table = TABLE_INIT(compiled ? 6 : 5);

        for (size_t i = 0; i < inspection->graph->n_ops; i++) {
                const Op *op = inspection->graph->ops[i];
                int32_t fix_point = 0;
                const bool has = inspection_fix_point(op, &fix_point);

                if (compiled)
                        table_cell(&table, "%s", where_device(op));
                table_cell(&table, "%s", op->type);
                cell_type(&table, &op->tensor);
                cell_fix_point(&table, has, fix_point);
                cell_shape(&table, &op->tensor);
                table_cell(&table, "%s", op->name);
        }
        return print_section("all ops", &table);
}

static int print_args(const Op *op) {
        Table table = TABLE_INIT(2);

        for (size_t a = 0; a < op->n_args; a++) {
                const Arg *arg = &op->args[a];

                if (arg->n_ops == 0) {
                        table_cell(&table, "%s", arg->name);
                        table_cell(&table, "(nothing)");
                }
                for (size_t i = 0; i < arg->n_ops; i++) {
                        table_cell(&table, "%s", arg->name);
                        table_cell(&table, "%s", arg->ops[i]->name);
                }
        }
        return print_section("arguments", &table);
}

static int print_op(const Op *op) {
        int32_t fix_point = 0;
        Table table = TABLE_INIT(2);
        const bool has = inspection_fix_point(op, &fix_point);
        int r;

        table_cell(&table, "name");
        table_cell(&table, "%s", op->name);
        table_cell(&table, "type");
        table_cell(&table, "%s", op->type);
        table_cell(&table, "tensor");
        table_cell(&table, "%s", op->tensor.name);
        table_cell(&table, "shape");
        cell_shape(&table, &op->tensor);
        table_cell(&table, "values");
        cell_type(&table, &op->tensor);
        table_cell(&table, "grid");
        cell_fix_point(&table, has, fix_point);
        table_cell(&table, "subgraph");
        table_cell(&table, "%s", op->subgraph ? op->subgraph->name : "(none)");
        r = print_section("op", &table);
        if (r == 0)
                r = print_args(op);
        if (r == 0)
                r = print_attrs("attributes", &op->attrs);
        if (r == 0)
                r = print_attrs("attributes of its tensor", &op->tensor.attrs);
        return r;
}

static int print_text(const Inspection *inspection, const InspectArguments *arguments,
                      const Op *op) {
        const Ports *ports = &inspection->ports;
        int r;

        if (op)
                return print_op(op);
        r = print_summary(inspection);
        if (r == 0)
                r = print_ports("inputs", ports->inputs, ports->n_inputs);
        if (r == 0)
                r = print_ports("outputs", ports->outputs, ports->n_outputs);
        if (r == 0)
                r = print_attrs("attributes", &inspection->graph->attrs);
        if (r == 0)
                r = print_subgraphs(inspection);
        if (r == 0 && arguments->ops)
                r = print_ops(inspection);
        return r;
}

static int print_json(const Inspection *inspection, const InspectArguments *arguments,
                      const Op *op) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(INSPECT_JSON_MAX);
        const InspectJsonSpec spec = {
                .inspection = inspection,
                .with_ops = arguments->ops,
                .op = op,
        };
        int r;

        r = inspect_json_write(&spec, &text);
        if (r == 0)
                (void) fwrite(text.data, 1, text.size, stdout);
        return r;
}

static int inspect_file(const char *path, const InspectArguments *arguments, Problem *problem) {
        Inspection inspection;
        const Op *op = NULL;
        int r;

        r = inspection_init(&inspection, path, problem);
        if (r < 0)
                return r;
        if (arguments->op) {
                op = graph_find_op(inspection.graph, arguments->op);
                r = op ? 0 : problem_set(problem, -ENOENT, "%s: no op '%s'", path, arguments->op);
        }
        if (r == 0)
                r = arguments->json ? print_json(&inspection, arguments, op)
                                    : print_text(&inspection, arguments, op);
        inspection_deinit(&inspection);
        return r;
}

int command_inspect(int argc, char **argv) {
        InspectArguments arguments = { 0 };
        int code;

        code = inspect_parse(argc, argv, &arguments);
        if (code != COMMAND_OK)
                return code;
        for (int i = optind; i < argc; i++) {
                Problem problem = { "" };
                int r;

                if (i > optind && !arguments.json)
                        (void) printf("\n");
                r = inspect_file(argv[i], &arguments, &problem);
                if (r < 0)
                        code = command_failed(argv[0], r, &problem);
        }
        return code;
}
