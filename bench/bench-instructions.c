/*
 * Instructions of the hot paths
 *
 *   valgrind --tool=callgrind --instr-atstart=no bench-instructions OPS.xmodel BYTES.xmodel DIR
 *
 * Each path runs once to warm up and then a fixed number of times while callgrind counts; a dump
 * for each has its name, and "N: " before it how often that was. No threads, no clock, no chance:
 * equal programs give equal counts, but for lengths of paths. bench/instructions runs this and
 * compares with the budgets of instructions.json.
 *
 * This program is compiled with optimisation and without sanitizers in every build: see
 * CMakeLists.txt.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/cache.h"
#include "cache/key.h"
#include "cache/state.h"
#include "daemon/settle.h"
#include "daemon/watch.h"
#include "dpu/isa/isa.h"
#include "proto/dpucc.pb-c.h"
#include "proto/frame.h"
#include "xmodel/canon.h"

typedef struct Bench {
        Bytes ops, bytes;
        const char *place;
        Walk *walk; /* of the model whose digest is taken */
        State *state;
        Cache *cache;
        Digest key;
        int sockets[2];
        Settle *settle;
        int64_t now;
        Watch *watch;
        size_t n_events;
        Bytes code;
} Bench;

static void must(int r, const char *what) {
        if (r >= 0)
                return;
        (void) fprintf(stderr, "bench-instructions: %s: %s\n", what, strerror(-r));
        exit(1);
}

static const char *bench_path(const Bench *bench, const char *name) {
        static char path[4096];

        (void) snprintf(path, sizeof(path), "%s/%s", bench->place, name);
        return path;
}

/* --- identity ------------------------------------------------------------------------------------ */

static void run_walk(Bench *bench) {
        _cleanup_(walk_freep) Walk *walk = NULL;

        must(walk_new(&walk, bytes_slice(&bench->ops), NULL), "walk");
}

static void run_digest(Bench *bench) {
        Digest digest;

        must(canon_digest(bench->walk, NULL, CANON_CANONICAL, &digest), "digest");
}

static void prepare_digest_of_ops(Bench *bench) {
        must(walk_new(&bench->walk, bytes_slice(&bench->ops), NULL), "walk");
}

static void prepare_digest_of_bytes(Bench *bench) {
        bench->walk = walk_free(bench->walk);
        must(walk_new(&bench->walk, bytes_slice(&bench->bytes), NULL), "walk");
}

/* --- the cache ----------------------------------------------------------------------------------- */

static void make_key(Key *key, Digest *ret) {
        static const char *const argv[] = { "vai_c_xir", "-x",   "/m.xmodel", "-a", "/arch.json",
                                            "-o",        "/out", "-n",        "net" };
        const Digest digest = digest_of("a library", 9);
        char tag[32];

        must(key_add_toolchain(key, "native"), "key");
        must(key_add_snapshot(key, "map-sorted", CANON_VERSION, &digest), "key");
        must(key_add_fingerprint(key, 0x101000056010402), "key");
        must(key_add_option(key, "debug_mode", "1"), "key");
        must(key_add_list(key, "argv", argv, ARRAY_SIZE(argv)), "key");
        for (unsigned i = 0; i < 16; i++) {
                (void) snprintf(tag, sizeof(tag), "toolchain.library.%u", i);
                must(key_add_digest(key, tag, &digest), "key");
        }
        must(key_finish(key, ret), "key");
}

static void run_key(Bench *bench) {
        _cleanup_(key_freep) Key *key = NULL;

        must(key_new(&key), "key");
        make_key(key, &bench->key);
}

