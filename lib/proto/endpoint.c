#include "proto/endpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/error.h"

int endpoint_address(const char *path, struct sockaddr_un *ret, Problem *problem) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t n = strlen(path);

        if (n == 0 || n >= sizeof(address.sun_path))
                return problem_set(problem, -ENAMETOOLONG,
                                   "%s: a socket's path has 1 to %zu bytes, this one %zu: name a "
                                   "shorter one with --socket or DPUCC_SOCKET",
                                   path, sizeof(address.sun_path) - 1, n);

        memcpy(address.sun_path, path, n);
        *ret = address;
        return 0;
}

/* Both sides of the comparison are the kernel's: geteuid(2) may be fakeroot's, or pseudo's, under
 * which packages and images are built. */
int endpoint_check_user(int socket, Problem *problem) {
        const uid_t ours = (uid_t) getauxval(AT_EUID);
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return problem_set(problem, error_from_errno(), "who is at the other end? %s",
                                   strerror(errno));
        if (peer.uid != ours)
                return problem_set(problem, -EPERM,
                                   "process %d at the other end of the socket runs as user %u, "
                                   "not as user %u: dpucc serves one user only",
                                   (int) peer.pid, (unsigned) peer.uid, (unsigned) ours);
        return 0;
}
