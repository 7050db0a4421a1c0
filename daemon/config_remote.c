#include "daemon/config_remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "cache/place.h"

#define CONFIG_REMOTE_CONNECT_MS      1000
#define CONFIG_REMOTE_CONNECT_MAX_MS  60000
#define CONFIG_REMOTE_TRANSFER_MS     60000
#define CONFIG_REMOTE_TRANSFER_MAX_MS 3600000
#define CONFIG_REMOTE_SIZE_MIB        1024
#define CONFIG_REMOTE_SIZE_MAX_MIB    65536
#define CONFIG_REMOTE_TEXT_MAX        255

void config_remote_deinit(ConfigRemote *remote) {
        free(remote->name);
        free(remote->url);
        free(remote->secret_file);
        free(remote->user);
        free(remote->password_file);
        free(remote->token_file);
        free(remote->ca_file);
        free(remote->s3_region);
        free(remote->s3_access_key);
        free(remote->s3_secret_file);
        *remote = (ConfigRemote){};
}

static inline void config_remote_cleanup(ConfigRemote *remote) {
        config_remote_deinit(remote);
}

int config_remote_copy(const ConfigRemote *remote, ConfigRemote *ret) {
        _cleanup_(config_remote_cleanup) ConfigRemote copy = {
                .read = remote->read,
                .write = remote->write,
                .connect_ms = remote->connect_ms,
                .transfer_ms = remote->transfer_ms,
                .size_max = remote->size_max,
        };

        if (strings_dup(&copy.name, remote->name) < 0 || strings_dup(&copy.url, remote->url) < 0 ||
            strings_dup(&copy.secret_file, remote->secret_file) < 0 ||
            strings_dup(&copy.user, remote->user) < 0 ||
            strings_dup(&copy.password_file, remote->password_file) < 0 ||
            strings_dup(&copy.token_file, remote->token_file) < 0 ||
            strings_dup(&copy.ca_file, remote->ca_file) < 0 ||
            strings_dup(&copy.s3_region, remote->s3_region) < 0 ||
            strings_dup(&copy.s3_access_key, remote->s3_access_key) < 0 ||
            strings_dup(&copy.s3_secret_file, remote->s3_secret_file) < 0)
                return -ENOMEM;
        *ret = copy;
        copy = (ConfigRemote){};
        return 0;
}

/* --- values ------------------------------------------------------------------------------ */

/* The members below are optional: 0 and *ret as it was when @key is missing. */

static int config_remote_text(const JsonPlace *object, const char *key, char **ret,
                              Problem *problem) {
        JsonPlace member;
        const char *text;
        int r;

        if (json_member(object, key, &member) < 0)
                return 0;
        r = json_string(&member, &text, problem);
        if (r < 0)
                return r;
        /* printable: it becomes part of a header */
        if (text[0] == '\0' || strlen(text) > CONFIG_REMOTE_TEXT_MAX)
                return json_complain(&member, problem, "1 to %d characters expected",
                                     CONFIG_REMOTE_TEXT_MAX);
        for (const char *p = text; *p; p++)
                if (*p < ' ' || *p > '~')
                        return json_complain(&member, problem, "plain ASCII text expected");
        return strings_dup(ret, text);
}

static int config_remote_file(const JsonPlace *object, const char *key, char **ret,
                              Problem *problem) {
        JsonPlace member;
        const char *text;
        int r;

        if (json_member(object, key, &member) < 0)
                return 0;
        r = json_string(&member, &text, problem);
        if (r < 0)
                return r;
        if (text[0] != '/')
                return json_complain(&member, problem,
                                     "\"%.80s\" is not an absolute path; write it from \"/\"",
                                     text);
        return strings_dup(ret, text);
}

static int config_remote_number(const JsonPlace *object, const char *key, int64_t max,
                                int64_t default_value, int64_t *ret, Problem *problem) {
        JsonPlace member;

        *ret = default_value;
        if (json_member(object, key, &member) < 0)
                return 0;
        return json_integer(&member, 1, max, ret, problem);
}

