/* upload.c - see upload.h. */
#include "upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool.h"

static void fail(struct upload *u, enum upload_problem problem, const char *reason)
{
    if (u->problem != UPLOAD_OK)
        return;
    u->problem = problem;
    u->reason = reason;
}

/* ---- parts ---------------------------------------------------------------------------------- */

static void add_to_file(struct upload *u, const struct multipart_part *part, const char *bytes,
                        size_t count)
{
    if (u->fd >= 0 && part->bytes == 0) {
        fail(u, UPLOAD_TWO_FILES, NULL);
        return;
    }
    if (u->fd < 0)
        u->fd = spool_open(u->folder);
    if (u->fd < 0 || spool_write(u->fd, bytes, count) != 0)
        fail(u, UPLOAD_NOT_STORED, NULL);
    u->has_filename = part->has_filename;
}

static void give_field_away(struct upload *u)
{
    if (!u->name[0] || u->problem != UPLOAD_OK)
        return;
    u->value[u->value_length] = '\0';
    if (!u->field(u->user, u->name, u->value, u->value_length))
        fail(u, UPLOAD_REFUSED, NULL);
    u->name[0] = '\0';
    u->value_length = 0;
}

static void add_to_field(struct upload *u, const struct multipart_part *part, const char *bytes,
                         size_t count)
{
    if (!u->value && !(u->value = malloc(UPLOAD_FIELD_BYTES + 1))) {
        fail(u, UPLOAD_NO_MEMORY, NULL);
        return;
    }
    if (part->bytes == 0)
        snprintf(u->name, sizeof u->name, "%s", part->name);
    if (u->value_length + count > UPLOAD_FIELD_BYTES) {
        fail(u, UPLOAD_FIELD_TOO_LONG, NULL);
        return;
    }
    memcpy(u->value + u->value_length, bytes, count);
    u->value_length += count;
}

static int take_part(void *user, const struct multipart_part *part, const char *bytes, size_t count)
{
    struct upload *u = user;
    if (part->bytes == 0)
        give_field_away(u); /* the one before it is whole */
    if (u->problem == UPLOAD_OK && strcmp(part->name, "file") == 0)
        add_to_file(u, part, bytes, count);
    else if (u->problem == UPLOAD_OK && part->name[0])
        add_to_field(u, part, bytes, count);
    return u->problem == UPLOAD_OK ? 0 : -1;
}

/* ---- for everybody -------------------------------------------------------------------------- */

void upload_init(struct upload *u, const char *folder, uint64_t max_bytes, const char *content_type,
                 upload_field *field, void *user)
{
    const char *reason;
    *u = (struct upload){
        .fd = -1, .folder = folder, .max_bytes = max_bytes, .field = field, .user = user};
    if (multipart_open(&u->form, content_type, take_part, u, &reason) < 0)
        fail(u, UPLOAD_NOT_A_FORM, reason);
}

void upload_finish(struct upload *u)
{
    multipart_close(u->form);
    u->form = NULL;
    free(u->value);
    u->value = NULL;
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
}

void upload_feed(struct upload *u, const char *bytes, size_t count)
{
    const char *reason;
    u->bytes += count;
    if (u->bytes > u->max_bytes)
        fail(u, UPLOAD_TOO_LARGE, NULL);
    if (u->problem == UPLOAD_OK && multipart_feed(u->form, bytes, count, &reason) < 0)
        fail(u, UPLOAD_MALFORMED, reason ? reason : "");
}

void upload_end(struct upload *u)
{
    if (u->problem == UPLOAD_OK && !multipart_is_whole(u->form))
        fail(u, UPLOAD_CUT_SHORT, NULL);
    give_field_away(u);
}
