/* origins.c - see origins.h. What is in front of this server may speak TLS, so an origin is ours
 * when its host and port are those of Host, whatever its scheme. */
#include "origins.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- names and addresses -------------------------------------------------------------------- */

/* The host of "host:port" or "[::1]:port", without its brackets; false when it is none. */
static bool host_of(const char *authority, char to[HEAD_AUTHORITY])
{
    const char *end = *authority == '[' ? strchr(authority, ']') : strrchr(authority, ':');
    const char *from = authority + (*authority == '[');
    if (*authority == '[' && !end)
        return false;
    const size_t length = end ? (size_t)(end - from) : strlen(from);
    if (!length || (*authority != '[' && memchr(from, ':', length)))
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    if (to[length - 1] == '.') /* a name may end with the root's dot */
        to[length - 1] = '\0';
    return *to != '\0';
}

static bool is_address(const char *host)
{
    struct in6_addr v6;
    struct in_addr v4;
    return inet_pton(AF_INET, host, &v4) == 1 || inet_pton(AF_INET6, host, &v6) == 1;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

/* A name or an address that only this machine can have. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || ends_with(host, ".localhost") ||
           strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

/* Nobody else can make that name lead here: an address leads where it says, a name without a dot
 * or one of .local is looked up in this network alone. */
static bool is_ours(const struct origins *o, const char *host)
{
    if (is_address(host) || is_loopback(host) || !strchr(host, '.') || ends_with(host, ".local") ||
        strcmp(host, o->own_name) == 0)
        return true;
    for (size_t i = 0; i < o->count; i++) {
        const char *authority = strstr(o->list[i], "://");
        char name[HEAD_AUTHORITY];
        if (host_of(authority ? authority + 3 : o->list[i], name) && strcmp(name, host) == 0)
            return true;
    }
    return false;
}

/* ---- origins -------------------------------------------------------------------------------- */

/* What stands behind "http://" or "https://", or NULL; *ret_port: of that scheme, with a colon. */
static const char *authority_of(const char *origin, const char **ret_port)
{
    static const char plain[] = "http://", safe[] = "https://";
    *ret_port = strncmp(origin, plain, strlen(plain)) == 0 ? ":80" : ":443";
    if (strncmp(origin, plain, strlen(plain)) == 0)
        return origin + strlen(plain);
    return strncmp(origin, safe, strlen(safe)) == 0 ? origin + strlen(safe) : NULL;
}

/* Are they the same but for a port that goes without saying? */
static bool are_same(const char *a, const char *b, const char *port)
{
    const size_t n = strlen(a) - (ends_with(a, port) ? strlen(port) : 0);
    const size_t m = strlen(b) - (ends_with(b, port) ? strlen(port) : 0);
    return n == m && strncmp(a, b, n) == 0;
}

static bool is_welcome(const struct origins *o, const struct head *head)
{
    const char *port, *authority = authority_of(head->origin, &port);
    char host[HEAD_AUTHORITY];
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->list[i], head->origin) == 0)
            return true;
    /* Programs that are built as pages say "app://..." or "file://"; no page of the web can. */
    if (!authority)
        return strstr(head->origin, "://") != NULL;
    return are_same(authority, head->host, port) || (host_of(authority, host) && is_loopback(host));
}

/* ---- for everybody -------------------------------------------------------------------------- */

int origins_open(struct origins *o, const char *text, bool keys_are_required, char *ret_wrong,
                 size_t room)
{
    char name[HEAD_AUTHORITY] = "";
    *o = (struct origins){.are_all = keys_are_required && !*text};
    if (gethostname(name, sizeof name - 1) == 0)
        for (size_t i = 0; name[i]; i++)
            o->own_name[i] = (char)tolower((unsigned char)name[i]);
    while (*text) {
        const size_t length = strcspn(text, ", ");
        char host[HEAD_AUTHORITY], one[HEAD_AUTHORITY] = "";
        for (size_t i = 0; i < length && i + 1 < sizeof one; i++)
            one[i] = (char)tolower((unsigned char)text[i]);
        const char *scheme = strstr(one, "://");
        const char *authority = scheme ? scheme + 3 : one;
        if (length == 1 && *text == '*') {
            o->are_all = true;
        } else if (length) {
            if (length >= sizeof one || o->count == ORIGINS_MOST || !host_of(authority, host) ||
                strpbrk(authority, "/?#*")) {
                snprintf(ret_wrong, room, "%.*s", (int)(length < 60 ? length : 60), text);
                return -1;
            }
            memcpy(o->list[o->count++], one, sizeof one);
        }
        text += length;
        text += strspn(text, ", ");
    }
    return 0;
}

const char *origins_forbid(const struct origins *o, const struct head *head)
{
    char host[HEAD_AUTHORITY];
    if (o->are_all)
        return NULL;
    /* Health checks of HTTP/1.0 name nobody; a browser always does. */
    if (*head->host && (!host_of(head->host, host) || !is_ours(o, host)))
        return "this server is not known by the name in the Host header: name it with --origins";
    if (*head->origin && !is_welcome(o, head))
        return "pages of that Origin may not use this server: allow them with --origins";
    return NULL;
}

const char *origins_allow(const struct origins *o, const char *origin)
{
    if (o->are_all)
        return "*";
    return origin && *origin ? origin : NULL;
}
