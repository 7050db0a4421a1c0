#include "client/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "client/document.h"
#include "client/output.h"

#define ANSWER_DOCUMENT_MAX (1024 * 1024 * 1024)

static void answer_print_document(Exchange *exchange) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(ANSWER_DOCUMENT_MAX);
        int r;

        r = document_of(exchange, &text);
        if (r == 0) {
                (void) fwrite(text.data, 1, text.size, stdout);
                return;
        }
        output_complain(r == -ENOMEM ? strerror(ENOMEM) : "the answer is too long to be printed");
        exchange->code = CODE_ERROR; /* nothing was said, so nobody may take it for an answer */
}

static const char *answer_message(const Exchange *exchange) {
        if (!exchange->reply)
                return exchange->problem.text;
        return exchange->reply->message ?: "it did not work, and the daemon does not say why";
}

void answer_print_failure(const Exchange *exchange, const char *label) {
        output_warn(label, answer_message(exchange));
        for (size_t i = 0; exchange->reply && i < exchange->reply->n_hints; i++)
                output_hint(exchange->reply->hints[i]);
}

bool answer_print(Exchange *exchange, const Options *options) {
        if (options->json) {
                answer_print_document(exchange);
                return true;
        }
        if (exchange->code == CODE_DONE)
                return false;

        answer_print_failure(exchange, "dpucc-client: ");
        return true;
}
