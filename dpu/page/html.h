#pragma once

/*
 * The page as HTML: one file that needs nothing else, neither network nor other files
 *
 * Its own policy (Content-Security-Policy) lets nothing run in it but our script and nothing be
 * loaded; so even a name that slipped through the escaping could do nothing. Without the script
 * the drawing and the tables are all there.
 */

#include "dpu/page/facts.h"
#include "dpu/page/markup.h"

int html_document(const Facts *facts, Markup *m); /* -ENOMEM, -EFBIG, -ENOTSUP (libcrypto) */
