#include "daemon/choice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "daemon/workspace.h"
#include "daemon/workspaces.h"
#include "xmodel/filename.h"

static bool choice_is_for_target(const ChoiceSpec *spec, const Pair *pair) {
        Target wanted;

        if (!spec->target || strcmp(pair->target_name, spec->target) == 0)
                return true;
        return !pair->problem && target_parse(spec->target, &wanted, NULL) == 0 &&
               target_equal(&wanted, &pair->target);
}

/* A toolchain that the project does not name for any target is another way to compile the same
 * pair, not a choice between pairs. */
static bool choice_is_for_toolchain(const ChoiceSpec *spec, const Pairs *pairs, const Pair *pair) {
        if (!spec->toolchain || strings_equal(spec->toolchain, pair->toolchain))
                return true;
        for (size_t i = 0; i < pairs->n; i++)
                if (strings_equal(spec->toolchain, pairs->items[i].toolchain) &&
                    choice_is_for_target(spec, &pairs->items[i]))
                        return false;
        return true;
}

static bool choice_is_meant(const ChoiceSpec *spec, const Pairs *pairs, const Pair *pair) {
        return choice_is_for_target(spec, pair) && choice_is_for_toolchain(spec, pairs, pair);
}

static void choice_list_targets(const Pairs *pairs, Ask *ask) {
        for (size_t i = 0; i < pairs->n && i < ASK_HINTS_MAX; i++) {
                const Pair *pair = &pairs->items[i];
                Problem line;

                (void) problem_set(&line, 0, "%s@%s (%s%s%s)", pair->net_name, pair->target_name,
                                   pair->arch_path ?: "", pair->toolchain ? ", toolchain " : "",
                                   pair->toolchain ?: "");
                (void) ask_hint(ask, line.text);
        }
}

/* The one of @pairs that is meant. An outcome other than ASK_DONE comes with @problem. */
static AskOutcome choice_among(const ChoiceSpec *spec, const Pairs *pairs, Ask *ask,
                               const Pair **ret, Problem *problem) {
        const Pair *found = NULL;

        if (pairs->n == 0) {
                *problem = pairs->problem;
                return ASK_NOT_FOUND;
        }
        for (size_t i = 0; i < pairs->n; i++) {
                if (!choice_is_meant(spec, pairs, &pairs->items[i]))
                        continue;
                if (found) {
                        bool same = strcmp(found->target_name, pairs->items[i].target_name) == 0;

                        choice_list_targets(pairs, ask);
                        (void) problem_set(problem, 0, "%s is for several %s: choose one with --%s",
                                           spec->source_path, same ? "toolchains" : "targets",
                                           same ? "toolchain" : "target");
                        return ASK_USAGE;
                }
                found = &pairs->items[i];
        }
        if (!found) {
                choice_list_targets(pairs, ask);
                (void) problem_set(problem, 0, "%s is not for a target '%s'", spec->source_path,
                                   spec->target);
                return ASK_USAGE;
        }
        *ret = found;
        return ASK_DONE;
}

/* A path means the file that the client sees only if it is the same inode. NULL: it is in no
 * workspace. */
static int choice_workspace(const ChoiceSpec *spec, Workspace **ret) {
        StatId passed, here;
        int r;

        *ret = NULL;
        if (spec->source_fd >= 0) {
                r = file_stat_id_fd(spec->source_fd, &passed);
                if (r < 0)
                        return r;
                r = file_stat_id(AT_FDCWD, spec->source_path, &here);
                if (r < 0)
                        return error_is_of_file(r) ? 0 : r;
                if (!stat_id_is_same_file(&passed, &here))
                        return 0;
        }
        *ret = workspaces_containing(spec->core->workspaces, spec->source_path);
        return 0;
}

/* for a source in no workspace: what lies beside it */
static int choice_pair_outside(const char *source_path, Pairs *ret, Problem *problem) {
        ArchFiles files = {};
        const PairingSpec spec = { .source_path = source_path, .arch_files = &files };
        int r;

        r = pairing_refresh(&spec, &files, problem);
        if (r == 0)
                r = pairing_find(&spec, ret);
        arch_files_deinit(&files);
        return r;
}

static int choice_read_arch(const ChoiceSpec *spec, Target *ret, StatId *ret_id, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TARGET_FILE_MAX);
        int r;

        r = file_stat_id_fd(spec->arch_fd, ret_id);
        if (r == 0)
                r = file_read_fd(spec->arch_fd, &text);
        if (r < 0)
                return problem_set(problem, r, "%s: %s", spec->arch_path, strerror(-r));
        r = target_parse_arch(bytes_slice(&text), ret, problem);
        return r < 0 ? problem_prefix(problem, r, "%s", spec->arch_path) : 0;
}

/* An arch file was named: of the pairs that are there, the one with its target lends its names
 * and limits; otherwise there are none. */
