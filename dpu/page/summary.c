#include "dpu/page/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "dpu/page/markup.h"

typedef struct Summary {
        void (*each)(const SummaryFigure *figure, void *userdata);
        void *userdata;
        char value[64];
        char detail[128];
} Summary;

static void summary_tell(Summary *s, const char *what, bool alarming) {
        const SummaryFigure figure = { what, s->value, s->detail, alarming };

        s->each(&figure, s->userdata);
        s->detail[0] = '\0';
}

static void summary_layers(const Facts *facts, Summary *s) {
        const Drawing *drawing = &facts->drawing;
        size_t n_todo = 0, n_off = drawing->counts[SIDE_CPU];
        Problem why;

        for (size_t i = 0; i < drawing->n_boxes; i++)
                n_todo += facts_needs_work(&drawing->boxes[i], &why);
        (void) snprintf(s->value, sizeof(s->value), "%zu of %zu", drawing->counts[SIDE_DPU],
                        drawing->n_boxes - drawing->counts[SIDE_USER]);
        summary_tell(s, "Layers on the DPU", drawing->counts[SIDE_DPU] == 0);
        (void) snprintf(s->value, sizeof(s->value), "%zu", n_off);
        if (n_todo > 0)
                (void) snprintf(s->detail, sizeof(s->detail), "%zu to be implemented", n_todo);
        else if (n_off > 0)
                (void) snprintf(s->detail, sizeof(s->detail), "all in the board's runtime");
        summary_tell(s, "Layers on the CPU", n_todo > 0);
}

static void summary_cost(const Facts *facts, Summary *s) {
        const FactsCost *cost = &facts->cost;
        char text[MARKUP_NUMBER_MAX];

        (void) snprintf(s->value, sizeof(s->value), "%.2f to %.2f ms", facts_ms(cost->cycles[0]),
                        facts_ms(cost->cycles[1]));
        (void) snprintf(s->detail, sizeof(s->detail), "estimated, at 300 MHz");
        summary_tell(s, "Time on the DPU", false);
        (void) snprintf(s->value, sizeof(s->value), "%s",
                        markup_count(cost->multiplications, text));
        summary_tell(s, "Multiplications", false);
        (void) snprintf(s->value, sizeof(s->value), "%s", markup_size(facts_traffic(cost), text));
        (void) snprintf(s->detail, sizeof(s->detail), "each time it runs");
        summary_tell(s, "Memory traffic", false);
}

void summary_each(const Facts *facts, void (*each)(const SummaryFigure *figure, void *userdata),
                  void *userdata) {
        Summary s = { .each = each, .userdata = userdata };
        char text[MARKUP_NUMBER_MAX];

        summary_layers(facts, &s);
        if (facts->has_cost)
                summary_cost(facts, &s);
        (void) snprintf(s.value, sizeof(s.value), "%s", markup_size(facts->spec->file_size, text));
        summary_tell(&s, "File", false);
}
