#pragma once

/*
 * Delivery: an artifact's files copied into an output_dir of the workspace
 *
 * We touch only files that we delivered: a file in the way that has neither the content we are
 * about to write nor the content that we remember to have written there (state.db) is somebody
 * else's, and the delivery is refused before anything is changed. Each copy is a file without a name
 * (O_TMPFILE; where there is none, of a random name, with O_EXCL), so that a kill leaves nothing
 * behind. When all are synced they are named and at once renamed; where nothing was, nothing that
 * appeared meanwhile is replaced. The .xmodel is last, so whoever waits for it finds the others.
 *
 * Who names an output directory on a command line may say that the files in it are his to lose
 * (@overwrite). And he may see another directory under that name than we do (a container): the
 * descriptor that he passes counts then, and what is written there is not remembered, because
 * its path means something else here.
 *
 * Nothing on the way to the directory may lead out of the root (openat2, RESOLVE_BENEATH);
 * a root that the user trusted may also have absolute output directories and ways out.
 *
 * Blocks: pool threads.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/problem.h"
#include "cache/state.h"

typedef struct DeliverSpec {
        const char *root;       /* absolute */
        bool trusted;           /* output_dir may be absolute or lead out */
        const char *output_dir; /* relative to @root */
        int directory_fd;       /* that directory, as somebody else sees it; -1: open it */
        bool overwrite;         /* foreign files and links may be replaced */
        const char *net_name;
        const char *view; /* directory of the view; unused by deliver_withdraw() */
        const Digest *key;
        State *state;
        mode_t umask; /* for what is made: not our own, which keeps everything private */
} DeliverSpec;

/* outcomes */
enum {
        DELIVER_UNCHANGED = 1, /* everything was there already */
};

/* Where the .xmodel goes: a new string, NULL when out of memory. */
char *deliver_path(const DeliverSpec *spec);

/* -EEXIST: a foreign file is in the way; -EXDEV: the directory leads out of the root; -ESTALE: what is
 * to be delivered is gone from the cache. All with @problem, which also tells about -ENOSPC and the
 * like. */
int deliver(const DeliverSpec *spec, Problem *problem);

/* Removes what we delivered for this net, as far as it is still what we delivered. Missing
 * files and foreign ones are left as they are, without an error. */
int deliver_withdraw(const DeliverSpec *spec, Problem *problem);
