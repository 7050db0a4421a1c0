#include "cache/defects.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"

static const struct {
        DefectSort sort;
        const char *text;
} defect_kinds[_DEFECT_KIND_MAX] = {
        [DEFECT_RECORD_DAMAGED] = { DEFECT_PROBLEM, "record-damaged" },
        [DEFECT_RECORD_INCOMPLETE] = { DEFECT_PROBLEM, "record-incomplete" },
        [DEFECT_OBJECT_DAMAGED] = { DEFECT_PROBLEM, "object-damaged" },
        [DEFECT_OBJECT_MISMATCH] = { DEFECT_PROBLEM, "object-mismatch" },
        [DEFECT_VIEW_BROKEN] = { DEFECT_PROBLEM, "view-broken" },
        [DEFECT_PERMISSIONS] = { DEFECT_PROBLEM, "permissions" },
        [DEFECT_OBJECT_UNUSED] = { DEFECT_LEFTOVER, "object-unused" },
        [DEFECT_VIEW_UNUSED] = { DEFECT_LEFTOVER, "view-unused" },
        [DEFECT_TEMPORARY] = { DEFECT_LEFTOVER, "temporary" },
        [DEFECT_INDEX] = { DEFECT_LEFTOVER, "index" },
        [DEFECT_RECORD_NEWER] = { DEFECT_NOTE, "record-newer" },
        [DEFECT_FOREIGN] = { DEFECT_NOTE, "foreign" },
};

DefectSort defect_sort(DefectKind kind) {
        return defect_kinds[kind].sort;
}

const char *defect_text(DefectKind kind) {
        return defect_kinds[kind].text;
}

static void defects_count(Defects *defects, DefectKind kind, bool mended) {
        defects->counts[kind]++;
        switch (defect_sort(kind)) {
        case DEFECT_PROBLEM:
                defects->n_problems++;
                defects->n_unmended += !mended;
                break;
        case DEFECT_LEFTOVER:
                defects->n_leftovers++;
                break;
        case DEFECT_NOTE:
                defects->n_notes++;
                break;
        }
}

void defects_add(Defects *defects, DefectKind kind, bool mended, const char *path,
                 const char *format, ...) {
        Defect *defect;
        va_list ap;

        defects_count(defects, kind, mended);
        if (defects->n == DEFECTS_MAX || array_reserve(&defects->items, &defects->capacity,
                                                       defects->n + 1, sizeof(*defects->items)) < 0)
                return; /* it is counted */
        defect = &defects->items[defects->n++];
        defect->kind = kind;
        defect->mended = mended;
        (void) snprintf(defect->path, sizeof(defect->path), "%s", path);
        va_start(ap, format);
        (void) vsnprintf(defect->detail, sizeof(defect->detail), format, ap);
        va_end(ap);
}

void defects_deinit(Defects *defects) {
        free(defects->items);
        *defects = (Defects){};
}
