#include "tests/support/fail_alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* A pool thread of the code under test may allocate too, hence atomics. -1 is "not armed". */
static atomic_long countdown = -1;
static atomic_bool reached;
static _Thread_local bool spared;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *string);
char *__real_strndup(const char *string, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *string);
char *__wrap_strndup(const char *string, size_t n);

static bool fail_alloc_now(void) {
        if (spared || atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) != 0)
                return false;
        atomic_store(&reached, true);
        errno = ENOMEM;
        return true;
}

void *__wrap_malloc(size_t n) {
        return fail_alloc_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
        return fail_alloc_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
        return fail_alloc_now() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *string) {
        return fail_alloc_now() ? NULL : __real_strdup(string);
}

char *__wrap_strndup(const char *string, size_t n) {
        return fail_alloc_now() ? NULL : __real_strndup(string, n);
}

void fail_alloc_spare(bool on) {
        spared = on;
}

void fail_alloc_arm(long nth) {
        atomic_store(&reached, false);
        atomic_store(&countdown, nth);
}

bool fail_alloc_is_reached(void) {
        return atomic_load(&reached);
}

bool fail_alloc_disarm(void) {
        atomic_store(&countdown, -1);
        return atomic_load(&reached);
}

long fail_alloc_sweep(int (*run)(void *userdata), void *userdata) {
        for (long nth = 0;; nth++) {
                bool failed;
                int r;

                fail_alloc_arm(nth);
                r = run(userdata);
                failed = fail_alloc_disarm();
                if (r != (failed ? -ENOMEM : 0)) {
                        (void) fprintf(stderr, "allocation %ld %s: returned %d (%s)\n", nth,
                                       failed ? "failed" : "is one more than there are", r,
                                       strerror(r < 0 ? -r : 0));
                        return -1;
                }
                if (!failed)
                        return nth;
        }
}
