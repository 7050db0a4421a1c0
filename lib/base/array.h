#pragma once

/*
 * Growing arrays: the pointer, the count and the capacity are the owner's own fields; this is
 * the doubling.
 */

#include <stddef.h>

/* Room for at least @needed items of @item_size bytes in *@items (a pointer to the array's
 * pointer, which may be NULL). 0, or -ENOMEM with everything as it was. */
int array_reserve(void *items, size_t *capacity, size_t needed, size_t item_size);
