/* Lines of words to favour, as clients send them: what is left of them can be heard, letters and
 * what stands between, and a decoder takes them; what was left out is named in text that JSON may
 * hold. The whole is a prompt, too. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "hotwords.h"
#include "pace.h"
#include "utf8.h"
#include "words.h"

#define WORDS_MOST 100

const struct pace pace_limit = {0.1, 1e-5};

static void check(const struct hotwords *hotwords, size_t count)
{
    if (hotwords->count > count)
        abort();
    for (size_t i = 0; i < hotwords->count; i++)
        if (!strpbrk(hotwords->words[i].text,
                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            abort();
    json_t *warning = json_string(hotwords->warning);
    if (!warning || strlen(hotwords->warning) >= sizeof hotwords->warning)
        abort();
    json_decref(warning);
}

void pace_input(const uint8_t *bytes, size_t count)
{
    struct fold_hotword words[WORDS_MOST];
    size_t words_count = 0, length;
    char *text = strndup((const char *)bytes, count), *rest = NULL;

    if (!text)
        return;
    const char *prompt = text, *end = text + strlen(text);
    for (const char *word; (word = words_of_prompt(&prompt, &length));)
        if (word < text || word + length > end || !length)
            abort();
    for (char *line = strtok_r(text, "\n", &rest); line && words_count < WORDS_MOST;
         line = strtok_r(NULL, "\n", &rest))
        words[words_count++] = (struct fold_hotword){line, 2};
    struct hotwords *hotwords = hotwords_copy(words, words_count);
    if (!hotwords)
        abort();
    check(hotwords, words_count);
    hotwords_unref(hotwords);
    if (words_count) {
        utf8_mend(text);
        json_t *mended = json_string(text);
        if (!mended)
            abort();
        json_decref(mended);
    }
    free(text);
}
