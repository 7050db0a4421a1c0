#include "dpu/verification.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"

static int verification_member(const JsonPlace *object, const char *key, JsonPlace *ret,
                               Problem *problem) {
        int r = json_member(object, key, ret);

        return r == -ENOENT ? json_complain(object, problem, "has no member \"%s\"", key) : r;
}

static int verification_parse_asked(const JsonPlace *object, AttemptsVerify *ret,
                                    Problem *problem) {
        const char *asked;
        JsonPlace place;
        int r;

        r = verification_member(object, "asked", &place, problem);
        if (r == 0)
                r = json_string(&place, &asked, problem);
        if (r < 0)
                return r;
        if (attempts_verify_find(asked, ret) < 0)
                return json_complain(&place, problem, "\"%.40s\" is no way to verify", asked);
        return 0;
}

static int verification_parse(const JsonPlace *root, Verification *ret, Problem *problem) {
        JsonPlace place, inner;
        const char *proved;
        int r;

        r = json_require_object(root, problem);
        if (r == 0)
                r = verification_member(root, "proved", &place, problem);
        if (r == 0)
                r = json_string(&place, &proved, problem);
        if (r < 0)
                return r;
        ret->simulated = strcmp(proved, "simulator") == 0;
        r = verification_member(root, "verification", &place, problem);
        ret->told = r == 0 && place.value;
        if (!ret->told)
                return r;
        r = json_require_object(&place, problem);
        if (r == 0)
                r = verification_parse_asked(&place, &ret->asked, problem);
        if (r == 0)
                r = verification_member(&place, "left_out", &inner, problem);
        if (r == 0)
                ret->left_out = inner.value != NULL;
        return r;
}

int verification_read(const char *path, Verification *ret, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(JSON_TEXT_MAX);
        _cleanup_(json_putp) json_object *document = NULL;
        Verification found = {};
        int r;

        r = file_read(AT_FDCWD, path, &text);
        if (r < 0)
                return problem_set(problem, r, "%s: %s", path, strerror(-r));
        r = json_parse(bytes_slice(&text), &document, problem);
        if (r == 0) {
                const JsonPlace root = { .value = document };

                r = verification_parse(&root, &found, problem);
        }
        if (r < 0)
                return r == -ENOMEM ? r : problem_prefix(problem, -EBADMSG, "%s", path);
        *ret = found;
        return 0;
}

bool verification_is_enough(const Verification *verification, AttemptsVerify wanted, Problem *why) {
        const char *name = attempts_verify_name(wanted);

        if (wanted == ATTEMPTS_VERIFY_NONE)
                return true;
        if (!verification->told)
                (void) problem_set(why, 0, "nothing tells that its code was verified");
        else if (verification->asked < wanted)
                (void) problem_set(why, 0, "its code was to be verified as '%s', not as '%s'", name,
                                   attempts_verify_name(verification->asked));
        else if (!verification->simulated &&
                 (wanted == ATTEMPTS_VERIFY_FULL || !verification->left_out))
                (void) problem_set(why, 0, "its code is not verified, and '%s' was asked for",
                                   name);
        else
                return true;
        return false;
}
