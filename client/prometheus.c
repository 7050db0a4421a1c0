#include "client/prometheus.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

/* One metric must stand in one piece, so what is one with labels is written first, together. */

typedef struct PrometheusReason {
        const char *name, *reason;
} PrometheusReason;

static const PrometheusReason prometheus_reasons[] = {
        { "cache_misses_absent", "absent" },
        { "cache_misses_evicted", "evicted" },
        { "cache_incomplete", "incomplete" },
        { "cache_newer", "newer" },
};

static const char *const prometheus_gauges[] = { "cache_entries", "cache_bytes" };

/* Names are the daemon's: what is no name of a metric is left out. */
static bool prometheus_is_name(const char *name) {
        return name[0] != '\0' &&
               name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static const PrometheusReason *prometheus_reason(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(prometheus_reasons); i++)
                if (strcmp(prometheus_reasons[i].name, name) == 0)
                        return &prometheus_reasons[i];
        return NULL;
}

static bool prometheus_is_gauge(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(prometheus_gauges); i++)
                if (strcmp(prometheus_gauges[i], name) == 0)
                        return true;
        return false;
}

static int prometheus_misses(const Dpucc__Wire__StatisticList *list, Bytes *ret) {
        int r = bytes_append_string(ret, "# TYPE dpucc_cache_misses_total counter\n");

        for (size_t i = 0; i < list->n_statistics && r == 0; i++) {
                const Dpucc__Wire__Statistic *statistic = list->statistics[i];
                const PrometheusReason *reason = prometheus_reason(statistic->name);

                if (reason)
                        r = bytes_printf(ret,
                                         "dpucc_cache_misses_total{reason=\"%s\"} %" PRIu64 "\n",
                                         reason->reason, statistic->value);
        }
        return r;
}

static int prometheus_statistic(const Dpucc__Wire__Statistic *statistic, Bytes *ret) {
        const char *name = statistic->name;
        bool gauge = prometheus_is_gauge(name);

        if (!prometheus_is_name(name) || prometheus_reason(name))
                return 0;
        return bytes_printf(ret, "# TYPE dpucc_%s%s %s\ndpucc_%s%s %" PRIu64 "\n", name,
                            gauge ? "" : "_total", gauge ? "gauge" : "counter", name,
                            gauge ? "" : "_total", statistic->value);
}

/* The name without a unit of time, and what makes it seconds. */
static double prometheus_scale(const char *name, size_t *ret_length, const char **ret_unit) {
        size_t n = strlen(name);

        *ret_unit = "";
        *ret_length = n;
        if (n < 4 || (strcmp(name + n - 3, "_us") != 0 && strcmp(name + n - 3, "_ms") != 0))
                return 1;
        *ret_unit = "_seconds";
        *ret_length = n - 3;
        return name[n - 2] == 'u' ? 1e-6 : 1e-3;
}

static int prometheus_histogram(const Dpucc__Wire__Histogram *histogram, Bytes *ret) {
        const char *name = histogram->name, *unit;
        uint64_t so_far = 0;
        size_t length;
        double scale = prometheus_scale(name, &length, &unit);
        int r;

        if (!prometheus_is_name(name))
                return 0;
        r = bytes_printf(ret, "# TYPE dpucc_%.*s%s histogram\n", (int) length, name, unit);
        for (size_t i = 0; i < histogram->n_buckets && r == 0; i++) {
                const Dpucc__Wire__Bucket *bucket = histogram->buckets[i];

                so_far += bucket->count;
                if (bucket->up_to < UINT64_MAX)
                        r = bytes_printf(ret, "dpucc_%.*s%s_bucket{le=\"%.9g\"} %" PRIu64 "\n",
                                         (int) length, name, unit, (double) bucket->up_to * scale,
                                         so_far);
        }
        if (r == 0)
                r = bytes_printf(ret,
                                 "dpucc_%.*s%s_bucket{le=\"+Inf\"} %" PRIu64
                                 "\ndpucc_%.*s%s_sum %.9g\ndpucc_%.*s%s_count %" PRIu64 "\n",
                                 (int) length, name, unit, so_far, (int) length, name, unit,
                                 (double) histogram->sum * scale, (int) length, name, unit, so_far);
        return r;
}

int prometheus_of(const Dpucc__Wire__StatisticList *list, Bytes *ret) {
        int r = prometheus_misses(list, ret);

        for (size_t i = 0; i < list->n_statistics && r == 0; i++)
                r = prometheus_statistic(list->statistics[i], ret);
        for (size_t i = 0; i < list->n_histograms && r == 0; i++)
                r = prometheus_histogram(list->histograms[i], ret);
        return r;
}
