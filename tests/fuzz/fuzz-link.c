/*
 * What a server of a remote cache says: the bytes go over a socket to the code that asks redis and
 * HTTP servers. It must come to an end, with an error that has a reason, and never take more than it
 * was ready for.
 *
 *      byte 0   bit 0: redis or HTTP; bit 7: twice, over one link; the rest: get, has or put
 *      rest     what the server says as soon as somebody connects; then it hangs up
 */

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cache/remote/dial.h"

#define SPEECH_MAX  65536
#define CONTENT_MAX 4096
#define PATIENCE_S  20 /* the end comes from the server; this is for a machine that stalls */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Server {
        int socket;
        Access access;
} Server;

/* one of each, for all inputs */
static Server servers[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t speech[SPEECH_MAX];
static size_t n_speech;

static void must(bool good) {
        if (!good)
                abort();
}

static void speak(int peer) {
        _cleanup_(freep) uint8_t *copy = malloc(SPEECH_MAX);
        uint8_t rest[4096];
        size_t n;

        must(copy != NULL);
        (void) pthread_mutex_lock(&lock);
        n = n_speech;
        memcpy(copy, speech, n);
        (void) pthread_mutex_unlock(&lock);

        for (size_t at = 0; at < n;) {
                ssize_t sent = send(peer, copy + at, n - at, MSG_NOSIGNAL);

                if (sent <= 0)
                        break;
                at += (size_t) sent;
        }
        (void) shutdown(peer, SHUT_WR);
        while (recv(peer, rest, sizeof(rest), 0) > 0)
                ;
        close(peer);
}

static void *serve(void *userdata) {
        const Server *server = userdata;

        for (;;) {
                int peer = accept4(server->socket, NULL, NULL, SOCK_CLOEXEC);

                if (peer >= 0)
                        speak(peer);
        }
        return NULL;
}

static void start(Server *server, char *url) {
        Dpucc__Remote__Tier tier = DPUCC__REMOTE__TIER__INIT;
        pthread_t thread;

        tier.url = url;
        tier.connect_ms = tier.transfer_ms = PATIENCE_S * 1000;
        must(access_init(&server->access, &tier) == 0 && server->access.problem.text[0] == '\0');
        must(listen(server->socket, 64) == 0);
        must(pthread_create(&thread, NULL, serve, server) == 0);
        (void) pthread_detach(thread);
}

static char folder[] = "/tmp/fuzz-link.XXXXXX";

static void remove_folder(void) {
        char path[sizeof(folder) + 8];

        (void) snprintf(path, sizeof(path), "%s/socket", folder);
        (void) unlink(path);
        (void) rmdir(folder);
}

static void start_redis(Server *server) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char url[160];

        must(mkdtemp(folder) != NULL && atexit(remove_folder) == 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
        (void) snprintf(url, sizeof(url), "redis+unix://%s", address.sun_path);
        server->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(bind(server->socket, (struct sockaddr *) &address, sizeof(address)) == 0);
        start(server, url);
}

static void start_http(Server *server) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        char url[64];

        server->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(bind(server->socket, (struct sockaddr *) &address, size) == 0);
        must(getsockname(server->socket, (struct sockaddr *) &address, &size) == 0);
        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(address.sin_port));
        start(server, url);
}

static int ask(Link *link, const LinkRequest *request, unsigned which) {
        Sink sink = { .fd = -1, .bytes = BYTES_INIT(CONTENT_MAX), .max = CONTENT_MAX };
        Source source = { .fd = -1, .data = slice_of_string("what is put"), .size = 11 };
        int r;

        if (which % 3 == 1)
                return link->ops->has(link, request, source.size);
        if (which % 3 == 2)
                return link->ops->put(link, request, &source);
        r = link->ops->get(link, request, &sink);
        must(sink.bytes.size <= CONTENT_MAX);
        bytes_deinit(&sink.bytes);
        return r;
}

static void say(const uint8_t *data, size_t size) {
        (void) pthread_mutex_lock(&lock);
        if (size > 0)
                memcpy(speech, data, size);
        n_speech = size;
        (void) pthread_mutex_unlock(&lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const atomic_bool cancelled = false;
        Problem problem = {};
        const LinkRequest request = {
                .name = "records/1/ab",
                .deadline_ns = clock_monotonic_ns() + PATIENCE_S * CLOCK_NS_PER_S,
                .cancelled = &cancelled,
                .problem = &problem,
        };
        Link *link;
        int r;

        if (servers[0].socket == 0) {
                start_redis(&servers[0]);
                start_http(&servers[1]);
        }
        if (size == 0 || size > SPEECH_MAX)
                return 0;
        say(data + 1, size - 1);
        must(dial(&servers[data[0] & 1].access, &link) == 0);
        r = ask(link, &request, (data[0] & 0x7e) >> 1);
        if (data[0] & 0x80)
                r = ask(link, &request, (data[0] & 0x7e) >> 1);
        must(r <= 0 || r == LINK_ABSENT);
        must(r >= 0 || r == -ENOMEM || problem.text[0] != '\0');
        (void) link_close(link);
        return 0;
}
