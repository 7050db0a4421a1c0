#include "daemon/project.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "daemon/config.h"
#include "daemon/glob.h"
#include "xmodel/filename.h"

#define PROJECT_PATH_MAX        4096 /* bytes */
#define PROJECT_NAME_MAX        128  /* bytes of a net_name or target name */
#define PROJECT_SUBGRAPHS_LIMIT 100000

/* what the readers below need besides the place */
typedef struct ProjectReader {
        Project *project;
        const Config *config;
        bool trusted;
        Problem *problem;
} ProjectReader;

static void project_model_deinit(ProjectModel *model) {
        free(model->xmodel);
        free(model->net_name);
        free(model->output_dir);
        strings_deinit(&model->toolchains);
        strings_deinit(&model->targets);
        strings_deinit(&model->cpu_ops);
}

static inline void project_model_cleanup(ProjectModel *model) {
        project_model_deinit(model);
}

static void project_target_cleanup(ProjectTarget *target) {
        free(target->name);
        free(target->arch_path);
}

Project *project_free(Project *project) {
        if (!project)
                return NULL;

        for (size_t i = 0; i < project->n_targets; i++)
                project_target_cleanup(&project->targets[i]);
        for (size_t i = 0; i < project->n_models; i++)
                project_model_deinit(&project->models[i]);
        free(project->targets);
        free(project->models);
        strings_deinit(&project->ignore);
        free(project);
        return NULL;
}

const ProjectTarget *project_find_target(const Project *project, const char *name) {
        for (size_t i = 0; i < project->n_targets; i++)
                if (strcmp(project->targets[i].name, name) == 0)
                        return &project->targets[i];
        return NULL;
}

bool project_model_matches(const ProjectModel *model, const char *path) {
        return model->is_pattern ? glob_match(model->xmodel, path, false)
                                 : strcmp(model->xmodel, path) == 0;
}

/* --- fields of an output_dir --------------------------------------------------------------- */

static const char *const project_fields[] = { "{net}", "{target}", "{toolchain}" };

/* the index of the field that @text begins with, or -1 */
static int project_find_field(const char *text) {
        for (size_t i = 0; i < ARRAY_SIZE(project_fields); i++)
                if (strncmp(text, project_fields[i], strlen(project_fields[i])) == 0)
                        return (int) i;
        return -1;
}

int project_output_dir(const ProjectModel *model, const ProjectFields *fields, char **ret) {
        const char *const values[] = { fields->net, fields->target, fields->toolchain };
        _cleanup_(bytes_cleanup) Bytes path = BYTES_INIT(64 * 1024);
        int r = 0;

        if (!model->output_dir) {
                *ret = NULL;
                return 0;
        }

        for (const char *p = model->output_dir; r == 0 && *p;) {
                int field = project_find_field(p);

                r = field < 0 ? bytes_append(&path, p, 1)
                              : bytes_append_string(&path, values[field]);
                p += field < 0 ? 1 : strlen(project_fields[field]);
        }
        if (r < 0)
                return r;
        *ret = bytes_take_string(&path);
        return *ret ? 0 : -ENOMEM;
}

bool project_ignores(const Project *project, const char *path, bool is_directory) {
        for (size_t i = 0; i < project->ignore.n; i++)
                if (glob_match(project->ignore.items[i], path, is_directory))
                        return true;
        return false;
}

/* --- values ------------------------------------------------------------------------------- */

