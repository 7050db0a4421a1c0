#include "dpu/survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "dpu/model.h"
#include "xmodel/filename.h"

/*
 * An arch file may be called anything when a project file names it, so every small `.json` is
 * looked at: one that says "target" or "fingerprint" and nothing else is an arch file. A meta.json
 * says more and is none.
 */

#define SURVEY_PROJECT "dpucc.json"

static void survey_model_deinit(SurveyModel *model) {
        free(model->path);
}

static void survey_arch_deinit(SurveyArch *arch) {
        free(arch->path);
}

static void survey_compiled_deinit(SurveyCompiled *compiled) {
        free(compiled->path);
        strings_deinit(&compiled->sources);
        strings_deinit(&compiled->md5s);
}

static void survey_remark_deinit(SurveyRemark *remark) {
        free(remark->path);
        free(remark->text);
}

void survey_deinit(Survey *survey) {
        for (size_t i = 0; i < survey->n_models; i++)
                survey_model_deinit(&survey->models[i]);
        for (size_t i = 0; i < survey->n_arches; i++)
                survey_arch_deinit(&survey->arches[i]);
        for (size_t i = 0; i < survey->n_compiled; i++)
                survey_compiled_deinit(&survey->compiled[i]);
        for (size_t i = 0; i < survey->n_remarks; i++)
                survey_remark_deinit(&survey->remarks[i]);
        free(survey->models);
        free(survey->arches);
        free(survey->compiled);
        free(survey->remarks);
        strings_deinit(&survey->directories);
        *survey = (Survey){};
}

/* Room for one more, with a copy of @path for it; -ENOSPC: @max are there. */
static int survey_grow(void *items, size_t *capacity, size_t n, size_t size, size_t max,
                       const char *path, char **ret_path) {
        int r;

        if (n >= max)
                return -ENOSPC;
        r = array_reserve(items, capacity, n + 1, size);
        return r < 0 ? r : strings_dup(ret_path, path);
}

int survey_remark(Survey *survey, const char *path, const char *format, ...) {
        SurveyRemark remark = {};
        Problem text;
        va_list ap;
        int r;

        va_start(ap, format);
        (void) vsnprintf(text.text, sizeof(text.text), format, ap);
        va_end(ap);
        r = survey_grow(&survey->remarks, &survey->remarks_capacity, survey->n_remarks,
                        sizeof(remark), SURVEY_REMARKS_MAX, path, &remark.path);
        if (r == -ENOSPC) {
                survey->n_left_out++;
                return 0;
        }
        if (r == 0)
                r = strings_dup(&remark.text, text.text);
        if (r < 0) {
                survey_remark_deinit(&remark);
                return r;
        }
        survey->remarks[survey->n_remarks++] = remark;
        return 0;
}

/* --- models ----------------------------------------------------------------------------------- */

static int survey_add_model(Survey *survey, const char *path, const Model *model) {
        SurveyModel item = {};
        int r;

        r = survey_grow(&survey->models, &survey->models_capacity, survey->n_models, sizeof(item),
                        SURVEY_MODELS_MAX, path, &item.path);
        if (r == -ENOSPC)
                return survey_remark(survey, path,
                                     "more than %d models: name it yourself, or "
                                     "with a pattern",
                                     SURVEY_MODELS_MAX);
        if (r == 0)
                r = model_md5(model, &item.md5[0]);
        if (r == 0)
                r = model_form(model, CANON_MAP_SORTED, NULL, &item.md5[1]);
        if (r == 0)
                r = model_form(model, CANON_CANONICAL, NULL, &item.md5[2]);
        if (r < 0) {
                survey_model_deinit(&item);
                return r;
        }
        survey->models[survey->n_models++] = item;
        return 0;
}

