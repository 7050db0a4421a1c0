/* dpucc.json of an untrusted root: whatever is accepted stays beneath it */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "daemon/config.h"
#include "daemon/project.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_model(const Project *project, const ProjectModel *model) {
        if (!path_is_downward(model->xmodel) ||
            (model->net_name && !path_is_plain_component(model->net_name)))
                abort();
        (void) project_model_matches(model, "some/path/x.xmodel");
        for (size_t i = 0; i < project->n_targets; i++) {
                const ProjectFields fields = {
                        .net = "net",
                        .target = project->targets[i].name,
                        .toolchain = "dpucc",
                };
                _cleanup_(freep) char *output = NULL;

                if (project_output_dir(model, &fields, &output) == 0 && output &&
                    !path_is_downward(output))
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(project_freep) Project *project = NULL;
        _cleanup_(config_freep) Config *config = NULL;
        Problem problem = { "" };

        if (config_new(&config) < 0)
                return 0;
        if (project_parse(&project, slice_of(data, size), false, config, &problem) < 0) {
                if (problem.text[0] == '\0' || strchr(problem.text, '\n'))
                        abort();
                return 0;
        }

        for (size_t i = 0; i < project->n_targets; i++)
                if (!path_is_plain_component(project->targets[i].name) ||
                    !path_is_downward(project->targets[i].arch_path))
                        abort();
        for (size_t i = 0; i < project->n_models; i++)
                check_model(project, &project->models[i]);
        (void) project_ignores(project, "some/path/x.xmodel", false);
        return 0;
}
