#include "profanity.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

/* Words that are nothing else; what has a decent meaning as well (hell, cock, ass) stays. A *
 * stands for any ending. */
static const char *const list[] = {
    "fuck*",     "motherfuck*", "shit",         "shits",     "shitty",         "shitting",
    "shithead*", "bullshit*",   "horseshit",    "dipshit*",  "cunt",           "cunts",
    "bitch",     "bitches",     "bitching",     "asshole*",  "arsehole*",      "cocksuck*",
    "bastard",   "bastards",    "wank*",        "twat",      "twats",          "dickhead*",
    "goddamn*",  "jackass*",    "dumbass*",     "piss",      "pissed",         "pissing",
    "slut",      "sluts",       "whore",        "whores",    "faggot*",        "nigger*",
    "nigga*",    "bollocks",    "clusterfuck*", "dumbfuck*", "son-of-a-bitch",
};

static bool is_profane(const char *plain)
{
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        const size_t length = strlen(list[i]);
        const bool is_stem = list[i][length - 1] == '*';
        if (is_stem ? strncmp(plain, list[i], length - 1) == 0 : strcmp(plain, list[i]) == 0)
            return true;
    }
    return false;
}

/* Its length; plain: room for as much. */
static size_t hide(char *to, const char *from, char *plain)
{
    const size_t length = strlen(from);
    words_plain(plain, from);
    if (strlen(plain) > 2 && strcmp(plain + strlen(plain) - 2, "'s") == 0)
        plain[strlen(plain) - 2] = '\0';
    memcpy(to, from, length + 1);
    for (char *c = to; is_profane(plain) && *c; c++)
        if (isalpha((unsigned char)*c))
            *c = '*';
    return length;
}

struct result_word *profanity_hide(const struct result_word *words, size_t count)
{
    size_t bytes = 0, longest = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(words[i].text) + 1;
        bytes += length;
        longest = length > longest ? length : longest;
    }
    struct result_word *hidden = malloc((count + 1) * sizeof *hidden + bytes + longest + 1);
    if (!hidden)
        return NULL;
    char *at = (char *)(hidden + count + 1), *plain = at + bytes;
    for (size_t i = 0; i < count; i++) {
        hidden[i] = words[i];
        hidden[i].text = at;
        at += hide(at, words[i].text, plain) + 1;
    }
    return hidden;
}