/* It becomes part of the names of statistics. */
static int config_remote_name(const JsonPlace *object, ConfigRemote *remote, Problem *problem) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789_-";
        JsonPlace member;
        const char *name;
        int r;

        if (json_member(object, "name", &member) < 0)
                return json_complain(object, problem, "\"name\" is missing");
        r = json_string(&member, &name, problem);
        if (r < 0)
                return r;
        if (name[0] == '\0' || strlen(name) > CONFIG_REMOTE_NAME_MAX ||
            name[strspn(name, allowed)] != '\0')
                return json_complain(&member, problem,
                                     "1 to %d letters, digits, \"-\" and \"_\" expected",
                                     CONFIG_REMOTE_NAME_MAX);
        return strings_dup(&remote->name, name);
}

static int config_remote_url(const JsonPlace *object, ConfigRemote *remote, PlaceScheme *ret_scheme,
                             Problem *problem) {
        Problem reason = {};
        JsonPlace member;
        const char *url;
        Place place;
        int r;

        if (json_member(object, "url", &member) < 0)
                return json_complain(object, problem, "\"url\" is missing");
        r = json_string(&member, &url, problem);
        if (r < 0)
                return r;
        if (place_parse(url, &place, &reason) < 0)
                return json_complain(&member, problem, "%s", reason.text);
        *ret_scheme = place.scheme;
        return strings_dup(&remote->url, url);
}

static int config_remote_access(const JsonPlace *object, ConfigRemote *remote, Problem *problem) {
        JsonPlace member;
        const char *access;
        int r;

        remote->read = remote->write = true;
        if (json_member(object, "access", &member) < 0)
                return 0;
        r = json_string(&member, &access, problem);
        if (r < 0)
                return r;
        if (strcmp(access, "read-only") == 0)
                remote->write = false;
        else if (strcmp(access, "write-only") == 0)
                remote->read = false;
        else if (strcmp(access, "read-write") != 0)
                return json_complain(&member, problem,
                                     "\"%.40s\" is none of \"read-write\", \"read-only\", "
                                     "\"write-only\"",
                                     access);
        return 0;
}

static int config_remote_limits(const JsonPlace *object, ConfigRemote *remote, Problem *problem) {
        int64_t connect, transfer, size;
        int r;

        r = config_remote_number(object, "connect_timeout_ms", CONFIG_REMOTE_CONNECT_MAX_MS,
                                 CONFIG_REMOTE_CONNECT_MS, &connect, problem);
        if (r == 0)
                r = config_remote_number(object, "timeout_ms", CONFIG_REMOTE_TRANSFER_MAX_MS,
                                         CONFIG_REMOTE_TRANSFER_MS, &transfer, problem);
        if (r == 0)
                r = config_remote_number(object, "size_limit_mib", CONFIG_REMOTE_SIZE_MAX_MIB,
                                         CONFIG_REMOTE_SIZE_MIB, &size, problem);
        if (r < 0)
                return r;
        remote->connect_ms = (unsigned) connect;
        remote->transfer_ms = (unsigned) transfer;
        remote->size_max = (uint64_t) size << 20;
        return 0;
}

static int config_remote_s3(const JsonPlace *object, ConfigRemote *remote, Problem *problem) {
        static const char *const known[] = { "region", "access_key", "secret_file", NULL };
        JsonPlace s3;
        int r;

        if (json_member(object, "s3", &s3) < 0)
                return 0;
        r = json_require_object(&s3, problem);
        if (r == 0)
                r = json_reject_unknown(&s3, known, problem);
        if (r == 0)
                r = config_remote_text(&s3, "region", &remote->s3_region, problem);
        if (r == 0)
                r = config_remote_text(&s3, "access_key", &remote->s3_access_key, problem);
        if (r == 0)
                r = config_remote_file(&s3, "secret_file", &remote->s3_secret_file, problem);
        if (r == 0 && (!remote->s3_region || !remote->s3_access_key || !remote->s3_secret_file))
                r = json_complain(&s3, problem,
                                  "\"region\", \"access_key\" and \"secret_file\" are needed");
        return r;
}

