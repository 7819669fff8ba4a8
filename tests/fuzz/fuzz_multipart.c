/* First a line, a Content-Type; byte 0 of the rest: cutting; then a form. However it is cut, the
 * same parts come out of it, no more bytes than went in, and the same is wrong with it. */
#include <stdlib.h>
#include <string.h>

#include "multipart.h"
#include "pace.h"

const struct pace pace_limit = {0.05, 2e-6};

struct form {
    uint64_t bytes, parts, hash;
    bool is_whole;
    const char *reason;
    int result;
};

static void mix(struct form *form, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        form->hash = (form->hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
}

static int take(void *user, const struct multipart_part *part, const char *bytes, size_t count)
{
    struct form *form = user;

    if (!memchr(part->name, '\0', sizeof part->name) || (count && !bytes))
        abort();
    if (part->bytes == 0) {
        form->parts++;
        mix(form, part->name, strlen(part->name) + 1);
        mix(form, &part->has_filename, 1);
    }
    mix(form, bytes, count);
    form->bytes += count;
    return 0;
}

static struct form read_form(const char *type, const char *bytes, size_t count, size_t step)
{
    struct form form = {.hash = 0xcbf29ce484222325u};
    struct multipart *multipart;

    if (multipart_open(&multipart, type, take, &form, &form.reason) < 0) {
        if (!form.reason)
            abort();
        form.result = -2;
        return form;
    }
    for (size_t at = 0; at < count && form.result == 0; at += step)
        form.result = multipart_feed(multipart, bytes + at, count - at < step ? count - at : step,
                                     &form.reason);
    if (form.result < 0 && !form.reason)
        abort();
    form.is_whole = multipart_is_whole(multipart);
    multipart_close(multipart);
    return form;
}

void pace_input(const uint8_t *bytes, size_t count)
{
    const uint8_t *end = count ? memchr(bytes, '\n', count) : NULL;
    if (!end || (size_t)(end - bytes) + 2 > count)
        return;
    char *type = strndup((const char *)bytes, (size_t)(end - bytes));
    if (!type)
        return;
    const size_t step = end[1] + 1u;
    const char *rest = (const char *)end + 2;
    count -= (size_t)(end - bytes) + 2;
    const struct form whole = read_form(type, rest, count, count + 1);
    const struct form cut = read_form(type, rest, count, step);
    if (whole.bytes > count || cut.result != whole.result || cut.is_whole != whole.is_whole)
        abort();
    if (whole.result == 0 && (cut.bytes != whole.bytes || cut.parts != whole.parts))
        abort();
    if (whole.result == 0 && cut.hash != whole.hash)
        abort();
    free(type);
}