static int project_copy(char **ret, const char *text) {
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* a path beneath the root, normalised; anything in a trusted root */
static int project_read_path(const ProjectReader *reader, const JsonPlace *place, char **ret) {
        _cleanup_(freep) char *whole = NULL;
        const char *text;
        int r;

        r = json_string(place, &text, reader->problem);
        if (r < 0)
                return r;
        if (text[0] == '\0' || strlen(text) >= PROJECT_PATH_MAX)
                return json_complain(place, reader->problem, "a path of 1 to %d bytes expected",
                                     PROJECT_PATH_MAX - 1);
        if (reader->trusted && !path_is_downward(text))
                return project_copy(ret, text);
        if (!path_is_downward(text))
                return json_complain(place, reader->problem,
                                     "\"%.80s\" leads out of the workspace; write a path beneath "
                                     "it, or trust the root with `dpucc-client watch --trust`",
                                     text);

        whole = path_normalise("/", text);
        if (!whole)
                return -ENOMEM;
        return project_copy(ret, whole[1] ? whole + 1 : ".");
}

static int project_check_name(const ProjectReader *reader, const JsonPlace *place, const char *name,
                              const char *forbidden) {
        size_t n = strcspn(name, forbidden);

        if (!path_is_plain_component(name) || strlen(name) > PROJECT_NAME_MAX)
                return json_complain(place, reader->problem,
                                     "\"%.80s\" is not one plain file name of at most %d bytes",
                                     name, PROJECT_NAME_MAX);
        if (name[n] != '\0')
                return json_complain(place, reader->problem, "'%c' is not allowed in \"%.80s\"",
                                     name[n], name);
        return 0;
}

/* --- targets ------------------------------------------------------------------------------ */

static int project_compare_targets(const void *a, const void *b) {
        const ProjectTarget *x = a, *y = b;

        return strcmp(x->name, y->name);
}

static int project_read_target(const ProjectReader *reader, const JsonPlace *place) {
        _cleanup_(project_target_cleanup) ProjectTarget target = {};
        Project *project = reader->project;
        int r;

        r = project_check_name(reader, place, place->key, "@{}");
        if (r == 0)
                r = project_copy(&target.name, place->key);
        if (r == 0)
                r = project_read_path(reader, place, &target.arch_path);
        if (r == 0)
                r = array_reserve(&project->targets, &project->targets_capacity,
                                  project->n_targets + 1, sizeof(target));
        if (r < 0)
                return r;

        project->targets[project->n_targets++] = target;
        target = (ProjectTarget){};
        return 0;
}

static int project_read_targets(const ProjectReader *reader, const JsonPlace *root) {
        JsonPlace list;
        int r;

        if (json_member(root, "targets", &list) < 0)
                return 0;
        r = json_require_object(&list, reader->problem);
        if (r < 0)
                return r;
        if (json_object_object_length(list.value) > PROJECT_TARGETS_MAX)
                return json_complain(&list, reader->problem, "more than %d targets",
                                     PROJECT_TARGETS_MAX);

        json_object_object_foreach(list.value, name, value) {
                const JsonPlace place = { .in = &list, .key = name, .value = value };

                r = project_read_target(reader, &place);
                if (r < 0)
                        return r;
        }
        if (reader->project->n_targets > 0)
                qsort(reader->project->targets, reader->project->n_targets, sizeof(ProjectTarget),
                      project_compare_targets);
        return 0;
}

/* --- models ------------------------------------------------------------------------------- */

static int project_read_xmodel(const ProjectReader *reader, const JsonPlace *place,
                               ProjectModel *model) {
        JsonPlace member;
        int r;

        if (json_member(place, "xmodel", &member) < 0)
                return json_complain(place, reader->problem,
                                     "\"xmodel\" is missing: the path of the quantized model");
        r = project_read_path(reader, &member, &model->xmodel);
        if (r < 0)
                return r;
        model->is_pattern = strpbrk(model->xmodel, "*?") != NULL;
        if (model->is_pattern && strlen(model->xmodel) > GLOB_MAX)
                return json_complain(&member, reader->problem, "a pattern of at most %d bytes",
                                     GLOB_MAX);
        if (!path_ends_with(model->xmodel, ".xmodel"))
                return json_complain(&member, reader->problem,
                                     "\"%.80s\" does not end in \".xmodel\"", model->xmodel);
        return 0;
}

static int project_read_net_name(const ProjectReader *reader, const JsonPlace *place,
                                 ProjectModel *model) {
        _cleanup_(freep) char *of_file = NULL;
        JsonPlace member;
        const char *name;
        int r;

        if (json_member(place, "net_name", &member) < 0) {
                if (model->is_pattern)
                        return 0;
                of_file = filename_net(model->xmodel);
                return of_file ? project_check_name(reader, place, of_file, "") : -ENOMEM;
        }
        if (model->is_pattern)
                return json_complain(&member, reader->problem,
                                     "one name for all that \"%.80s\" matches; leave it out, each "
                                     "net is then called like its file",
                                     model->xmodel);
        r = json_string(&member, &name, reader->problem);
        if (r == 0)
                r = project_check_name(reader, &member, name, "");
        return r < 0 ? r : project_copy(&model->net_name, name);
}

/* only a field may stand in braces */
static int project_check_fields(const ProjectReader *reader, const JsonPlace *place,
                                const char *path) {
        for (const char *p = path; *p; p++) {
                int field;

                if (*p != '{' && *p != '}')
                        continue;
                field = project_find_field(p);
                if (field < 0)
                        return json_complain(place, reader->problem,
                                             "in \"%.80s\" only {net}, {target} and {toolchain} "
                                             "may stand in braces",
                                             path);
                p += strlen(project_fields[field]) - 1;
        }
        return 0;
}

/* @n things that differ in @field would deliver the same file */
static int project_demand_field(const ProjectReader *reader, const JsonPlace *place, size_t n,
                                const char *what, const char *field, const char *path) {
        if (n <= 1 || strstr(path, field))
                return 0;
        return json_complain(place, reader->problem,
                             "%zu %s would write to \"%.80s\"; add %s to it", n, what, path, field);
}

static int project_read_output_dir(const ProjectReader *reader, const JsonPlace *place,
                                   ProjectModel *model) {
        size_t n_targets = model->targets.n > 0 ? model->targets.n : reader->project->n_targets;
        JsonPlace member;
        int r;

        if (json_member(place, "output_dir", &member) < 0)
                return 0;
        r = project_read_path(reader, &member, &model->output_dir);
        if (r == 0)
                r = project_check_fields(reader, &member, model->output_dir);
        if (r == 0)
                r = project_demand_field(reader, &member, n_targets, "targets", "{target}",
                                         model->output_dir);
        return r < 0 ? r
                     : project_demand_field(reader, &member, model->toolchains.n, "toolchains",
                                            "{toolchain}", model->output_dir);
}

static int project_complain_target(const ProjectReader *reader, const JsonPlace *place,
                                   const char *name) {
        const char *known[PROJECT_TARGETS_MAX + 1], *nearest;
        const Project *project = reader->project;

        for (size_t i = 0; i < project->n_targets; i++)
                known[i] = project->targets[i].name;
        known[project->n_targets] = NULL;

        nearest = strings_nearest(name, known);
        if (nearest)
                return json_complain(place, reader->problem,
                                     "no target \"%.80s\"; did you mean \"%s\"?", name, nearest);
        return json_complain(place, reader->problem,
                             "no target \"%.80s\"; add it to \"targets\" at the top of the file",
                             name);
}

static int project_read_model_targets(const ProjectReader *reader, const JsonPlace *place,
                                      ProjectModel *model) {
        JsonPlace list;
        int r;

        if (json_member(place, "targets", &list) < 0)
                return 0;
        r = json_require_list(&list, PROJECT_TARGETS_MAX, reader->problem);
        if (r == 0 && json_length(&list) == 0)
                r = json_complain(&list, reader->problem,
                                  "no target at all; remove the list to compile for every target");
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);
                const char *name;

                r = json_string(&element, &name, reader->problem);
                if (r == 0 && !project_find_target(reader->project, name))
                        r = project_complain_target(reader, &element, name);
                if (r == 0 && strings_contain(&model->targets, name))
                        r = json_complain(&element, reader->problem, "\"%s\" a second time", name);
                if (r == 0)
                        r = strings_add(&model->targets, name);
        }
        return r;
}

