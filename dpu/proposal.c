#include "dpu/proposal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/path.h"
#include "base/utf8.h"
#include "dpu/proposal_name.h"
#include "xmodel/filename.h"

#define PROPOSAL_NET_MAX 128 /* bytes of a file name; a net_name has no more */
#define PROPOSAL_GROUP   8   /* more models of one directory than this become a pattern */
#define PROPOSAL_DEFAULT "compiled"

/*
 * The rules are those of docs/CONFIGURATION.md: where arch files lie beside a model or above it,
 * the nearest ones are its targets; where boards and models are apart, every target is.
 */

static void proposal_model_deinit(ProposalModel *model) {
        free(model->xmodel);
        free(model->net_name);
        free(model->output_dir);
}

void proposal_deinit(Proposal *proposal) {
        for (size_t i = 0; i < proposal->n_targets; i++)
                free(proposal->targets[i].name);
        for (size_t i = 0; i < proposal->n_models; i++)
                proposal_model_deinit(&proposal->models[i]);
        free(proposal->targets);
        free(proposal->models);
        *proposal = (Proposal){};
}

/* Strings of the file are UTF-8 and lose nothing on their way into it. */
static bool proposal_can_name(const char *path) {
        char escaped[8192];
        size_t n = strlen(path);

        return n < sizeof(escaped) / 2 && utf8_valid(path, n) &&
               utf8_escape(path, n, escaped, sizeof(escaped)) == n && strcmp(path, escaped) == 0;
}

/* --- targets ---------------------------------------------------------------------------------- */

static const ProposalTarget *proposal_find_same(const Proposal *proposal, const Target *target) {
        for (size_t i = 0; i < proposal->n_targets; i++)
                if (target_equal(&proposal->targets[i].arch->target, target))
                        return &proposal->targets[i];
        return NULL;
}

static int proposal_take_targets(const SurveyArch *const *arches, size_t n, Proposal *proposal) {
        _cleanup_(strings_cleanup) Strings names = {};
        int r;

        proposal->targets = calloc(n + 1, sizeof(*proposal->targets));
        if (!proposal->targets)
                return -ENOMEM;
        r = proposal_name_targets(arches, n, &names);
        for (size_t i = 0; r == 0 && i < n; i++) {
                proposal->targets[i] = (ProposalTarget){
                        .arch = arches[i],
                        .same = proposal_find_same(proposal, &arches[i]->target),
                };
                r = strings_dup(&proposal->targets[i].name, names.items[i]);
                proposal->n_targets++;
        }
        return r;
}

static int proposal_add_targets(Survey *survey, Proposal *proposal) {
        const SurveyArch *arches[SURVEY_ARCHES_MAX];
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; r == 0 && i < survey->n_arches; i++) {
                if (proposal_can_name(survey->arches[i].path))
                        arches[n++] = &survey->arches[i];
                else
                        r = survey_remark(survey, survey->arches[i].path,
                                          "JSON cannot hold this name; rename it");
        }
        return r < 0 ? r : proposal_take_targets(arches, n, proposal);
}

/* Those in @directory, by names that count without a project file. */
static bool proposal_mark_targets_in(const Proposal *proposal, const char *directory,
                                     ProposalModel *model) {
        size_t n = strlen(directory);
        bool found = false;

        for (size_t i = 0; i < proposal->n_targets; i++) {
                const SurveyArch *arch = proposal->targets[i].arch;
                const char *rest = arch->path + (n > 0 ? n + 1 : 0);

                if (!arch->is_paired || strncmp(arch->path, directory, n) != 0 ||
                    (n > 0 && arch->path[n] != '/') || strchr(rest, '/'))
                        continue;
                model->for_target[i] = found = true;
        }
        return found;
}

static int proposal_find_targets(const Proposal *proposal, ProposalModel *model) {
        _cleanup_(freep) char *directory = strdup(model->model->path);
        size_t n = 0;
        char *slash;

        if (!directory)
                return -ENOMEM;
        do {
                slash = strrchr(directory, '/');
                *(slash ?: directory) = '\0';
        } while (!proposal_mark_targets_in(proposal, directory, model) && slash);
        for (size_t i = 0; i < proposal->n_targets; i++)
                n += model->for_target[i];
        model->is_limited = n > 0 && n < proposal->n_targets;
        return 0;
}

