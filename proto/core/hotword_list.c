#include "hotword_list.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

void hotword_list_finish(struct hotword_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->texts[i]);
    list->count = 0;
}

int hotword_list_copy(struct hotword_list *to, const struct hotword_list *from)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        if (!(to->texts[i] = strdup(from->texts[i]))) {
            hotword_list_finish(to);
            return -1;
        }
        to->boosts[i] = from->boosts[i];
        to->count++;
    }
    return 0;
}

int hotword_list_add(struct hotword_list *list, const char *field, const char *text, size_t length,
                     float boost, struct field_error *err)
{
    while (length && isspace((unsigned char)*text))
        text++, length--;
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    if (!length)
        return 0;
    if (list->count == HOTWORD_LIST_MOST)
        return field_fail(err, FIELD_TOO_MANY, field, "%s: at most %d terms are allowed", field,
                          HOTWORD_LIST_MOST);
    if (length > HOTWORD_LIST_BYTES)
        return field_fail(err, FIELD_TOO_LONG, field,
                          "%s: a term has %zu bytes: at most %d are allowed", field, length,
                          HOTWORD_LIST_BYTES);
    char *copy = strndup(text, length);
    if (!copy)
        return field_fail(err, FIELD_NO_MEMORY, field, "out of memory");
    list->boosts[list->count] = boost;
    list->texts[list->count++] = copy;
    return 0;
}

int hotword_list_add_prompt(struct hotword_list *list, const char *field, const char *prompt,
                            float boost, struct field_error *err)
{
    size_t length;
    for (const char *word; (word = words_of_prompt(&prompt, &length));)
        if (length <= HOTWORD_LIST_BYTES && list->count < HOTWORD_LIST_MOST &&
            hotword_list_add(list, field, word, length, boost, err) != 0)
            return -1;
    return 0;
}
