#pragma once

/*
 * Arenas: many small allocations, one owner, freed together
 *
 * Memory comes in chunks that double in size; what is larger than a chunk gets one of its own.
 * Everything is aligned for any type and stays where it is until arena_deinit(). An arena
 * belongs to one thread.
 */

#include <stddef.h>

typedef struct ArenaChunk ArenaChunk;

typedef struct Arena {
        ArenaChunk *chunks; /* the one being filled first; NULL until something is allocated */
        size_t total;       /* bytes taken from the system */
} Arena;

#define ARENA_INIT ((Arena){ 0 })

void arena_deinit(Arena *arena); /* back to empty */

/* All return NULL when out of memory. Zero bytes are a valid, unique address. */
void *arena_alloc(Arena *arena, size_t size);            /* content undefined */
void *arena_zalloc(Arena *arena, size_t n, size_t size); /* n zeroed elements; NULL on overflow */
void *arena_copy(Arena *arena, const void *data, size_t size);
char *arena_string(Arena *arena, const void *data, size_t size); /* copy plus terminator */

/* Room for one more element behind the @n of @array (NULL if @n is 0). Returns the array, at
 * its old or at a new place; it must have grown through this function only, because the
 * capacity follows from @n: the next power of two, at least 4. */
void *arena_grow(Arena *arena, void *array, size_t n, size_t size);

static inline void arena_cleanup(Arena *arena) {
        arena_deinit(arena);
}
