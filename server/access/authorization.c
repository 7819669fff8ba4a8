#include "authorization.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The word at text, up to a comma or a blank. False: there is none. */
static bool copy(char ret_key[AUTHORIZATION_KEY], const char *text)
{
    text += strspn(text, " \t");
    snprintf(ret_key, AUTHORIZATION_KEY, "%.*s", (int)strcspn(text, ", \t"), text);
    return *ret_key;
}

static bool from_header(const char *header, char ret_key[AUTHORIZATION_KEY])
{
    static const char *const schemes[] = {"Bearer", "Token"};
    const size_t word = strcspn(header, " \t");

    if (!header[word + strspn(header + word, " \t")])
        return copy(ret_key, header); /* no scheme */
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i]) == word && strncasecmp(header, schemes[i], word) == 0)
            return copy(ret_key, header + word);
    return false;
}

static bool from_protocols(const char *protocols, char ret_key[AUTHORIZATION_KEY])
{
    static const char realtime[] = "openai-insecure-api-key.";
    const char *at = strstr(protocols, realtime);

    if (at)
        return copy(ret_key, at + strlen(realtime));
    if (strncmp(protocols, "token,", 6) == 0 || strncmp(protocols, "bearer,", 7) == 0)
        return copy(ret_key, strchr(protocols, ',') + 1);
    return false;
}

void authorization_key(const char *header, const char *protocols, const char *token,
                       char ret_key[AUTHORIZATION_KEY])
{
    ret_key[0] = '\0';
    if ((header && from_header(header, ret_key)) ||
        (protocols && from_protocols(protocols, ret_key)))
        return;
    if (token)
        copy(ret_key, token);
}
