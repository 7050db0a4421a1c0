#include "daemon/config_value.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"

#define CONFIG_WORD_MAX 4096 /* bytes */

int config_value_unsigned(const JsonPlace *object, const char *key, int64_t min, int64_t max,
                          unsigned *ret, Problem *problem) {
        JsonPlace member;
        int64_t value;
        int r;

        if (json_member(object, key, &member) < 0)
                return 0;
        r = json_integer(&member, min, max, &value, problem);
        if (r < 0)
                return r;
        *ret = (unsigned) value;
        return 0;
}

int config_value_path(const JsonPlace *place, char **ret, Problem *problem) {
        const char *text;
        char *path;
        int r;

        r = json_string(place, &text, problem);
        if (r < 0)
                return r;
        if (text[0] != '/')
                return json_complain(place, problem,
                                     "\"%.80s\" is not an absolute path; write it from \"/\"",
                                     text);
        path = path_normalise("/", text);
        if (!path)
                return -ENOMEM;
        *ret = path;
        return 0;
}

int config_value_words(const JsonPlace *list, Strings *ret, Problem *problem) {
        int r;

        r = json_require_list(list, CONFIG_WORDS_MAX, problem);
        for (size_t i = 0; r == 0 && i < json_length(list); i++) {
                const JsonPlace element = json_element(list, i);
                const char *word;

                r = json_string(&element, &word, problem);
                if (r == 0 && (word[0] == '\0' || strlen(word) > CONFIG_WORD_MAX))
                        r = json_complain(&element, problem, "a word of 1 to %d bytes expected",
                                          CONFIG_WORD_MAX);
                if (r == 0 && i == 0 && (word[0] == '-' || (word[0] != '/' && strchr(word, '/'))))
                        r = json_complain(&element, problem,
                                          "\"%.80s\" is neither the name of a program nor an "
                                          "absolute path of one",
                                          word);
                if (r == 0)
                        r = strings_add(ret, word);
        }
        return r;
}
