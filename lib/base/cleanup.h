#pragma once

/*
 * Scope-bound ownership
 *
 * A local that owns something says so in its declaration; leaving the scope frees it. Giving
 * it away is visible as TAKE_PTR() or TAKE_FD().
 */

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* defines fnp() for use with _cleanup_(); @fn takes the pointer and accepts no NULL */
#define DEFINE_CLEANUP(type, fn)                                                                   \
        static inline void fn##p(type **p) {                                                       \
                if (*p)                                                                            \
                        fn(*p);                                                                    \
        }

#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) _taken = (p);                                                        \
                (p) = NULL;                                                                        \
                _taken;                                                                            \
        })

#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int _taken = (fd);                                                                 \
                (fd) = -1;                                                                         \
                _taken;                                                                            \
        })

#define container_of(ptr, type, member)                                                            \
        ((type *) ((char *) (1 ? (ptr) : &((type *) 0)->member) - offsetof(type, member)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

DEFINE_CLEANUP(FILE, fclose)
DEFINE_CLEANUP(DIR, closedir)
