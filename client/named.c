#include "client/named.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/answer.h"
#include "client/ask.h"
#include "client/output.h"

static int named_take(const Dpucc__Wire__ShowReply *show, const char *name, Named *ret) {
        const ProtobufCBinaryData *source = ask_source_of(show);
        const char *at = strrchr(name, '@');

        if (!source)
                return -ENOENT;
        ret->source = strndup((const char *) source->data, source->len);
        ret->net_name = strndup(name, (size_t) (at - name));
        ret->target = strdup(at + 1);
        return ret->source && ret->net_name && ret->target ? 0 : -ENOMEM;
}

int named_find(const Options *options, FetchSpec *spec, Named *ret) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        const Dpucc__Wire__ShowReply *show;
        const char *name = spec->source;
        int r;

        if (!strchr(name, '@') || strchr(name, '/') || access(name, F_OK) == 0)
                return CODE_DONE;
        show = ask_about(options, name, &x);
        if (!show) {
                (void) answer_print(&x, options);
                return x.code == CODE_DONE ? CODE_ERROR : x.code;
        }
        r = named_take(show, name, ret);
        if (r < 0) {
                output_complain(r == -ENOENT ? "nobody knows any more what it was made from: name "
                                               "the source"
                                             : strerror(-r));
                return r == -ENOENT ? CODE_NOT_FOUND : CODE_ERROR;
        }
        spec->source = ret->source;
        spec->net_name = spec->net_name ?: ret->net_name;
        if (!spec->target && !spec->arch)
                spec->target = ret->target;
        return CODE_DONE;
}
