#include "dpu/tensor_json.h"

void tensor_json_members(const Tensor *tensor, JsonWriter *w) {
        json_writer_string(w, "tensor", tensor->name);
        json_writer_array(w, "shape");
        for (size_t i = 0; i < tensor->n_dims; i++)
                json_writer_int64(w, NULL, tensor->dims[i]);
        json_writer_end(w);
        json_writer_format(w, "type", "%s%d", data_type_name(tensor->data_type), tensor->bit_width);
}
