#include "cache/remote/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cache/remote/sigv4.h"

#define HTTP_LINE_MAX   4096
#define HTTP_STALL_BPS  1024L /* slower than this, bytes per second, ... */
#define HTTP_STALL_S    10L   /* ... for so long is not a transfer any more */
#define HTTP_EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct HttpLink {
        Link link;
        CURL *curl;
        struct curl_slist *headers; /* of the request under way */
        char error[CURL_ERROR_SIZE];

        const LinkRequest *request;
        Sink *sink;     /* NULL: what comes is of no interest */
        Source *source; /* NULL: nothing is sent */
        int failure;    /* of sink or source; 0: none */
} HttpLink;

static inline void http_free_headers(HttpLink *http) {
        curl_slist_free_all(http->headers);
        http->headers = NULL;
}

static void http_close(Link *link) {
        HttpLink *http = container_of(link, HttpLink, link);

        http_free_headers(http);
        curl_easy_cleanup(http->curl);
        free(http);
}

static int http_open(Link **ret, const Access *access) {
        HttpLink *http = calloc(1, sizeof(*http));

        (void) access;
        if (!http)
                return -ENOMEM;
        http->curl = curl_easy_init();
        if (!http->curl) {
                free(http);
                return -ENOMEM;
        }
        *ret = &http->link;
        return 0;
}

/* --- callbacks --------------------------------------------------------------------------- */

static size_t http_on_body(char *data, size_t size, size_t n, void *userdata) {
        HttpLink *http = userdata;
        long status = 0;

        (void) curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
        if (!http->sink || status != 200)
                return size * n; /* an error page: its length is bounded by the time there is */
        http->failure = sink_write(http->sink, data, size * n);
        return http->failure < 0 ? 0 : size * n;
}

static size_t http_on_send(char *ret, size_t size, size_t n, void *userdata) {
        HttpLink *http = userdata;
        size_t got = 0;

        http->failure = source_read(http->source, ret, size * n, &got);
        return http->failure < 0 ? CURL_READFUNC_ABORT : got;
}

/* a connection that was kept turned out to be dead: the body goes out again */
static int http_on_seek(void *userdata, curl_off_t offset, int origin) {
        HttpLink *http = userdata;

        if (origin != SEEK_SET || offset < 0 || (uint64_t) offset > http->source->size)
                return CURL_SEEKFUNC_FAIL;
        http->source->at = (uint64_t) offset;
        return CURL_SEEKFUNC_OK;
}

static int http_on_progress(void *userdata, curl_off_t dl_total, curl_off_t dl, curl_off_t ul_total,
                            curl_off_t ul) {
        HttpLink *http = userdata;

        (void) dl_total;
        (void) dl;
        (void) ul_total;
        (void) ul;
        return atomic_load(http->request->cancelled);
}

/* --- a request --------------------------------------------------------------------------- */

static int http_add_header(HttpLink *http, const char *name, const char *value) {
        _cleanup_(bytes_cleanup) Bytes line = BYTES_INIT(HTTP_LINE_MAX);
        _cleanup_(freep) char *text = NULL;
        struct curl_slist *list;

        if (bytes_printf(&line, "%s: %s", name, value) == 0)
                text = bytes_take_string(&line);
        list = text ? curl_slist_append(http->headers, text) : NULL;
        if (!list)
                return -ENOMEM;
        http->headers = list;
        return 0;
}

static int http_sign(HttpLink *http, const char *method, const char *path) {
        const Access *access = http->link.access;
        _cleanup_(bytes_cleanup) Bytes authorization = BYTES_INIT(HTTP_LINE_MAX);
        _cleanup_(freep) char *value = NULL;
        char date[SIGV4_DATE], payload[SHA256_HEX] = HTTP_EMPTY_HASH;
        const SigV4Header headers[] = {
                { "host", access->place.authority },
                { "x-amz-content-sha256", payload },
                { "x-amz-date", date },
        };
        const SigV4Request request = {
                .method = method,
                .path = path,
                .query = "",
                .headers = headers,
                .n_headers = ARRAY_SIZE(headers),
                .payload = payload,
                .date = date,
                .region = access->s3_region,
                .service = "s3",
                .access_key = access->s3_access_key,
                .secret = secret_slice(&access->s3_secret),
        };
        int r;

        sigv4_date(clock_real_ns(), date);
        if (http->source)
                sha256_to_hex(&http->source->sha256, payload);
        r = sigv4_sign(&request, &authorization);
        if (r < 0)
                return r;
        value = bytes_take_string(&authorization);
        r = value ? http_add_header(http, "Authorization", value) : -ENOMEM;
        for (size_t i = 1; r == 0 && i < ARRAY_SIZE(headers); i++)
                r = http_add_header(http, headers[i].name, headers[i].value);
        return r;
}

