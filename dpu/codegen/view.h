#pragma once

/*
 * Views: images in memory as LOAD and SAVE see them
 *
 * int8 pixels of @channels neighbouring bytes, at distances of @pixel_pitch and @row_pitch. A
 * slice of a concatenation, every second row, one channel group: all are views of the same bytes.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct View {
        unsigned reg_id;
        uint64_t address;                /* of the first pixel in its region */
        uint64_t row_pitch, pixel_pitch; /* bytes */
        uint32_t height, width, channels;
        int32_t fix_point;
        /* Pixels may overlap, and reach beyond the rows of their image: what is before or behind
         * these bytes of a row is loaded as 0. @end 0: everything is inside. */
        uint32_t begin, end;
} View;

/* rows @first, @first + @step .. of it, @n of them */
static inline View view_rows(View view, uint32_t first, uint32_t step, uint32_t n) {
        view.address += first * view.row_pitch;
        view.row_pitch *= step;
        view.height = n;
        return view;
}

static inline View view_columns(View view, uint32_t first, uint32_t step, uint32_t n) {
        view.address += first * view.pixel_pitch;
        view.pixel_pitch *= step;
        view.width = n;
        return view;
}

static inline View view_channels(View view, uint32_t first, uint32_t n) {
        view.address += first;
        view.channels = n;
        return view;
}

/* groups @first to @first + @n - 1 of @lanes channels, as far as there are channels */
static inline View view_groups(const View *view, uint32_t lanes, uint32_t first, uint32_t n) {
        uint32_t rest = view->channels - first * lanes;

        return view_channels(*view, first * lanes, n * lanes < rest ? n * lanes : rest);
}

static inline uint64_t view_at(const View *view, uint32_t row, uint32_t column) {
        return view->address + row * view->row_pitch + column * view->pixel_pitch;
}

/* without gaps */
static inline bool view_is_dense(const View *view) {
        return view->pixel_pitch == view->channels &&
               view->row_pitch == view->pixel_pitch * view->width;
}
