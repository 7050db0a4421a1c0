#pragma once

/*
 * Captions: a layer in a few words
 *
 * Nothing here is escaped. -ENOMEM; -EFBIG: too long.
 */

#include "base/bytes.h"
#include "xmodel/graph.h"

#define CAPTION_MAX ((size_t) 64 << 10) /* bytes: for the Bytes that they are written into */

/* "conv2d 3×3 /2 relu": the type, and what tells layers of one type apart. */
int caption_title(const Op *op, Bytes *ret);

int caption_shape(const Tensor *tensor, Bytes *ret);  /* "1×32×32×16", "scalar" */
int caption_values(const Tensor *tensor, Bytes *ret); /* "XINT8" */

/* What one of these, which returned @r, wrote into @text, as a string that the caller frees; NULL
 * if it is too long to be a caption. Other errors go into *@error, if there is none yet. */
char *caption_take(int r, Bytes *text, int *error);

/* "1×32×32×16 XINT8, fix 6" of what @op puts out */
int caption_tensor(const Op *op, Bytes *ret);
