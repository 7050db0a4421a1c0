#include "dpu/page/svg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/page/assets.h"
#include "dpu/page/caption.h"

#define SVG_MARGIN     20
#define SVG_BAND       18 /* of the device's colour, at a box's left */
#define SVG_RADIUS     6  /* of corners of lines */
#define SVG_TITLE_MAX  23 /* characters that fit */
#define SVG_NAME_MAX   27
#define SVG_SHAPE_MAX  21
#define SVG_TEXT_START (SVG_BAND + 8)
#define SVG_TEXT_END   (DRAWING_BOX_WIDTH - 8)

/* --- lines --------------------------------------------------------------------------------- */

static int32_t svg_towards(int32_t from, int32_t to, int32_t by) {
        if (from == to)
                return from;
        return from < to ? from + by : from - by;
}

static int32_t svg_distance(const LayoutPoint *a, const LayoutPoint *b) {
        return abs(a->x - b->x) + abs(a->y - b->y);
}

/* rounded; the lines before and behind it may be short */
static void svg_corner(Markup *m, const LayoutPoint *corner) {
        const LayoutPoint *before = corner - 1, *behind = corner + 1;
        int32_t in = svg_distance(before, corner) / 2, out = svg_distance(corner, behind) / 2;
        int32_t radius = in < out ? in : out;

        radius = radius > SVG_RADIUS ? SVG_RADIUS : radius;
        markup_format(m, "L%d %dQ%d %d %d %d", svg_towards(corner->x, before->x, radius),
                      svg_towards(corner->y, before->y, radius), corner->x, corner->y,
                      svg_towards(corner->x, behind->x, radius),
                      svg_towards(corner->y, behind->y, radius));
}

static void svg_curve(Markup *m, const LayoutPoint *to) {
        int32_t middle = (to[-1].y + to->y) / 2;

        markup_format(m, "C%d %d %d %d %d %d", to[-1].x, middle, to->x, middle, to->x, to->y);
}

static void svg_path(Markup *m, const LayoutPoint *points, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const LayoutPoint *point = &points[i];

                switch (point->step) {
                case LAYOUT_START:
                        markup_format(m, "M%d %d", point->x, point->y);
                        break;
                case LAYOUT_CURVE:
                        svg_curve(m, point);
                        break;
                case LAYOUT_CORNER:
                        svg_corner(m, point);
                        break;
                case LAYOUT_LINE:
                case LAYOUT_JUMP:
                        markup_format(m, "L%d %d", point->x, point->y);
                        break;
                }
        }
}

/* Where a tensor leaves one device for another, it goes through memory, and perhaps through a
 * conversion: such lines are drawn differently. */
static void svg_lines(const Drawing *drawing, Markup *m) {
        const Layout *layout = &drawing->layout;

        markup_raw(m, "<g class=\"lines\">\n");
        for (size_t e = 0; e < drawing->n_edges; e++) {
                const LayoutEdge *edge = &drawing->edges[e];
                const LayoutRoute *route = &layout->routes[e];
                const LayoutPoint *points = layout->points + route->first;
                bool border = drawing->boxes[edge->from].side != drawing->boxes[edge->to].side;

                markup_format(m, "<path id=\"line%zu\" class=\"line%s%s\" d=\"", e,
                              border ? " border" : "",
                              points[route->n - 1].step == LAYOUT_JUMP ? " jump" : "");
                svg_path(m, points, route->n);
                markup_raw(m, "\"/>\n");
        }
        markup_raw(m, "</g>\n");
}

/* --- boxes --------------------------------------------------------------------------------- */

static char *svg_caption(Markup *m, int (*write)(const Op *op, Bytes *ret), const Op *op) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(CAPTION_MAX);
        int r = write(op, &text);

        return caption_take(r, &text, &m->error);
}

static int svg_shape(const Op *op, Bytes *ret) {
        return caption_shape(&op->tensor, ret);
}

static void svg_text(Markup *m, const char *class, int x, int y, const char *text, size_t max) {
        char tail[MARKUP_TAIL_ROOM(SVG_NAME_MAX)];

        markup_tail(text, max, tail, sizeof(tail));
        markup_format(m, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, x, y);
        markup_text(m, tail);
        markup_raw(m, "</text>");
}

/* how much of the time of the longest layer it takes */
static void svg_heat(const Facts *facts, Markup *m, const Op *op) {
        const AccountLayer *account = facts->accounts[op->index];
        double share;

        if (!account || facts->cost.most == 0)
                return;
        share = (double) account->cycles / (double) facts->cost.most;
        markup_format(m, "<rect class=\"heat\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"3\"/>",
                      SVG_BAND, DRAWING_BOX_HEIGHT - 4,
                      share * (DRAWING_BOX_WIDTH - SVG_BAND - 6) + 1);
}

