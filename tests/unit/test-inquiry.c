#include "cache_fixture.h"

#include <errno.h>
#include <uv.h>

#include "cache/cache.h"
#include "cache/index.h"
#include "daemon/call.h"
#include "daemon/inquiry.h"
#include "daemon/server.h"
#include "daemon/verbs.h"
#include "daemon/work.h"
#include "tests/support/double_engine.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/jam.h"
#include "tests/support/wire_client.h"

typedef Dpucc__Wire__Reply Reply;
typedef Dpucc__Wire__Request Request;

typedef struct Fixture {
        void *dir;
        char path[96];
        State *state;
        Cache *cache;
        uv_loop_t loop;
        Verbs verbs;
        Server *server;
        Client client;
        Digest keys[3]; /* 0 and 1: two compiles of one source; 2: a failure */
        char hex[3][DIGEST_HEX];
} Fixture;

static Bytes long_log(void) {
        Bytes log = BYTES_INIT(2 * 1024 * 1024);

        assert_int_equal(bytes_append_string(&log, "saved to ./out/dpucc-net.xmodel\n"), 0);
        while (log.size < 1000000)
                assert_int_equal(bytes_printf(&log, "line at %zu\n", log.size), 0);
        return log;
}

static void publish_log(Fixture *f, unsigned seed, bool failure, Slice log) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(sample_deinit) Sample sample;
        const CacheFile files[] = {
                { .role = RECORD_ROLE_LOG, .mode = 0644, .fd = -1, .data = log },
                { .role = RECORD_ROLE_REPORT,
                  .mode = 0644,
                  .fd = -1,
                  .data = slice_of_string("{\"layers\": 3}") },
                { .role = RECORD_ROLE_XMODEL,
                  .mode = 0644,
                  .fd = -1,
                  .data = slice_of_string("model") },
        };

        sample_init(&sample, seed);
        sample.provenance[1].tag = "source";
        if (failure) {
                sample.record.kind = RECORD_FAILURE;
                sample.record.failure_class = "unsupported-op";
                sample.record.failure = "op x is not known";
        }
        assert_int_equal(cache_publish(f->cache, &sample.record, files, failure ? 1 : 3, &record),
                         0);
        f->keys[seed] = record->key;
        digest_to_hex(&record->key, f->hex[seed]);
}

static void publish(Fixture *f, unsigned seed, bool failure) {
        _cleanup_(bytes_cleanup) Bytes log = long_log();

        publish_log(f, seed, failure, bytes_slice(&log));
}

static int setup(void **state) {
        static Fixture f;
        ServerSpec spec;

        f = (Fixture){};
        if (unit_dir_setup(&f.dir) < 0 || uv_loop_init(&f.loop) < 0 ||
            state_open(&f.state, NULL, NULL) < 0 ||
            cache_open(&f.cache, below(f.dir, "c"), f.state, CACHE_NORMAL, NULL) < 0)
                return -1;
        (void) snprintf(f.path, sizeof(f.path), "%s/d.sock", ((UnitDir *) f.dir)->path);
        f.verbs = (Verbs){ .engine = double_engine_open(&f.loop) };
        double_engine_of(f.verbs.engine)->cache = f.cache;
        double_engine_of(f.verbs.engine)->state = f.state;
        spec = (ServerSpec){ .loop = &f.loop,
                             .handler = { verbs_start, &f.verbs },
                             .path = f.path,
                             .listen_fd = -1 };
        if (server_new(&f.server, &spec, NULL) < 0)
                return -1;
        client_open(&f.client, &f.loop, f.path);
        *state = &f;
        return 0;
}

static void on_stopped(void *userdata) {
        (*(unsigned *) userdata)++;
}

static int teardown(void **state) {
        unsigned n_stopped = 0;
        Fixture *f = *state;

        client_close(&f->client);
        server_stop(f->server, on_stopped, &n_stopped);
        engine_stop(f->verbs.engine, false, on_stopped, &n_stopped);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        (void) cache_close(f->cache);
        (void) state_close(f->state);
        if (n_stopped != 2 || uv_loop_close(&f->loop) < 0)
                return -1;
        return unit_dir_teardown(&f->dir);
}