static void http_set_authentication(const HttpLink *http) {
        const Access *access = http->link.access;

        if (access->token.size > 0) {
                (void) curl_easy_setopt(http->curl, CURLOPT_HTTPAUTH, (long) CURLAUTH_BEARER);
                (void) curl_easy_setopt(http->curl, CURLOPT_XOAUTH2_BEARER,
                                        (const char *) access->token.bytes);
        } else if (access->password.size > 0) {
                (void) curl_easy_setopt(http->curl, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
                (void) curl_easy_setopt(http->curl, CURLOPT_USERNAME, access->user ?: "");
                (void) curl_easy_setopt(http->curl, CURLOPT_PASSWORD,
                                        (const char *) access->password.bytes);
        }
}

/* What is the same for every request; each starts from a clean handle, its connections kept. */
static void http_set_common(HttpLink *http) {
        const Access *access = http->link.access;
        long left = link_left_ms(http->request);

        if (left == 0)
                left = 1; /* 0 would be for ever */
        curl_easy_reset(http->curl);
        http->error[0] = '\0';
        http->failure = 0;
        (void) curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, http->error);
        (void) curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(http->curl, CURLOPT_PROTOCOLS_STR, "http,https");
        (void) curl_easy_setopt(http->curl, CURLOPT_USERAGENT, "dpucc-remote/" DPUCC_VERSION);
        (void) curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, left);
        (void) curl_easy_setopt(
                http->curl, CURLOPT_CONNECTTIMEOUT_MS,
                left < (long) access->connect_ms ? left : (long) access->connect_ms);
        (void) curl_easy_setopt(http->curl, CURLOPT_LOW_SPEED_LIMIT, HTTP_STALL_BPS);
        (void) curl_easy_setopt(http->curl, CURLOPT_LOW_SPEED_TIME, HTTP_STALL_S);
        (void) curl_easy_setopt(http->curl, CURLOPT_NOPROGRESS, 0L);
        (void) curl_easy_setopt(http->curl, CURLOPT_XFERINFOFUNCTION, http_on_progress);
        (void) curl_easy_setopt(http->curl, CURLOPT_XFERINFODATA, http);
        (void) curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, http_on_body);
        (void) curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, http);
        if (access->ca_file)
                (void) curl_easy_setopt(http->curl, CURLOPT_CAINFO, access->ca_file);
        http_set_authentication(http);
}

static int http_from_curl(CURLcode code) {
        switch ((unsigned) code) {
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_CONNECT:
                return -ECONNREFUSED;
        case CURLE_ABORTED_BY_CALLBACK:
                return -ECANCELED;
        case CURLE_FILESIZE_EXCEEDED:
                return -EFBIG;
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
                return -ECONNRESET;
        default:
                return -EPROTO;
        }
}

static int http_from_status(long status) {
        switch (status) {
        case 200:
        case 201:
        case 204:
                return 0;
        case 404:
        case 410:
                return LINK_ABSENT;
        case 401:
        case 403:
        case 407:
                return -EACCES;
        case 408:
        case 504:
                return -ETIMEDOUT;
        case 413:
                return -EFBIG;
        case 507:
                return -ENOSPC;
        default:
                return -EPROTO;
        }
}

/* Does it. *ret_status is the server's answer, 0 if there was none. */
static int http_perform(HttpLink *http, long *ret_status) {
        CURLcode code;

        code = curl_easy_perform(http->curl);
        *ret_status = 0;
        if (http->failure < 0)
                return problem_set(http->request->problem, http->failure, "%s",
                                   strerror(-http->failure));
        if (code != CURLE_OK)
                return problem_set(http->request->problem, http_from_curl(code), "%s",
                                   http->error[0] ? http->error : curl_easy_strerror(code));

        (void) curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, ret_status);
        return problem_set(http->request->problem, http_from_status(*ret_status),
                           "the server answers %ld", *ret_status);
}

