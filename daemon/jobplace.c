#include "daemon/jobplace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "daemon/jobdir.h"

#define JOBPLACE_ROOM_MIN ((uint64_t) 64 * 1024 * 1024) /* what a compile may need */

static int jobplace_make_scratch(char **ret) {
        const char *temporary = getenv("TMPDIR");
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/dpucc.XXXXXX",
                     temporary && temporary[0] == '/' ? temporary : "/tmp") < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (!mkdtemp(path))
                return error_from_errno();
        *ret = TAKE_PTR(path);
        return 0;
}

/* 1 if it can be written to, and is core->jobs from now on; else 0 or -ENOMEM */
static int jobplace_try(Core *core, const char *beside) {
        _cleanup_(freep) char *jobs = path_join(beside, "jobs");
        _cleanup_(closep) int fd = -1;

        if (!jobs)
                return -ENOMEM;
        fd = file_make_dirs(AT_FDCWD, jobs, 0700);
        if (fd < 0 || faccessat(fd, ".", W_OK, AT_EACCESS) < 0)
                return 0;
        core->jobs = TAKE_PTR(jobs);
        return 1;
}

int jobplace_find(Core *core, const char *state_dir, char **ret_scratch) {
        int r = 0;

        *ret_scratch = NULL;
        if (cache_mode(core->cache) == CACHE_NORMAL)
                r = jobplace_try(core, cache_directory(core->cache));
        if (r > 0) {
                core->spare_jobs = path_join(state_dir, "jobs");
                r = core->spare_jobs ? 1 : -ENOMEM;
        }
        if (r == 0)
                r = jobplace_try(core, state_dir);
        if (r == 0 && jobplace_make_scratch(ret_scratch) == 0)
                r = jobplace_try(core, *ret_scratch);
        if (r == 0) {
                core->jobs = path_join(state_dir, "jobs");
                r = core->jobs ? 0 : -ENOMEM;
        }
        return r < 0 ? r : 0;
}

static const char *jobplace_choose(const Core *core) {
        uint64_t room = file_room(core->jobs);

        if (core->spare_jobs && room < JOBPLACE_ROOM_MIN && file_room(core->spare_jobs) > room)
                return core->spare_jobs;
        return core->jobs;
}

int jobplace_open(const Core *core, JobDir **ret, const char **ret_jobs, Problem *problem) {
        const char *jobs = jobplace_choose(core);
        int r;

        r = jobdir_new(ret, jobs);
        if (r < 0 && r != -ENOMEM && core->spare_jobs && jobs != core->spare_jobs) {
                jobs = core->spare_jobs;
                r = jobdir_new(ret, jobs);
        }
        if (r < 0)
                return problem_set(problem, r == -ENOENT ? -EIO : r,
                                   "no directory for the compiler in %s: %s", jobs, strerror(-r));
        *ret_jobs = jobs;
        return 0;
}