/* X is asked for; the bodies of show, log, why and open have the same form */
static void ask(Fixture *f, Dpucc__Wire__Request__BodyCase body, const char *text) {
        Dpucc__Wire__Selector selector = DPUCC__WIRE__SELECTOR__INIT;
        Dpucc__Wire__ShowRequest show = DPUCC__WIRE__SHOW_REQUEST__INIT;
        Dpucc__Wire__LogRequest log = DPUCC__WIRE__LOG_REQUEST__INIT;
        Dpucc__Wire__WhyRequest why = DPUCC__WIRE__WHY_REQUEST__INIT;
        Dpucc__Wire__OpenRequest open = DPUCC__WIRE__OPEN_REQUEST__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        selector.text = client_bytes(text);
        show.selector = log.selector = why.selector = open.selector = &selector;
        request.id = 1;
        request.body_case = body;
        if (body == DPUCC__WIRE__REQUEST__BODY_SHOW)
                request.show = &show;
        else if (body == DPUCC__WIRE__REQUEST__BODY_LOG)
                request.log = &log;
        else if (body == DPUCC__WIRE__REQUEST__BODY_OPEN)
                request.open = &open;
        else
                request.why = &why;
        client_send(&f->client, &request);
}

static void send_list(Fixture *f, uint32_t limit) {
        Dpucc__Wire__ListRequest list = DPUCC__WIRE__LIST_REQUEST__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        list.has_limit = limit > 0;
        list.limit = limit;
        request.id = 1;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_LIST;
        request.list = &list;
        client_send(&f->client, &request);
}

static Reply *list(Fixture *f, uint32_t limit) {
        send_list(f, limit);
        return client_reply(&f->client, NULL);
}

static void ask_to_pin(Fixture *f, const char *text) {
        Dpucc__Wire__PinRequest pin = DPUCC__WIRE__PIN_REQUEST__INIT;
        Dpucc__Wire__Selector selector = DPUCC__WIRE__SELECTOR__INIT;
        Request request = DPUCC__WIRE__REQUEST__INIT;

        selector.text = client_bytes(text);
        pin.selector = &selector;
        request.id = 1;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_PIN;
        request.pin = &pin;
        client_send(&f->client, &request);
}

/* Lets one piece of a jam go as soon as something that goes first waits behind it. */
typedef struct Gap {
        uv_prepare_t prepare;
        const struct WorkClassState *line;
        Jam *jam;
} Gap;

static void gap_on_turn(uv_prepare_t *prepare) {
        const Gap *gap = prepare->data;

        if (!gap->line->head || !gap->line->head->first)
                return;
        jam_let_go(gap->jam, 1);
        (void) uv_prepare_stop(prepare);
}