static size_t proposal_count_targets(const Proposal *proposal, const ProposalModel *model) {
        size_t n = 0;

        for (size_t i = 0; i < proposal->n_targets; i++)
                n += !model->is_limited || model->for_target[i];
        return n;
}

/* --- what is compiled already ----------------------------------------------------------------- */

static bool proposal_has_md5(const SurveyModel *model, const char *text) {
        Md5 md5;

        if (hex_decode(text, md5.bytes, MD5_SIZE) < 0)
                return false;
        for (size_t i = 0; i < SURVEY_FORMS; i++)
                if (memcmp(&md5, &model->md5[i], sizeof(md5)) == 0)
                        return true;
        return false;
}

static void proposal_find_known(const Survey *survey, ProposalModel *model) {
        for (size_t i = 0; i < survey->n_compiled; i++) {
                const SurveyCompiled *compiled = &survey->compiled[i];

                for (size_t j = 0; j < compiled->sources.n; j++) {
                        bool exactly = proposal_has_md5(model->model, compiled->md5s.items[j]);
                        bool named = strcmp(compiled->sources.items[j],
                                            path_basename(model->model->path)) == 0;

                        if (model->known_exactly || (!exactly && (!named || model->known)))
                                continue;
                        model->known = compiled;
                        model->known_exactly = exactly;
                }
        }
        if (model->known && !proposal_can_name(model->known->path))
                model->known = NULL;
}

/* --- net names -------------------------------------------------------------------------------- */

static int proposal_name_net(ProposalModel *model) {
        const ProposalModel *m = model;

        model->net_name = filename_net(m->known ? m->known->path : m->model->path);
        if (!model->net_name)
                return -ENOMEM;
        if (m->known && m->known_exactly)
                (void) problem_set(&model->net_why, 0, "as in %s, which was compiled from it",
                                   path_basename(m->known->path));
        else if (m->known)
                (void) problem_set(&model->net_why, 0,
                                   "as in %s, which was compiled from an earlier %s",
                                   path_basename(m->known->path), path_basename(m->model->path));
        else
                (void) problem_set(&model->net_why, 0,
                                   "the compiled file is %s.xmodel; any plain name will do",
                                   m->net_name);
        return 0;
}

static bool proposal_has_namesake(const Proposal *proposal, const ProposalModel *model) {
        for (size_t i = 0; i < proposal->n_models; i++)
                if (&proposal->models[i] != model &&
                    strcmp(proposal->models[i].net_name, model->net_name) == 0)
                        return true;
        return false;
}

/* Two nets of one name could not be told apart: the directory comes before it, and a number. */
static int proposal_tell_apart(const Proposal *proposal, ProposalModel *model) {
        _cleanup_(freep) char *name = TAKE_PTR(model->net_name);
        _cleanup_(freep) char *directory = path_dirname(model->model->path);
        char slug[PROPOSAL_NAME_SIZE];
        unsigned number = 1;

        if (!directory)
                return -ENOMEM;
        proposal_name_slug(path_basename(directory), slug);
        do {
                free(model->net_name);
                if (asprintf(&model->net_name, number == 1 ? "%s%s%s" : "%s%s%s-%u", slug,
                             slug[0] ? "-" : "", name, number) < 0) {
                        model->net_name = NULL;
                        return -ENOMEM;
                }
                number++;
        } while (proposal_has_namesake(proposal, model));
        (void) problem_set(&model->net_why, 0, "another model would be called %s, too", name);
        model->is_renamed = true;
        return 0;
}

static int proposal_name_nets(Proposal *proposal) {
        _cleanup_(freep) bool *doubles = calloc(proposal->n_models + 1, sizeof(*doubles));
        int r = 0;

        if (!doubles)
                return -ENOMEM;
        for (size_t i = 0; i < proposal->n_models; i++)
                doubles[i] = proposal_has_namesake(proposal, &proposal->models[i]);
        for (size_t i = 0; r == 0 && i < proposal->n_models; i++)
                if (doubles[i] && proposal_has_namesake(proposal, &proposal->models[i]))
                        r = proposal_tell_apart(proposal, &proposal->models[i]);
        return r;
}

/* --- places of delivery ----------------------------------------------------------------------- */

/* the length of the directory that @path of @n bytes is in; 0: the workspace itself */
static size_t proposal_parent(const char *path, size_t n) {
        while (n > 0 && path[n - 1] != '/')
                n--;
        return n > 0 ? n - 1 : 0;
}

