#pragma once

/*
 * Surveys: what lies in a directory that is to become a workspace
 *
 * Walks the directory as the daemon would (no hidden directories, no node_modules, symbolic links
 * to files but not to directories), tells by content what each `.xmodel` and each arch file is,
 * and keeps what it cannot use as remarks. Each list has a maximum; what is beyond it is counted.
 *
 * Paths are relative to the directory. Lists are sorted by path. A Survey owns its strings.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/problem.h"
#include "base/strings.h"
#include "xmodel/target.h"

#define SURVEY_MODELS_MAX      1024
#define SURVEY_ARCHES_MAX      256
#define SURVEY_COMPILED_MAX    1024
#define SURVEY_REMARKS_MAX     100
#define SURVEY_DIRECTORIES_MAX 100000
#define SURVEY_DEPTH_MAX       64

#define SURVEY_FORMS 3 /* in which a compiler may have met a model */

typedef struct SurveyModel { /* quantized */
        char *path;
        Md5 md5[SURVEY_FORMS];
} SurveyModel;

typedef struct SurveyArch {
        char *path;
        Target target;
        bool is_paired; /* its name makes the daemon find it without a project file */
} SurveyArch;

typedef struct SurveyCompiled {
        char *path;
        Strings sources; /* what it says it was made from: base names, and in the same order ... */
        Strings md5s;    /* ... hexadecimal digests */
} SurveyCompiled;

typedef struct SurveyRemark {
        char *path;
        char *text; /* what it is, and the remedy */
} SurveyRemark;

typedef struct Survey {
        SurveyModel *models;
        size_t n_models, models_capacity;
        SurveyArch *arches;
        size_t n_arches, arches_capacity;
        SurveyCompiled *compiled;
        size_t n_compiled, compiled_capacity;
        SurveyRemark *remarks;
        size_t n_remarks, remarks_capacity;
        size_t n_left_out;   /* files and directories beyond a maximum */
        Strings directories; /* all that were looked at, "" for the first */
} Survey;

/* -errno with @problem: the directory cannot be read, or -ENOMEM. What is wrong with a file in it
 * is a remark. */
int survey_take(const char *directory, Survey *ret, Problem *problem);
void survey_deinit(Survey *survey);

/* A further remark; @path may be "". -ENOMEM. */
int survey_remark(Survey *survey, const char *path, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static inline void survey_cleanup(Survey *survey) {
        survey_deinit(survey);
}
