#pragma once

/*
 * Maps: rows of an image in a group of banks, as long as somebody needs them
 *
 * An image passes through a map from top to bottom: rows are added at its end, and those that no
 * window will see again are overwritten. So a row is loaded, or computed, once, however many tiles
 * see it. A map with room for all rows is just the image on the chip.
 *
 * Rows lie as their reader wants them (docs/ISA.md, "Feature maps in banks"): in row groups of
 * @layout rows, group q in bank q modulo the banks. All groups between two wraps of the bank number
 * are a round; a round lies in one of the map's slots, its number modulo the slots. The reader
 * names a start address for each round that it sees.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dpu/codegen/machine.h"

#define MAP_ACCESSES 2 /* ranges of words that rows of a map can be */

typedef struct Map {
        Space space;
        uint32_t address;           /* first word of the first slot */
        uint32_t words;             /* of a pixel */
        uint32_t column, columns;   /* of the image, that the map has */
        uint32_t layout, kept;      /* rows of a row group, and how many of them are stored */
        int32_t origin;             /* the row where row group 0 begins; maybe before the image */
        uint32_t slots, slot_words; /* a round needs no more words */
        uint32_t turn;              /* the slot of round 0 */
        uint32_t end;               /* the rows before this one are there, or were */
} Map;

static inline uint32_t map_row_words(const Map *map) {
        return map->columns * map->words;
}

static inline uint32_t map_round_words(const Map *map) {
        return map->kept * map_row_words(map);
}

static inline uint32_t map_words(const Map *map) {
        return map->slots * map->slot_words;
}

/* rows of a round */
static inline uint32_t map_round_rows(const Map *map, const Machine *machine) {
        return map->layout * machine->pixels;
}

int32_t map_round(const Map *map, const Machine *machine, int32_t row);

/* the first row behind the round of @row */
uint32_t map_round_end(const Map *map, const Machine *machine, uint32_t row);

/* Rows between the windows are not stored. */
bool map_keeps(const Map *map, uint32_t row);

BankPlace map_place(const Map *map, const Machine *machine, uint32_t row);

/* Where @row is in the row groups, as instructions say it: also of a row before the image. */
typedef struct MapRow {
        uint32_t bank;   /* of all image banks */
        uint32_t offset; /* in its row group */
} MapRow;

MapRow map_row(const Map *map, const Machine *machine, int32_t row);

/* The start addresses for a window whose first row is @row, whose first image row is @first and
 * whose last one is @last; of image column @column, less @before pixels. */
typedef struct MapWindow {
        int32_t row;
        uint32_t first, last, column, before;
} MapWindow;

void map_starts(const Map *map, const Machine *machine, const MapWindow *window,
                uint32_t ret[MACHINE_WRAPS_MAX]);

/* the words of rows @first to @last, in all banks */
unsigned map_access(const Map *map, const Machine *machine, uint32_t first, uint32_t last,
                    bool writes, Access ret[MAP_ACCESSES]);

/* Begins anew, in the slots behind those that were used last, with @origin as the first row of the
 * first row group and @first as the first row that comes. */
void map_restart(Map *map, const Machine *machine, int32_t origin, uint32_t first);
