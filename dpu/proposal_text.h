#pragma once

/*
 * The text of a proposal: dpucc.json line by line, and for each line what it means and why it is
 * so. Lines are without newlines. A text owns its strings.
 */

#include "base/bytes.h"
#include "dpu/proposal.h"

typedef struct ProposalLine {
        char *text;
        char *why; /* NULL: it needs no explanation */
} ProposalLine;

typedef struct ProposalText {
        ProposalLine *lines;
        size_t n, capacity;
} ProposalText;

int proposal_text_make(const Proposal *proposal, ProposalText *ret); /* -ENOMEM, -EFBIG */
void proposal_text_deinit(ProposalText *text);

int proposal_text_append(const ProposalText *text, Bytes *ret); /* the file's content */

static inline void proposal_text_cleanup(ProposalText *text) {
        proposal_text_deinit(text);
}
