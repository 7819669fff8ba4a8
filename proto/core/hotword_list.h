/* hotword_list.h - words that a request wants to be favoured, whatever its dialect calls them. */
#ifndef HOTWORD_LIST_H
#define HOTWORD_LIST_H

#include "field.h"

#define HOTWORD_LIST_MOST  200
#define HOTWORD_LIST_BYTES 200 /* of one */

/* All zero: none. */
struct hotword_list {
    char *texts[HOTWORD_LIST_MOST]; /* [count] owned */
    float boosts[HOTWORD_LIST_MOST];
    size_t count;
};

void hotword_list_finish(struct hotword_list *list);
/* A copy of its own; -1 without memory. */
int hotword_list_copy(struct hotword_list *to, const struct hotword_list *from);
/* Adds text [length] without the spaces around it; nothing is left: nothing is added. 0, or -1 with
 * *err, which names field. */
int hotword_list_add(struct hotword_list *list, const char *field, const char *text, size_t length,
                     float boost, struct field_error *err);
/* Adds the words of a prompt (words.h), as far as there is room. */
int hotword_list_add_prompt(struct hotword_list *list, const char *field, const char *prompt,
                            float boost, struct field_error *err);

#endif
