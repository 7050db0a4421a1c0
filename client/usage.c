#include "client/usage.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static size_t usage_copy(char *ret, size_t room, const char *from, size_t n) {
        n = n < room - 1 ? n : room - 1;
        memcpy(ret, from, n);
        ret[n] = '\0';
        return n;
}

static size_t usage_line(const char *text) {
        return strcspn(text, "\n");
}

/* "NAME" after "--target": one blank and capitals, or a number */
static size_t usage_value(const char *at) {
        size_t n;

        if (at[0] != ' ' || at[1] == ' ')
                return 0;
        n = strcspn(at + 1, " \n");
        if (!isupper((unsigned char) at[1]) && strncmp(at + 1, "0x", 2) != 0)
                return 0;
        return n;
}

/* one line of "  -x, --long VALUE   text"; false: it is none */
static bool usage_parse(const char *line, UsageOption *ret) {
        const char *at = line + strspn(line, " ");
        size_t n;

        *ret = (UsageOption){};
        if (at == line || at[0] != '-' || at[1] == '\n' || at[1] == '\0')
                return false;
        if (at[1] != '-') {
                ret->letter = at[1];
                at += 2;
                if (strncmp(at, ", --", 4) == 0)
                        at += 2;
        }
        if (at[0] == '-') {
                n = strcspn(at, " ,\n");
                (void) usage_copy(ret->name, sizeof(ret->name), at, n);
                at += n;
        }
        n = usage_value(at);
        if (n > 0)
                (void) usage_copy(ret->value, sizeof(ret->value), at + 1, n);
        at += n > 0 ? n + 1 : 0;
        at += strspn(at, " ,");
        n = usage_line(at);
        (void) usage_copy(ret->text, sizeof(ret->text), at, n);
        return true;
}

bool usage_next_option(const char **text, UsageOption *ret) {
        while (**text) {
                const char *line = *text;

                *text += usage_line(line);
                *text += **text == '\n';
                if (usage_parse(line, ret))
                        return true;
        }
        return false;
}

static bool usage_is_operand(const char *word) {
        static const char *const words[] = { "XMODEL", "X", "DIR", "PATH", "FILE", "COMMAND", "A" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcmp(word, words[i]) == 0)
                        return true;
        return false;
}

/* without brackets and dots */
static size_t usage_word(const char *at, char ret[USAGE_WORD_MAX]) {
        size_t n = strcspn(at, " \n"), from = strspn(at, "[(");
        size_t to = n;

        while (to > from && strchr("]).", at[to - 1]))
                to--;
        (void) usage_copy(ret, USAGE_WORD_MAX, at + from, to - from);
        return n;
}

void usage_operand(const char *text, char ret[USAGE_WORD_MAX]) {
        bool is_value = false; /* of the option before it */

        while (*text) {
                size_t n = usage_word(text, ret);

                if (!is_value && usage_is_operand(ret))
                        return;
                is_value = ret[0] == '-' && (n == 0 || text[n - 1] != ']');
                text += n;
                if (strncmp(text, "\n\n", 2) == 0)
                        break;
                text += strspn(text, " \n");
        }
        ret[0] = '\0';
}