/* Is @directory in the one of the first @n bytes of @path, and called after compiling? */
static bool proposal_is_for_compiled(const char *directory, const char *path, size_t n) {
        return proposal_parent(directory, strlen(directory)) == n &&
               strncmp(directory, path, n) == 0 && strcasestr(path_basename(directory), "compil") &&
               proposal_can_name(directory);
}

/* beside the model's directory, or in it; NULL: none */
static const char *proposal_find_place(const Survey *survey, const char *xmodel) {
        size_t own = proposal_parent(xmodel, strlen(xmodel));
        size_t above = proposal_parent(xmodel, own);

        for (size_t i = 0; i < survey->directories.n; i++) {
                const char *directory = survey->directories.items[i];
                bool is_own = strlen(directory) == own && strncmp(directory, xmodel, own) == 0;

                if (directory[0] && !is_own &&
                    (proposal_is_for_compiled(directory, xmodel, own) ||
                     (own > 0 && proposal_is_for_compiled(directory, xmodel, above))))
                        return directory;
        }
        return NULL;
}

static bool proposal_is_target_name(const Proposal *proposal, const char *name) {
        char slug[PROPOSAL_NAME_SIZE];

        proposal_name_slug(name, slug);
        for (size_t i = 0; i < proposal->n_targets; i++)
                if (strcmp(proposal->targets[i].name, slug) == 0)
                        return true;
        return false;
}

/* without the fields */
static int proposal_choose_place(const Survey *survey, const Proposal *proposal,
                                 ProposalModel *model) {
        _cleanup_(freep) char *known = model->known ? path_dirname(model->known->path) : NULL;
        const char *place;

        if (model->known && !known)
                return -ENOMEM;
        if (known && strcmp(known, ".") != 0 &&
            !proposal_is_target_name(proposal, path_basename(known))) {
                place = known;
                (void) problem_set(&model->output_why, 0, "where %s is now",
                                   path_basename(model->known->path));
        } else {
                place = proposal_find_place(survey, model->model->path) ?: PROPOSAL_DEFAULT;
                (void) problem_set(&model->output_why, 0, "where it is delivered");
        }
        if (strpbrk(place, "{}"))
                place = PROPOSAL_DEFAULT;
        return strings_dup(&model->output_dir, place);
}

/* Is a file of somebody else's there, which a delivery must not meet? */
static bool proposal_is_taken(const Survey *survey, const char *directory) {
        size_t n = strlen(directory);

        for (size_t i = 0; i < survey->n_compiled; i++) {
                const char *path = survey->compiled[i].path;

                if (strncmp(path, directory, n) == 0 && path[n] == '/' &&
                    !strchr(path + n + 1, '/'))
                        return true;
        }
        return false;
}

static bool proposal_shares_place(const Proposal *proposal, const ProposalModel *model) {
        for (size_t i = 0; i < proposal->n_models; i++)
                if (&proposal->models[i] != model &&
                    strcmp(proposal->models[i].output_dir, model->output_dir) == 0)
                        return true;
        return false;
}

/* Nets that share a directory would share its meta.json, and targets everything. */
static int proposal_add_fields(const Survey *survey, const Proposal *proposal, ProposalModel *model,
                               bool shared) {
        _cleanup_(freep) char *place = TAKE_PTR(model->output_dir);
        bool taken = proposal_is_taken(survey, place);
        bool apart = taken || strcmp(place, PROPOSAL_DEFAULT) == 0 ||
                     proposal_count_targets(proposal, model) > 1;

        if (asprintf(&model->output_dir, "%s%s%s", place,
                     shared || model->n_files > 1 ? "/{net}" : "", apart ? "/{target}" : "") < 0) {
                model->output_dir = NULL;
                return -ENOMEM;
        }
        model->keeps_others = taken;
        return 0;
}

static int proposal_place_models(const Survey *survey, Proposal *proposal) {
        _cleanup_(freep) bool *shared = calloc(proposal->n_models + 1, sizeof(*shared));
        int r = 0;

        if (!shared)
                return -ENOMEM;
        for (size_t i = 0; i < proposal->n_models; i++)
                shared[i] = proposal_shares_place(proposal, &proposal->models[i]);
        for (size_t i = 0; r == 0 && i < proposal->n_models; i++)
                r = proposal_add_fields(survey, proposal, &proposal->models[i], shared[i]);
        return r;
}

