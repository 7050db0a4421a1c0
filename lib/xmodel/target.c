#include "xmodel/target.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/json.h"

/* how a file left behind by git begins when git-lfs did not run */
#define TARGET_LFS_MAGIC "version https://git-lfs"

static int target_check_bits(uint64_t fingerprint, Problem *problem) {
        FingerprintInfo info;

        if (fingerprint == 0)
                return problem_set(problem, -EINVAL,
                                   "fingerprint 0 is no DPU; the real one is in the arch.json of "
                                   "the hardware project and in the output of `xdputil query`");
        return fingerprint_decode(fingerprint, &info, problem);
}

static int target_parse_fingerprint(const char *text, uint64_t *ret, Problem *problem) {
        uint64_t fingerprint;
        int r;

        r = hex_parse_u64(text, &fingerprint);
        if (r == -ERANGE)
                return problem_set(problem, -EINVAL,
                                   "fingerprint \"%.40s\" has more than the 16 digits of 64 bits",
                                   text);
        if (r < 0)
                return problem_set(problem, -EINVAL,
                                   "fingerprint \"%.40s\" is not hexadecimal; it looks like "
                                   "\"0x101000056010407\"",
                                   text);
        r = target_check_bits(fingerprint, problem);
        if (r < 0)
                return r;

        *ret = fingerprint;
        return 0;
}

/* DNNDK and Vitis AI up to 1.2 named the family only and kept the rest in a .dcf file */
static bool target_is_dnndk_name(const char *name) {
        if (strncasecmp(name, "dpuv", 4) == 0 && isdigit((unsigned char) name[4]))
                return true;
        for (unsigned family = DPU_CZDX8G; family <= DPU_CV2DX8G; family++)
                if (strcasecmp(name, dpu_family_name((DpuFamily) family)) == 0)
                        return true;
        return false;
}

/* FAMILY_ISA<digit>...: a name that some toolchain may know although we do not */
static bool target_is_name(const char *name) {
        for (unsigned family = DPU_CZDX8G; family <= DPU_CV2DX8G; family++) {
                const char *prefix = dpu_family_name((DpuFamily) family);
                size_t n = strlen(prefix);

                if (strncmp(name, prefix, n) == 0 && strncmp(name + n, "_ISA", 4) == 0 &&
                    isdigit((unsigned char) name[n + 4]))
                        return true;
        }
        return named_target_find(name) != NULL;
}

static const char *target_nearest_name(const char *name) {
        size_t n_rows;
        const NamedTarget *rows = named_targets(&n_rows);

        for (size_t i = 0; i < n_rows; i++)
                if (strcasecmp(rows[i].name, name) == 0)
                        return rows[i].name;
        return NULL;
}

