#pragma once

/*
 * The functions that a preloaded library stands before
 *
 * REAL(name) is what name would be without us, after FIND(name) at file scope. It is found at the
 * start: dlsym() takes a lock, and we are called from signal handlers and between fork and exec,
 * too. Whoever calls before that is alone.
 */

#include <dlfcn.h>

#define FIND(name)                                                                                 \
        static __typeof__(&name) real_##name;                                                      \
                                                                                                   \
        __attribute__((constructor)) static void find_##name(void) {                               \
                real_##name = (__typeof__(&name)) dlsym(RTLD_NEXT, #name);                         \
        }

#define REAL(name) (real_##name ?: (__typeof__(&name)) dlsym(RTLD_NEXT, #name))
