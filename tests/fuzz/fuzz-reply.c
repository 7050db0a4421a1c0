/*
 * What the client is told: a Reply of the daemon's and, as JSON, what it prints of it; the log and
 * the names of files in it are whatever a compiler and a file system hold. What is printed must be
 * JSON. A Reply of dpucc-remote's is only unpacked.
 */

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "client/document.h"
#include "proto/remote.pb-c.h"

#define OUTPUT_MAX ((size_t) 64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
        if (!good)
                abort();
}

static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                                size_t size) {
        ProtobufCMessage *ret = NULL;
        Frame frame = { .body = BYTES_INIT(size) };

        if (bytes_append(&frame.body, data, size) == 0)
                (void) frame_unpack(&frame, descriptor, &ret);
        frame_deinit(&frame);
        return ret;
}

/* by json-c: numbers go up to 2^64 - 1 here, which our own reader has no use for */
static void check_json(const Bytes *text) {
        json_tokener *tokener = json_tokener_new();
        json_object *document;

        must(tokener != NULL && text->size <= INT_MAX);
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        document = json_tokener_parse_ex(tokener, (const char *) text->data, (int) text->size);
        must(document != NULL && json_tokener_get_error(tokener) == json_tokener_success);
        json_object_put(document);
        json_tokener_free(tokener);
}

static void print(Dpucc__Wire__Reply *reply) {
        Exchange exchange = EXCHANGE_INIT;
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(bytes_cleanup) Bytes line = BYTES_INIT(OUTPUT_MAX);

        exchange.reply = reply;
        exchange.code = (int) reply->outcome;
        if (reply->body_case == DPUCC__WIRE__REPLY__BODY_LOG)
                must(bytes_append(&exchange.log, reply->log.data, reply->log.len) == 0);
        must(document_of(&exchange, &text) == 0);
        check_json(&text);
        if (reply->event) {
                must(document_of_event(reply->event, &line) == 0);
                check_json(&line);
        }
        exchange_deinit(&exchange);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ProtobufCMessage *reply = unpack(&dpucc__wire__reply__descriptor, data, size);
        ProtobufCMessage *remote = unpack(&dpucc__remote__reply__descriptor, data, size);

        if (reply)
                print((Dpucc__Wire__Reply *) reply);
        if (remote)
                protobuf_c_message_free_unpacked(remote, NULL);
        return 0;
}
