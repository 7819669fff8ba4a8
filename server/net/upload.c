/* upload.c - see upload.h. */
#include "upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool.h"

#define VALUE_MAX 65536 /* bytes of one text field */

void upload_init(struct upload *u, const struct catalog *catalog, const char *folder,
                 uint64_t max_bytes)
{
    *u = (struct upload){.fd = -1, .folder = folder, .max_bytes = max_bytes};
    openai_request_init(&u->request, catalog);
}

void upload_finish(struct upload *u)
{
    openai_request_finish(&u->request);
    free(u->value);
    u->value = NULL;
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
}

static int add_file(struct upload *u, const struct multipart_part *part, const char *bytes,
                    size_t count)
{
    if (u->fd >= 0 && part->bytes == 0)
        return openai_fail(&u->error, 400, "invalid_request_error", NULL, "file",
                           "there is more than one part named 'file'");
    if (u->fd < 0)
        u->fd = spool_open(u->folder);
    if (u->fd < 0 || spool_write(u->fd, bytes, count) != 0)
        return openai_fail(&u->error, 500, "server_error", NULL, NULL,
                           "the server cannot store uploads now");
    u->request.has_file = true;
    u->has_filename = part->has_filename;
    u->file_bytes += count;
    return 0;
}

static int end_field(struct upload *u)
{
    int err = 0;
    if (u->name[0])
        err = openai_request_field(&u->request, u->name, u->value ? u->value : "", u->value_length,
                                   &u->error);
    u->name[0] = '\0';
    u->value_length = 0;
    return err;
}

static int add_field(struct upload *u, const char *name, const char *bytes, uint64_t offset,
                     size_t count)
{
    if (offset == 0) {
        if (end_field(u) != 0)
            return -1;
        snprintf(u->name, sizeof u->name, "%s", name);
    }
    if (u->value_length + count > VALUE_MAX)
        return openai_fail(&u->error, 400, "invalid_request_error", "string_above_max_length", name,
                           "the field is longer than %d bytes", VALUE_MAX);
    if (!u->value && !(u->value = malloc(VALUE_MAX)))
        return openai_fail(&u->error, 500, "server_error", NULL, NULL, "out of memory");
    memcpy(u->value + u->value_length, bytes, count);
    u->value_length += count;
    return 0;
}

int upload_part(struct upload *u, const struct multipart_part *part, const char *bytes,
                size_t count)
{
    if (u->error.status)
        return -1;
    if (strcmp(part->name, "file") == 0)
        return end_field(u) == 0 ? add_file(u, part, bytes, count) : -1;
    return part->name[0] ? add_field(u, part->name, bytes, part->bytes, count) : 0;
}

int upload_count(struct upload *u, size_t count)
{
    u->bytes += count;
    if (u->error.status)
        return -1;
    if (u->bytes > u->max_bytes)
        return openai_fail(&u->error, 413, "invalid_request_error", "file_too_large", "file",
                           "the upload is larger than %llu MB",
                           (unsigned long long)(u->max_bytes / 1000000));
    return 0;
}

int upload_end(struct upload *u)
{
    return u->error.status ? -1 : end_field(u);
}
