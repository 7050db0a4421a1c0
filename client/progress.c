#include "client/progress.h"

#include <stdio.h>
#include <string.h>

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
        progress_draw(progress);
}

void progress_draw(Progress *progress) {
        double seconds;

        if (!progress->shown || progress->phase[0] == '\0')
                return;
        seconds = (double) (clock_monotonic_ns() - progress->since_ns) / 1e9;
        (void) fprintf(stderr, "\r\033[K%s", progress->phase);
        if (progress->queue_position > 0)
                (void) fprintf(stderr, ", number %u in the queue",
                               (unsigned) progress->queue_position);
        (void) fprintf(stderr, "  %.1f s", seconds);
        (void) fflush(stderr);
        progress->drawn = true;
}

void progress_end(Progress *progress) {
        if (progress->drawn)
                (void) fputs("\r\033[K", stderr);
        progress->drawn = false;
}
