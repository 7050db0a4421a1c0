#pragma once

/*
 * What `dpucc check --json` says about a compiled file (docs/FORMATS.md, "Check report")
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/slice.h"
#include "base/strings.h"

#define CHECK_REPORT_MAX ((size_t) 16 * 1024 * 1024)

typedef struct CheckReport {
        bool ok;
        Strings problems; /* one line each */
        bool has_fingerprint;
        uint64_t fingerprint;
        uint32_t dpu_subgraphs;
        uint32_t cpu_subgraphs;
        char *compiler;  /* what the file says made it, "NAME VERSION, ..."; NULL: nothing */
        bool by_dpucc;   /* that is us */
        bool verified;   /* it says that it ran the DPU code in the simulator */
        Strings cpu_ops; /* types of the ops on the CPU, ascending */
} CheckReport;

/* -EBADMSG with @problem: no check report. */
int check_report_parse(Slice text, CheckReport *ret, Problem *problem);
void check_report_deinit(CheckReport *report);