static void prepare_lookup(Bench *bench) {
        static const uint8_t model[4096], log[100];
        const CacheFile files[] = {
                { .role = RECORD_ROLE_LOG, .fd = -1, .data = slice_of(log, sizeof(log)) },
                { .role = RECORD_ROLE_XMODEL, .fd = -1, .data = slice_of(model, sizeof(model)) },
                { .role = RECORD_ROLE_META, .fd = -1, .data = slice_of(log, 90) },
                { .role = RECORD_ROLE_REPORT, .fd = -1, .data = slice_of(log, 80) },
        };
        Record draft = { .kind = RECORD_SUCCESS, .toolchain = "native" };
        _cleanup_(record_freep) Record *stored = NULL;
        _cleanup_(key_freep) Key *key = NULL;

        must(state_open(&bench->state, bench->place, NULL), "state");
        must(cache_open(&bench->cache, bench_path(bench, "cache"), bench->state, CACHE_NORMAL,
                        NULL),
             "cache");
        must(key_new(&key), "key");
        make_key(key, &bench->key);
        draft.key = bench->key;
        draft.transcript = key_fields(key, &draft.n_transcript);
        must(cache_publish(bench->cache, &draft, files, ARRAY_SIZE(files), &stored), "publish");
}

static void run_lookup(Bench *bench) {
        _cleanup_(record_freep) Record *record = NULL;
        int r = cache_lookup(bench->cache, &bench->key, &record);

        must(r == CACHE_MISS ? -ENOENT : r, "lookup");
}

/* --- the wire ------------------------------------------------------------------------------------ */

static void prepare_frame(Bench *bench) {
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, bench->sockets),
             "socketpair");
}

static void run_frame(Bench *bench) {
        static char source[] = "/home/somebody/work/models/output/03-quantize/Unet_int.xmodel",
                    arch[] = "/home/somebody/work/boards/leopard/arch.json";
        Dpucc__Wire__Request request = DPUCC__WIRE__REQUEST__INIT;
        FrameWriter writer = FRAME_WRITER_INIT(FRAME_MAX_REQUEST, 2 * FRAME_MAX_REQUEST);
        FrameReader reader = FRAME_READER_INIT(FRAME_MAX_REQUEST);
        Dpucc__Wire__Get get = DPUCC__WIRE__GET__INIT;
        _cleanup_(frame_deinit) Frame frame = {};
        ProtobufCMessage *message;

        get.source_path = (ProtobufCBinaryData){ strlen(source), (uint8_t *) source };
        get.has_arch_path = true;
        get.arch_path = (ProtobufCBinaryData){ strlen(arch), (uint8_t *) arch };
        get.has_wait = get.wait = true;
        request.id = 1;
        request.body_case = DPUCC__WIRE__REQUEST__BODY_GET;
        request.get = &get;
        must(frame_writer_put(&writer, &request.base, NULL, 0), "frame");
        must(frame_writer_step(&writer, bench->sockets[0]), "frame");
        must(frame_reader_step(&reader, bench->sockets[1], &frame), "frame");
        must(frame_unpack(&frame, &dpucc__wire__request__descriptor, &message), "frame");
        protobuf_c_message_free_unpacked(message, NULL);
        frame_writer_deinit(&writer);
        frame_reader_deinit(&reader);
}

/* --- a save ------------------------------------------------------------------------------------------ */

static void prepare_settle(Bench *bench) {
        char path[64];

        must(settle_new(&bench->settle, &settle_default_times), "settle");
        bench->now = 1;
        for (unsigned i = 0; i < 64; i++) {
                (void) snprintf(path, sizeof(path), "/work/being-written/%u.xmodel", i);
                must(settle_writing(bench->settle, path, bench->now), "settle");
        }
}

static void run_settle(Bench *bench) {
        _cleanup_(freep) char *path = NULL;

        must(settle_saved(bench->settle, "/work/models/Unet_int.xmodel", bench->now), "settle");
        bench->now = settle_deadline(bench->settle);
        must(settle_take(bench->settle, bench->now, &path), "settle");
        must(path ? 0 : -ENODATA, "settle");
        bench->now = 1;
}

static bool watch_wanted(const char *name, void *userdata) {
        (void) userdata;
        return path_ends_with(name, ".xmodel");
}

static bool watch_ignored(const char *relative, bool is_directory, void *userdata) {
        (void) userdata;
        return is_directory && path_basename(relative)[0] == '.';
}

static void watch_count(const WatchEvent *event, void *userdata) {
        *(size_t *) userdata += event->kind == WATCH_FILE_CHANGED;
}

