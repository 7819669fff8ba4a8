#include "notices.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

void notices_add(struct notices *notices, const char *parameter, const char *why)
{
    char name[NOTICES_PARAMETER];

    snprintf(name, sizeof name, "%s", *parameter ? parameter : "(no name)");
    utf8_mend(name);
    for (size_t i = 0; i < notices->count; i++)
        if (strcmp(notices->list[i].parameter, name) == 0)
            return;
    if (notices->count == NOTICES_MOST) {
        struct notice *last = &notices->list[NOTICES_MOST - 1];
        snprintf(last->parameter, sizeof last->parameter, "and more");
        last->why = "there are too many to name them all";
        return;
    }
    memcpy(notices->list[notices->count].parameter, name, sizeof name);
    notices->list[notices->count++].why = why;
}

void notices_line(const struct notice *notice, char ret_line[NOTICES_LINE])
{
    snprintf(ret_line, NOTICES_LINE, "%s: %s", notice->parameter, notice->why);
}

struct json_t *notices_json(const struct notices *notices)
{
    char line[NOTICES_LINE];
    json_t *list = json_array();

    for (size_t i = 0; i < notices->count; i++) {
        notices_line(&notices->list[i], line);
        json_array_append_new(list, json_string(line));
    }
    return list;
}

void notices_header(const struct notices *notices, char *ret_text, size_t room)
{
    char line[NOTICES_LINE];
    size_t used = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; i < notices->count; i++) {
        notices_line(&notices->list[i], line);
        const size_t length = strlen(line) + (used ? 2 : 0);
        if (used + length + 1 > room)
            break;
        used += (size_t)snprintf(ret_text + used, room - used, "%s%s", used ? "; " : "", line);
    }
    for (char *c = ret_text; *c; c++)
        if ((unsigned char)*c < 32 || (unsigned char)*c > 126)
            *c = '?';
}
