#include "daemon/message.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strings.h"
#include "xmodel/classify.h"

static_assert((int) UNIT_NEW == DPUCC__WIRE__UNIT_STATE__UNIT_NEW &&
                      (int) UNIT_INVALID == DPUCC__WIRE__UNIT_STATE__UNIT_INVALID,
              "states go over the wire as they are");
static_assert((int) XMODEL_QUANTIZED + 1 == DPUCC__WIRE__CLASS__CLASS_QUANTIZED &&
                      (int) XMODEL_REFUSED + 1 == DPUCC__WIRE__CLASS__CLASS_REFUSED,
              "classes go over the wire as they are, after the unknown one");
static_assert((int) ASK_DONE == DPUCC__WIRE__OUTCOME__DONE &&
                      (int) ASK_LIMIT_EXCEEDED == DPUCC__WIRE__OUTCOME__LIMIT_EXCEEDED,
              "outcomes go over the wire as they are");
static_assert((int) FINDING_OK == DPUCC__WIRE__FINDING_STATE__FINDING_OK &&
                      (int) FINDING_FAILED == DPUCC__WIRE__FINDING_STATE__FINDING_FAILED,
              "states of findings go over the wire as they are");

static_assert((int) EVENT_MONITORING == DPUCC__WIRE__EVENT_KIND__EVENT_MONITORING &&
                      (int) EVENT_RELOADED == DPUCC__WIRE__EVENT_KIND__EVENT_RELOADED,
              "kinds of events go over the wire as they are");

ProtobufCBinaryData message_bytes(const char *string) {
        return (ProtobufCBinaryData){ .len = string ? strlen(string) : 0,
                                      .data = (uint8_t *) string };
}

static void message_optional_bytes(const char *string, protobuf_c_boolean *has,
                                   ProtobufCBinaryData *ret) {
        *has = string != NULL;
        *ret = message_bytes(string);
}

/* generated code has no const strings; what is packed is not changed */
static char *message_string(const char *string) {
        return (char *) string;
}

static void message_fill_unit(const UnitView *view, UnitMessage *ret) {
        Dpucc__Wire__Unit *unit = &ret->unit;

        unit->name = ret->name;
        unit->net_name = message_string(view->net_name);
        unit->target = message_string(view->target);
        message_optional_bytes(view->root, &unit->has_root, &unit->root);
        unit->source_path = message_bytes(view->source_path);
        message_optional_bytes(view->arch_path, &unit->has_arch_path, &unit->arch_path);
        unit->state = (Dpucc__Wire__UnitState) view->state;
        unit->detail = message_string(view->detail);
        unit->toolchain = message_string(view->toolchain);
        message_optional_bytes(view->artifact_path, &unit->has_artifact_path, &unit->artifact_path);
        message_optional_bytes(view->output_path, &unit->has_output_path, &unit->output_path);
        unit->has_elapsed_ms = true;
        unit->elapsed_ms = view->elapsed_ms;
        unit->has_no_dpu_code = unit->has_hit = true;
        unit->no_dpu_code = view->no_dpu_code;
        unit->hit = view->hit;
}

/* NET@TARGET */
static int message_name(const char *net_name, const char *target, char **ret) {
        size_t n = strlen(net_name) + strlen("@") + strlen(target ?: "") + 1;

        *ret = malloc(n);
        if (!*ret)
                return -ENOMEM;
        (void) snprintf(*ret, n, "%s%s%s", net_name, target ? "@" : "", target ?: "");
        return 0;
}

int message_from_unit(const UnitView *view, UnitMessage *ret) {
        Dpucc__Wire__Unit empty = DPUCC__WIRE__UNIT__INIT;
        Dpucc__Wire__Unit *unit = &ret->unit;

        ret->unit = empty;
        if (message_name(view->net_name, view->target, &ret->name) < 0)
                return -ENOMEM;

        message_fill_unit(view, ret);
        if (view->source_class >= 0) {
                unit->has_source_class = true;
                unit->source_class = (Dpucc__Wire__Class) (view->source_class + 1);
        }
        if (view->key) {
                digest_to_hex(view->key, ret->key);
                unit->key = ret->key;
        }
        if (view->fingerprint != 0) {
                (void) snprintf(ret->fingerprint, sizeof(ret->fingerprint), "0x%016" PRIx64,
                                view->fingerprint);
                unit->fingerprint = ret->fingerprint;
        }
        return 0;
}

