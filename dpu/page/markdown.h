#pragma once

/*
 * The page as Markdown: figures and tables, for a comment on a change
 */

#include "dpu/page/facts.h"
#include "dpu/page/markup.h"

void markdown_document(const Facts *facts, Markup *m);
