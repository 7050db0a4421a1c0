#pragma once

/*
 * A chain of one tier, a directory below the test's that is there and empty; what belongs to it; and
 * a model that is asked for. The setup and teardown of cmocka: the latter stops the chain and proves
 * that nothing is left, no child either.
 */

#include "cache_fixture.h"

#include <uv.h>

#include "daemon/helper.h"
#include "daemon/tiers.h"

#define TIERS_FIXTURE_SOURCE "what is compiled"

typedef struct Fixture {
        UnitDir *dir;
        uv_loop_t loop;
        WorkPool pool;
        State *state;
        Cache *cache;
        Tiers *tiers; /* NULL: stopped */
        HelperLeft left;
        Secret secret;
        Sample sample;
        char source[512];
        Digest snapshot;
        bool done;
        TiersAnswer answer;
} Fixture;

int tiers_fixture_setup(void **state);
int tiers_fixture_teardown(void **state);

/* of one tier, for one that was stopped */
void tiers_fixture_start(Fixture *f, const char *url);
void tiers_fixture_stop(Fixture *f, bool patient);
void tiers_fixture_await(Fixture *f); /* until it has stopped */

/* a question for the fixture's model, under any key */
FetchSpec spec_of(const Fixture *f, const Digest *key);

/* a statistic; UINT64_MAX: there is none */
uint64_t count(const Fixture *f, const char *name);
