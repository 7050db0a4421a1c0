#pragma once

/*
 * Sections: what a page tells in tables
 */

#include "dpu/page/facts.h"
#include "dpu/page/sheet.h"

void sections_off_dpu(const Facts *facts, Sheet *s);
void sections_cost(const Facts *facts, Sheet *s); /* without its end: a chart may follow */
void sections_memory(const Facts *facts, Sheet *s);
void sections_subgraphs(const Facts *facts, Sheet *s);
void sections_ports(const Facts *facts, Sheet *s);
void sections_layers(const Facts *facts, Sheet *s);
void sections_difference(const Facts *facts, Sheet *s); /* nothing, if there is no previous one */
void sections_provenance(const Facts *facts, Sheet *s);
