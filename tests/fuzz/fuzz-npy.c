/* .npy files: what is accepted is written again as an array that reads the same */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(size + NPY_HEADER_MAX);
        Problem problem = { "" };
        Npy npy, again;

        if (npy_parse(slice_of(data, size), &npy, &problem) < 0) {
                if (problem.text[0] == '\0' || strchr(problem.text, '\n'))
                        abort();
                return 0;
        }
        for (size_t i = 0; i < npy.n; i++)
                (void) npy_element(&npy, i);
        if (npy_write(&npy, &bytes) < 0 || npy_parse(bytes_slice(&bytes), &again, &problem) < 0 ||
            again.type != npy.type || again.n_dims != npy.n_dims ||
            memcmp(again.dims, npy.dims, npy.n_dims * sizeof(npy.dims[0])) != 0 ||
            !slice_equal(again.data, npy.data))
                abort();
        return 0;
}
