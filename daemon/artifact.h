#pragma once

/*
 * Artifacts: from a compiler's output directory to a record, and from a record to a view
 *
 * The net's name is no part of the key, so a job compiles under a name of ours
 * (ARTIFACT_NET_NAME), and the few places where a compiler writes that name are put right for
 * each net when its view is made: `filename` in meta.json, and lines of the log. The .xmodel
 * itself does not hold it.
 *
 *      out/dpucc-net.xmodel   ->  object XMODEL  ->  NET.xmodel (link)
 *      out/meta.json          ->  object META    ->  meta.json (rendered)
 *      out/md5sum.txt         ->  (in record)    ->  md5sum.txt (rendered)
 *      out/report.json        ->  object REPORT  ->  report.json (link)
 *      output of the child    ->  object LOG     ->  compile.log (rendered)
 *
 * Everything here blocks: pool threads.
 */

#include "base/bytes.h"
#include "base/digest.h"
#include "base/problem.h"
#include "cache/cache.h"

#define ARTIFACT_NET_NAME    "dpucc-net"
#define ARTIFACT_META_MAX    ((size_t) 4 * 1024 * 1024)
#define ARTIFACT_LOG_MAX     ((size_t) 2 * 1024 * 1024)
#define ARTIFACT_ADOPTED_TAG "adopted" /* provenance: the file that was taken for it */
#define ARTIFACT_MD5SUM_SIZE 33        /* 32 digits and a newline */

/* Writes @text with every ARTIFACT_NET_NAME as @net_name, in JSON strings escaped as JSON
 * demands. -EFBIG, -ENOMEM. */
int artifact_render(Slice text, const char *net_name, bool json, Bytes *ret);

/* The text of a log without what only this run knows: @job_path becomes ".". */
int artifact_clean_log(Slice log, const char *job_path, Bytes *ret);

/* What a compiler must have left in the directory @fd: exactly these files, whole. -EBADMSG
 * with the violated post-condition in @problem; -errno. */
int artifact_check_files(int fd, bool report_required, Problem *problem);

/* What whoever gets the artifact of @record must know of its DPU code; NULL: nothing. */
const char *artifact_warning(const Record *record);

/* Makes or mends the view of @record for @net_name. @ret is the path of the .xmodel in it, or
 * of the view's directory if the record is a failure. New string. */
int artifact_view(Cache *cache, const Record *record, const char *net_name, char **ret);
