#include "base/stat_id.h"

#include "base/clock.h"

static int64_t stat_id_ns(const struct timespec *ts) {
        return (int64_t) ts->tv_sec * CLOCK_NS_PER_S + ts->tv_nsec;
}

StatId stat_id_of(const struct stat *st) {
        return (StatId){
                .dev = st->st_dev,
                .ino = st->st_ino,
                .size = (uint64_t) st->st_size,
                .mtime_ns = stat_id_ns(&st->st_mtim),
                .ctime_ns = stat_id_ns(&st->st_ctim),
        };
}

bool stat_id_is_same_file(const StatId *a, const StatId *b) {
        return a->dev == b->dev && a->ino == b->ino;
}

bool stat_id_equal(const StatId *a, const StatId *b) {
        return stat_id_is_same_file(a, b) && a->size == b->size && a->mtime_ns == b->mtime_ns &&
               a->ctime_ns == b->ctime_ns;
}
