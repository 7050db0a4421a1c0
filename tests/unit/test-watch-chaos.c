/* Anything, in any order, and then the same as the disk. */

#include "watch_fixture.h"

#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/random.h"

/* ---- anything ------------------------------------------------------------------------------- */

typedef struct Chaos {
        Fixture *f;
        Random random;
        int open[4]; /* files being written */
} Chaos;

static unsigned chaos_below(Chaos *c, unsigned bound) {
        return (unsigned) random_below(&c->random, bound);
}

/* a path of one to four components out of few names, so that operations meet */
static const char *chaos_path(Chaos *c, char kind) {
        unsigned depth = chaos_below(c, 3);
        char path[64] = "";

        for (unsigned i = 0; i < depth; i++) {
                size_t n = strlen(path);

                (void) snprintf(path + n, sizeof(path) - n, "d%u/", chaos_below(c, 3));
        }
        (void) snprintf(path + strlen(path), sizeof(path) - strlen(path), "%c%u%s", kind,
                        chaos_below(c, 3), kind == 'd' ? "" : ".xmodel");
        return chaos_below(c, 8) == 0 ? outside(c->f, path) : at(c->f, path);
}

static void chaos_write(Chaos *c) {
        const char *path = chaos_path(c, 'f');
        unsigned slot = chaos_below(c, 4);
        struct stat st;

        /* writing through one name of several does not concern the others' directories */
        if (lstat(path, &st) == 0 && (st.st_nlink > 1 || !S_ISREG(st.st_mode)))
                (void) unlink(path);
        if (c->open[slot] >= 0)
                close(c->open[slot]);
        c->open[slot] = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (c->open[slot] >= 0)
                (void) !write(c->open[slot], "12345678", 1 + chaos_below(c, 8));
        if (chaos_below(c, 2) == 0) {
                close(c->open[slot]);
                c->open[slot] = -1;
        }
}

static void chaos_move(Chaos *c, char kind) {
        char from[PATH_MAX * 2];

        (void) snprintf(from, sizeof(from), "%s", chaos_path(c, kind));
        (void) rename(from, chaos_path(c, kind));
}

static void chaos_link(Chaos *c) {
        char from[PATH_MAX * 2];

        (void) snprintf(from, sizeof(from), "%s", chaos_path(c, 'f'));
        if (chaos_below(c, 2) == 0)
                (void) link(from, chaos_path(c, 'l'));
        else
                (void) symlink(from, chaos_path(c, 's'));
}

static void chaos_step(Chaos *c) {
        char path[PATH_MAX * 2];

        switch (chaos_below(c, 12)) {
        case 0:
        case 1:
                (void) mkdir(chaos_path(c, 'd'), 0777);
                break;
        case 2: /* now and then one with the name of a model */
                (void) mkdir(chaos_path(c, chaos_below(c, 8) == 0 ? 'f' : 'd'), 0777);
                break;
        case 3:
        case 4:
        case 5:
                chaos_write(c);
                break;
        case 6:
                chaos_move(c, 'f');
                break;
        case 7:
        case 8:
                chaos_move(c, 'd');
                break;
        case 9:
                (void) snprintf(path, sizeof(path), "%s",
                                chaos_path(c, chaos_below(c, 3) == 0 ? 'd' : 'f'));
                (void) file_remove_tree(AT_FDCWD, path);
                break;
        case 10:
                chaos_link(c);
                break;
        default:
                (void) chmod(chaos_path(c, 'f'), 0600 + chaos_below(c, 2) * 0044);
                break;
        }
}

/* A symbolic link is as good as its target, of which no event tells: look at links afresh. */
static void settle_links(Fixture *f) {
        watch_rescan(f->watch, f->root);
        drain(f);
}

static void chaos_run(Fixture *f, uint64_t seed, unsigned n_steps) {
        Chaos c = { .f = f, .random = RANDOM_INIT(seed), .open = { -1, -1, -1, -1 } };

        for (unsigned i = 0; i < n_steps; i++) {
                chaos_step(&c);
                if (chaos_below(&c, 3) == 0)
                        require(watch_dispatch(f->watch, sink, f, 1 + chaos_below(&c, 20)) >= 0);
                if (chaos_below(&c, 500) == 0)
                        watch_rescan(f->watch, f->root);
                if (chaos_below(&c, 200) == 0)
                        watch_poll(f->watch);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(c.open); i++)
                if (c.open[i] >= 0)
                        close(c.open[i]);
        drain(f);
        settle_links(f);
        compare_with_disk(f);
}

/* DPUCC_SEED=n runs that history alone. */
static void agrees_with_the_disk_after_anything(void **state) {
        const char *seed = getenv("DPUCC_SEED");
        Fixture *f = *state;
        uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;

        for (uint64_t i = first; i < first + (seed ? 1 : 20); i++) {
                print_message("seed %llu\n", (unsigned long long) i);
                chaos_run(f, i, 1000);
        }
        assert_int_equal(f->n_lost, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                on_started(agrees_with_the_disk_after_anything),
        };

        return watch_fixture_run(tests);
}
