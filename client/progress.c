#include "client/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "client/output.h"
#include "client/screen.h"

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
static void progress_left(const Progress *progress, char ret[32]) {
        int64_t left_ms = (progress->done_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS;
        char left[16];

        ret[0] = '\0';
        if (left_ms <= 0)
                return;
        output_duration((uint64_t) left_ms, left);
        (void) snprintf(ret, 32, ", about %s to go", left);
}

/* Never as wide as the terminal: a line that wraps could not be wiped out. */
void progress_draw(Progress *progress) {
        char line[256], queue[48] = "", left[32];
        double seconds;
        size_t n;

        if (!progress->shown || progress->phase[0] == '\0')
                return;
        seconds = (double) (clock_monotonic_ns() - progress->since_ns) / 1e9;
        if (!progress->drawn)
                progress_handle_signals(progress_on_signal);
        progress->drawn = true;
        if (progress->queue_position > 0)
                (void) snprintf(queue, sizeof(queue), ", number %u in the queue",
                                (unsigned) progress->queue_position);
        progress_left(progress, left);
        (void) snprintf(line, sizeof(line), "%s%s  %.1f s%s", progress->phase, queue, seconds,
                        left);
        n = utf8_fit(line, strlen(line), screen_columns(stderr) - 1);
        (void) fprintf(stderr, "\r\033[K%.*s", (int) n, line);
        (void) fflush(stderr);
}

void progress_end(Progress *progress) {
        if (progress->drawn) {
                (void) fputs("\r\033[K", stderr);
                progress_handle_signals(SIG_DFL);
        }
        progress->drawn = false;
}