static int http_do(HttpLink *http, const char *method, const char *name, long *ret_status) {
        const Place *place = &http->link.access->place;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(2 * PLACE_URL_MAX);
        _cleanup_(freep) char *url = NULL;
        int r;

        if (bytes_printf(&bytes, "%s/%s", place->url, name) < 0 ||
            !(url = bytes_take_string(&bytes)))
                return -ENOMEM;
        http_free_headers(http);
        r = http_add_header(http, "Expect", ""); /* no waiting for leave to send */
        if (r == 0 && http->link.access->s3_access_key)
                r = http_sign(http, method, url + strlen(place->url) - strlen(place->path));
        if (r < 0)
                return r;

        (void) curl_easy_setopt(http->curl, CURLOPT_URL, url);
        (void) curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, http->headers);
        return http_perform(http, ret_status);
}

static void http_begin(HttpLink *http, const LinkRequest *request, Sink *sink, Source *source) {
        http->request = request;
        http->sink = sink;
        http->source = source;
        http_set_common(http);
}

/* --- operations -------------------------------------------------------------------------- */

static int http_get(Link *link, const LinkRequest *request, Sink *sink) {
        HttpLink *http = container_of(link, HttpLink, link);
        long status;
        int r;

        http_begin(http, request, sink, NULL);
        (void) curl_easy_setopt(http->curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) sink->max);
        r = http_do(http, "GET", request->name, &status);
        if (r == 0 && status != 200) /* it has something else to say than the content */
                return problem_set(request->problem, -EPROTO, "the server answers %ld", status);
        return r;
}

static int http_has(Link *link, const LinkRequest *request, uint64_t size) {
        HttpLink *http = container_of(link, HttpLink, link);
        curl_off_t length = -1;
        long status;
        int r;

        http_begin(http, request, NULL, NULL);
        (void) curl_easy_setopt(http->curl, CURLOPT_NOBODY, 1L);
        r = http_do(http, "HEAD", request->name, &status);
        if (r != 0)
                return r;
        (void) curl_easy_getinfo(http->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        return length >= 0 && (uint64_t) length != size ? LINK_ABSENT : 0;
}

/* Each folder on the way to the name; those that are there already answer 405. A folder's own name
 * ends with a slash (RFC 4918, 5.2), and nginx insists on that. */
static void http_make_folders(HttpLink *http, const LinkRequest *request) {
        for (const char *slash = strchr(request->name, '/'); slash;
             slash = strchr(slash + 1, '/')) {
                _cleanup_(freep) char *folder =
                        strndup(request->name, (size_t) (slash + 1 - request->name));
                long status;

                if (!folder)
                        return;
                http_begin(http, request, NULL, NULL);
                (void) curl_easy_setopt(http->curl, CURLOPT_CUSTOMREQUEST, "MKCOL");
                (void) http_do(http, "MKCOL", folder, &status);
        }
}

static int http_send(HttpLink *http, const LinkRequest *request, Source *source, long *ret_status) {
        source->at = 0;
        http_begin(http, request, NULL, source);
        (void) curl_easy_setopt(http->curl, CURLOPT_UPLOAD, 1L);
        (void) curl_easy_setopt(http->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t) source->size);
        (void) curl_easy_setopt(http->curl, CURLOPT_READFUNCTION, http_on_send);
        (void) curl_easy_setopt(http->curl, CURLOPT_READDATA, http);
        (void) curl_easy_setopt(http->curl, CURLOPT_SEEKFUNCTION, http_on_seek);
        (void) curl_easy_setopt(http->curl, CURLOPT_SEEKDATA, http);
        return http_do(http, "PUT", request->name, ret_status);
}

static int http_put(Link *link, const LinkRequest *request, Source *source) {
        HttpLink *http = container_of(link, HttpLink, link);
        long status;
        int r;

        r = http_send(http, request, source, &status);
        /* where a folder is missing: RFC 4918, 9.7.1, wants 409; some say 404, nginx 500 */
        if ((status == 409 || status == 404 || status == 500) && !link->access->s3_access_key) {
                http_make_folders(http, request);
                r = http_send(http, request, source, &status);
        }
        return r == LINK_ABSENT ? -EPROTO : r;
}

const LinkOps http_ops = {
        .open = http_open,
        .close = http_close,
        .get = http_get,
        .put = http_put,
        .has = http_has,
};
