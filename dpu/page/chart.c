#include "dpu/page/chart.h"

#define CHART_WIDTH  1200
#define CHART_HEIGHT 200
#define CHART_LEFT   64
#define CHART_TOP    12

static size_t chart_count(const Facts *facts) {
        size_t n = 0;

        for (size_t i = 0; i < facts->drawing.n_boxes; i++)
                n += facts->accounts[facts->drawing.boxes[i].op->index] != NULL;
        return n;
}

/* the smallest of 1, 2, 5, 10, 20 ... that four of reach as high as @most */
static uint64_t chart_step(uint64_t most) {
        static const unsigned factors[] = { 1, 2, 5 };
        uint64_t ten = 1;

        for (;; ten *= 10)
                for (int i = 0; i < 3; i++)
                        if (4 * factors[i] * ten >= most || ten > UINT64_MAX / 1000)
                                return factors[i] * ten;
}

static void chart_grid(Markup *m, uint64_t step, double scale) {
        for (uint64_t i = 0; i <= 4; i++) {
                double y = CHART_TOP + CHART_HEIGHT - (double) (i * step) * scale;
                char text[MARKUP_NUMBER_MAX];

                markup_format(m,
                              "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                              "<text class=\"tick\" x=\"%d\" y=\"%.1f\">%s</text>\n",
                              CHART_LEFT, CHART_WIDTH, y, y, CHART_LEFT - 8, y + 4,
                              markup_count(i * step, text));
        }
}

static void chart_bar(const Facts *facts, Markup *m, size_t box, double x, double width,
                      double scale) {
        const AccountLayer *layer = facts->accounts[facts->drawing.boxes[box].op->index];
        double used = layer->peak > 0 ? (double) layer->multiplications / (double) layer->peak : 0;
        double all = (double) layer->cycles, bottom = CHART_TOP + CHART_HEIGHT;

        used = used > all ? all : used;
        markup_format(m, "<g class=\"bar\" data-box=\"%zu\"><title>", box);
        markup_name(m, layer->op->name);
        markup_format(m, ": %.0f cycles, engine used to %.0f %%</title>", all,
                      facts_percent(layer->multiplications, layer->cycles * layer->peak));
        markup_format(m, "<rect class=\"reach\" x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\"/>",
                      x, CHART_TOP, width, CHART_HEIGHT);
        markup_format(m,
                      "<rect class=\"all\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>",
                      x, bottom - all * scale, width * 0.86, all * scale);
        markup_format(m,
                      "<rect class=\"used\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
                      "height=\"%.2f\"/></g>\n",
                      x, bottom - used * scale, width * 0.86, used * scale);
}

void chart_element(const Facts *facts, Markup *m) {
        size_t n = chart_count(facts), at = 0;
        uint64_t step = chart_step(facts->cost.most);
        double scale = (double) CHART_HEIGHT / (4.0 * (double) step);
        double width = (double) (CHART_WIDTH - CHART_LEFT) / (double) (n > 20 ? n : 20);

        if (n == 0)
                return;
        markup_format(m,
                      "<figure><svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" "
                      "viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Cycles of %zu layers; the "
                      "table of all layers has the numbers\">\n",
                      CHART_WIDTH, CHART_HEIGHT + 2 * CHART_TOP, n);
        chart_grid(m, step, scale);
        for (size_t i = 0; i < facts->drawing.n_boxes; i++) {
                if (!facts->accounts[facts->drawing.boxes[i].op->index])
                        continue;
                chart_bar(facts, m, i, CHART_LEFT + (double) at * width, width, scale);
                at++;
        }
        markup_raw(m,
                   "</svg>\n<figcaption>Cycles of the layers with weights, in the order in "
                   "which they run. <span class=\"key used\"></span> if the engine were used to "
                   "the full, <span class=\"key all\"></span> as it is.</figcaption></figure>\n");
}
