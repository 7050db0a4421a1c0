#include "dpu/build_id.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/slice.h"

#define BUILD_ID_BYTES_MAX 32

/* rounds up to the alignment of note fields */
static size_t build_id_padded(size_t n) {
        return (n + 3) & ~(size_t) 3;
}

/* Finds the note in a segment of notes: {name size, content size, type}, name, content. */
static bool build_id_find(Slice notes, Slice *ret) {
        while (notes.size >= sizeof(ElfW(Nhdr))) {
                ElfW(Nhdr) header;
                size_t name_end, content, end;

                memcpy(&header, notes.data, sizeof(header));
                name_end = sizeof(header) + header.n_namesz;
                content = build_id_padded(name_end);
                end = content + build_id_padded(header.n_descsz);
                if (end > notes.size || name_end > notes.size)
                        return false;
                if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof(ELF_NOTE_GNU) &&
                    memcmp(notes.data + sizeof(header), ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0) {
                        *ret = slice_of(notes.data + content, header.n_descsz);
                        return true;
                }
                notes = slice_of(notes.data + end, notes.size - end);
        }
        return false;
}

/* Called for the program first, then for its libraries: 1 ends the search. */
static int build_id_of_object(struct dl_phdr_info *info, size_t size, void *userdata) {
        Slice *ret = userdata;

        (void) size;
        for (int i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
                const void *at = (const void *) (uintptr_t) (info->dlpi_addr + segment->p_vaddr);

                if (segment->p_type == PT_NOTE &&
                    build_id_find(slice_of(at, segment->p_memsz), ret))
                        return 1;
        }
        return 1;
}

int build_id_describe(char ret[BUILD_ID_MAX]) {
        char hex[2 * BUILD_ID_BYTES_MAX + 1];
        Slice id = { 0 };

        (void) dl_iterate_phdr(build_id_of_object, &id);
        if (id.size == 0 || id.size > BUILD_ID_BYTES_MAX)
                return -ENOENT;

        hex_encode(id.data, id.size, hex);
        (void) snprintf(ret, BUILD_ID_MAX, "%s (build %s)", DPUCC_VERSION, hex);
        return 0;
}