static int project_read_toolchain(const ProjectReader *reader, const JsonPlace *place,
                                  ProjectModel *model) {
        const char *name;
        int r;

        if (json_object_is_type(place->value, json_type_object))
                return json_complain(place, reader->problem,
                                     "a project file only names a toolchain; define it in your "
                                     "dpuccd.json");
        r = json_string(place, &name, reader->problem);
        if (r < 0)
                return r;
        if (strcmp(name, CONFIG_AUTO) != 0 && !config_find_toolchain(reader->config, name))
                return json_complain(place, reader->problem,
                                     "no toolchain \"%.64s\" in your configuration; define it in "
                                     "dpuccd.json, or name \"dpucc\"",
                                     name);
        if (strings_contain(&model->toolchains, name))
                return json_complain(place, reader->problem, "\"%s\" a second time", name);
        return strings_add(&model->toolchains, name);
}

/* one name, or a list of them */
static int project_read_toolchains(const ProjectReader *reader, const JsonPlace *place,
                                   ProjectModel *model) {
        JsonPlace list;
        int r;

        if (json_member(place, "toolchain", &list) < 0)
                return 0;
        if (!json_object_is_type(list.value, json_type_array))
                return project_read_toolchain(reader, &list, model);
        r = json_require_list(&list, PROJECT_TOOLCHAINS_MAX, reader->problem);
        if (r == 0 && json_length(&list) == 0)
                r = json_complain(
                        &list, reader->problem,
                        "no toolchain at all; remove the list to compile with the default");
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);

                r = project_read_toolchain(reader, &element, model);
        }
        return r;
}