static int survey_add_sources(SurveyCompiled *item, const Graph *graph) {
        const Attr *attr = attrs_find(&graph->attrs, "files_md5sum");
        int r = 0;

        if (!attr || attr->kind != ATTR_MAP_STRING_STRING)
                return 0;
        for (size_t i = 0; r == 0 && i < attr->n; i++) {
                r = strings_add(&item->sources, path_basename(attr->pairs[i].key));
                if (r == 0)
                        r = strings_add(&item->md5s, attr->pairs[i].value.string);
        }
        return r;
}

static int survey_add_compiled(Survey *survey, const char *path, const Model *model) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        SurveyCompiled item = {};
        Problem problem = {};
        int r;

        r = model_graph(model, &graph, &problem);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return survey_remark(survey, path, "%s", problem.text);
        r = survey_grow(&survey->compiled, &survey->compiled_capacity, survey->n_compiled,
                        sizeof(item), SURVEY_COMPILED_MAX, path, &item.path);
        if (r == -ENOSPC) {
                survey->n_left_out++;
                return 0;
        }
        if (r == 0)
                r = survey_add_sources(&item, graph);
        if (r < 0) {
                survey_compiled_deinit(&item);
                return r;
        }
        survey->compiled[survey->n_compiled++] = item;
        return 0;
}

static int survey_take_model(Survey *survey, const char *place, const char *path) {
        Problem problem = {};
        Model model;
        int r;

        r = model_init(&model, place, &problem);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return survey_remark(survey, path, "%s", strerror(-r));
        if (model.class == XMODEL_QUANTIZED)
                r = survey_add_model(survey, path, &model);
        else if (model.class == XMODEL_COMPILED)
                r = survey_add_compiled(survey, path, &model);
        else
                r = survey_remark(survey, path, "%s", model.reason.text);
        model_deinit(&model);
        return r;
}

/* --- arch files ------------------------------------------------------------------------------- */

/* Nothing but "target" and "fingerprint"? */
static bool survey_says_no_more(Slice text) {
        _cleanup_(json_putp) json_object *value = NULL;

        if (json_parse(text, &value, NULL) < 0 || !json_object_is_type(value, json_type_object))
                return false;
        json_object_object_foreach(value, name, member) {
                (void) member;
                if (strcmp(name, "target") != 0 && strcmp(name, "fingerprint") != 0)
                        return false;
        }
        return true;
}

static int survey_add_arch(Survey *survey, const char *path, const Target *target) {
        SurveyArch item = { .target = *target, .is_paired = filename_is_arch(path_basename(path)) };
        int r;

        r = survey_grow(&survey->arches, &survey->arches_capacity, survey->n_arches, sizeof(item),
                        SURVEY_ARCHES_MAX, path, &item.path);
        if (r == -ENOSPC)
                return survey_remark(survey, path, "more than %d arch files", SURVEY_ARCHES_MAX);
        if (r < 0)
                return r;
        survey->arches[survey->n_arches++] = item;
        return 0;
}

static int survey_take_arch(Survey *survey, const char *place, const char *path) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TARGET_FILE_MAX);
        bool is_named = filename_is_arch(path_basename(path));
        Problem problem = {};
        Target target;
        int r;

        r = file_read(AT_FDCWD, place, &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return is_named ? survey_remark(survey, path, "%s", strerror(-r)) : 0;
        r = target_parse_arch(bytes_slice(&text), &target, &problem);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return is_named ? survey_remark(survey, path, "%s", problem.text) : 0;
        if (!is_named && !survey_says_no_more(bytes_slice(&text)))
                return 0;
        return survey_add_arch(survey, path, &target);
}

/* --- directories ------------------------------------------------------------------------------ */

typedef struct SurveyStep {
        Survey *survey;
        const char *root;
        const char *path; /* of this directory, below the root */
        const char *place;
        Strings *waiting; /* directories that are still to be read */
} SurveyStep;

static size_t survey_depth(const char *path) {
        size_t n = 0;

        for (; *path; path++)
                n += *path == '/';
        return n;
}

