#include "client/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "client/output.h"

Progress progress_start(const Options *options) {
        return (Progress){ .shown = !options->json && output_is_terminal(stderr) };
}

void progress_update(Progress *progress, const Dpucc__Wire__Progress *report) {
        if (!progress->shown)
                return;
        (void) utf8_escape(report->phase, strlen(report->phase), progress->phase,
                           sizeof(progress->phase));
        progress->queue_position = report->queue_position;
        progress->since_ns = clock_monotonic_ns() - (int64_t) report->elapsed_ms * CLOCK_NS_PER_MS;
        progress->done_ns = 0;
        if (report->has_left_ms)
                progress->done_ns =
                        clock_monotonic_ns() + (int64_t) report->left_ms * CLOCK_NS_PER_MS;
        progress_draw(progress);
}

/* Only while there is a line, and only once: then the signal does what it does. */
static void progress_on_signal(int signum) {
        (void) !write(STDERR_FILENO, "\r\033[K", 4);
        (void) raise(signum);
}

static void progress_handle_signals(void (*handler)(int)) {
        static const int signals[] = { SIGINT, SIGTERM };
        struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESETHAND | SA_NODEFER };
        struct sigaction old;

        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
                        (void) sigaction(signals[i], &action, NULL);
}

/* Nothing when the time is over: then the prediction was wrong. */
static void progress_draw_left(const Progress *progress) {
        int64_t left_ms = (progress->done_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS;
        char left[16];

        if (left_ms <= 0)
                return;
        output_duration((uint64_t) left_ms, left);
        (void) fprintf(stderr, ", about %s to go", left);
}

void progress_draw(Progress *progress) {
        double seconds;

        if (!progress->shown || progress->phase[0] == '\0')
                return;
        seconds = (double) (clock_monotonic_ns() - progress->since_ns) / 1e9;
        if (!progress->drawn)
                progress_handle_signals(progress_on_signal);
        progress->drawn = true;
        (void) fprintf(stderr, "\r\033[K%s", progress->phase);
        if (progress->queue_position > 0)
                (void) fprintf(stderr, ", number %u in the queue",
                               (unsigned) progress->queue_position);
        (void) fprintf(stderr, "  %.1f s", seconds);
        progress_draw_left(progress);
        (void) fflush(stderr);
}

void progress_end(Progress *progress) {
        if (progress->drawn) {
                (void) fputs("\r\033[K", stderr);
                progress_handle_signals(SIG_DFL);
        }
        progress->drawn = false;
}
