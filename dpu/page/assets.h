#pragma once

/*
 * Assets: the style sheets and the script of a page, as they lie in this folder. The build makes
 * assets.c of them (cmake/DpuccEmbed.cmake), each a string.
 */

extern const char asset_colours_css[]; /* variables: light and dark */
extern const char asset_graph_css[];   /* the drawing */
extern const char asset_page_css[];
extern const char asset_page_js[];