static int project_read_cpu_ops(const ProjectReader *reader, const JsonPlace *limits,
                                ProjectModel *model) {
        JsonPlace list;
        int r;

        if (json_member(limits, "cpu_ops", &list) < 0)
                return 0;
        model->limits_cpu_ops = true;
        r = json_require_list(&list, PROJECT_CPU_OPS_MAX, reader->problem);
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);
                const char *type;

                r = json_string(&element, &type, reader->problem);
                if (r == 0 && (type[0] == '\0' || strlen(type) > PROJECT_NAME_MAX))
                        r = json_complain(&element, reader->problem,
                                          "the type of an operation expected, such as \"softmax\"");
                if (r == 0)
                        r = strings_add(&model->cpu_ops, type);
        }
        return r;
}

static int project_read_limits(const ProjectReader *reader, const JsonPlace *place,
                               ProjectModel *model) {
        static const char *const known[] = { "max_dpu_subgraphs", "cpu_ops", NULL };
        JsonPlace limits, member;
        int r;

        if (json_member(place, "limits", &limits) < 0)
                return 0;
        r = json_require_object(&limits, reader->problem);
        if (r == 0)
                r = json_reject_unknown(&limits, known, reader->problem);
        if (r == 0 && json_member(&limits, "max_dpu_subgraphs", &member) == 0)
                r = json_integer(&member, 0, PROJECT_SUBGRAPHS_LIMIT, &model->max_dpu_subgraphs,
                                 reader->problem);
        return r < 0 ? r : project_read_cpu_ops(reader, &limits, model);
}

static int project_read_model(const ProjectReader *reader, const JsonPlace *place) {
        static const char *const known[] = { "xmodel",    "net_name", "output_dir", "targets",
                                             "toolchain", "limits",   NULL };
        /* output_dir after targets and toolchains: it is checked against their numbers */
        int (*const readers[])(const ProjectReader *, const JsonPlace *, ProjectModel *) = {
                project_read_xmodel,     project_read_net_name,   project_read_model_targets,
                project_read_toolchains, project_read_output_dir, project_read_limits,
        };
        _cleanup_(project_model_cleanup) ProjectModel model = { .max_dpu_subgraphs = -1 };
        Project *project = reader->project;
        int r;

        r = json_require_object(place, reader->problem);
        if (r == 0)
                r = json_reject_unknown(place, known, reader->problem);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(readers); i++)
                r = readers[i](reader, place, &model);
        if (r == 0)
                r = array_reserve(&project->models, &project->models_capacity,
                                  project->n_models + 1, sizeof(model));
        if (r < 0)
                return r;

        project->models[project->n_models++] = model;
        model = (ProjectModel){};
        return 0;
}

static bool project_targets_meet(const ProjectModel *a, const ProjectModel *b) {
        if (a->targets.n == 0 || b->targets.n == 0)
                return true;
        for (size_t i = 0; i < a->targets.n; i++)
                if (strings_contain(&b->targets, a->targets.items[i]))
                        return true;
        return false;
}

