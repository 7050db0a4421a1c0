/*
 * `dpucc-remote`: talks to shared caches on behalf of dpuccd
 *
 * A process of its own, because what it talks to is not trusted and the libraries that it talks
 * through are large: if one of them crashes, hangs or is taken over, that is this process, which
 * holds no secret but those of its tiers and can write to no file of the cache. The daemon starts
 * it with one end of a socketpair as descriptor 3, and starts it again when it is gone.
 */

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/remote/serve.h"

#define MAIN_SOCKET 3

static const char main_help[] =
        "usage: dpucc-remote\n"
        "\n"
        "Talks to shared caches (HTTP, Redis, directories). dpuccd starts it when its\n"
        "configuration names one; there is nothing to run by hand.\n"
        "\n"
        "  -h, --help        this text\n"
        "  -V, --version     the version\n";

/* No core file and no debugger of the same user's: what is in memory are passwords. */
static void main_hide(void) {
        const struct rlimit none = { 0, 0 };

        (void) setrlimit(RLIMIT_CORE, &none);
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int main_has_socket(void) {
        socklen_t size = sizeof(int);
        int domain = 0;

        return getsockopt(MAIN_SOCKET, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
               domain == AF_UNIX;
}

int main(int argc, char **argv) {
        int r;

        if (argc == 2 && (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0)) {
                (void) fputs("dpucc-remote " DPUCC_VERSION "\n", stdout);
                return 0;
        }
        if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
                (void) fputs(main_help, stdout);
                return 0;
        }
        if (argc != 1 || !main_has_socket()) {
                (void) fputs("dpucc-remote: dpuccd starts this program; see dpucc-remote --help\n",
                             stderr);
                return 2;
        }
        main_hide();
        (void) signal(SIGPIPE, SIG_IGN);
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                (void) fputs("dpucc-remote: libcurl does not start\n", stderr);
                return 1;
        }
        r = serve(MAIN_SOCKET);
        curl_global_cleanup();
        if (r < 0) {
                (void) fprintf(stderr, "dpucc-remote: %s\n", strerror(-r));
                return 1;
        }
        return 0;
}
