#include "daemon/succession.h"

#include <assert.h>

#include "base/cleanup.h"

void succession_init(Succession *succession, Core *core) {
        *succession = (Succession){ .core = core };
}

void succession_deinit(Succession *succession) {
        assert(succession->n == 0);
        helper_forget(&succession->left);
}

static void succession_on_stopped(void *userdata) {
        Succession *succession = userdata;

        assert(succession->n > 0);
        succession->n--;
}

static void succession_on_retired(void *userdata) {
        Succession *succession = userdata;

        succession->retired = NULL;
        succession_on_stopped(succession);
}

static void succession_retire(Succession *succession, Tiers *tiers) {
        if (!tiers)
                return;
        if (succession->retired) {
                tiers_hurry(succession->retired);
                tiers_stop(tiers, false, succession_on_stopped, succession);
                return;
        }
        succession->retired = tiers;
        tiers_stop(tiers, true, succession_on_retired, succession);
}

int succession_follow(Succession *succession, const Config *config) {
        Core *core = succession->core;
        Tiers *tiers;
        int r;

        r = tiers_new(&tiers, core->loop, &core->pool, core->cache, config, &succession->left);
        if (r < 0)
                return r;
        succession->n += tiers != NULL;
        succession_retire(succession, core->tiers);
        core->tiers = tiers;
        return 0;
}

void succession_stop(Succession *succession) {
        Tiers *tiers = TAKE_PTR(succession->core->tiers);

        if (succession->retired)
                tiers_hurry(succession->retired);
        if (tiers)
                tiers_stop(tiers, false, succession_on_stopped, succession);
}

bool succession_is_over(const Succession *succession) {
        return succession->n == 0;
}
