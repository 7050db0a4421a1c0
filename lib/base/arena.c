#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK_FIRST ((size_t) 4 * 1024)
#define ARENA_CHUNK_MAX   ((size_t) 1024 * 1024)
#define ARENA_GROW_FIRST  4 /* elements */

struct ArenaChunk {
        ArenaChunk *next;
        size_t size; /* of data */
        size_t used;
        alignas(max_align_t) unsigned char data[];
};

void arena_deinit(Arena *arena) {
        while (arena->chunks) {
                ArenaChunk *next = arena->chunks->next;

                free(arena->chunks);
                arena->chunks = next;
        }
        arena->total = 0;
}

static ArenaChunk *arena_chunk_new(Arena *arena, size_t size) {
        ArenaChunk *chunk;

        if (size > SIZE_MAX - sizeof(*chunk))
                return NULL;
        chunk = malloc(sizeof(*chunk) + size);
        if (!chunk)
                return NULL;

        chunk->size = size;
        chunk->used = 0;
        arena->total += sizeof(*chunk) + size;
        return chunk;
}

static void *arena_alloc_large(Arena *arena, size_t size) {
        ArenaChunk *chunk = arena_chunk_new(arena, size);

        if (!chunk)
                return NULL;

        chunk->used = size;
        if (arena->chunks) { /* behind the chunk that is being filled */
                chunk->next = arena->chunks->next;
                arena->chunks->next = chunk;
        } else {
                chunk->next = NULL;
                arena->chunks = chunk;
        }
        return chunk->data;
}

static void *arena_alloc_in_new_chunk(Arena *arena, size_t size) {
        size_t chunk_size = arena->total < ARENA_CHUNK_FIRST ? ARENA_CHUNK_FIRST : arena->total;
        ArenaChunk *chunk;

        if (chunk_size > ARENA_CHUNK_MAX)
                chunk_size = ARENA_CHUNK_MAX;
        if (size > chunk_size / 4)
                return arena_alloc_large(arena, size);

        chunk = arena_chunk_new(arena, chunk_size);
        if (!chunk)
                return NULL;
        chunk->next = arena->chunks;
        chunk->used = size;
        arena->chunks = chunk;
        return chunk->data;
}

void *arena_alloc(Arena *arena, size_t size) {
        const size_t align = alignof(max_align_t);
        ArenaChunk *chunk = arena->chunks;
        void *p;

        if (size > SIZE_MAX / 2)
                return NULL;
        size = size == 0 ? align : (size + align - 1) / align * align;
        if (!chunk || chunk->size - chunk->used < size)
                return arena_alloc_in_new_chunk(arena, size);

        p = chunk->data + chunk->used;
        chunk->used += size;
        return p;
}

void *arena_zalloc(Arena *arena, size_t n, size_t size) {
        void *p;

        if (size > 0 && n > SIZE_MAX / size)
                return NULL;
        p = arena_alloc(arena, n * size);
        return p ? memset(p, 0, n * size) : NULL;
}

void *arena_copy(Arena *arena, const void *data, size_t size) {
        void *p = arena_alloc(arena, size);

        if (p && size > 0)
                memcpy(p, data, size);
        return p;
}

char *arena_string(Arena *arena, const void *data, size_t size) {
        char *p = size < SIZE_MAX ? arena_alloc(arena, size + 1) : NULL;

        if (!p)
                return NULL;
        if (size > 0)
                memcpy(p, data, size);
        p[size] = '\0';
        return p;
}

void *arena_grow(Arena *arena, void *array, size_t n, size_t size) {
        size_t capacity = ARENA_GROW_FIRST;
        void *p;

        while (capacity < n)
                capacity *= 2;
        if (n > 0 && n < capacity)
                return array;
        if (n == capacity)
                capacity *= 2;
        if (capacity > SIZE_MAX / size)
                return NULL;

        p = arena_alloc(arena, capacity * size);
        if (p && n > 0)
                memcpy(p, array, n * size);
        return p;
}
