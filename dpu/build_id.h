#pragma once

/*
 * Which build this is
 *
 * The linker's build id (a digest of the program's content, ELF note NT_GNU_BUILD_ID) tells one
 * build from every other without anybody counting versions. It is what identifies this compiler
 * in cache keys and in compiled files.
 */

#define BUILD_ID_MAX 128 /* bytes of text, with terminator */

/* "0.1.0 (build 0123...)", hexadecimal. -ENOENT: linked without --build-id. */
int build_id_describe(char ret[BUILD_ID_MAX]);
