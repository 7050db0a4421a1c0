#pragma once

/*
 * Targets: what an arch.json says
 *
 * A target is a fingerprint, or the name of one that a toolchain has to resolve. A name alone
 * stays a name: releases differ in what they mean by it, so it may not be turned into a
 * fingerprint before the compiler is known. With both in the file the fingerprint counts,
 * provided that some release gives it that name; otherwise the file contradicts itself and is
 * refused. (vai_c_xir takes the name then, and ignores the fingerprint without a word.)
 *
 * A Target is a plain value: no ownership, copy it freely.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/slice.h"
#include "xmodel/fingerprint.h"

#define TARGET_FILE_MAX (64 * 1024)                 /* bytes of an arch.json */
#define TARGET_ARCH_MAX (FINGERPRINT_NAME_MAX + 32) /* room for target_render_arch() */

typedef struct Target {
        uint64_t fingerprint;            /* 0: known by name only */
        char name[FINGERPRINT_NAME_MAX]; /* what the file says, "" if it names none; never both
                                            empty. [A-Za-z0-9_] only */
} Target;

/* The text of an arch.json, in every spelling of the vendor's flows since 1.3. -EBADMSG or
 * -EINVAL with one line in @problem that says what is wrong and what to do; -ENOMEM. Members
 * other than "fingerprint" and "target" are ignored, as vai_c_xir does. */
int target_parse_arch(Slice text, Target *ret, Problem *problem);

/* "0x101000056010407" or a name, from a command line or a project file. -EINVAL. */
int target_parse(const char *text, Target *ret, Problem *problem);

/* The fingerprint: the target's own or what the newest release means by its name. -ENOENT with
 * @problem if no public table has the name. For a compiler of ours; not for keys. */
int target_resolve(const Target *target, uint64_t *ret, Problem *problem);

/* What the cache key says of it: "0x0101000056010402" or the name. */
void target_identity(const Target *target, char ret[FINGERPRINT_NAME_MAX]);

/* For people and paths, one plain path component: "b1024", "c20b14", "cahx8h-dwc". */
void target_short_name(const Target *target, char ret[FINGERPRINT_NAME_MAX]);

/* The arch.json for a compiler: {"fingerprint":"0x101000056010402"}, spelled as the vendor's
 * hardware flow does (no padding), or {"target":"NAME"}; ends with a newline. */
void target_render_arch(const Target *target, char ret[TARGET_ARCH_MAX]);

static inline bool target_equal(const Target *a, const Target *b) {
        if (a->fingerprint != 0 || b->fingerprint != 0)
                return a->fingerprint == b->fingerprint;
        return strcmp(a->name, b->name) == 0;
}
