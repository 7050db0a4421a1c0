#pragma once

/*
 * Overviews: the answer to `status` on one screen
 *
 * By workspace: what is wrong, the newest first, with the reason; what is being done, for how long
 * and how much longer; then what is well, the targets of a net on one line. Where the screen is
 * too small, reasons are cut first, then what is well is only counted, then the queue, and at the
 * end problems. For a pipe there is status.c's plain list.
 */

#include "client/screen.h"
#include "proto/dpucc.pb-c.h"

/* -ENOMEM: nothing is shown. */
int overview_print(const Dpucc__Wire__StatusReply *status, Screen screen);