static void run_watch(Bench *bench) {
        const char *path = bench_path(bench, "watched/Unet_int.xmodel");
        size_t before = bench->n_events;
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666), r;

        must(fd < 0 ? -errno : file_write_all(fd, "model", 5), path);
        closep(&fd);
        do
                r = watch_dispatch(bench->watch, watch_count, &bench->n_events, WATCH_BUDGET);
        while (r == 1);
        must(r == 0 && bench->n_events != before + 1 ? -ENODATA : r, "watch");
}

static void prepare_watch(Bench *bench) {
        const WatchFilter filter = { .wanted = watch_wanted, .ignored = watch_ignored };
        const char *path = bench_path(bench, "watched");
        WatchRoot *root;
        int r;

        closep(&(int){ file_make_dirs(AT_FDCWD, path, 0700) });
        must(watch_new(&bench->watch, WATCH_NODES_MAX), "watch");
        must(watch_add_root(bench->watch, path, &filter, NULL, &root), "watch");
        do
                r = watch_dispatch(bench->watch, watch_count, &bench->n_events, WATCH_BUDGET);
        while (r == 1);
        must(r, "watch");
}

/* --- programs of a DPU -------------------------------------------------------------------------------- */

static void prepare_isa(Bench *bench) {
        for (unsigned i = 0; i < ISA_KINDS; i++) {
                const Instruction instruction = isa_blank((IsaKind) i);

                must(isa_encode(&instruction, &bench->code, NULL), "isa");
        }
}

static void run_isa(Bench *bench) {
        const Slice code = bytes_slice(&bench->code);
        Instruction instruction;

        for (uint32_t at = 0; at < code.size; at += 4 * isa_describe(instruction.kind)->words)
                must(isa_decode(code, at, &instruction, NULL), "isa");
}

/* --- all of it -------------------------------------------------------------------------------------------- */

static const struct {
        const char *name;
        void (*prepare)(Bench *bench);
        void (*run)(Bench *bench);
        unsigned times, each; /* calls, and what is counted in each of them */
} paths[] = {
        { "XIR walk, many ops", NULL, run_walk, 2, 1 },
        { "canonical digest, many ops", prepare_digest_of_ops, run_digest, 2, 1 },
        { "canonical digest, large weights", prepare_digest_of_bytes, run_digest, 1, 1 },
        { "key", NULL, run_key, 50, 1 },
        { "cache lookup, a hit", prepare_lookup, run_lookup, 50, 1 },
        { "frame of a request, there and back", prepare_frame, run_frame, 50, 1 },
        { "settling of a save", prepare_settle, run_settle, 50, 1 },
        { "notice of a save", prepare_watch, run_watch, 50, 1 },
        { "decoding of an instruction", prepare_isa, run_isa, 50, ISA_KINDS },
};

int main(int argc, char **argv) {
        Bench bench = { .ops = BYTES_INIT(WALK_FILE_MAX),
                        .bytes = BYTES_INIT(WALK_FILE_MAX),
                        .code = BYTES_INIT(4096),
                        .place = argv[argc - 1] };
        char name[128];

        must(argc == 4 ? 0 : -EINVAL, "two models and a directory");
        must(file_read(AT_FDCWD, argv[1], &bench.ops), argv[1]);
        must(file_read(AT_FDCWD, argv[2], &bench.bytes), argv[2]);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                if (paths[i].prepare)
                        paths[i].prepare(&bench);
                paths[i].run(&bench);
                (void) snprintf(name, sizeof(name), "%u: %s", paths[i].times * paths[i].each,
                                paths[i].name);
                CALLGRIND_START_INSTRUMENTATION;
                CALLGRIND_ZERO_STATS;
                for (unsigned k = 0; k < paths[i].times; k++)
                        paths[i].run(&bench);
                CALLGRIND_DUMP_STATS_AT(name); /* and begins at 0 again */
                CALLGRIND_STOP_INSTRUMENTATION;
        }
        bytes_cleanup(&bench.ops);
        bytes_cleanup(&bench.bytes);
        bytes_cleanup(&bench.code);
        (void) walk_free(bench.walk);
        (void) cache_close(bench.cache);
        (void) state_close(bench.state);
        (void) settle_free(bench.settle);
        (void) watch_free(bench.watch);
        closep(&bench.sockets[0]);
        closep(&bench.sockets[1]);
        return 0;
}
