/* What waits to be looked at is in one buffer: up to a line of a delimiter or a part's head that is
 * not whole yet. Whatever cannot be the beginning of a delimiter any more is given away. */
#include "multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "percent.h"

#define HEAD_MAX 16384 /* of a part */
#define PAD_MAX  256   /* white space behind a boundary */
#define LINE_MAX 2048  /* of a part's head, unfolded */

enum state { IN_PREAMBLE, IN_HEAD, IN_PART, IN_EPILOGUE };

struct multipart {
    multipart_take *take;
    void *user;
    enum state state;
    char delimiter[MULTIPART_BOUNDARY_BYTES + 5]; /* CR LF - - boundary */
    size_t delimiter_bytes;
    bool is_bare;    /* lines end with LF alone: the delimiter has no CR */
    bool is_in_line; /* of the preamble, which began before what waits */
    struct multipart_part part;
    char *waiting; /* [count], room for room */
    size_t count, room;
};

/* ---- parameters: ; name=value ------------------------------------------------------------- */

/* Reads the next parameter of a header's value; false at its end. A value in quotes may have
 * escapes; outside it goes on to the next semicolon or blank. */
static bool next_parameter(const char **at, char *name, size_t name_room, char *value,
                           size_t value_room)
{
    const char *p = *at;
    size_t n = 0, v = 0;

    while (*p == ';' || *p == ' ' || *p == '\t')
        p++;
    for (; *p && !strchr("=; \t", *p); p++)
        if (n + 1 < name_room)
            name[n++] = *p;
    name[n] = value[0] = '\0';
    while (*p == ' ' || *p == '\t')
        p++;
    if (*p == '=') {
        for (p++; *p == ' ' || *p == '\t'; p++)
            ;
        const bool quoted = *p == '"';
        for (p += quoted; *p && (quoted ? *p != '"' : !strchr("; \t", *p)); p++) {
            if (quoted && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
                p++;
            if (v + 1 < value_room)
                value[v++] = *p;
        }
        value[v] = '\0';
        while (*p && *p != ';')
            p++;
    } else {
        p += strcspn(p, ";");
    }
    *at = p;
    return n > 0 || *p == ';';
}

/* charset'language'%41%42 in place. */
static void decode_extended(char *value)
{
    const char *from = strchr(value, '\'');
    char *to = value;

    from = from ? strchr(from + 1, '\'') : NULL;
    for (from = from ? from + 1 : value; *from; from++) {
        const int byte = percent_byte(from);
        *to++ = byte >= 0 ? (char)byte : *from;
        from += byte >= 0 ? 2 : 0;
    }
    *to = '\0';
}

/* ---- heads ---------------------------------------------------------------------------------- */

static bool is_header(const char *line, const char *name)
{
    const size_t length = strlen(name);

    return strncasecmp(line, name, length) == 0;
}

/* One unfolded line. Returns a reason, or NULL. */
static const char *read_header(struct multipart_part *part, const char *line)
{
    char name[32], value[MULTIPART_NAME_BYTES];
    bool extended = false;

    if (is_header(line, "Content-Transfer-Encoding:")) {
        line += strlen("Content-Transfer-Encoding:");
        line += strspn(line, " \t");
        return is_header(line, "base64") || is_header(line, "quoted-printable")
                   ? "a part has a Content-Transfer-Encoding; send its bytes as they are"
                   : NULL;
    }
    if (!is_header(line, "Content-Disposition:"))
        return NULL;
    line += strcspn(line, ";");
    while (next_parameter(&line, name, sizeof name, value, sizeof value)) {
        if (strcasecmp(name, "name*") == 0) {
            decode_extended(value);
            extended = true;
            memcpy(part->name, value, sizeof part->name);
        } else if (strcasecmp(name, "name") == 0 && !extended) {
            memcpy(part->name, value, sizeof part->name);
        } else if (strcasecmp(name, "filename") == 0 || strcasecmp(name, "filename*") == 0) {
            part->has_filename = true;
        }
    }
    return NULL;
}

/* Takes the head of a part, if it is whole. 1, 0, or -1 with a reason. */
static int take_head(struct multipart *form, size_t *used, const char **ret_reason)
{
    char line[LINE_MAX] = "";
    size_t at = *used, length = 0;

    form->part = (struct multipart_part){.bytes = 0};
    for (;;) {
        const char *from = form->waiting + at;
        const char *end = memchr(from, '\n', form->count - at);
        if (!end && form->count - *used > HEAD_MAX) {
            *ret_reason = "the head of a part is longer than 16 kB";
            return -1;
        }
        if (!end)
            return 0;
        size_t count = (size_t)(end - from);
        at += count + 1;
        if (count && from[count - 1] == '\r')
            count--;
        const bool goes_on = count && (*from == ' ' || *from == '\t');
        if (!goes_on) {
            line[length] = '\0';
            *ret_reason = read_header(&form->part, line);
            if (*ret_reason)
                return -1;
            length = 0;
        }
        if (!count)
            break;
        for (size_t i = 0; i < count && length + 1 < sizeof line; i++)
            line[length++] = from[i] ? from[i] : '?';
    }
    *used = at;
    return 1;
}

/* ---- delimiters ----------------------------------------------------------------------------- */

/* What stands behind a boundary at waiting[at]: 1 a part follows, 2 it was the last one (*at is
 * behind it), 0 more bytes are needed, -1 it is none. */
static int end_of_delimiter(struct multipart *form, size_t *at)
{
    const char *p = form->waiting + *at, *end = form->waiting + form->count;

    if (end - p >= 2 && p[0] == '-' && p[1] == '-') {
        *at += 2;
        return 2;
    }
    if (end - p == 1 && *p == '-')
        return 0;
    const char *first = p;
    while (p < end && (*p == ' ' || *p == '\t') && p - first < PAD_MAX)
        p++;
    if (p == end)
        return 0;
    if (*p == '\r' && p + 1 == end)
        return 0;
    const bool is_bare = *p == '\n';
    if (!is_bare && !(*p == '\r' && p[1] == '\n'))
        return -1;
    if (form->state == IN_PREAMBLE)
        form->is_bare = is_bare;
    *at = (size_t)(p - form->waiting) + (is_bare ? 1 : 2);
    return 1;
}

/* Gives bytes of the part [count]. */
static int give(struct multipart *form, const char *bytes, size_t count)
{
    if (form->state != IN_PART || (!count && form->part.bytes))
        return 0;
    const int wanted = form->take(form->user, &form->part, bytes, count);
    form->part.bytes += count;
    return wanted;
}

/* Up to a delimiter, which is taken. 1: it went on. 0: more bytes are needed. -1: nothing more is
 * wanted. Before the first part a delimiter needs no line in front of it. */
static int take_part(struct multipart *form, size_t *used)
{
    const size_t skip = form->is_bare ? 1 : 0; /* of the delimiter: CR */
    const char *delimiter = form->delimiter + skip;
    const size_t length = form->delimiter_bytes - skip;
    size_t at = *used;

    while (at < form->count) {
        const char *found = memchr(form->waiting + at, *delimiter, form->count - at);
        if (!found) {
            at = form->count;
            break;
        }
        at = (size_t)(found - form->waiting);
        const size_t left = form->count - at, look = left < length ? left : length;
        if (memcmp(found, delimiter, look) != 0) {
            at++;
            continue;
        }
        if (look < length)
            break;
        size_t behind = at + length;
        const int what = end_of_delimiter(form, &behind);
        if (what == 0)
            break;
        if (what < 0) {
            at++;
            continue;
        }
        if (give(form, form->waiting + *used, at - *used) < 0)
            return -1;
        form->state = what == 1 ? IN_HEAD : IN_EPILOGUE;
        *used = behind;
        return 1;
    }
    if (at > *used && give(form, form->waiting + *used, at - *used) < 0)
        return -1;
    *used = at;
    return 0;
}

/* The first delimiter: at the beginning, or behind any line. */
static int take_preamble(struct multipart *form, size_t *used)
{
    const char *delimiter = form->delimiter + 2;
    const size_t length = form->delimiter_bytes - 2;

    for (;;) {
        const size_t left = form->count - *used, look = left < length ? left : length;
        if (!form->is_in_line && memcmp(form->waiting + *used, delimiter, look) == 0) {
            size_t behind = *used + length;
            const int what = look < length ? 0 : end_of_delimiter(form, &behind);
            if (what == 0)
                return 0;
            if (what > 0) {
                form->state = what == 1 ? IN_HEAD : IN_EPILOGUE;
                *used = behind;
                return 1;
            }
        }
        const char *line = memchr(form->waiting + *used, '\n', left);
        *used = line ? (size_t)(line - form->waiting) + 1 : form->count;
        form->is_in_line = !line;
        if (!line)
            return 0;
    }
}

/* ---- for everybody -------------------------------------------------------------------------- */

int multipart_open(struct multipart **ret_form, const char *content_type, multipart_take *take,
                   void *user, const char **ret_reason)
{
    char name[32], boundary[MULTIPART_BOUNDARY_BYTES + 2] = "", value[MULTIPART_BOUNDARY_BYTES + 2];

    *ret_reason = "the body must be multipart/form-data with a boundary";
    if (!content_type || strncasecmp(content_type, "multipart/form-data", 19) != 0)
        return -1;
    for (const char *at = content_type + 19;
         next_parameter(&at, name, sizeof name, value, sizeof value);)
        if (strcasecmp(name, "boundary") == 0)
            memcpy(boundary, value, sizeof boundary);
    if (!boundary[0] || strlen(boundary) > MULTIPART_BOUNDARY_BYTES)
        return -1;
    struct multipart *form = calloc(1, sizeof *form);
    *ret_reason = "out of memory";
    if (!form)
        return -1;
    form->take = take;
    form->user = user;
    memcpy(form->delimiter, "\r\n--", 4);
    memcpy(form->delimiter + 4, boundary, strlen(boundary));
    form->delimiter_bytes = 4 + strlen(boundary);
    *ret_form = form;
    return 0;
}

void multipart_close(struct multipart *form)
{
    if (!form)
        return;
    free(form->waiting);
    free(form);
}

/* Appends to what waits. */
static bool keep(struct multipart *form, const char *bytes, size_t count)
{
    if (form->count + count > form->room) {
        const size_t room = 2 * (form->count + count);
        char *waiting = realloc(form->waiting, room);
        if (!waiting)
            return false;
        form->waiting = waiting;
        form->room = room;
    }
    if (count)
        memcpy(form->waiting + form->count, bytes, count);
    form->count += count;
    return true;
}

int multipart_feed(struct multipart *form, const char *bytes, size_t count, const char **ret_reason)
{
    size_t used = 0;
    int went = 1;

    *ret_reason = NULL;
    if (form->state == IN_EPILOGUE)
        return 0;
    if (!keep(form, bytes, count)) {
        *ret_reason = "out of memory";
        return -1;
    }
    while (went > 0 && used < form->count) {
        switch (form->state) {
        case IN_PREAMBLE:
            went = take_preamble(form, &used);
            break;
        case IN_HEAD:
            went = take_head(form, &used, ret_reason);
            if (went > 0)
                form->state = IN_PART;
            break;
        case IN_PART:
            went = take_part(form, &used);
            break;
        case IN_EPILOGUE:
            used = form->count;
            break;
        }
    }
    memmove(form->waiting, form->waiting + used, form->count - used);
    form->count -= used;
    return went < 0 ? -1 : 0;
}

bool multipart_is_whole(const struct multipart *form)
{
    return form->state == IN_EPILOGUE;
}