/* --- rules ------------------------------------------------------------------------------- */

/* Who may write there? Those who know a secret, or everybody who can reach it: one of the two is
 * said, and none is assumed. */
static int config_remote_trust(const JsonPlace *object, ConfigRemote *remote, Problem *problem) {
        bool trusted = false;
        JsonPlace member;
        int r;

        r = config_remote_file(object, "secret_file", &remote->secret_file, problem);
        if (r == 0 && json_member(object, "trusted", &member) == 0)
                r = json_boolean(&member, &trusted, problem);
        if (r < 0)
                return r;
        if (trusted && remote->secret_file)
                return json_complain(object, problem,
                                     "\"trusted\" means that records need no signature, and "
                                     "\"secret_file\" that they do; remove one");
        if (!trusted && !remote->secret_file)
                return json_complain(object, problem,
                                     "\"secret_file\" is missing: the file (mode 0600) of the "
                                     "secret that signs records; or say \"trusted\": true if "
                                     "nobody else can write there");
        return 0;
}

static int config_remote_check(const JsonPlace *object, const ConfigRemote *remote,
                               PlaceScheme scheme, Problem *problem) {
        bool http = scheme == PLACE_HTTP || scheme == PLACE_HTTPS;
        unsigned n = !!remote->password_file + !!remote->token_file + !!remote->s3_region;

        if (remote->user && !remote->password_file)
                return json_complain(object, problem, "\"user\" needs \"password_file\"");
        if (http && remote->password_file && !remote->user)
                return json_complain(object, problem, "\"password_file\" needs \"user\"");
        if (n > 1)
                return json_complain(object, problem,
                                     "\"password_file\", \"token_file\" and \"s3\" are three ways "
                                     "to log in; keep one");
        if (scheme == PLACE_FILE && n > 0)
                return json_complain(object, problem, "a directory needs no password");
        if (!http && (remote->token_file || remote->s3_region))
                return json_complain(object, problem,
                                     "\"token_file\" and \"s3\" are for http:// and https://");
        if (remote->ca_file && scheme != PLACE_HTTPS)
                return json_complain(object, problem, "\"ca_file\" is for https://");
        return 0;
}

int config_remote_read(const JsonPlace *place, ConfigRemote *ret, Problem *problem) {
        static const char *const known[] = {
                "name",
                "url",
                "access",
                "secret_file",
                "trusted",
                "user",
                "password_file",
                "token_file",
                "ca_file",
                "s3",
                "connect_timeout_ms",
                "timeout_ms",
                "size_limit_mib",
                NULL,
        };
        _cleanup_(config_remote_cleanup) ConfigRemote remote = {};
        PlaceScheme scheme = PLACE_FILE;
        int r;

        r = json_require_object(place, problem);
        if (r == 0)
                r = json_reject_unknown(place, known, problem);
        if (r == 0)
                r = config_remote_name(place, &remote, problem);
        if (r == 0)
                r = config_remote_url(place, &remote, &scheme, problem);
        if (r == 0)
                r = config_remote_access(place, &remote, problem);
        if (r == 0)
                r = config_remote_trust(place, &remote, problem);
        if (r == 0)
                r = config_remote_text(place, "user", &remote.user, problem);
        if (r == 0)
                r = config_remote_file(place, "password_file", &remote.password_file, problem);
        if (r == 0)
                r = config_remote_file(place, "token_file", &remote.token_file, problem);
        if (r == 0)
                r = config_remote_file(place, "ca_file", &remote.ca_file, problem);
        if (r == 0)
                r = config_remote_s3(place, &remote, problem);
        if (r == 0)
                r = config_remote_limits(place, &remote, problem);
        if (r == 0)
                r = config_remote_check(place, &remote, scheme, problem);
        if (r < 0)
                return r;

        *ret = remote;
        remote = (ConfigRemote){};
        return 0;
}