/* --- many models of one directory ------------------------------------------------------------- */

static size_t proposal_directory_length(const ProposalModel *model) {
        const char *path = model->model->path;
        const char *slash = strrchr(path, '/');

        return slash ? (size_t) (slash - path) : 0;
}

/* Does one line say the same of both? They are in one directory. */
static bool proposal_are_alike(const ProposalModel *a, const ProposalModel *b) {
        return !a->known && !b->known && !a->is_renamed && !b->is_renamed &&
               a->is_limited == b->is_limited && strcmp(a->output_dir, b->output_dir) == 0 &&
               memcmp(a->for_target, b->for_target, sizeof(a->for_target)) == 0;
}

/* From @first on, how many are in the same directory? Sorted by path, those below it may come
 * between them; then it is no group. 0: they differ. */
static size_t proposal_group_at(const Proposal *proposal, size_t first) {
        const ProposalModel *a = &proposal->models[first];
        size_t length = proposal_directory_length(a), n = 0;
        bool alike = length > 0 && !strpbrk(a->model->path, "\\");

        for (size_t i = first; i < proposal->n_models; i++) {
                const ProposalModel *b = &proposal->models[i];

                if (proposal_directory_length(b) != length ||
                    strncmp(a->model->path, b->model->path, length) != 0)
                        break;
                alike = alike && proposal_are_alike(a, b);
                n++;
        }
        return alike && n > PROPOSAL_GROUP ? n : 0;
}

static int proposal_make_group(Proposal *proposal, size_t first, size_t n) {
        ProposalModel *model = &proposal->models[first];
        char *pattern;

        if (asprintf(&pattern, "%.*s/*.xmodel", (int) proposal_directory_length(model),
                     model->model->path) < 0)
                return -ENOMEM;
        free(model->xmodel);
        free(TAKE_PTR(model->net_name));
        model->xmodel = pattern;
        model->n_files = n;
        for (size_t i = 1; i < n; i++)
                proposal_model_deinit(&model[i]);
        memmove(model + 1, model + n, (proposal->n_models - first - n) * sizeof(*model));
        proposal->n_models -= n - 1;
        return 0;
}

static int proposal_make_groups(Proposal *proposal) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < proposal->n_models; i++) {
                size_t n = proposal_group_at(proposal, i);

                if (n > 0)
                        r = proposal_make_group(proposal, i, n);
        }
        return r;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int proposal_add_model(const Survey *survey, Proposal *proposal, const SurveyModel *found) {
        ProposalModel *model = &proposal->models[proposal->n_models++];
        int r;

        *model = (ProposalModel){ .model = found, .n_files = 1 };
        r = strings_dup(&model->xmodel, found->path);
        if (r == 0)
                r = proposal_find_targets(proposal, model);
        if (r < 0)
                return r;
        proposal_find_known(survey, model);
        r = proposal_name_net(model);
        return r < 0 ? r : proposal_choose_place(survey, proposal, model);
}

static int proposal_add_models(Survey *survey, Proposal *proposal) {
        int r = 0;

        proposal->models = calloc(survey->n_models + 1, sizeof(*proposal->models));
        if (!proposal->models)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < survey->n_models; i++) {
                const char *path = survey->models[i].path;

                if (proposal_can_name(path) && !strpbrk(path, "*?") &&
                    strlen(path_basename(path)) <= PROPOSAL_NET_MAX)
                        r = proposal_add_model(survey, proposal, &survey->models[i]);
                else
                        r = survey_remark(survey, path,
                                          "a quantized model, but a project file cannot name it "
                                          "(not UTF-8, a control character, * or ?, or too long): "
                                          "rename it");
        }
        return r;
}

int proposal_make(Survey *survey, Proposal *ret) {
        _cleanup_(proposal_cleanup) Proposal proposal = {};
        int r;

        r = proposal_add_targets(survey, &proposal);
        if (r == 0)
                r = proposal_add_models(survey, &proposal);
        if (r == 0)
                r = proposal_name_nets(&proposal);
        if (r == 0)
                r = proposal_make_groups(&proposal);
        if (r == 0)
                r = proposal_place_models(survey, &proposal);
        if (r < 0)
                return r;

        *ret = proposal;
        proposal = (Proposal){};
        return 0;
}
