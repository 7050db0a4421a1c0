#include "cache/remote_name.h"

#include <stdio.h>

void remote_name_record(const Digest *key, char ret[REMOTE_NAME_MAX]) {
        char hex[DIGEST_HEX];

        digest_to_hex(key, hex);
        (void) snprintf(ret, REMOTE_NAME_MAX, "v1/records/%.2s/%s", hex, hex + 2);
}

void remote_name_object(const Sha256 *sha256, char ret[REMOTE_NAME_MAX]) {
        char hex[SHA256_HEX];

        sha256_to_hex(sha256, hex);
        (void) snprintf(ret, REMOTE_NAME_MAX, "v1/objects/%.2s/%s", hex, hex + 2);
}
