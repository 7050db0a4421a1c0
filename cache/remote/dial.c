#include "cache/remote/dial.h"

#include <errno.h>

#include "cache/remote/directory.h"
#include "cache/remote/http.h"
#include "cache/remote/redis.h"

static const LinkOps *dial_ops(PlaceScheme scheme) {
        switch (scheme) {
        case PLACE_HTTP:
        case PLACE_HTTPS:
                return &http_ops;
        case PLACE_REDIS:
        case PLACE_REDIS_UNIX:
                return &redis_ops;
        case PLACE_FILE:
                return &directory_ops;
        }
        return NULL;
}

int dial(const Access *access, Link **ret) {
        const LinkOps *ops = dial_ops(access->place.scheme);
        Link *link;
        int r;

        r = ops ? ops->open(&link, access) : -EINVAL;
        if (r < 0)
                return r;
        link->ops = ops;
        link->access = access;
        *ret = link;
        return 0;
}