static void assert_answered_first(Fixture *f, Jam *jam, WorkClass class) {
        Gap gap = { .line = &engine_pool(f->verbs.engine)->classes[class], .jam = jam };

        assert_int_equal(uv_prepare_init(&f->loop, &gap.prepare), 0);
        gap.prepare.data = &gap;
        assert_int_equal(uv_prepare_start(&gap.prepare, gap_on_turn), 0);
        client_expect(&f->client, 1, DPUCC__WIRE__OUTCOME__DONE, NULL);
        uv_close((uv_handle_t *) &gap.prepare, NULL);
        (void) uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* A thousand units look their keys up, and deliver. */
static void questions_go_before_the_background(void **state) {
        Fixture *f = *state;
        Jam looking, storing;

        publish(f, 0, false);
        jam_init(&looking, engine_pool(f->verbs.engine), WORK_QUICK);
        send_list(f, 0);
        assert_answered_first(f, &looking, WORK_QUICK);
        jam_end(&looking);

        jam_init(&storing, engine_pool(f->verbs.engine), WORK_STORE);
        ask_to_pin(f, f->hex[0]);
        assert_answered_first(f, &storing, WORK_STORE);
        ask(f, DPUCC__WIRE__REQUEST__BODY_OPEN, f->hex[0]);
        assert_answered_first(f, &storing, WORK_STORE);
        jam_end(&storing);
}

static void lists_the_newest_first(void **state) {
        Fixture *f = *state;
        Reply *reply = list(f, 0);

        assert_int_equal(reply->list->n_artifacts, 0);
        dpucc__wire__reply__free_unpacked(reply, NULL);
        for (unsigned i = 0; i < 3; i++)
                publish(f, i, i == 2);

        reply = list(f, 0);
        assert_int_equal(reply->list->n_artifacts, 3);
        assert_int_equal(reply->list->n_left_out, 0);
        for (unsigned i = 0; i < 3; i++) {
                const Dpucc__Wire__Artifact *a = reply->list->artifacts[i];

                assert_string_equal(a->net_name, "unet");
                assert_string_equal(a->toolchain, "vitis-3.5");
                assert_string_equal(a->target, "b4096"); /* from the fingerprint */
                assert_int_equal(a->build_ms, 12345);
                if (i > 0)
                        assert_true(a->created_s <= reply->list->artifacts[i - 1]->created_s);
                assert_int_equal(a->failed, strcmp(a->key, f->hex[2]) == 0);
                assert_int_equal(a->size, a->failed ? 0 : 5);
        }
        dpucc__wire__reply__free_unpacked(reply, NULL);

        reply = list(f, 2);
        assert_int_equal(reply->list->n_artifacts, 2);
        assert_int_equal(reply->list->n_left_out, 1);
        dpucc__wire__reply__free_unpacked(reply, NULL);
}

/* The index alone has as many: what it lists is passed over without a record, but counted. */
static void a_list_is_capped(void **state) {
        Fixture *f = *state;
        Index *index = cache_index(f->cache);
        _cleanup_(sample_deinit) Sample sample;
        Reply *reply;

        dpucc__wire__reply__free_unpacked(list(f, 0), NULL); /* the index is complete by now */
        sample_init(&sample, 0);
        assert_int_equal(index_begin(index), 0);
        for (unsigned i = 0; i < 10003; i++) {
                sample.record.key = digest_of(&i, sizeof(i));
                assert_int_equal(index_add(index, &sample.record, 1, 0), 0);
        }
        assert_int_equal(index_end(index, 0), 0);

        reply = list(f, 10001);
        assert_int_equal(reply->outcome, DPUCC__WIRE__OUTCOME__DONE);
        assert_int_equal(reply->list->n_left_out, 3);
        dpucc__wire__reply__free_unpacked(reply, NULL);
}

static void shows_by_key_and_by_name(void **state) {
        Fixture *f = *state;
        char prefix[9];
        Reply *reply;

        publish(f, 0, false);
        (void) snprintf(prefix, sizeof(prefix), "%.8s", f->hex[0]);
        ask(f, DPUCC__WIRE__REQUEST__BODY_SHOW, prefix);
        reply = client_reply(&f->client, NULL);
        assert_int_equal(reply->outcome, DPUCC__WIRE__OUTCOME__DONE);
        assert_null(reply->show->unit);
        assert_string_equal(reply->show->artifact->key, f->hex[0]);
        assert_string_equal(reply->show->report_json, "{\"layers\": 3}");
        dpucc__wire__reply__free_unpacked(reply, NULL);

        double_engine_of(f->verbs.engine)->key = &f->keys[0];
        ask(f, DPUCC__WIRE__REQUEST__BODY_SHOW, "net@b1024");
        reply = client_reply(&f->client, NULL);
        assert_string_equal(reply->show->unit->name, "net@b1024");
        assert_string_equal(reply->show->unit->key, f->hex[0]);
        assert_string_equal(reply->show->artifact->key, f->hex[0]);
        dpucc__wire__reply__free_unpacked(reply, NULL);
}

static void says_what_is_not_there(void **state) {
        Fixture *f = *state;

        ask(f, DPUCC__WIRE__REQUEST__BODY_SHOW, "deadbeef");
        client_expect(&f->client, 1, DPUCC__WIRE__OUTCOME__NOT_FOUND, "deadbeef");
        ask(f, DPUCC__WIRE__REQUEST__BODY_LOG, "dead");
        client_expect(&f->client, 1, DPUCC__WIRE__OUTCOME__NOT_FOUND, "dead");
        ask(f, DPUCC__WIRE__REQUEST__BODY_WHY, "net@b1024");
        client_expect(&f->client, 1, DPUCC__WIRE__OUTCOME__NOT_FOUND, "not compiled yet");
        double_engine_of(f->verbs.engine)->key = &f->keys[0]; /* it was, and was evicted */
        ask(f, DPUCC__WIRE__REQUEST__BODY_LOG, "net@b1024");
        client_expect(&f->client, 1, DPUCC__WIRE__OUTCOME__NOT_FOUND,
                      "nothing of net@b1024 any more");
        ask(f, DPUCC__WIRE__REQUEST__BODY_WHY, "");
        client_expect(&f->client, 1, DPUCC__WIRE__OUTCOME__USAGE, "empty");
}

/* @ret_n: the number of replies */
static void take_log(Fixture *f, const char *text, Bytes *ret, unsigned *ret_n) {
        bool final;

        ask(f, DPUCC__WIRE__REQUEST__BODY_LOG, text);
        *ret_n = 0;
        do {
                Reply *reply = client_reply(&f->client, NULL);

                final = reply->has_final && reply->final;
                if (final)
                        assert_int_equal(reply->outcome, DPUCC__WIRE__OUTCOME__DONE);
                if (reply->body_case == DPUCC__WIRE__REPLY__BODY_LOG)
                        assert_int_equal(bytes_append(ret, reply->log.data, reply->log.len), 0);
                dpucc__wire__reply__free_unpacked(reply, NULL);
                ++*ret_n;
        } while (!final);
}

/* with the name of the net, which the compiler never knew, and with the verdict */
static void sends_a_long_log_in_pieces(void **state) {
        static const char first[] = "saved to ./out/unet.xmodel\nline at ";
        static const char last[] = "dpuccd: op x is not known\n";
        _cleanup_(bytes_cleanup) Bytes got = BYTES_INIT(2 * 1024 * 1024);
        Fixture *f = *state;
        unsigned n;

        publish(f, 2, true);
        take_log(f, f->hex[2], &got, &n);
        assert_true(n > 2);
        assert_true(got.size > 1000000);
        assert_memory_equal(got.data, first, strlen(first));
        assert_memory_equal(got.data + got.size - strlen(last), last, strlen(last));

        double_engine_of(f->verbs.engine)->key = &f->keys[2];
        got.size = 0;
        take_log(f, "net@b1024", &got, &n);
        assert_non_null(memmem(got.data, got.size, "./out/net.xmodel", 16));
}

static void a_silent_compiler_has_a_log(void **state) {
        static const char expected[] = "the compiler printed nothing\ndpuccd: op x is not known\n";
        _cleanup_(bytes_cleanup) Bytes got = BYTES_INIT(4096);
        Fixture *f = *state;
        unsigned n;

        publish_log(f, 2, true, slice_of_string(""));
        take_log(f, f->hex[2], &got, &n);
        assert_true(slice_is(bytes_slice(&got), expected));
}

static void explains_keys(void **state) {
        Fixture *f = *state;
        Reply *reply;

        publish(f, 0, false);
        ask(f, DPUCC__WIRE__REQUEST__BODY_WHY, f->hex[0]);
        reply = client_reply(&f->client, NULL);
        assert_string_equal(reply->why->key, f->hex[0]);
        assert_int_equal(reply->why->n_fields, 5);
        assert_string_equal(reply->why->fields[0]->tag, "snapshot.digest");
        assert_string_equal(reply->why->fields[4]->value, "native");
        assert_null(reply->why->explanation); /* the first of its kind */
        dpucc__wire__reply__free_unpacked(reply, NULL);

        publish(f, 1, false);
        ask(f, DPUCC__WIRE__REQUEST__BODY_WHY, f->hex[1]);
        reply = client_reply(&f->client, NULL);
        assert_non_null(strstr(reply->why->explanation, "snapshot.digest changed"));
        assert_null(strstr(reply->why->explanation, "toolchain"));
        dpucc__wire__reply__free_unpacked(reply, NULL);
}

static void opens_the_file_of_an_artifact(void **state) {
        Fixture *f = *state;
        char content[16] = "";
        int fd = -1;
        Reply *reply;

        publish(f, 0, false);
        ask(f, DPUCC__WIRE__REQUEST__BODY_OPEN, f->hex[0]);
        reply = client_reply(&f->client, &fd);
        assert_int_equal(reply->outcome, DPUCC__WIRE__OUTCOME__DONE);
        assert_string_equal(reply->open->key, f->hex[0]);
        assert_int_equal(read(fd, content, sizeof(content)), 5);
        assert_string_equal(content, "model");
        close(fd);
        dpucc__wire__reply__free_unpacked(reply, NULL);

        publish(f, 1, true);
        ask(f, DPUCC__WIRE__REQUEST__BODY_OPEN, f->hex[1]);
        client_expect(&f->client, 1, DPUCC__WIRE__OUTCOME__NOT_FOUND, "failed");
        ask(f, DPUCC__WIRE__REQUEST__BODY_OPEN, "net@b1024");
        client_expect(&f->client, 1, DPUCC__WIRE__OUTCOME__NOT_FOUND, "not compiled");
}

static void what_has_no_unit_is_known_by_its_names(void **state) {
        /* the record's own, from the fingerprint; and no other */
        static const struct {
                const char *text;
                Dpucc__Wire__Outcome outcome;
        } names[] = {
                { "unet@b4096", DPUCC__WIRE__OUTCOME__DONE },
                { "unet@b1024", DPUCC__WIRE__OUTCOME__NOT_FOUND },
                { "une@b4096", DPUCC__WIRE__OUTCOME__NOT_FOUND },
                { "unet@", DPUCC__WIRE__OUTCOME__NOT_FOUND },
                { "@b4096", DPUCC__WIRE__OUTCOME__NOT_FOUND },
                { "@", DPUCC__WIRE__OUTCOME__NOT_FOUND },
        };
        Fixture *f = *state;

        publish(f, 0, false);
        publish(f, 1, false);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                Reply *reply;

                ask(f, DPUCC__WIRE__REQUEST__BODY_SHOW, names[i].text);
                reply = client_reply(&f->client, NULL);
                assert_int_equal(reply->outcome, names[i].outcome);
                if (reply->outcome == DPUCC__WIRE__OUTCOME__DONE)
                        assert_string_equal(reply->show->artifact->key, f->hex[1]); /* the newest */
                dpucc__wire__reply__free_unpacked(reply, NULL);
        }
}

