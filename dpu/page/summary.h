#pragma once

/*
 * The summary: the figures that one wants to see first
 */

#include "dpu/page/facts.h"

#define SUMMARY_NO_DPU_CODE "There is no DPU code in this file: all of it runs on the board's CPU."

typedef struct SummaryFigure {
        const char *what;
        const char *value;
        const char *detail; /* may be "" */
        bool alarming;
} SummaryFigure;

/* Calls @each for one after the other; the texts need no escaping, and live as long as the call. */
void summary_each(const Facts *facts, void (*each)(const SummaryFigure *figure, void *userdata),
                  void *userdata);
