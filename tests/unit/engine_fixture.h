#pragma once

/*
 * The real engine on a real loop, with real inotify and a real disk; only the programs that
 * jobs run are doubles (tests/support/double-dpucc.sh). Nothing sleeps: tests turn the loop until a
 * condition holds, and a compile that must be caught in the middle reads a FIFO.
 */

#include "unit.h"

#include <uv.h>

#include "cache/state.h"
#include "daemon/engine.h"

/* far more than anything here takes, even under a sanitizer on a busy machine */
#define DEADLINE_MS 30000

typedef struct Answer {
        bool done;
        unsigned n_done;
        AskOutcome outcome;
        bool hit;
        char message[512];
        char path[512];
        size_t n_hints;
        char notes[1024];
        char phases[256]; /* those that it went through, each with a blank behind it */
        Ask *ask;
} Answer;

typedef struct Fixture {
        UnitDir *dir;
        uv_loop_t loop;
        uv_timer_t deadline, turn;
        Engine *engine;
        bool stopped, late;
        const char *conf_file; /* NULL: none */
        char root[128], cache[128], state[128], program[128], control[128], conf[128];
} Fixture;

/* Turns the loop until @condition. It is looked at every few milliseconds, too: what a child
 * does to a file is no event of the loop. */
#define WAIT_UNTIL(f, condition)                                                                   \
        do {                                                                                       \
                (f)->late = false;                                                                 \
                (void) uv_timer_start(&(f)->deadline, engine_fixture_on_deadline, DEADLINE_MS, 0); \
                (void) uv_timer_start(&(f)->turn, engine_fixture_on_turn, 2, 2);                   \
                while (!(condition) && !(f)->late)                                                 \
                        (void) uv_run(&(f)->loop, UV_RUN_ONCE);                                    \
                (void) uv_timer_stop(&(f)->deadline);                                              \
                (void) uv_timer_stop(&(f)->turn);                                                  \
                assert_false((f)->late);                                                           \
        } while (0)

typedef struct Looked {
        const char *source;
        const char *target;
        unsigned n;
        UnitState state;
        char detail[512];
        char artifact[512];
        char toolchain[64];
} Looked;

extern const AskHandlers engine_fixture_handlers; /* fill an Answer */

void path_in(char *ret, size_t room, const char *directory, const char *name);
int create_file(const char *directory, const char *name);
void write_file(const char *directory, const char *name, const void *data, size_t n);
void write_text(const char *directory, const char *name, const char *text);
/* A model that differs from others by @weight, and only in bytes by @shuffled. */
void write_model(int fd, int32_t weight, bool shuffled);
void save_model(Fixture *f, const char *name, int32_t weight, bool shuffled);
void save_arch(Fixture *f, const char *name, const char *fingerprint);
bool exists(const char *directory, const char *name);
size_t count_lines(const char *directory, const char *name);
long read_number(const char *directory, const char *name);
void engine_fixture_on_deadline(uv_timer_t *timer);
void engine_fixture_on_turn(uv_timer_t *timer);
int start_engine(Fixture *f);
void stop_engine(Fixture *f);
/* The engine anew, with what @text configures. */
void configure_engine(Fixture *f, const char *text);
/* A double of the vendor's tool, bin/vai_c_xir; and a configuration that names it, whether it is
 * there or not: for the engine anew, or for the next time that it reads its configuration. */
void install_vendor(Fixture *f);
void configure_vendor(Fixture *f);
void write_vendor_conf(Fixture *f);
void watch_root(Fixture *f);
int engine_fixture_setup(void **state);
int engine_fixture_teardown(void **state);
void start_get(Fixture *f, Answer *answer, const char *name, const char *target, bool wait);
void get(Fixture *f, Answer *answer, const char *name, const char *target);
AskOutcome wait_for_all(Fixture *f);
uint64_t statistic(Fixture *f, const char *name);
Looked look(Fixture *f, const char *source, const char *target);
bool is_in_state(Fixture *f, const char *source, UnitState state);
void make_gate(Fixture *f);
/* Lets one compile, which waits, go on. */
void open_gate(Fixture *f);
void remove_gate(Fixture *f);
/* Lets one compile wait, and none after it: it goes on when the descriptor is closed. */
int hold_gate(Fixture *f);
size_t n_started(Fixture *f);
