/* seedfile.h - a safetensors file, mapped read-only and checked completely before use.
 *
 * Layout: u64 little-endian header length, JSON header, data section. The header maps tensor
 * names to dtype, shape and offsets in the data section, and `__metadata__` to strings:
 *
 *     format   "foldscribe-seed"
 *     version  "1"
 *     config   JSON text: the shape of the network and the vocabulary
 *     sha256   of the data section, hex
 *
 * Writers pad the header with spaces so that the data section begins at a multiple of 64.
 */
#ifndef SEEDFILE_H
#define SEEDFILE_H

#include <jansson.h>

#include "fold.h"

#define SEEDFILE_VERSION "1"
#define SEEDFILE_ALIGN   64
#define SEEDFILE_DIMS    4

enum seedfile_dtype {
    SEEDFILE_F32,
    SEEDFILE_F16,
    SEEDFILE_BF16,
    SEEDFILE_I8,
    SEEDFILE_U8,  /* tables, no weights */
    SEEDFILE_I32, /* the same */
};

struct seedfile_tensor {
    const char *name; /* owned by the seedfile */
    enum seedfile_dtype dtype;
    uint32_t dims, shape[SEEDFILE_DIMS];
    size_t count;     /* elements */
    const void *data; /* in the map, aligned for its dtype */
    bool used;        /* set by seedfile_find, so that leftovers can be named */
    bool kept; /* data is used as long as the file is open; else only until seedfile_forget */
};

struct seedfile {
    const unsigned char *map;
    size_t bytes;
    bool mapped; /* by seedfile_open, so that close unmaps */
    json_t *header, *config;
    struct seedfile_tensor *tensors; /* sorted by name */
    size_t tensors_count;
    char sha256[65]; /* of the whole file */
};

/* FOLD_ERR_IO, FOLD_ERR_FORMAT or FOLD_ERR_MEMORY with a note; the file is then closed again. */
int seedfile_open(struct seedfile *file, const char *path, struct fold_note *note);
/* The same checks on bytes [count], which must outlive file and start at a multiple of 64. */
int seedfile_parse(struct seedfile *file, const void *bytes, size_t count, struct fold_note *note);
void seedfile_close(struct seedfile *file); /* a zeroed struct is fine */

/* Gives back the memory of tensors that are not kept, and of the header. */
void seedfile_forget(struct seedfile *file);

/* NULL when there is none. */
struct seedfile_tensor *seedfile_find(struct seedfile *file, const char *name);

#endif
