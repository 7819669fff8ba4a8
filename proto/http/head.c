/* head.c - see head.h. What is refused here is what libmicrohttpd 0.9.75 or libwebsockets 4.1.6
 * would take wrongly: two lengths, a length beside chunks, no Host, upgrades that are none. */
#include "head.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct fields {
    int count, hosts, lengths, encodings, origins;
    bool bad_length, bad_coding, bad_authority, bad_origin, bad_protocol;
    bool upgrade, connection_upgrade, version13, has_version, key;
};

void head_tidy(char *target)
{
    const char *from = target;
    char *to = target;
    if (*from != '/') /* * or a whole url: not ours */
        return;
    while (*from && *from != '?') {
        *to++ = *from++;
        while (to[-1] == '/' && *from == '/')
            from++;
    }
    if (to > target + 1 && to[-1] == '/')
        to--;
    memmove(to, from, strlen(from) + 1);
}

static enum head_verdict bad(struct head *head, int status, const char *problem)
{
    head->status = status;
    head->problem = problem;
    return HEAD_BAD;
}

static bool is_name(const char *line, size_t length, const char *name)
{
    return strlen(name) == length && strncasecmp(line, name, length) == 0;
}

/* Does a comma-separated list hold the token? */
static bool has_token(const char *list, size_t length, const char *token)
{
    const size_t n = strlen(token);
    for (size_t i = 0; i + n <= length; i++)
        if (strncasecmp(list + i, token, n) == 0 && (i == 0 || strchr(", \t", list[i - 1])) &&
            (i + n == length || strchr(", \t;", list[i + n])))
            return true;
    return false;
}

/* A length is digits alone: "+3", "3, 3" and "0x3" are read differently by different programs. */
static bool read_length(const char *value, size_t length, uint64_t *ret_bytes)
{
    uint64_t bytes = 0;
    if (length == 0 || length > 18)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)value[i]))
            return false;
        bytes = bytes * 10 + (uint64_t)(value[i] - '0');
    }
    *ret_bytes = bytes;
    return true;
}

/* value as text in lower case; false when it does not fit or holds what no authority does. */
static bool read_authority(const char *value, size_t length, char to[HEAD_AUTHORITY])
{
    if (length >= HEAD_AUTHORITY)
        return false;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)value[i];
        if (c <= ' ' || c >= 127 || strchr("\"<>\\^`{|}@,", c))
            return false;
        to[i] = (char)tolower(c);
    }
    to[length] = '\0';
    return true;
}

/* Adds the names of one header line to those that are offered. False: they are too many. */
static bool add_protocols(char protocols[HEAD_PROTOCOL], const char *value, size_t length)
{
    const size_t used = strlen(protocols);
    const int all = snprintf(protocols + used, HEAD_PROTOCOL - used, "%s%.*s", used ? ", " : "",
                             (int)length, value);
    return (size_t)all < HEAD_PROTOCOL - used;
}

static void read_field(struct head *head, struct fields *f, const char *name, size_t name_length,
                       const char *value, size_t length)
{
    f->count++;
    if (is_name(name, name_length, "host")) {
        f->hosts++;
        f->bad_authority |= !length || !read_authority(value, length, head->host);
    } else if (is_name(name, name_length, "origin")) {
        f->origins++;
        f->bad_origin |= !length || !read_authority(value, length, head->origin);
    } else if (is_name(name, name_length, "content-length")) {
        f->lengths++;
        f->bad_length |= !read_length(value, length, &head->body_bytes);
    } else if (is_name(name, name_length, "transfer-encoding")) {
        f->encodings++;
        head->is_chunked = is_name(value, length, "chunked");
        f->bad_coding |= !head->is_chunked;
    } else if (is_name(name, name_length, "upgrade"))
        f->upgrade |= has_token(value, length, "websocket");
    else if (is_name(name, name_length, "connection"))
        f->connection_upgrade |= has_token(value, length, "upgrade");
    else if (is_name(name, name_length, "sec-websocket-key")) {
        f->key = length == 24 && memchr(value, '\0', length) == NULL;
        if (f->key)
            memcpy(head->key, value, length);
    } else if (is_name(name, name_length, "sec-websocket-version")) {
        f->has_version = true;
        f->version13 = length == 2 && memcmp(value, "13", 2) == 0;
    } else if (is_name(name, name_length, "traceparent") && length < sizeof head->traceparent) {
        memcpy(head->traceparent, value, length);
        head->traceparent[length] = '\0';
    } else if (is_name(name, name_length, "openai-beta"))
        head->is_beta |= has_token(value, length, "realtime=v1");
    else if (is_name(name, name_length, "authorization")) {
        const size_t kept = length < sizeof head->authorization ? length : HEAD_AUTHORIZATION - 1;
        memcpy(head->authorization, value, kept);
        head->authorization[kept] = '\0';
    } else if (is_name(name, name_length, "sec-websocket-protocol")) {
        f->bad_protocol |= !add_protocols(head->protocol, value, length);
    }
}

