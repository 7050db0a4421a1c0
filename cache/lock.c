#include "cache/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cache/layout.h"

#define LOCK_PID_TEXT     32
#define LOCK_LEFT_MS      10000 /* children of a dead daemon have so long to come to their exec */
#define LOCK_LEFT_STEP_MS 10
#define LOCK_TURN_STEP_MS 1

static int lock_open_at(int dirfd, const char *name) {
        int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

        return fd < 0 ? error_from_errno() : fd;
}

static int lock_open(const char *root, const char *name) {
        _cleanup_(closep) int dirfd = layout_open(root, NULL, true);

        return dirfd < 0 ? dirfd : lock_open_at(dirfd, name);
}

static int lock_flock(int fd, int operation) {
        int r;

        do
                r = flock(fd, operation);
        while (r < 0 && errno == EINTR);
        if (r == 0)
                return 0;
        return errno == EWOULDBLOCK ? LOCK_BUSY : error_from_errno();
}

/* --- the store lock -------------------------------------------------------------------------- */

/* Passing is all: who waits behind it waits for those who had passed. */
static int lock_pass(int dirfd) {
        _cleanup_(closep) int fd = lock_open_at(dirfd, "store.turn");

        return fd < 0 ? fd : lock_flock(fd, LOCK_SH);
}

int lock_store_shared(const char *root, bool wait, int *ret_fd) {
        _cleanup_(closep) int dirfd = layout_open(root, NULL, true), fd = -1;
        int r;

        if (dirfd < 0)
                return dirfd;
        r = wait ? lock_pass(dirfd) : 0;
        if (r < 0)
                return r;
        fd = lock_open_at(dirfd, "store.lock");
        if (fd < 0)
                return fd;
        r = lock_flock(fd, LOCK_SH | (wait ? 0 : LOCK_NB));
        if (r != 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int lock_poll(int fd, int64_t deadline) {
        int r;

        while ((r = lock_flock(fd, LOCK_EX | LOCK_NB)) == LOCK_BUSY &&
               clock_monotonic_ns() < deadline)
                (void) poll(NULL, 0, LOCK_TURN_STEP_MS);
        return r;
}

/* The turnstile is free of those who pass it in a moment; behind it their number only falls. */
static int lock_wait_turn(int dirfd, int fd, unsigned patience_ms) {
        _cleanup_(closep) int turn = lock_open_at(dirfd, "store.turn");
        int64_t deadline = clock_monotonic_ns() + patience_ms * CLOCK_NS_PER_MS;
        int r;

        if (turn < 0)
                return turn;
        r = lock_poll(turn, deadline);
        return r != 0 ? r : lock_poll(fd, deadline);
}

int lock_store_exclusive(const char *root, unsigned patience_ms, int *ret_fd) {
        _cleanup_(closep) int dirfd = layout_open(root, NULL, true), fd = -1;
        int r;

        if (dirfd < 0)
                return dirfd;
        fd = lock_open_at(dirfd, "store.lock");
        if (fd < 0)
                return fd;
        r = lock_flock(fd, LOCK_EX | LOCK_NB);
        if (r == LOCK_BUSY && patience_ms > 0)
                r = lock_wait_turn(dirfd, fd, patience_ms);
        if (r != 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* --- locks of keys ---------------------------------------------------------------------------- */

static off_t lock_key_offset(const Digest *key) {
        uint64_t offset = 0;

        for (unsigned i = 0; i < sizeof(offset); i++)
                offset = offset << 8 | key->bytes[i];
        return (off_t) (offset & INT64_MAX);
}

int lock_key(const char *root, const Digest *key, bool wait, int *ret_fd) {
        _cleanup_(closep) int fd = lock_open(root, "keys.lock");
        struct flock range = {
                .l_type = F_WRLCK,
                .l_whence = SEEK_SET,
                .l_start = lock_key_offset(key),
                .l_len = 1,
        };
        int r;

        if (fd < 0)
                return fd;
        if (range.l_start == INT64_MAX) /* a range must end before the largest offset */
                range.l_start--;

        do
                r = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &range);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return errno == EAGAIN || errno == EACCES ? LOCK_BUSY : error_from_errno();
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* --- the daemon's ----------------------------------------------------------------------------- */

static pid_t lock_read_pid(int fd) {
        char text[LOCK_PID_TEXT];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        if (n <= 0)
                return 0;
        text[n] = '\0';
        return (pid_t) strtol(text, NULL, 10);
}

/* for the message of a second daemon only: the lock is what counts */
static void lock_write_pid(int fd) {
        char text[LOCK_PID_TEXT];
        int n = snprintf(text, sizeof(text), "%ld\n", (long) getpid());

        if (ftruncate(fd, 0) == 0)
                (void) !pwrite(fd, text, (size_t) n, 0);
}

/* @fd is locked, and nobody lives who said so: what holds it are children of a daemon that was
 * killed, which have not come to their exec yet. */
static bool lock_is_left(int fd, pid_t *ret_holder) {
        *ret_holder = lock_read_pid(fd);
        return *ret_holder > 0 && kill(*ret_holder, 0) < 0 && errno == ESRCH;
}

static int lock_flock_daemon(int fd, pid_t *ret_holder) {
        int r;

        for (unsigned waited_ms = 0;; waited_ms += LOCK_LEFT_STEP_MS) {
                r = lock_flock(fd, LOCK_EX | LOCK_NB);
                if (r != LOCK_BUSY || !lock_is_left(fd, ret_holder) || waited_ms > LOCK_LEFT_MS)
                        return r;
                (void) poll(NULL, 0, LOCK_LEFT_STEP_MS);
        }
}

int lock_daemon(const char *root, int *ret_fd, pid_t *ret_holder) {
        _cleanup_(closep) int fd = lock_open(root, "daemon.lock");
        int r;

        if (fd < 0)
                return fd;
        r = lock_flock_daemon(fd, ret_holder);
        if (r != 0)
                return r;

        lock_write_pid(fd);
        *ret_fd = TAKE_FD(fd);
        return 0;
}
