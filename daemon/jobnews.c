#include "daemon/jobnews.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "xmodel/target.h"

/* MESSAGE_ID of the journal: dpuccd(1) */
#define JOBNEWS_STARTED_ID "1efdddf0ccef4ee0a0267989f4b0a591"
#define JOBNEWS_DONE_ID    "6dbcf7baea4442ff8829e1fdf9b1e8db"
#define JOBNEWS_FAILED_ID  "47b66ce73a134f10b75bc173a7d67efe"

typedef struct JobNews {
        LogLevel level;
        const char *id;      /* MESSAGE_ID */
        const char *outcome; /* NULL: it has none yet */
        const char *text;
} JobNews;

static void jobnews_tell(const Order *order, const JobNews *news) {
        char key[DIGEST_HEX], short_name[FINGERPRINT_NAME_MAX];
        Target target = { .fingerprint = order->fingerprint };
        Problem line, unit;

        digest_to_hex(&order->key, key);
        (void) snprintf(target.name, sizeof(target.name), "%s", order->target_name ?: "");
        target_short_name(&target, short_name);
        (void) problem_set(&unit, 0, "%s@%s", order->net_name, short_name);
        (void) problem_set(&line, 0, "job %.8s: %s with %s: %s", key, unit.text,
                           toolchain_name(order->toolchain), news->text);

        const LogField fields[] = {
                { "MESSAGE_ID", news->id },
                { "DPUCC_KEY", key },
                { "DPUCC_UNIT", unit.text },
                { "DPUCC_SOURCE", order->source_path },
                { "DPUCC_TOOLCHAIN", toolchain_name(order->toolchain) },
                { "DPUCC_OUTCOME", news->outcome },
        };

        log_event(news->level, fields, ARRAY_SIZE(fields), line.text);
}

void jobnews_started(const Order *order) {
        const JobNews news = {
                .level = order->again ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
                .id = JOBNEWS_STARTED_ID,
                .text = order_adopts(order) ? "checking a file" : "started",
        };

        jobnews_tell(order, &news);
}

void jobnews_ended(const Order *order, const JobResult *result, uint64_t elapsed_ms) {
        static const struct {
                const char *word;
                LogLevel level;
        } ends[] = {
                [JOB_MADE] = { "done", LOG_LEVEL_INFO },
                [JOB_UNSTORED] = { "done, but the cache could not take it", LOG_LEVEL_INFO },
                [JOB_FAILED] = { "failed", LOG_LEVEL_NOTICE },
                [JOB_TRANSIENT] = { "failed for now", LOG_LEVEL_NOTICE },
                [JOB_BUSY] = { "another process makes it", LOG_LEVEL_INFO },
                [JOB_REFUSED] = { "refused", LOG_LEVEL_NOTICE },
                [JOB_STALE] = { "the source or the toolchain changed", LOG_LEVEL_INFO },
                [JOB_CANCELLED] = { "cancelled", LOG_LEVEL_INFO },
        };
        bool explained = result->outcome != JOB_CANCELLED &&
                         result->outcome != JOB_UNSTORED && /* job_judge_cache() does */
                         result->diagnosis.text[0] != '\0';
        Problem what;

        (void) problem_set(&what, 0, "%s after %" PRIu64 ".%03u s%s%s", ends[result->outcome].word,
                           elapsed_ms / 1000, (unsigned) (elapsed_ms % 1000), explained ? ": " : "",
                           explained ? result->diagnosis.text : "");

        const bool known = result->outcome == JOB_BUSY && order->again;
        const LogLevel level = known ? LOG_LEVEL_DEBUG : ends[result->outcome].level;
        const JobNews news = {
                .level = level,
                .id = level == LOG_LEVEL_NOTICE ? JOBNEWS_FAILED_ID : JOBNEWS_DONE_ID,
                .outcome = queue_outcome_name(result->outcome),
                .text = what.text,
        };

        jobnews_tell(order, &news);
}
