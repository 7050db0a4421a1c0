#include "dpu/sim/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- tensors in memory ----------------------------------------------------------------------- */

/* where element @index, row-major, of a tensor lies */
static uint64_t capture_address(const ProgramTensor *tensor, uint64_t index) {
        uint64_t address = tensor->address;

        for (size_t i = tensor->n_dims; i-- > 0;) {
                address += index % tensor->dims[i] * tensor->strides[i];
                index /= tensor->dims[i];
        }
        return address;
}

/* elements that certainly lie side by side: the last dimension, if that is dense */
static uint64_t capture_run(const ProgramTensor *tensor) {
        if (tensor->n_dims == 0 || tensor->strides[tensor->n_dims - 1] != 1)
                return 1;
        return tensor->dims[tensor->n_dims - 1];
}

void capture_gather(const ProgramTensor *tensor, const uint8_t *region, uint8_t *dense) {
        uint64_t run = capture_run(tensor);

        for (uint64_t i = 0; i < tensor->elements; i += run)
                memcpy(dense + i, region + capture_address(tensor, i), run);
}

void capture_scatter(const ProgramTensor *tensor, const uint8_t *dense, uint8_t *region) {
        uint64_t run = capture_run(tensor);

        for (uint64_t i = 0; i < tensor->elements; i += run)
                memcpy(region + capture_address(tensor, i), dense + i, run);
}

/* an element of @tensor lies at @address */
static bool capture_holds(const ProgramTensor *tensor, unsigned reg_id, uint64_t address) {
        uint64_t left;

        if (tensor->reg_id != reg_id || address < tensor->address)
                return false;
        left = address - tensor->address;
        for (size_t i = 0; i < tensor->n_dims; i++) { /* strides descend */
                uint64_t index = tensor->strides[i] > 0 ? left / tensor->strides[i] : 0;

                if (index >= tensor->dims[i])
                        index = tensor->dims[i] - 1;
                left -= index * tensor->strides[i];
        }
        return left == 0;
}

/* --- captures -------------------------------------------------------------------------------- */

int capture_init(Capture *capture, const Program *program) {
        CaptureTensor *tensors = calloc(program->n_tensors + 1, sizeof(*tensors));

        if (!tensors)
                return -ENOMEM;
        *capture = (Capture){ .program = program, .tensors = tensors };
        capture_restart(capture);
        return 0;
}

void capture_restart(Capture *capture) {
        for (size_t i = 0; capture->tensors && i < capture->program->n_tensors; i++) {
                free(capture->tensors[i].content);
                capture->tensors[i] =
                        (CaptureTensor){ .missing = capture->program->tensors[i].elements };
        }
}

void capture_deinit(Capture *capture) {
        if (capture->tensors)
                capture_restart(capture);
        free(capture->tensors);
        *capture = (Capture){};
}

static int capture_count(Capture *capture, const Memory *memory, size_t i, uint64_t n) {
        const ProgramTensor *tensor = &capture->program->tensors[i];
        CaptureTensor *t = &capture->tensors[i];

        t->missing -= n < t->missing ? n : t->missing;
        if (t->missing > 0)
                return 0;
        t->content = malloc(tensor->elements > 0 ? tensor->elements : 1);
        if (!t->content)
                return -ENOMEM;
        capture_gather(tensor, memory->regions[tensor->reg_id].data, t->content);
        return 0;
}

/* @op only gives its inputs another form */
static bool capture_is_alias(const Op *op) {
        return op && (strcmp(op->type, "concat-fix") == 0 || strcmp(op->type, "reshape-fix") == 0);
}

int capture_saved(Capture *capture, const Memory *memory, const IsaSave *save) {
        bool counted = false;

        for (size_t i = 0; capture->tensors && i < capture->program->n_tensors; i++) {
                const ProgramTensor *tensor = &capture->program->tensors[i];
                int r;

                if (capture->tensors[i].missing == 0 ||
                    !capture_holds(tensor, save->reg_id, save->ddr_addr) ||
                    (counted && !capture_is_alias(tensor->op)))
                        continue;
                counted = true;
                r = capture_count(capture, memory, i, (uint64_t) save->length * save->channel);
                if (r < 0)
                        return r;
        }
        return 0;
}
