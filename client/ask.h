#pragma once

/*
 * Asking for one of the things that need no more than a body and perhaps a path: sends the
 * request and lets a function print what came, if it is for a person and it worked.
 */

#include "client/exchange.h"

typedef void (*AskPrintFn)(const Exchange *exchange);

/* The body of @x->request is set. Returns an exit code. @print may be NULL. */
int ask(const Options *options, Exchange *x, AskPrintFn print);

/* The same with a body of type Empty. */
int ask_plainly(const Options *options, Dpucc__Wire__Request__BodyCase body, AskPrintFn print);

/* For commands that have no options and @min (0 or 1) to 1 operands: parses, and sets *@ret to the
 * operand or NULL. 0, or an error for options_code(). */
int ask_operand(Options *options, int argc, char **argv, int min, const char **ret);

/* The same for commands whose operand is a directory: *@ret_place owns what *@ret points to. Both
 * stay as they are without an operand. */
int ask_directory(Options *options, int argc, char **argv, int min, ProtobufCBinaryData *ret,
                  char **ret_place);

/* For commands whose one operand is X: parses, and asks with *@selector, a member of @x's body, set
 * to it. Returns an exit code. */
int ask_of(Options *options, int argc, char **argv, Exchange *x, Dpucc__Wire__Selector **selector,
           AskPrintFn print);

/* What is known of @text, which means what X means; NULL: @x tells why. It lives as long as @x. */
const Dpucc__Wire__ShowReply *ask_about(const Options *options, const char *text, Exchange *x);
const ProtobufCBinaryData *ask_source_of(const Dpucc__Wire__ShowReply *show); /* NULL: not known */
bool ask_is_source(const char *path,
                   const Dpucc__Wire__ShowReply *show); /* of what @show is about */