/* What patterns mean is not known here: units look at each other when they deliver. */
static int project_delivers_alike(const ProjectModel *a, const ProjectModel *b, bool *ret) {
        _cleanup_(freep) char *of_a = NULL, *of_b = NULL;
        const char *x = a->net_name, *y = b->net_name;

        *ret = false;
        if (!a->output_dir || !b->output_dir || a->is_pattern || b->is_pattern ||
            strcmp(a->output_dir, b->output_dir) != 0 || !project_targets_meet(a, b))
                return 0;
        if (!x)
                x = of_a = filename_net(a->xmodel);
        if (!y)
                y = of_b = filename_net(b->xmodel);
        if (!x || !y)
                return -ENOMEM;
        *ret = strcmp(x, y) == 0;
        return 0;
}

/* Two models may not deliver to the same file. */
static int project_check_collisions(const ProjectReader *reader, const JsonPlace *list) {
        const Project *project = reader->project;
        bool alike;
        int r;

        for (size_t i = 0; i < project->n_models; i++) {
                for (size_t k = 0; k < i; k++) {
                        const JsonPlace place = json_element(list, i);

                        r = project_delivers_alike(&project->models[i], &project->models[k],
                                                   &alike);
                        if (r < 0)
                                return r;
                        if (alike)
                                return json_complain(
                                        &place, reader->problem,
                                        "delivers to the same file as models[%zu]; give one "
                                        "another net_name or output_dir",
                                        k);
                }
        }
        return 0;
}

static int project_read_models(const ProjectReader *reader, const JsonPlace *root) {
        JsonPlace list;
        int r;

        if (json_member(root, "models", &list) < 0)
                return 0;
        r = json_require_list(&list, PROJECT_MODELS_MAX, reader->problem);
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);

                r = project_read_model(reader, &element);
        }
        return r < 0 ? r : project_check_collisions(reader, &list);
}

/* --- the whole ------------------------------------------------------------------------------ */

static int project_read_ignore(const ProjectReader *reader, const JsonPlace *root) {
        JsonPlace list;
        int r;

        if (json_member(root, "ignore", &list) < 0)
                return 0;
        r = json_require_list(&list, PROJECT_IGNORE_MAX, reader->problem);
        for (size_t i = 0; r == 0 && i < json_length(&list); i++) {
                const JsonPlace element = json_element(&list, i);
                const char *pattern;

                r = json_string(&element, &pattern, reader->problem);
                if (r == 0 && (pattern[0] == '\0' || strlen(pattern) > GLOB_MAX))
                        r = json_complain(&element, reader->problem,
                                          "a pattern of 1 to %d bytes expected", GLOB_MAX);
                if (r == 0 && pattern[0] == '!')
                        r = json_complain(&element, reader->problem,
                                          "exceptions (\"!\") do not exist here; write \"\\!\" for "
                                          "a name that begins so");
                if (r == 0)
                        r = strings_add(&reader->project->ignore, pattern);
        }
        return r;
}

static int project_read(const ProjectReader *reader, const JsonPlace *root) {
        static const char *const known[] = { "$schema", "targets", "models", "ignore", NULL };
        JsonPlace member;
        int r;

        r = json_require_object(root, reader->problem);
        if (r < 0)
                return r;
        if (json_member(root, "toolchains", &member) == 0)
                return json_complain(&member, reader->problem,
                                     "a project file cannot define toolchains; define them in your "
                                     "dpuccd.json and name one per model");
        r = json_reject_unknown(root, known, reader->problem);
        if (r == 0)
                r = project_read_targets(reader, root);
        if (r == 0)
                r = project_read_models(reader, root);
        return r < 0 ? r : project_read_ignore(reader, root);
}

int project_parse(Project **ret, Slice text, bool trusted, const Config *config, Problem *problem) {
        _cleanup_(json_putp) json_object *value = NULL;
        _cleanup_(project_freep) Project *project = NULL;
        ProjectReader reader = { .config = config, .trusted = trusted, .problem = problem };
        JsonPlace root = {};
        int r;

        if (text.size > PROJECT_FILE_MAX)
                return problem_set(problem, -EBADMSG, "larger than %d KiB: not a project file",
                                   PROJECT_FILE_MAX / 1024);
        project = calloc(1, sizeof(*project));
        if (!project)
                return -ENOMEM;
        r = json_parse(text, &value, problem);
        if (r < 0)
                return r;

        reader.project = project;
        root.value = value;
        r = project_read(&reader, &root);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(project);
        return 0;
}
