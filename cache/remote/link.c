#include "cache/remote/link.h"

#include <limits.h>
#include <stddef.h>

#include "base/clock.h"

Link *link_close(Link *link) {
        if (link)
                link->ops->close(link);
        return NULL;
}

int link_left_ms(const LinkRequest *request) {
        int64_t left = request->deadline_ns - clock_monotonic_ns();

        if (left <= 0)
                return 0;
        left = (left + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
        return left < INT_MAX ? (int) left : INT_MAX;
}
