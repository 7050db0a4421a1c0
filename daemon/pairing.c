#include "daemon/pairing.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "daemon/config.h"
#include "xmodel/filename.h"

/* --- pairs ------------------------------------------------------------------------------------ */

void pair_deinit(Pair *pair) {
        free(pair->net_name);
        free(pair->target_name);
        free(pair->arch_path);
        free(pair->output_dir);
        free(pair->toolchain);
        strings_deinit(&pair->cpu_ops);
        free(pair->problem);
        free(pair->warning);
        *pair = (Pair){};
}

static int pair_copy_strings(Strings *ret, const Strings *strings) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < strings->n; i++)
                r = strings_add(ret, strings->items[i]);
        return r;
}

int pair_copy(Pair *ret, const Pair *pair) {
        Pair copy = {
                .arch_id = pair->arch_id,
                .target = pair->target,
                .max_dpu_subgraphs = pair->max_dpu_subgraphs,
                .limits_cpu_ops = pair->limits_cpu_ops,
        };

        if (strings_dup(&copy.net_name, pair->net_name) < 0 ||
            strings_dup(&copy.target_name, pair->target_name) < 0 ||
            strings_dup(&copy.arch_path, pair->arch_path) < 0 ||
            strings_dup(&copy.output_dir, pair->output_dir) < 0 ||
            strings_dup(&copy.toolchain, pair->toolchain) < 0 ||
            strings_dup(&copy.problem, pair->problem) < 0 ||
            strings_dup(&copy.warning, pair->warning) < 0 ||
            pair_copy_strings(&copy.cpu_ops, &pair->cpu_ops) < 0) {
                pair_deinit(&copy);
                *ret = (Pair){};
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

static bool pair_same_list(const Strings *a, const Strings *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (strcmp(a->items[i], b->items[i]) != 0)
                        return false;
        return true;
}

bool pair_equal(const Pair *a, const Pair *b) {
        return strings_equal(a->net_name, b->net_name) &&
               strings_equal(a->target_name, b->target_name) &&
               strings_equal(a->arch_path, b->arch_path) && target_equal(&a->target, &b->target) &&
               strings_equal(a->output_dir, b->output_dir) &&
               strings_equal(a->toolchain, b->toolchain) &&
               a->max_dpu_subgraphs == b->max_dpu_subgraphs &&
               a->limits_cpu_ops == b->limits_cpu_ops && pair_same_list(&a->cpu_ops, &b->cpu_ops) &&
               strings_equal(a->problem, b->problem) && strings_equal(a->warning, b->warning);
}

void pairs_deinit(Pairs *pairs) {
        for (size_t i = 0; i < pairs->n; i++)
                pair_deinit(&pairs->items[i]);
        free(pairs->items);
        *pairs = (Pairs){};
}

/* --- making one ------------------------------------------------------------------------------- */

/* The first complaint stays. */
static int pair_complain(Pair *pair, const char *text) {
        return pair->problem ? 0 : strings_dup(&pair->problem, text);
}

/* What the arch file says. @file is NULL if there is none at that path. */
static int pair_set_arch(Pair *pair, const char *path, const ArchFile *file) {
        Problem problem;

        pair->arch_path = strdup(path);
        if (!pair->arch_path)
                return -ENOMEM;
        if (!file) {
                (void) problem_set(&problem, 0, PROJECT_FILE " names %s, and there is no such file",
                                   path);
                return pair_complain(pair, problem.text);
        }
        pair->arch_id = file->id;
        pair->target = file->target;
        if (!file->usable)
                return pair_complain(pair, file->problem ?: "the arch file could not be read");
        return strings_dup(&pair->warning, file->problem);
}

static int pair_set_names(Pair *pair, const char *source_path, const ProjectModel *model,
                          const char *target_name) {
        const char *net_name = model ? model->net_name : NULL;
        char short_name[FINGERPRINT_NAME_MAX];
        Problem problem;
        int r;

        pair->net_name = net_name ? strdup(net_name) : filename_net(source_path);
        r = target_name ? strings_dup(&pair->target_name, target_name)
                        : filename_target(pair->arch_path, &pair->target_name);
        if (r == 0 && !pair->target_name) {
                target_short_name(&pair->target, short_name);
                pair->target_name = strdup(pair->problem ? "?" : short_name);
        }
        if (r < 0 || !pair->net_name || !pair->target_name)
                return -ENOMEM;

        if (!path_is_plain_component(pair->net_name) ||
            strlen(pair->net_name) > NAME_MAX - strlen(".xmodel")) {
                (void) problem_set(&problem, 0,
                                   "'%s' cannot be the name of a net: rename the file, or give it "
                                   "a net_name in " PROJECT_FILE,
                                   pair->net_name);
                return pair_complain(pair, problem.text);
        }
        return 0;
}

static int pair_set_model(Pair *pair, const ProjectModel *model, const char *toolchain) {
        const ProjectFields fields = {
                .net = pair->net_name,
                .target = pair->target_name,
                .toolchain = toolchain ?: CONFIG_AUTO,
        };
        int r;

        pair->max_dpu_subgraphs = -1;
        if (!model)
                return 0;
        pair->max_dpu_subgraphs = model->max_dpu_subgraphs;
        pair->limits_cpu_ops = model->limits_cpu_ops;
        r = pair_copy_strings(&pair->cpu_ops, &model->cpu_ops);
        if (r == 0)
                r = strings_dup(&pair->toolchain, toolchain);
        return r < 0 ? r : project_output_dir(model, &fields, &pair->output_dir);
}

/* the same net for the same target from the same file, found twice */
static bool pairs_have(const Pairs *pairs, const Pair *pair) {
        for (size_t i = 0; i < pairs->n; i++)
                if (pair_equal(&pairs->items[i], pair))
                        return true;
        return false;
}

/* one target, as the project or an arch file has it */
typedef struct PairTarget {
        const char *name; /* NULL: from the arch file */
        const char *arch_path;
        const ArchFile *file; /* NULL: there is none at that path */
} PairTarget;

static int pairs_add_one(Pairs *pairs, const PairingSpec *spec, const ProjectModel *model,
                         const char *toolchain, const PairTarget *target) {
        Pair pair = {};
        int r;

        if (pairs->n == PAIRS_MAX)
                return 0;
        r = pair_set_arch(&pair, target->arch_path, target->file);
        if (r == 0)
                r = pair_set_names(&pair, spec->source_path, model, target->name);
        if (r == 0)
                r = pair_set_model(&pair, model, toolchain);
        if (r == 0 && pairs_have(pairs, &pair)) {
                pair_deinit(&pair);
                return 0;
        }
        if (r == 0)
                r = array_reserve(&pairs->items, &pairs->capacity, pairs->n + 1, sizeof(Pair));
        if (r < 0) {
                pair_deinit(&pair);
                return r;
        }
        pairs->items[pairs->n++] = pair;
        return 0;
}

/* for each toolchain of the model */
static int pairs_add(Pairs *pairs, const PairingSpec *spec, const ProjectModel *model,
                     const PairTarget *target) {
        int r = 0;

        if (!model || model->toolchains.n == 0)
                return pairs_add_one(pairs, spec, model, NULL, target);
        for (size_t i = 0; r == 0 && i < model->toolchains.n; i++)
                r = pairs_add_one(pairs, spec, model, model->toolchains.items[i], target);
        return r;
}

/* --- the rules -------------------------------------------------------------------------------- */

char *pairing_project_arch(const char *root, const ProjectTarget *target) {
        return path_normalise(root, target->arch_path);
}

static int pairing_add_project_target(const PairingSpec *spec, const ProjectModel *model,
                                      const ProjectTarget *target, Pairs *pairs) {
        _cleanup_(freep) char *path = pairing_project_arch(spec->root, target);
        PairTarget paired = { .name = target->name, .arch_path = path };

        if (!path)
                return -ENOMEM;
        paired.file = arch_files_find(spec->arch_files, path);
        return pairs_add(pairs, spec, model, &paired);
}

static int pairing_add_project_targets(const PairingSpec *spec, const ProjectModel *model,
                                       Pairs *pairs) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < spec->project->n_targets; i++)
                r = pairing_add_project_target(spec, model, &spec->project->targets[i], pairs);
        return r;
}

