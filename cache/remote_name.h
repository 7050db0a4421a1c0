#pragma once

/*
 * What records and objects are called in a shared cache (docs/FORMATS.md, "Remote caches")
 */

#include "base/digest.h"

#define REMOTE_NAME_MAX 80

void remote_name_record(const Digest *key, char ret[REMOTE_NAME_MAX]);
void remote_name_object(const Sha256 *sha256, char ret[REMOTE_NAME_MAX]);
