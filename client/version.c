#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "client/command.h"
#include "client/connect.h"
#include "client/exchange.h"
#include "client/output.h"
#include "proto/hello.h"

const char command_version_help[] =
        "usage: dpucc-client version\n"
        "\n"
        "Prints the versions of this program and of the daemon, if one is running.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client version\n"
        "  dpucc-client --version         without asking the daemon\n"
        "\n"
        "Exit status: 0, whether a daemon is running or not.\n";

/* The daemon's Hello, or NULL with @problem. Compatible or not: this command tells. */
static Dpucc__Wire__Hello *version_ask(const Options *options, Problem *problem) {
        int64_t wait_ms =
                options->timeout_ms >= 0 ? options->timeout_ms : EXCHANGE_PATIENCE_S * 1000;
        _cleanup_(frame_deinit) Frame frame = {};
        ProtobufCMessage *message = NULL;
        Connection connection;

        if (exchange_connect(&connection, options, clock_monotonic_ns() + wait_ms * CLOCK_NS_PER_MS,
                             problem) < 0)
                return NULL;
        if (connection_read(&connection, -1, &frame) != FRAME_DONE ||
            frame_unpack(&frame, &dpucc__wire__hello__descriptor, &message) < 0)
                (void) problem_set(problem, 0, "the daemon does not answer");
        (void) connection_close(&connection);
        return (Dpucc__Wire__Hello *) message;
}

/* Returns an exit code. */
static int version_print_json(const Dpucc__Wire__Hello *hello) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(64 * 1024);
        JsonWriter w = json_writer_begin(&text, JSON_WRITER_PRETTY);

        json_writer_object(&w, NULL);
        json_writer_string(&w, "client", DPUCC_VERSION);
        json_writer_int64(&w, "protocol", HELLO_PROTOCOL);
        json_writer_string(&w, "daemon", hello ? hello->version : NULL);
        if (hello) {
                json_writer_uint64(&w, "daemon_protocol", hello->protocol);
                json_writer_uint64(&w, "pid", hello->pid);
        }
        json_writer_end(&w);
        if (json_writer_finish(&w) < 0) {
                output_complain(strerror(ENOMEM));
                return CODE_ERROR;
        }
        (void) fwrite(text.data, 1, text.size, stdout);
        return CODE_DONE;
}

static void version_print(const Dpucc__Wire__Hello *hello, const Problem *problem) {
        (void) printf("dpucc-client %s, protocol %d\n", DPUCC_VERSION, HELLO_PROTOCOL);
        if (hello) {
                (void) fputs("dpuccd ", stdout);
                output_text(OUTPUT_PLAIN, hello->version);
                (void) printf(", protocol %u, process %u\n", (unsigned) hello->protocol,
                              (unsigned) hello->pid);
        } else {
                (void) printf("dpuccd: %s\n", problem->text);
        }
}

int command_version(Options *options, int argc, char **argv) {
        int first = options_operands(options, argc, argv, NULL, 0, 0);
        Dpucc__Wire__Hello *hello;
        Problem problem = {};
        int code = CODE_DONE;

        if (first < 0)
                return options_code(first);
        hello = version_ask(options, &problem);
        if (options->json)
                code = version_print_json(hello);
        else
                version_print(hello, &problem);
        dpucc__wire__hello__free_unpacked(hello, NULL);
        return code;
}
