#include "daemon/supervision.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/toolchain.h"

static const char supervision_subject[] = "service";

/* systemd.exec(5): what a service starts inherits the variable, but is not that process */
static bool supervision_is_service(void) {
        const char *pid = getenv("SYSTEMD_EXEC_PID");

        return pid && strtol(pid, NULL, 10) == (long) getpid();
}

static bool supervision_lingers(void) {
        _cleanup_(freep) char *path = NULL;
        char room[4096];
        struct passwd entry, *found = NULL;

        if (getpwuid_r(geteuid(), &entry, room, sizeof(room), &found) != 0 || !found)
                return false;
        if (asprintf(&path, "/var/lib/systemd/linger/%s", found->pw_name) < 0) {
                path = NULL;
                return false;
        }
        return access(path, F_OK) == 0;
}

static bool supervision_has_podman(const Toolchains *toolchains) {
        for (size_t i = 0; i < toolchains_count(toolchains); i++)
                if (toolchain_config(toolchains_at(toolchains, i))->engine == ENGINE_PODMAN)
                        return true;
        return false;
}

void supervision_check(const Toolchains *toolchains, Findings *ret) {
        if (!supervision_is_service())
                findings_add(ret, supervision_subject, "", FINDING_OK,
                             "none: started by hand; 'systemctl --user enable --now dpuccd' starts "
                             "it with every login");
        else if (supervision_lingers())
                findings_add(ret, supervision_subject, "", FINDING_OK,
                             "it is one, and lingers when you are logged out");
        else
                findings_add(ret, supervision_subject, "", FINDING_OK,
                             "it is one, and ends with your last session; 'loginctl enable-linger' "
                             "keeps it");
        if (geteuid() != 0 && supervision_has_podman(toolchains) &&
            prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
                findings_add(ret, supervision_subject, "podman", FINDING_WARNING,
                             "no program that it starts may gain privileges, and rootless podman "
                             "has to: copy %s/podman.conf to "
                             "~/.config/systemd/user/dpuccd.service.d/, then 'systemctl --user "
                             "daemon-reload' and 'systemctl --user restart dpuccd'",
                             DPUCC_DROP_INS);
}
