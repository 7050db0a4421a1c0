/*
 * The compiler against the evaluator and the simulator: the input is the numbers of a network
 * (tests/unit/network_fixture.h), which is compiled for one of the eight sizes; the outcome must be
 * the source, bit by bit, and its programs must do what it says. (fuzz-compile has graphs that are
 * not as the quantizer makes them.)
 */

#include <stdlib.h>

#include "tests/unit/network_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        NetworkTally tally = {};
        Problem problem = {};
        Network network;

        network_read(&network, slice_of(data, size));
        if (network_try(&network, &tally, &problem) < 0)
                abort();
        return 0;
}