static int target_check_name(const char *name, Problem *problem) {
        const char *nearest = target_nearest_name(name);

        if (target_is_dnndk_name(name))
                return problem_set(problem, -EINVAL,
                                   "target \"%.40s\" is the DNNDK form (up to Vitis AI 1.2), which "
                                   "keeps the architecture in a .dcf file; write {\"fingerprint\": "
                                   "\"0x...\"} as the DPU's hardware project or `xdputil query` "
                                   "gives it",
                                   name);
        if (nearest && strcmp(nearest, name) != 0)
                return problem_set(problem, -EINVAL,
                                   "no DPU target is named \"%.60s\"; did you mean \"%s\"?", name,
                                   nearest);
        if (strlen(name) >= FINGERPRINT_NAME_MAX || !target_is_name(name) ||
            name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")])
                return problem_set(problem, -EINVAL,
                                   "\"%.60s\" is not the name of a DPU target; names look like "
                                   "\"DPUCZDX8G_ISA1_B4096\" (see `dpucc targets`)",
                                   name);
        return 0;
}

/* the 16 digits that the vendor's decoder appends to the names it makes up */
static uint64_t target_fingerprint_in_name(const char *name) {
        const char *last = strrchr(name, '_');
        uint64_t fingerprint;

        if (!last || strlen(last) != 17 || hex_parse_u64(last + 1, &fingerprint) < 0)
                return 0;
        return fingerprint_has_name(fingerprint, name) ? fingerprint : 0;
}

static void target_set_name(Target *target, const char *name) {
        (void) snprintf(target->name, sizeof(target->name), "%s", name);
        if (target->fingerprint == 0)
                target->fingerprint = target_fingerprint_in_name(name);
}

int target_parse(const char *text, Target *ret, Problem *problem) {
        Target target = {};
        int r;

        if (strncasecmp(text, "0x", 2) == 0)
                r = target_parse_fingerprint(text, &target.fingerprint, problem);
        else
                r = target_check_name(text, problem);
        if (r < 0)
                return r;

        if (target.fingerprint == 0)
                target_set_name(&target, text);
        *ret = target;
        return 0;
}

static int target_check_agreement(const Target *target, Problem *problem) {
        const NamedTarget *row;
        FingerprintInfo info;
        char newest[80] = "which no release knows";
        int r;

        if (fingerprint_has_name(target->fingerprint, target->name))
                return 0;

        r = fingerprint_decode(target->fingerprint, &info, problem);
        if (r < 0)
                return r;
        row = named_target_find(target->name);
        if (row)
                (void) snprintf(newest, sizeof(newest), "which is 0x%016llx in %s",
                                (unsigned long long) row->fingerprint,
                                target_release_name(row->release));
        return problem_set(problem, -EINVAL,
                           "fingerprint 0x%016llx (%s) and target \"%s\" (%s) contradict each "
                           "other: remove the one that is not your DPU's",
                           (unsigned long long) target->fingerprint, info.name, target->name,
                           newest);
}

static int target_parse_object(const JsonPlace *root, Target *ret, Problem *problem) {
        const char *fingerprint = NULL, *name = NULL;
        Target target = {};
        JsonPlace member;
        int r;

        r = json_require_object(root, problem);
        if (r == 0 && json_member(root, "fingerprint", &member) == 0)
                r = json_string(&member, &fingerprint, problem);
        if (r == 0 && json_member(root, "target", &member) == 0)
                r = json_string(&member, &name, problem);
        if (r < 0)
                return r;
        if (!fingerprint && !name)
                return problem_set(problem, -EINVAL,
                                   "neither \"fingerprint\" nor \"target\" in it, so it names no "
                                   "DPU; an arch.json looks like {\"fingerprint\": "
                                   "\"0x101000056010407\"}");

        if (name)
                r = target_check_name(name, problem);
        if (r == 0 && fingerprint)
                r = target_parse_fingerprint(fingerprint, &target.fingerprint, problem);
        if (r < 0)
                return r;
        if (name)
                target_set_name(&target, name);
        if (name && fingerprint)
                r = target_check_agreement(&target, problem);
        if (r < 0)
                return r;

        *ret = target;
        return 0;
}

int target_parse_arch(Slice text, Target *ret, Problem *problem) {
        _cleanup_(json_putp) json_object *value = NULL;
        JsonPlace root = {};
        int r;

        if (text.size == 0)
                return problem_set(problem, -EBADMSG, "the file is empty");
        if (text.size > TARGET_FILE_MAX)
                return problem_set(problem, -EBADMSG, "larger than %d KiB: not an arch.json",
                                   TARGET_FILE_MAX / 1024);
        if (text.size >= strlen(TARGET_LFS_MAGIC) &&
            memcmp(text.data, TARGET_LFS_MAGIC, strlen(TARGET_LFS_MAGIC)) == 0)
                return problem_set(problem, -EBADMSG,
                                   "a git-lfs pointer instead of the file; run `git lfs pull`");

        r = json_parse(text, &value, problem);
        if (r < 0)
                return r;
        root.value = value;
        return target_parse_object(&root, ret, problem);
}

int target_resolve(const Target *target, uint64_t *ret, Problem *problem) {
        const NamedTarget *row;

        if (target->fingerprint != 0) {
                *ret = target->fingerprint;
                return 0;
        }

        row = named_target_find(target->name);
        if (!row)
                return problem_set(problem, -ENOENT,
                                   "target \"%s\" is in no public table; give its fingerprint "
                                   "instead",
                                   target->name);
        *ret = row->fingerprint;
        return 0;
}

void target_identity(const Target *target, char ret[FINGERPRINT_NAME_MAX]) {
        if (target->fingerprint != 0)
                (void) snprintf(ret, FINGERPRINT_NAME_MAX, "0x%016llx",
                                (unsigned long long) target->fingerprint);
        else
                (void) snprintf(ret, FINGERPRINT_NAME_MAX, "%s", target->name);
}

void target_short_name(const Target *target, char ret[FINGERPRINT_NAME_MAX]) {
        FingerprintInfo info;
        uint64_t fingerprint;

        if (target_resolve(target, &fingerprint, NULL) == 0 &&
            fingerprint_decode(fingerprint, &info, NULL) == 0)
                (void) snprintf(ret, FINGERPRINT_NAME_MAX, "%s", info.short_name);
        else
                named_target_short(target->name, ret);
}

void target_render_arch(const Target *target, char ret[TARGET_ARCH_MAX]) {
        if (target->fingerprint != 0)
                (void) snprintf(ret, TARGET_ARCH_MAX, "{\"fingerprint\":\"0x%llx\"}\n",
                                (unsigned long long) target->fingerprint);
        else
                (void) snprintf(ret, TARGET_ARCH_MAX, "{\"target\":\"%s\"}\n", target->name);
}
