#include "authorization.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *behind(const char *text, const char *begin)
{
    const size_t length = strlen(begin);
    return strncasecmp(text, begin, length) == 0 ? text + length : NULL;
}

static const char *of_header(const char *header)
{
    const char *key = behind(header, "Bearer ");
    if (!key)
        key = behind(header, "Token ");
    return key ? key : header;
}

static const char *of_protocols(const char *protocols)
{
    static const char openai[] = "openai-insecure-api-key.";
    const char *at = strstr(protocols, openai);
    if (at)
        return at + strlen(openai);
    at = behind(protocols, "token,");
    return at ? at : behind(protocols, "bearer,");
}

void authorization_key(char *ret_key, size_t room, const char *header, const char *protocols)
{
    const char *key = header && *header ? of_header(header) : NULL;
    if (!key && protocols)
        key = of_protocols(protocols);
    key = key ? key + strspn(key, " \t") : "";
    snprintf(ret_key, room, "%.*s", (int)strcspn(key, ", \t"), key);
}
