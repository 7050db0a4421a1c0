#pragma once

/*
 * AWS Signature Version 4, as S3 and those that speak like it want it in the Authorization header
 *
 * Facts: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header (AWS
 * Signature Version 4)". S3 takes the path as it is sent, encoded once. libcurl has a signer of
 * its own, which in Debian 12 (7.88) sends no x-amz-content-sha256, without which S3 refuses.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/slice.h"

#define SIGV4_DATE 17 /* "20150830T123600Z" and a terminator */

typedef struct SigV4Header {
        const char *name;  /* lower case */
        const char *value; /* without blanks around it */
} SigV4Header;

/* All borrowed. */
typedef struct SigV4Request {
        const char *method, *path, *query; /* encoded; the query sorted, "" if there is none */
        const SigV4Header *headers;        /* those that are signed, sorted by name */
        size_t n_headers;
        const char *payload; /* SHA-256 of the body, in hexadecimal */
        const char *date, *region, *service, *access_key;
        Slice secret;
} SigV4Request;

void sigv4_date(int64_t real_ns, char ret[SIGV4_DATE]);

/* Appends the value of the Authorization header. -EFBIG, -ENOMEM, -EIO. */
int sigv4_sign(const SigV4Request *request, Bytes *ret);
