#include "dpu/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "dpu/npy.h"
#include "dpu/ports.h"
#include "dpu/sim/round.h"

int feed_add(Feed *feed, const char *argument, Problem *problem) {
        const char *equals = strchr(argument, '=');
        FeedFile file = { .path = equals ? equals + 1 : argument,
                          .content = BYTES_INIT(FEED_FILE_MAX) };
        int r;

        if (feed->n_files == FEED_FILES_MAX)
                return problem_set(problem, -E2BIG, "more than %d input files", FEED_FILES_MAX);
        if (equals) {
                file.name = argument;
                file.name_size = (size_t) (equals - argument);
        }
        r = file_read(AT_FDCWD, file.path, &file.content);
        if (r < 0) {
                bytes_deinit(&file.content);
                return problem_set(problem, r, "%s: %s", file.path, strerror(-r));
        }

        feed->files[feed->n_files++] = file;
        return 0;
}

void feed_deinit(Feed *feed) {
        for (size_t i = 0; i < feed->n_files; i++)
                bytes_deinit(&feed->files[i].content);
        feed->n_files = 0;
}

/* a file without header: its size tells the type */
static int feed_raw(Slice content, size_t n, Npy *ret) {
        *ret = (Npy){ .type = content.size == n ? NPY_INT8 : NPY_FLOAT32, .n = n, .data = content };
        return content.size == n * npy_type_size(ret->type) ? 0 : -EBADMSG;
}

static int feed_read(const FeedFile *file, size_t n, Npy *ret, Problem *problem) {
        Slice content = bytes_slice(&file->content);
        int r;

        r = npy_is(content) ? npy_parse(content, ret, problem) : feed_raw(content, n, ret);
        if (r < 0 && npy_is(content))
                return problem_prefix(problem, r, "%s", file->path);
        if (r < 0 || ret->n != n)
                return problem_set(problem, -EINVAL,
                                   "%s: the input has %zu elements: a .npy file of as many, or one "
                                   "int8 or float32 for each",
                                   file->path, n);
        return 0;
}

static void feed_convert(const Npy *npy, Values *values) {
        double scale = values->storage == VALUES_FIXED && npy->type != NPY_INT8
                               ? 1 / values_step(values)
                               : 1;

        for (size_t i = 0; i < values->n; i++) {
                double number = npy_element(npy, i) * scale;

                if (values->storage == VALUES_FIXED)
                        values->fixed[i] =
                                (int8_t) round_saturate(round_half_up(number), -128, 127);
                else
                        values->real[i] = number;
        }
}

static FeedFile *feed_find(Feed *feed, const Op *op) {
        Slice base = ports_base_name(op->tensor.name);

        for (size_t i = 0; i < feed->n_files; i++) {
                FeedFile *file = &feed->files[i];
                Slice name = slice_of(file->name, file->name_size);

                if (!file->name || slice_equal(name, base) || slice_is(name, op->tensor.name) ||
                    slice_is(name, op->name))
                        return file;
        }
        return NULL;
}

static int feed_input(Feed *feed, const Op *op, const Graph *graph, Values *values,
                      Problem *problem) {
        FeedFile *file;
        Npy npy;
        int r;

        if (feed->n_files == 0) {
                pattern_fill(feed->pattern, feed->seed, ports_base_name(op->tensor.name),
                             evaluator_grid_behind(graph, op), values);
                return 0;
        }
        file = feed_find(feed, op);
        if (!file || (file->used && !file->name))
                return problem_set(problem, -EINVAL, "no file for input %s", op->tensor.name);
        r = feed_read(file, values->n, &npy, problem);
        if (r < 0)
                return r;
        file->used = true;
        feed_convert(&npy, values);
        return 0;
}

int feed_inputs(Feed *feed, Evaluator *evaluator, const Graph *graph, Problem *problem) {
        int r;

        for (size_t i = 0; i < feed->n_files; i++)
                feed->files[i].used = false;
        for (size_t i = 0; i < graph->n_ops; i++) {
                _cleanup_(values_cleanup) Values values = { 0 };
                const Op *op = graph->ops[i];

                if (!evaluator_is_input(op))
                        continue;
                r = evaluator_blank(evaluator, op, &values, problem);
                if (r < 0)
                        return r;
                r = feed_input(feed, op, graph, &values, problem);
                if (r < 0)
                        return r;
                evaluator_set(evaluator, op, &values);
        }
        for (size_t i = 0; i < feed->n_files; i++)
                if (!feed->files[i].used)
                        return problem_set(problem, -EINVAL, "%s: there is no input %.*s",
                                           feed->files[i].path, (int) feed->files[i].name_size,
                                           feed->files[i].name ?: "");
        return 0;
}
