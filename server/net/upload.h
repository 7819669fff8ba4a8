/* upload.h - one multipart/form-data body, as it comes: the file to a spool, fields to the dialect.
 */
#ifndef UPLOAD_H
#define UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "multipart.h"
#include "openai.h"

struct upload {
    struct openai_request request;
    struct openai_error error; /* the first one; status 0: none */
    int fd;                    /* unlinked spool file, -1 until the file part came */
    uint64_t file_bytes;       /* of them in the spool file */
    bool has_filename;         /* the file's part */
    uint64_t bytes, max_bytes; /* of the whole body */
    const char *folder;
    char name[MULTIPART_NAME_BYTES]; /* field being collected */
    char *value;
    size_t value_length;
};

/* folder: where spool files go; it and catalog outlive the upload. */
void upload_init(struct upload *upload, const struct catalog *catalog, const char *folder,
                 uint64_t max_bytes);
void upload_finish(struct upload *upload);

/* A piece of a part [count]; the one named "file" is the recording, with a filename or without.
 * Returns 0, or -1 when there is an error; the rest of the body is then of no interest. */
int upload_part(struct upload *upload, const struct multipart_part *part, const char *bytes,
                size_t count);
/* Counts body bytes against the limit. */
int upload_count(struct upload *upload, size_t count);
/* After the last part. */
int upload_end(struct upload *upload);

#endif
