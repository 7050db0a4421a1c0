#include "dpu/target_argument.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"

int target_argument_read(const char *path, Target *ret, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TARGET_FILE_MAX);
        int r;

        r = file_read(AT_FDCWD, path, &text);
        if (r < 0)
                return problem_set(problem, r, "%s: %s", path,
                                   r == -EINVAL  ? "not a regular file"
                                   : r == -EFBIG ? "too large for an arch.json"
                                                 : strerror(-r));
        r = target_parse_arch(bytes_slice(&text), ret, problem);
        return r < 0 ? problem_prefix(problem, r, "%s", path) : 0;
}

int target_argument_resolve(const char *arch, const char *text, uint64_t *ret, Problem *problem) {
        Target target;
        int r;

        if (arch)
                r = target_argument_read(arch, &target, problem);
        else
                r = target_parse(text, &target, problem);
        if (r < 0)
                return r;
        return target_resolve(&target, ret, problem);
}