typedef void (*InquiryFn)(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);

/* Nobody listens: what is proved is that the call ends once and nothing is left or touched
 * afterwards, which ASan sees. */
static void sweep(Fixture *f, InquiryFn fn, const char *text) {
        Dpucc__Wire__Selector selector = DPUCC__WIRE__SELECTOR__INIT;
        long nth = 0;

        selector.text = client_bytes(text);
        selector.has_path = true;
        selector.path = client_bytes("/w/unet_int.xmodel");
        do {
                Call *call = calloc(1, sizeof(*call));

                assert_non_null(call);
                fail_alloc_arm(nth++);
                fn(f->verbs.engine, call, &selector);
                while (work_pool_is_busy(engine_pool(f->verbs.engine)))
                        (void) uv_run(&f->loop, UV_RUN_ONCE);
        } while (fail_alloc_disarm());
        assert_true(nth > 5);
}

static void survives_failing_allocations(void **state) {
        static const InquiryFn inquiries[] = { inquiry_show, inquiry_log, inquiry_why,
                                               inquiry_open };
        Fixture *f = *state;

        publish(f, 0, false);
        publish(f, 1, false);
        double_engine_of(f->verbs.engine)->key = &f->keys[0];
        for (size_t i = 0; i < ARRAY_SIZE(inquiries); i++) {
                sweep(f, inquiries[i], f->hex[0]);
                sweep(f, inquiries[i], "net@b1024");
                sweep(f, inquiries[i], "unet@b4096");
                sweep(f, inquiries[i], "unet_int.xmodel");
        }
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(questions_go_before_the_background),
                TEST(lists_the_newest_first),
                TEST(shows_by_key_and_by_name),
                TEST(says_what_is_not_there),
                TEST(sends_a_long_log_in_pieces),
                TEST(a_silent_compiler_has_a_log),
                TEST(explains_keys),
                TEST(opens_the_file_of_an_artifact),
                TEST(what_has_no_unit_is_known_by_its_names),
                TEST(survives_failing_allocations),
                TEST(a_list_is_capped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
