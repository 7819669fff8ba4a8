/* upload.h - one multipart/form-data body, as it comes: the part named "file" goes to a spool file,
 * every other field, once it is whole, to whoever knows what it means. Knows no dialect. */
#ifndef UPLOAD_H
#define UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multipart.h"

#define UPLOAD_FIELD_BYTES 65536 /* of one field's value */

/* What ended an upload. */
enum upload_problem {
    UPLOAD_OK,
    UPLOAD_NOT_A_FORM,     /* reason says why */
    UPLOAD_MALFORMED,      /* reason says why */
    UPLOAD_CUT_SHORT,      /* its closing boundary is missing */
    UPLOAD_TWO_FILES,      /* more than one part named "file" */
    UPLOAD_FIELD_TOO_LONG, /* name says which */
    UPLOAD_TOO_LARGE,      /* the whole body */
    UPLOAD_NOT_STORED,     /* the spool's disk has no room */
    UPLOAD_NO_MEMORY,
    UPLOAD_REFUSED, /* field() wanted no more */
};

/* A whole field: value [length] and a zero behind it, borrowed for the call. False: it is wrong,
 * and nothing more is wanted. */
typedef bool upload_field(void *user, const char *name, const char *value, size_t length);

struct upload {
    enum upload_problem problem;     /* the first */
    const char *reason;              /* static */
    int fd;                          /* unlinked spool file; -1: there was no part named "file" */
    bool has_filename;               /* that part has one */
    uint64_t bytes, max_bytes;       /* of the whole body */
    char name[MULTIPART_NAME_BYTES]; /* field being collected; "": none */
    /* Its own. */
    const char *folder;
    upload_field *field;
    void *user;
    struct multipart *form;
    char *value; /* [UPLOAD_FIELD_BYTES + 1] */
    size_t value_length;
};

/* folder: where spool files go; outlives the upload. content_type: the request's, or NULL. */
void upload_init(struct upload *upload, const char *folder, uint64_t max_bytes,
                 const char *content_type, upload_field *field, void *user);
void upload_finish(struct upload *upload);

/* A piece of the body [count]; after a problem only its bytes are counted. */
void upload_feed(struct upload *upload, const char *bytes, size_t count);
/* The body is whole: the last field is given away. */
void upload_end(struct upload *upload);

#endif