/* The directory of @path, then the ones above it, up to the root: false when there is no more. */
static bool pairing_go_up(const PairingSpec *spec, char *directory) {
        char *slash;

        if (!spec->root || strcmp(directory, spec->root) == 0 ||
            !path_is_beneath(directory, spec->root))
                return false;
        slash = strrchr(directory, '/');
        slash[slash == directory] = '\0';
        return true;
}

static int pairing_add_nearest(const PairingSpec *spec, const ProjectModel *model, Pairs *pairs) {
        _cleanup_(freep) char *directory = path_dirname(spec->source_path);
        size_t before = pairs->n;
        int r = 0;

        if (!directory)
                return -ENOMEM;
        do {
                for (size_t i = 0; r == 0 && i < spec->arch_files->n; i++) {
                        const ArchFile *file = spec->arch_files->items[i];
                        const PairTarget target = { .arch_path = file->path, .file = file };

                        if (arch_is_in(file, directory))
                                r = pairs_add(pairs, spec, model, &target);
                }
        } while (r == 0 && pairs->n == before && pairing_go_up(spec, directory));
        return r;
}

static int pairing_add_model(const PairingSpec *spec, const ProjectModel *model, Pairs *pairs) {
        int r = 0;

        if (model->targets.n == 0)
                return spec->project->n_targets > 0
                               ? pairing_add_project_targets(spec, model, pairs)
                               : pairing_add_nearest(spec, model, pairs);
        for (size_t i = 0; r == 0 && i < model->targets.n; i++)
                r = pairing_add_project_target(
                        spec, model, project_find_target(spec->project, model->targets.items[i]),
                        pairs);
        return r;
}

