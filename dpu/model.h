#pragma once

/*
 * A model file as a command meets it: its bytes, what kind of file it is, and the forms that
 * are made of it
 */

#include <stddef.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/problem.h"
#include "xmodel/canon.h"
#include "xmodel/classify.h"
#include "xmodel/graph.h"

typedef struct Model {
        Bytes bytes; /* the whole file */
        XmodelClass class;
        Walk *walk;     /* into bytes; NULL where the class has none */
        Problem reason; /* why it is of that class, for a person */
} Model;

/* Reads @path and tells its class; any class is success. -errno with @problem, which names the
 * file. */
int model_init(Model *model, const char *path, Problem *problem);
void model_deinit(Model *model);

int model_md5(const Model *model, Md5 *ret); /* of the file's bytes */

/* The bytes of a form and their MD5. @ret may be NULL. @model must have a walk. */
int model_form(const Model *model, CanonForm form, Bytes *ret, Md5 *ret_md5);

/* The graph of a model that has a walk. The model's bytes may go away afterwards. */
int model_graph(const Model *model, Graph **ret, Problem *problem);

/* The graph of a source's canonical form, and the MD5 of that form. Whatever is no quantized
 * model is refused with the reason: -EBADMSG. -errno with @problem, which names the file. */
int model_load_source(const char *path, Graph **ret, Md5 *ret_md5, Problem *problem);

/* A file that holds a graph of any class, verified (graph_verify) and with its consumers counted.
 * -EBADMSG: it holds none; -errno with @problem, which names the file. */
int model_load_graph(const char *path, XmodelClass *ret_class, Graph **ret, Problem *problem);