static enum head_verdict read_request_line(struct head *head, const char *line, size_t length)
{
    const char *space = memchr(line, ' ', length);
    if (!space || space == line || (!isalpha((unsigned char)line[0])))
        return bad(head, 400, "the request line is not one of HTTP");
    for (const char *c = line; c < space; c++)
        if (!isupper((unsigned char)*c))
            return bad(head, 400, "the method is not a word in capitals");
    const char *target = space + 1;
    const char *end = memchr(target, ' ', length - (size_t)(target - line));
    if (!end || end == target)
        return bad(head, 400, "the request line has no target and version");
    if ((size_t)(line + length - end - 1) != 8 ||
        (memcmp(end + 1, "HTTP/1.1", 8) != 0 && memcmp(end + 1, "HTTP/1.0", 8) != 0))
        return bad(head, 400, "the version must be HTTP/1.1 or HTTP/1.0");
    if ((size_t)(end - target) >= sizeof head->target)
        return bad(head, 414, "the request target is longer than 8191 bytes");
    size_t arguments = 0;
    for (const char *c = target; c < end; c++) {
        if ((unsigned char)*c <= ' ' || *c == 127)
            return bad(head, 400, "the request target holds a control character");
        arguments += *c == '&';
    }
    if (arguments >= HEAD_ARGUMENTS)
        return bad(head, 414, "the query has more than 2500 arguments");
    const char *query = memchr(target, '?', (size_t)(end - target));
    if (memmem(target, (size_t)((query ? query : end) - target), "%00", 3))
        return bad(head, 404, "there is nothing at a path that holds a zero byte");
    memcpy(head->target, target, (size_t)(end - target));
    head->target[end - target] = '\0';
    head_tidy(head->target);
    return HEAD_HTTP;
}

/* What a name of a header may hold: a token of RFC 9110. */
static bool is_token(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("!#$%&'*+-.^_`|~", name[i]))
            return false;
    return length > 0;
}

enum head_verdict head_parse(struct head *head, const char *bytes, size_t count)
{
    *head = (struct head){0};
    const size_t within = count < HEAD_MAX ? count : HEAD_MAX;
    const char *end = memmem(bytes, within, "\r\n\r\n", 4);
    if (memchr(bytes, '\0', end ? (size_t)(end - bytes) : within))
        return bad(head, 400, "the request head holds a zero byte");
    if (!end)
        return count >= HEAD_MAX ? bad(head, 431, "the request head is longer than 16384 bytes")
                                 : HEAD_INCOMPLETE;
    const char *line = bytes, *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
    if (read_request_line(head, line, (size_t)(next - line)) == HEAD_BAD)
        return HEAD_BAD;
    const bool is_get = memcmp(bytes, "GET ", 4) == 0, is_old = next[-1] == '0';
    struct fields f = {0};
    for (line = next + 2; line < end + 2; line = next + 2) {
        next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        const char *colon = memchr(line, ':', (size_t)(next - line));
        if (!colon || !is_token(line, (size_t)(colon - line)) ||
            memchr(line, '\n', (size_t)(next - line)) || memchr(line, '\r', (size_t)(next - line)))
            return bad(head, 400, "a header line is not 'Name: value' with CR LF at its end");
        const char *value = colon + 1, *stop = next;
        while (value < stop && (*value == ' ' || *value == '\t'))
            value++;
        while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        read_field(head, &f, line, (size_t)(colon - line), value, (size_t)(stop - value));
    }
    if (f.hosts > 1 || (!f.hosts && (!is_old || f.upgrade)))
        return bad(head, 400, "exactly one Host header is required");
    if (f.bad_authority)
        return bad(head, 400, "the Host header is no name or address");
    if (f.origins > 1 || f.bad_origin)
        return bad(head, 400, "the Origin header is not one origin");
    if (f.lengths > 1)
        return bad(head, 400, "more than one Content-Length header");
    if (f.lengths && f.encodings)
        return bad(head, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (f.bad_length)
        return bad(head, 400, "Content-Length must be digits");
    if (f.encodings > 1 || f.bad_coding)
        return bad(head, 501, "the only Transfer-Encoding that is understood is chunked");
    if (f.encodings && is_old)
        return bad(head, 400, "HTTP/1.0 knows no Transfer-Encoding");
    if (f.count > HEAD_FIELDS)
        return bad(head, 431, "there are more than 200 header lines");
    if (!f.upgrade && !f.has_version)
        return HEAD_HTTP;
    if (!is_get)
        return bad(head, 405, "a WebSocket upgrade must be a GET request");
    if (!f.upgrade || !f.connection_upgrade || !f.key)
        return bad(head, 400,
                   "a WebSocket upgrade needs 'Upgrade: websocket', 'Connection: Upgrade' and a "
                   "Sec-WebSocket-Key");
    if (!f.version13)
        return bad(head, 426, "Sec-WebSocket-Version must be 13");
    if (f.lengths || f.encodings)
        return bad(head, 400, "a WebSocket upgrade has no body");
    if (f.bad_protocol)
        return bad(head, 400, "Sec-WebSocket-Protocol is longer than 639 bytes");
    return HEAD_UPGRADE;
}