static void svg_box_content(const Facts *facts, Markup *m, const Box *box) {
        _cleanup_(freep) char *title = svg_caption(m, caption_title, box->op);
        _cleanup_(freep) char *shape = svg_caption(m, svg_shape, box_result(box));
        int32_t fix_point;

        markup_format(m,
                      "<rect class=\"card\" width=\"%d\" height=\"%d\" rx=\"7\"/>"
                      "<path class=\"band\" d=\"M%d 0H7A7 7 0 0 0 0 7V%dA7 7 0 0 0 7 %dH%dZ\"/>"
                      "<text class=\"side\" transform=\"translate(13 %d) rotate(-90)\">%s</text>",
                      DRAWING_BOX_WIDTH, DRAWING_BOX_HEIGHT, SVG_BAND, DRAWING_BOX_HEIGHT - 7,
                      DRAWING_BOX_HEIGHT, SVG_BAND, DRAWING_BOX_HEIGHT / 2, side_name(box->side));
        markup_raw(m, "<g clip-path=\"url(#inside)\">");
        svg_text(m, "type", SVG_TEXT_START, 18, title ?: box->op->type, SVG_TITLE_MAX);
        svg_text(m, "label", SVG_TEXT_START, 32, box->op->name, SVG_NAME_MAX);
        svg_text(m, "shape", SVG_TEXT_START, 45, shape ?: "", SVG_SHAPE_MAX);
        if (ports_fix_point(box_result(box), &fix_point))
                markup_format(m, "<text class=\"fix\" x=\"%d\" y=\"45\">fix %" PRId32 "</text>",
                              SVG_TEXT_END, fix_point);
        svg_heat(facts, m, box->op);
        markup_raw(m, "</g>");
}

static void svg_box_label(Markup *m, const Box *box) {
        _cleanup_(freep) char *title = svg_caption(m, caption_title, box->op);
        _cleanup_(freep) char *tensor = svg_caption(m, caption_tensor, box_result(box));

        markup_format(m, "%s: ", side_name(box->side));
        markup_text(m, title ?: box->op->type);
        markup_raw(m, ", ");
        markup_name(m, box->op->name);
        markup_raw(m, ", ");
        markup_text(m, tensor);
}

static void svg_boxes(const Facts *facts, Markup *m, bool in_page) {
        const Drawing *drawing = &facts->drawing;

        markup_raw(m, "<g class=\"boxes\">\n");
        for (size_t i = 0; i < drawing->n_boxes; i++) {
                const Box *box = &drawing->boxes[i];
                const LayoutBox *at = &drawing->layout.boxes[i];
                Problem why;

                markup_format(m,
                              "<g class=\"box %s%s\" id=\"box%zu\" transform=\"translate(%d %d)\"",
                              side_class(box->side), facts_needs_work(box, &why) ? " todo" : "", i,
                              at->x, at->y);
                if (in_page) {
                        markup_format(m, " role=\"button\" tabindex=\"%d\" aria-label=\"",
                                      i == 0 ? 0 : -1);
                        svg_box_label(m, box);
                        markup_raw(m, "\"");
                }
                markup_raw(m, "><title>");
                svg_box_label(m, box);
                markup_raw(m, "</title>");
                svg_box_content(facts, m, box);
                if (facts_needs_work(box, &why))
                        markup_format(m,
                                      "<g class=\"badge\" transform=\"translate(%d 0)\">"
                                      "<circle r=\"9\"/><text y=\"4\">!</text></g>",
                                      DRAWING_BOX_WIDTH - 4);
                markup_raw(m, "</g>\n");
        }
        markup_raw(m, "</g>\n");
}

/* --- the whole ----------------------------------------------------------------------------- */

static void svg_definitions(Markup *m) {
        markup_raw(m, "<defs>"
                      "<marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
                      "markerWidth=\"7\" markerHeight=\"7\" markerUnits=\"userSpaceOnUse\" "
                      "orient=\"auto\"><path d=\"M0 0.5L8 4L0 7.5Z\"/></marker>");
        markup_format(m,
                      "<clipPath id=\"inside\"><rect x=\"%d\" width=\"%d\" height=\"%d\"/>"
                      "</clipPath></defs>\n",
                      SVG_BAND, DRAWING_BOX_WIDTH - SVG_BAND - 4, DRAWING_BOX_HEIGHT);
}

static void svg_begin(const Facts *facts, Markup *m, bool in_page) {
        const Layout *layout = &facts->drawing.layout;
        int32_t width = layout->width + 2 * SVG_MARGIN, height = layout->height + 2 * SVG_MARGIN;

        markup_format(
                m,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" viewBox=\"%d %d %d %d\"",
                -SVG_MARGIN, -SVG_MARGIN, width, height);
        if (in_page)
                markup_raw(m,
                           " id=\"graph\" role=\"group\" aria-label=\"Graph of the layers. Arrow "
                           "keys go from layer to layer.\"");
        else
                markup_format(m, " width=\"%d\" height=\"%d\" role=\"img\"", width, height);
        markup_raw(m, ">\n");
}

static void svg_content(const Facts *facts, Markup *m, bool in_page) {
        if (facts->drawing.too_large) {
                markup_raw(m, "<text y=\"20\">The graph is too large to be drawn.</text>\n");
                return;
        }
        svg_definitions(m);
        svg_lines(&facts->drawing, m);
        svg_boxes(facts, m, in_page);
}

void svg_document(const Facts *facts, Markup *m) {
        svg_begin(facts, m, false);
        markup_raw(m, "<title>");
        markup_name(m, facts->spec->title);
        markup_raw(m, "</title>\n<style>\n");
        markup_raw(m, asset_colours_css);
        markup_raw(m, asset_graph_css);
        markup_raw(m, "</style>\n");
        markup_format(m,
                      "<rect class=\"ground\" x=\"%d\" y=\"%d\" width=\"100%%\" "
                      "height=\"100%%\"/>\n",
                      -SVG_MARGIN, -SVG_MARGIN);
        svg_content(facts, m, false);
        markup_raw(m, "</svg>\n");
}

void svg_element(const Facts *facts, Markup *m) {
        svg_begin(facts, m, true);
        svg_content(facts, m, true);
        markup_raw(m, "</svg>\n");
}