/* Names in a trusted root may be absolute, or lead out of it; patterns only mean what is in it. */
static int pairing_is_model(const PairingSpec *spec, const ProjectModel *model, bool *ret) {
        const char *relative = path_relative(spec->source_path, spec->root);
        _cleanup_(freep) char *path = NULL;

        *ret = relative && project_model_matches(model, relative);
        if (*ret || model->is_pattern)
                return 0;
        path = path_normalise(spec->root, model->xmodel);
        if (!path)
                return -ENOMEM;
        *ret = strcmp(path, spec->source_path) == 0;
        return 0;
}

/* Every entry of the project file for this source. */
static int pairing_add_models(const PairingSpec *spec, Pairs *pairs, bool *ret_listed) {
        *ret_listed = false;
        for (size_t i = 0; spec->project && spec->root && i < spec->project->n_models; i++) {
                const ProjectModel *model = &spec->project->models[i];
                bool is;
                int r;

                r = pairing_is_model(spec, model, &is);
                if (r < 0)
                        return r;
                if (!is)
                        continue;
                *ret_listed = true;
                r = pairing_add_model(spec, model, pairs);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void pairing_explain(const PairingSpec *spec, Pairs *pairs) {
        if (spec->root)
                (void) problem_set(&pairs->problem, 0,
                                   "no target: put the arch.json of your board beside %s or into a "
                                   "directory above it, or name it in %s/" PROJECT_FILE,
                                   path_basename(spec->source_path), spec->root);
        else
                (void) problem_set(&pairs->problem, 0,
                                   "no target: %s is in no watched workspace and has no arch.json "
                                   "beside it (name one with --arch, or watch the workspace with "
                                   "'dpucc-client watch DIR')",
                                   spec->source_path);
}

int pairing_find(const PairingSpec *spec, Pairs *ret) {
        Pairs pairs = {};
        bool listed;
        int r;

        r = pairing_add_models(spec, &pairs, &listed);
        if (r == 0 && !listed)
                r = pairing_add_nearest(spec, NULL, &pairs);
        if (r == 0 && !listed && pairs.n == 0 && spec->project && spec->root)
                r = pairing_add_project_targets(spec, NULL, &pairs);
        if (r < 0) {
                pairs_deinit(&pairs);
                return r;
        }
        if (pairs.n == 0)
                pairing_explain(spec, &pairs);
        *ret = pairs;
        return 0;
}

int pairing_refresh(const PairingSpec *spec, ArchFiles *arch_files, Problem *problem) {
        _cleanup_(freep) char *directory = path_dirname(spec->source_path);
        int r = 0;

        if (!directory)
                return -ENOMEM;
        do
                r = arch_files_scan(arch_files, directory, problem);
        while (r == 0 && pairing_go_up(spec, directory));

        for (size_t i = 0; r == 0 && spec->project && i < spec->project->n_targets; i++) {
                _cleanup_(freep) char *path =
                        pairing_project_arch(spec->root, &spec->project->targets[i]);

                r = path ? arch_files_update(arch_files, path, spec->trusted ? NULL : spec->root,
                                             problem)
                         : -ENOMEM;
        }
        return r;
}
