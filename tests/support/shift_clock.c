/*
 * A wall clock that jumps, for whole programs: LD_PRELOAD this
 *
 * The real time clocks are off by the number of seconds in the file SHIFT_CLOCK, if there is one.
 * Steady clocks, and the times of files, which the kernel writes, are as they are.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "real_call.h"

static time_t shift_clock(void) {
        const char *path = getenv("SHIFT_CLOCK");
        char text[32] = "";
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd < 0)
                return 0;
        (void) !read(fd, text, sizeof(text) - 1);
        close(fd);
        return (time_t) strtoll(text, NULL, 10);
}

FIND(clock_gettime)
FIND(gettimeofday)

int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = REAL(clock_gettime)(clock, ret);

        if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                ret->tv_sec += shift_clock();
        return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
        int r = REAL(gettimeofday)(ret, zone);

        if (r == 0)
                ret->tv_sec += shift_clock();
        return r;
}

time_t time(time_t *ret) {
        struct timespec now;
        time_t seconds = clock_gettime(CLOCK_REALTIME, &now) == 0 ? now.tv_sec : (time_t) -1;

        if (ret)
                *ret = seconds;
        return seconds;
}
