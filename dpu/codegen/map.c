#include "dpu/codegen/map.h"

static int32_t map_floor(int32_t a, uint32_t b) {
        int32_t n = (int32_t) b;

        return a >= 0 ? a / n : -((-a + n - 1) / n);
}

static uint32_t map_rest(int32_t a, uint32_t b) {
        return (uint32_t) (a - map_floor(a, b) * (int32_t) b);
}

int32_t map_round(const Map *map, const Machine *machine, int32_t row) {
        return map_floor(row - map->origin, map_round_rows(map, machine));
}

uint32_t map_round_end(const Map *map, const Machine *machine, uint32_t row) {
        int32_t round = map_round(map, machine, (int32_t) row);

        return (uint32_t) (map->origin + (round + 1) * (int32_t) map_round_rows(map, machine));
}

bool map_keeps(const Map *map, uint32_t row) {
        return map_rest((int32_t) row - map->origin, map->layout) < map->kept;
}

static uint32_t map_slot(const Map *map, int32_t round) {
        return map->address + map_rest((int32_t) map->turn + round, map->slots) * map->slot_words;
}

MapRow map_row(const Map *map, const Machine *machine, int32_t row) {
        int32_t group = map_floor(row - map->origin, map->layout);

        return (MapRow){ .bank = machine_image_bank(machine, map->space,
                                                    map_rest(group, machine->pixels)),
                         .offset = map_rest(row - map->origin, map->layout) };
}

BankPlace map_place(const Map *map, const Machine *machine, uint32_t row) {
        MapRow at = map_row(map, machine, (int32_t) row);

        return (BankPlace){ .space = map->space,
                            .bank = at.bank,
                            .address = machine_address(
                                    map_slot(map, map_round(map, machine, (int32_t) row)) +
                                    at.offset * map_row_words(map)),
                            .pitch = map->words };
}

void map_starts(const Map *map, const Machine *machine, const MapWindow *window,
                uint32_t ret[MACHINE_WRAPS_MAX]) {
        int32_t round = map_round(map, machine, window->row);
        int32_t first = map_round(map, machine, (int32_t) window->first);
        int32_t last = map_round(map, machine, (int32_t) window->last);
        uint32_t column = MACHINE_DEPTH * map->words + /* so that it stays above 0 */
                          (window->column - map->column) * map->words - window->before * map->words;

        for (uint32_t i = 0; i < MACHINE_WRAPS_MAX; i++, round++) {
                ret[i] = 0;
                if (round >= first && round <= last)
                        ret[i] = machine_address(map_slot(map, round) + column);
        }
}

unsigned map_access(const Map *map, const Machine *machine, uint32_t first, uint32_t last,
                    bool writes, Access ret[MAP_ACCESSES]) {
        int32_t from = map_round(map, machine, (int32_t) first);
        uint32_t n = (uint32_t) (map_round(map, machine, (int32_t) last) - from) + 1;
        uint32_t slot = map_rest((int32_t) map->turn + from, map->slots);
        uint32_t before_wrap = map->slots - slot;
        const Access access = { .space = map->space, .writes = writes };

        ret[0] = ret[1] = access;
        if (n >= map->slots) {
                ret[0].first = map->address;
                ret[0].n = map_words(map);
                return 1;
        }
        ret[0].first = machine_address(map->address + slot * map->slot_words);
        ret[0].n = (uint64_t) machine_least(n, before_wrap) * map->slot_words;
        if (n <= before_wrap)
                return 1;
        ret[1].first = map->address;
        ret[1].n = (uint64_t) (n - before_wrap) * map->slot_words;
        return 2;
}

void map_restart(Map *map, const Machine *machine, int32_t origin, uint32_t first) {
        int32_t rounds = 0;

        if (map->end > 0)
                rounds = map_round(map, machine, (int32_t) map->end - 1) + 1;
        map->turn = map_rest((int32_t) map->turn + rounds, map->slots);
        map->origin = origin;
        map->end = first;
}
