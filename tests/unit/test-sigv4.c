/*
 * Published vectors. Amazon S3 API Reference, "Authenticating Requests: Using the Authorization
 * Header (AWS Signature Version 4)", examples GET Object, PUT Object, GET Bucket Lifecycle and
 * Get Bucket (List Objects); and of the AWS Signature Version 4 test suite get-vanilla,
 * get-vanilla-query-order-key-case, get-utf8 and post-vanilla.
 */

#include "unit.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cache/remote/sigv4.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HELLO "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static void expect(SigV4Request *request, const SigV4Header *headers, size_t n_headers,
                   const char *expected) {
        _cleanup_(bytes_cleanup) Bytes got = BYTES_INIT(4096);
        _cleanup_(freep) char *text = NULL;

        request->headers = headers;
        request->n_headers = n_headers;
        request->query = request->query ?: "";
        request->payload = request->payload ?: EMPTY;
        assert_int_equal(sigv4_sign(request, &got), 0);
        text = bytes_take_string(&got);
        assert_string_equal(text, expected);
}

static SigV4Request s3_request(const char *method, const char *path) {
        return (SigV4Request){
                .method = method,
                .path = path,
                .date = "20130524T000000Z",
                .region = "us-east-1",
                .service = "s3",
                .access_key = "AKIAIOSFODNN7EXAMPLE",
                .secret = slice_of_string("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        };
}

#define S3_BEGIN                                                                                   \
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"     \
        "SignedHeaders="

static void test_s3(void **state) {
        const SigV4Header range[] = {
                { "host", "examplebucket.s3.amazonaws.com" },
                { "range", "bytes=0-9" },
                { "x-amz-content-sha256", EMPTY },
                { "x-amz-date", "20130524T000000Z" },
        };
        const SigV4Header put[] = {
                { "date", "Fri, 24 May 2013 00:00:00 GMT" },
                { "host", "examplebucket.s3.amazonaws.com" },
                { "x-amz-content-sha256", HELLO },
                { "x-amz-date", "20130524T000000Z" },
                { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
        };
        const SigV4Header plain[] = {
                { "host", "examplebucket.s3.amazonaws.com" },
                { "x-amz-content-sha256", EMPTY },
                { "x-amz-date", "20130524T000000Z" },
        };
        SigV4Request request = s3_request("GET", "/test.txt");

        expect(&request, range, ARRAY_SIZE(range),
               S3_BEGIN "host;range;x-amz-content-sha256;x-amz-date,Signature="
                        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        request = s3_request("PUT", "/test%24file.text");
        request.payload = HELLO;
        expect(&request, put, ARRAY_SIZE(put),
               S3_BEGIN "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature="
                        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
        request = s3_request("GET", "/");
        request.query = "lifecycle=";
        expect(&request, plain, ARRAY_SIZE(plain),
               S3_BEGIN "host;x-amz-content-sha256;x-amz-date,Signature="
                        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
        request.query = "max-keys=2&prefix=J";
        expect(&request, plain, ARRAY_SIZE(plain),
               S3_BEGIN "host;x-amz-content-sha256;x-amz-date,Signature="
                        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void test_suite(void **state) {
        static const struct {
                const char *method, *path, *query, *signature;
        } cases[] = {
                { "GET", "/", "",
                  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
                { "GET", "/", "Param1=value1&Param2=value2",
                  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
                { "GET", "/%E1%88%B4", "",
                  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
                { "POST", "/", "",
                  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
        };
        const SigV4Header headers[] = {
                { "host", "example.amazonaws.com" },
                { "x-amz-date", "20150830T123600Z" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                SigV4Request request = {
                        .method = cases[i].method,
                        .path = cases[i].path,
                        .query = cases[i].query,
                        .date = "20150830T123600Z",
                        .region = "us-east-1",
                        .service = "service",
                        .access_key = "AKIDEXAMPLE",
                        .secret = slice_of_string("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                };
                char expected[512];

                (void) snprintf(expected, sizeof(expected),
                                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
                                "service/aws4_request,SignedHeaders=host;x-amz-date,Signature=%s",
                                cases[i].signature);
                expect(&request, headers, ARRAY_SIZE(headers), expected);
        }
}

static void test_date(void **state) {
        char date[SIGV4_DATE];

        sigv4_date(INT64_C(1440938160) * CLOCK_NS_PER_S + 999, date);
        assert_string_equal(date, "20150830T123600Z");
}

static void test_too_long(void **state) {
        _cleanup_(bytes_cleanup) Bytes got = BYTES_INIT(64);
        SigV4Request request = s3_request("GET", "/");

        request.query = "";
        request.payload = EMPTY;
        assert_int_equal(sigv4_sign(&request, &got), -EFBIG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_s3),
                cmocka_unit_test(test_suite),
                cmocka_unit_test(test_date),
                cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
