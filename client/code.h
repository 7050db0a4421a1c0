#pragma once

/*
 * Exit codes. Those below CODE_TIMED_OUT that the daemon knows, too, are the wire's Outcome.
 */

enum {
        CODE_DONE = 0,
        CODE_ERROR = 1,
        CODE_USAGE = 2,
        CODE_NOT_READY = 3,
        CODE_COMPILE_FAILED = 4,
        CODE_NOT_FOUND = 5,
        CODE_UNREACHABLE = 6,
        CODE_LIMIT_EXCEEDED = 7,
        CODE_TIMED_OUT = 124,
};