static int survey_enter(const SurveyStep *step, const char *path, const char *name) {
        if (name[0] == '.' || strcmp(name, "node_modules") == 0)
                return 0;
        if (survey_depth(path) >= SURVEY_DEPTH_MAX ||
            step->survey->directories.n + step->waiting->n >= SURVEY_DIRECTORIES_MAX) {
                step->survey->n_left_out++;
                return 0;
        }
        return strings_add(step->waiting, path);
}

static bool survey_is_file(int fd, const struct dirent *entry) {
        struct stat st;

        if (entry->d_type == DT_REG)
                return true;
        if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
                return false;
        return fstatat(fd, entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

static bool survey_is_directory(int fd, const struct dirent *entry) {
        struct stat st;

        if (entry->d_type != DT_UNKNOWN)
                return entry->d_type == DT_DIR;
        return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int survey_take_entry(const SurveyStep *step, int fd, const struct dirent *entry) {
        const char *name = entry->d_name;
        _cleanup_(freep) char *path = NULL, *place = NULL;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return 0;
        path = step->path[0] ? path_join(step->path, name) : strdup(name);
        place = path_join(step->place, name);
        if (!path || !place)
                return -ENOMEM;
        if (survey_is_directory(fd, entry))
                return survey_enter(step, path, name);
        if (!survey_is_file(fd, entry))
                return 0;
        if (path_ends_with(name, ".xmodel"))
                return survey_take_model(step->survey, place, path);
        if (!path_ends_with(name, ".json") || (!step->path[0] && strcmp(name, SURVEY_PROJECT) == 0))
                return 0;
        return survey_take_arch(step->survey, place, path);
}

static int survey_take_entries(const SurveyStep *step, DIR *dir) {
        const struct dirent *entry;
        int r = 0;

        while (r == 0 && (entry = readdir(dir)))
                r = survey_take_entry(step, dirfd(dir), entry);
        return r;
}

/* One directory. Only for the first its name is enough reason to give up. */
static int survey_take_directory(Survey *survey, const char *root, const char *path,
                                 Strings *waiting, Problem *problem) {
        _cleanup_(freep) char *place = path[0] ? path_join(root, path) : strdup(root);
        const SurveyStep step = { survey, root, path, place, waiting };
        _cleanup_(closedirp) DIR *dir = NULL;
        int r;

        if (!place)
                return -ENOMEM;
        r = strings_add(&survey->directories, path);
        if (r < 0)
                return r;
        dir = opendir(place);
        if (dir)
                return survey_take_entries(&step, dir);
        r = error_from_errno();
        if (path[0])
                return survey_remark(survey, path, "cannot be looked into: %s", strerror(-r));
        return problem_set(problem, r, "%s: %s", root, strerror(-r));
}

static int survey_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b); /* the path comes first in each */
}

static void survey_sort(void *items, size_t n, size_t size) {
        if (n > 0)
                qsort(items, n, size, survey_compare);
}

int survey_take(const char *directory, Survey *ret, Problem *problem) {
        _cleanup_(survey_cleanup) Survey survey = {};
        _cleanup_(strings_cleanup) Strings waiting = {};
        int r;

        r = strings_add(&waiting, "");
        while (r == 0 && waiting.n > 0) {
                _cleanup_(freep) char *path = strings_pop(&waiting);

                r = survey_take_directory(&survey, directory, path, &waiting, problem);
        }
        if (r < 0)
                return r == -ENOMEM ? problem_set(problem, r, "%s", strerror(-r)) : r;
        survey_sort(survey.models, survey.n_models, sizeof(*survey.models));
        survey_sort(survey.arches, survey.n_arches, sizeof(*survey.arches));
        survey_sort(survey.compiled, survey.n_compiled, sizeof(*survey.compiled));
        survey_sort(survey.remarks, survey.n_remarks, sizeof(*survey.remarks));
        survey_sort(survey.directories.items, survey.directories.n, sizeof(char *));

        *ret = survey;
        survey = (Survey){};
        return 0;
}
