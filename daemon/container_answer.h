#pragma once

/*
 * What container engines answer
 *
 * Words and lines that docker, podman and the shell in a box (box.h) print, as far as they mean
 * anything to us. Pure. They come from programs that we start, and a verdict may be what a compiler
 * wrote in its place: whatever is not as expected is -EBADMSG, and *ret untouched.
 */

#include <stdbool.h>

#include "base/digest.h"
#include "base/slice.h"

#define CONTAINER_ID_MAX 72 /* 64 hexadecimal digits */

typedef struct ContainerEnd {
        bool out_of_memory;
        int exit_status; /* of what ran inside */
} ContainerEnd;

/* The id of an image: docker writes sha256:HEX, podman HEX. */
int container_answer_id(Slice out, char ret[static CONTAINER_ID_MAX]);

/* "STATUS EXIT-CODE OOM-KILLED" of a container that ran to its end. */
int container_answer_end(const char *line, ContainerEnd *ret);

/* "EXIT-CODE intact", or another word: what a box says of a compile. */
int container_answer_verdict(const char *text, int *ret_status, bool *ret_intact);

/* A digest of lines, whatever their order: an engine lists what changed in any. @text is used up.
 * -ENOMEM. */
int container_answer_changes(char *text, Digest *ret);

/* why it failed: there is no such thing */
bool container_answer_is_no_image(Slice err);
bool container_answer_is_no_container(Slice err);