static int choice_pair_with_arch(Choice *choice, const ChoiceSpec *spec, const Pairs *pairs,
                                 Problem *problem) {
        char short_name[FINGERPRINT_NAME_MAX];
        Target target;
        StatId id;
        int r;

        r = choice_read_arch(spec, &target, &id, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < pairs->n; i++) {
                const Pair *pair = &pairs->items[i];

                if (!pair->problem && target_equal(&pair->target, &target))
                        return pair_copy(&choice->pair, pair);
        }

        target_short_name(&target, short_name);
        choice->pair = (Pair){
                .net_name = filename_net(spec->source_path),
                .arch_path = strdup(spec->arch_path),
                .arch_id = id,
                .target = target,
                .max_dpu_subgraphs = -1,
        };
        r = filename_target(spec->arch_path, &choice->pair.target_name);
        if (r == 0 && !choice->pair.target_name)
                choice->pair.target_name = strdup(short_name);
        if (r < 0 || !choice->pair.net_name || !choice->pair.arch_path || !choice->pair.target_name)
                return -ENOMEM;
        return 0;
}

/* The workspace as the file system says. */
static int choice_look_at(Workspace *workspace, Choice *choice, const ChoiceSpec *spec, Ask *ask,
                          Problem *problem) {
        int r;

        choice->root_path = strdup(workspace_root(workspace));
        if (!choice->root_path)
                return -ENOMEM;
        r = workspace_refresh(workspace, spec->source_path, problem);
        ask_note(ask, workspace_project_problem(workspace));
        return r;
}

static AskOutcome choice_find_pair(Choice *choice, const ChoiceSpec *spec, Ask *ask,
                                   Problem *problem) {
        _cleanup_(pairs_cleanup) Pairs pairs = {};
        Workspace *workspace;
        const Pair *chosen;
        AskOutcome outcome;
        int r;

        r = choice_workspace(spec, &workspace);
        if (r == 0 && workspace)
                r = choice_look_at(workspace, choice, spec, ask, problem);
        if (r == 0)
                r = workspace ? workspace_pair(workspace, spec->source_path, &pairs)
                              : choice_pair_outside(spec->source_path, &pairs, problem);
        if (r == 0 && spec->arch_fd >= 0) {
                r = choice_pair_with_arch(choice, spec, &pairs, problem);
        } else if (r == 0) {
                outcome = choice_among(spec, &pairs, ask, &chosen, problem);
                if (outcome != ASK_DONE)
                        return outcome;
                r = pair_copy(&choice->pair, chosen);
        }
        if (r < 0 && problem->text[0] == '\0')
                (void) problem_set(problem, r, "%s: %s", spec->source_path, strerror(-r));
        return r < 0 ? ASK_FAILED : ASK_DONE;
}

int choice_target(const Core *core, const char *source_path, const char *name, Target *ret) {
        Workspace *workspace = workspaces_containing(core->workspaces, source_path);
        _cleanup_(pairs_cleanup) Pairs pairs = {};
        int r;

        r = workspace ? workspace_pair(workspace, source_path, &pairs)
                      : choice_pair_outside(source_path, &pairs, NULL);
        for (size_t i = 0; r == 0 && i < pairs.n; i++) {
                const Pair *pair = &pairs.items[i];

                if (pair->problem || strcmp(pair->target_name, name) != 0)
                        continue;
                *ret = pair->target;
                return 0;
        }
        return r < 0 ? r : -ENOENT;
}

static AskOutcome choice_apply_names(Choice *choice, const ChoiceSpec *spec, Problem *problem) {
        char *name;

        if (choice->pair.problem) {
                (void) problem_set(problem, 0, "%s", choice->pair.problem);
                return ASK_FAILED;
        }
        if (!spec->net_name)
                return ASK_DONE;
        if (!path_is_plain_component(spec->net_name) || strlen(spec->net_name) > 240) {
                (void) problem_set(problem, 0, "'%s' cannot be the name of a net", spec->net_name);
                return ASK_USAGE;
        }
        name = strdup(spec->net_name);
        if (!name) {
                (void) problem_set(problem, -ENOMEM, "%s: %s", spec->source_path, strerror(ENOMEM));
                return ASK_FAILED;
        }
        choice->renamed = strcmp(choice->pair.net_name, name) != 0;
        free(choice->pair.net_name);
        choice->pair.net_name = name;
        return ASK_DONE;
}

AskOutcome choice_make(Choice *choice, const ChoiceSpec *spec, Ask *ask, Problem *problem) {
        AskOutcome outcome = choice_find_pair(choice, spec, ask, problem);

        return outcome == ASK_DONE ? choice_apply_names(choice, spec, problem) : outcome;
}

void choice_deinit(Choice *choice) {
        pair_deinit(&choice->pair);
        free(choice->root_path);
}