static void message_fill_job(const JobView *view, Dpucc__Wire__Job *ret) {
        ret->phase = message_string(view->phase);
        ret->running = view->running;
        ret->has_position = ret->has_n_clients = ret->has_n_failures = true;
        ret->position = view->position;
        ret->n_clients = view->n_clients;
        ret->n_failures = view->n_failures;
        ret->has_elapsed_ms = true;
        ret->elapsed_ms = view->elapsed_ms;
        ret->has_predicted_ms = view->predicted_ms > 0;
        ret->predicted_ms = view->predicted_ms;
        ret->has_left_ms = view->left_ms >= 0;
        ret->left_ms = (uint64_t) view->left_ms;
}

int message_from_job(const JobView *view, JobMessage *ret) {
        Dpucc__Wire__Job empty = DPUCC__WIRE__JOB__INIT;

        ret->job = empty;
        if (message_name(view->net_name, view->target, &ret->name) < 0 ||
            strings_dup(&ret->source_path, view->source_path) < 0 ||
            strings_dup(&ret->toolchain, view->toolchain) < 0) {
                return -ENOMEM;
        }
        message_fill_job(view, &ret->job);
        digest_to_hex(view->key, ret->key);
        ret->job.key = ret->key;
        ret->job.name = ret->name;
        ret->job.source_path = message_bytes(ret->source_path);
        ret->job.toolchain = ret->toolchain;
        return 0;
}

void message_from_root(const RootView *view, Dpucc__Wire__Root *ret) {
        Dpucc__Wire__Root root = DPUCC__WIRE__ROOT__INIT;

        root.path = message_bytes(view->path);
        root.has_trusted = true;
        root.trusted = view->trusted;
        root.state = message_string(view->state);
        root.detail = message_string(view->detail);
        root.has_epoch = true;
        root.epoch = view->epoch;
        root.has_n_directories = true;
        root.n_directories = view->n_directories;
        root.has_n_sources = true;
        root.n_sources = view->n_sources;
        *ret = root;
}

int message_from_event(const EventView *view, EventMessage *ret) {
        Dpucc__Wire__Event event = DPUCC__WIRE__EVENT__INIT;
        int r = 0;

        event.kind = (Dpucc__Wire__EventKind) view->kind;
        event.time_ms = view->time_ns / CLOCK_NS_PER_MS;
        message_optional_bytes(view->path, &event.has_path, &event.path);
        event.outcome = message_string(view->outcome);
        event.detail = message_string(view->detail);
        if (view->unit) {
                r = message_from_unit(view->unit, &ret->unit);
                event.unit = &ret->unit.unit;
        }
        if (r == 0 && view->job) {
                r = message_from_job(view->job, &ret->job);
                event.job = &ret->job.job;
        }
        if (view->root) {
                message_from_root(view->root, &ret->root);
                event.root = &ret->root;
        }
        ret->event = event;
        return r;
}

static void message_fill_stat(const StatId *id, Dpucc__Wire__StatId *ret) {
        Dpucc__Wire__StatId stat = DPUCC__WIRE__STAT_ID__INIT;

        stat.dev = id->dev;
        stat.ino = id->ino;
        stat.size = id->size;
        stat.mtime_ns = id->mtime_ns;
        stat.ctime_ns = id->ctime_ns;
        *ret = stat;
}

void message_from_basis(const AskBasis *basis, BasisMessage *ret) {
        Dpucc__Wire__Basis empty = DPUCC__WIRE__BASIS__INIT;

        ret->basis = empty;
        message_fill_stat(&basis->source_stat, &ret->source_stat);
        ret->basis.source_stat = &ret->source_stat;
        if (basis->arch_stat.ino != 0) { /* an arch file was read */
                message_fill_stat(&basis->arch_stat, &ret->arch_stat);
                ret->basis.arch_stat = &ret->arch_stat;
        }
        digest_to_hex(&basis->source_digest, ret->source_digest);
        ret->basis.source_digest = ret->source_digest;
        digest_to_hex(&basis->snapshot_digest, ret->snapshot_digest);
        ret->basis.snapshot_digest = ret->snapshot_digest;
        ret->basis.target = message_string(basis->target);
        ret->basis.toolchain_identity = message_string(basis->toolchain_identity);
}

int message_from_findings(const Finding *findings, size_t n, FindingMessages *ret) {
        ret->findings = calloc(n ?: 1, sizeof(*ret->findings));
        ret->pointers = calloc(n ?: 1, sizeof(Dpucc__Wire__Finding *));
        if (!ret->findings || !ret->pointers)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                Dpucc__Wire__Finding *message = &ret->findings[i];

                dpucc__wire__finding__init(message);
                message->subject = message_string(findings[i].subject);
                message->step = message_string(findings[i].step[0] ? findings[i].step : NULL);
                message->state = (Dpucc__Wire__FindingState) findings[i].state;
                message->text = message_string(findings[i].text);
                ret->pointers[i] = message;
        }
        return 0;
}

void finding_messages_deinit(FindingMessages *messages) {
        free(messages->findings);
        free(messages->pointers);
}
