/*
 * The decoder on any words. What it takes must be encoded to the same bytes, and have a line of
 * text; what it refuses has a reason that names the offset.
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/isa/isa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
        if (!good)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const Slice code = slice_of(data, size);
        Instruction instruction;

        for (uint32_t at = 0; at < size; at += 4 * isa_describe(instruction.kind)->words) {
                _cleanup_(bytes_cleanup) Bytes again = BYTES_INIT(64), line = BYTES_INIT(4096);
                Problem problem = { "" };

                if (isa_decode(code, at, &instruction, &problem) < 0) {
                        must(strncmp(problem.text, "offset 0x", 9) == 0);
                        break;
                }
                must(instruction.offset == at);
                must(isa_encode(&instruction, &again, NULL) == 0);
                must(memcmp(again.data, data + at, again.size) == 0);
                must(isa_disassemble(&instruction, &line) == 0 && line.size > 0);
        }
        return 0;
}
