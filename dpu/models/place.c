#include "dpu/models/place.h"

#include <stdio.h>

Place place_in(const Place *parent, const char *type, const char *name) {
        Place place;

        (void) snprintf(place.path, sizeof(place.path), "%s%s%s[%s]", parent ? parent->path : "",
                        parent ? "/" : "", type, name);
        (void) snprintf(place.parameter, sizeof(place.parameter), "%s%s%s",
                        parent ? parent->parameter : "", parent ? "." : "", name);
        return place;
}

Place place_nth(const Place *parent, const char *type, int number) {
        char name[16];

        (void) snprintf(name, sizeof(name), "%d", number);
        return place_in(parent, type, name);
}

Op *place_conv(Quantized *q, Op *input, const Place *parent, const char *name, QuantizedConv conv) {
        const Place place = place_in(parent, "Conv2d", name);

        conv.path = place.path;
        conv.parameter = place.parameter;
        return quantized_conv2d(q, input, &conv);
}
