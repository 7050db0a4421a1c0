#include "cache/remote/access.h"

#include <errno.h>
#include <stdlib.h>

#include "base/strings.h"

void access_deinit(Access *access) {
        free(access->user);
        free(access->ca_file);
        free(access->s3_region);
        free(access->s3_access_key);
        secret_wipe(&access->password);
        secret_wipe(&access->token);
        secret_wipe(&access->s3_secret);
        *access = (Access){};
}

static int access_read_secrets(Access *access, const Dpucc__Remote__Tier *tier) {
        int r = 0;

        if (tier->password_file)
                r = secret_read(tier->password_file, 1, &access->password, &access->problem);
        if (r == 0 && tier->token_file)
                r = secret_read(tier->token_file, 1, &access->token, &access->problem);
        if (r == 0 && tier->s3_secret_file)
                r = secret_read(tier->s3_secret_file, 1, &access->s3_secret, &access->problem);
        return r;
}

int access_init(Access *ret, const Dpucc__Remote__Tier *tier) {
        Access access = { .connect_ms = tier->connect_ms, .transfer_ms = tier->transfer_ms };
        int r;

        if (strings_dup(&access.user, tier->user) < 0 ||
            strings_dup(&access.ca_file, tier->ca_file) < 0 ||
            strings_dup(&access.s3_region, tier->s3_region) < 0 ||
            strings_dup(&access.s3_access_key, tier->s3_access_key) < 0) {
                access_deinit(&access);
                return -ENOMEM;
        }
        r = place_parse(tier->url, &access.place, &access.problem);
        if (r == 0)
                r = access_read_secrets(&access, tier);
        if (r < 0 && access.problem.text[0] == '\0')
                (void) problem_set(&access.problem, r, "cannot be used");
        *ret = access;
        secret_wipe(&access.password);
        secret_wipe(&access.token);
        secret_wipe(&access.s3_secret);
        return 0;
}
