#include "daemon/admission.h"

uint64_t admission_share(const Admission *admission, uint64_t predicted) {
        if (admission->memory_max == 0 || admission->running_max == 0)
                return 0;
        return predicted > 0 ? predicted : admission->memory_max / admission->running_max;
}

bool admission_allows(const Admission *admission, unsigned n_running, uint64_t reserved,
                      uint64_t share) {
        if (n_running >= admission->running_max)
                return false;
        if (n_running == 0 || admission->memory_max == 0)
                return true;
        return reserved <= admission->memory_max && share <= admission->memory_max - reserved;
}
