#include "sentences.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* With a point, and a name behind it. */
static bool is_title(const char *text, size_t length)
{
    static const char *const titles[] = {"mr",  "mrs",  "ms",  "dr",  "st",    "jr",
                                         "sr",  "prof", "gen", "col", "capt",  "lt",
                                         "sgt", "rev",  "hon", "mt",  "messrs"};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strlen(titles[i]) == length && strncasecmp(titles[i], text, length) == 0)
            return true;
    return length == 1 && isupper((unsigned char)*text) && *text != 'I';
}

static bool has_end_mark(const char *text)
{
    size_t length = strlen(text);
    while (length && strchr("\"')]", text[length - 1]))
        length--;
    if (!length || !strchr(".?!", text[length - 1]))
        return false;
    text += strspn(text, "\"'([");
    const size_t stem = strcspn(text, ".?!");
    return stem && !is_title(text, stem);
}

bool sentences_end(const struct result_word *words, size_t count, size_t i)
{
    if (i + 1 == count || has_end_mark(words[i].text))
        return true;
    return words[i + 1].start_samples - words[i].end_samples >=
           SENTENCES_PAUSE_MS * (RESULT_RATE_HZ / 1000);
}

struct result_word *sentences_words(const struct result_segment *segments, size_t segments_count,
                                    size_t *ret_count)
{
    size_t room = 1;
    for (size_t i = 0; i < segments_count; i++)
        room += segments[i].words_count;
    struct result_word *words = malloc(room * sizeof *words);
    *ret_count = 0;
    for (size_t i = 0; words && i < segments_count; i++)
        for (size_t j = 0; j < segments[i].words_count; j++)
            words[(*ret_count)++] = segments[i].words[j];
    return words;
}
