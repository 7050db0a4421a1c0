#pragma once

/*
 * The page's data: what it tells of a layer when one clicks on it, as JSON
 */

#include "base/bytes.h"
#include "dpu/page/facts.h"

#define DATA_MAX      ((size_t) 128 << 20) /* bytes */
#define DATA_TEXT_MAX 400                  /* bytes of an attribute's value */

int data_write(const Facts *facts, Bytes *ret); /* -ENOMEM, -EFBIG */
