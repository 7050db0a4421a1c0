#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proto/endpoint.h"

/* as under fakeroot(1), where everybody is root, and the kernel knows better */
uid_t geteuid(void) {
        return 4711;
}

static void the_kernel_tells_who_we_are(void **state) {
        Problem problem = {};
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        assert_int_equal(endpoint_check_user(ends[0], &problem), 0);
        assert_string_equal(problem.text, "");
        close(ends[0]);
        close(ends[1]);
}

static void what_is_no_socket(void **state) {
        Problem problem = {};

        assert_true(endpoint_check_user(-1, &problem) < 0);
        assert_non_null(strstr(problem.text, "who is at the other end?"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_kernel_tells_who_we_are),
                cmocka_unit_test(what_is_no_socket),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
