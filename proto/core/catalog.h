/* catalog.h - the names that the one model answers to, in every dialect: its own, those that stock
 * clients send when nobody has chosen one, and those that the operator adds. Pure. */
#ifndef CATALOG_H
#define CATALOG_H

#include "field.h"

#define CATALOG_NAME    96 /* bytes of a name, with its end */
#define CATALOG_ALIASES 64 /* that the operator may add */

/* NAME=MODEL@depth, as --alias says it. */
struct catalog_alias {
    char name[CATALOG_NAME];
    char model[CATALOG_NAME]; /* as it was written, without its depth */
    uint32_t depth;           /* with which it is run; 0: none is said */
};

/* Read only once it is open; any thread. */
struct catalog {
    const char *seed;  /* the seed's name; borrowed */
    uint32_t unfolds;  /* greatest depth */
    int64_t created_s; /* Unix time */
    struct catalog_alias aliases[CATALOG_ALIASES];
    size_t aliases_count;
};

/* aliases: NAME=MODEL or NAME=MODEL@depth, commas between, in any order; "": none. seed outlives
 * the catalog. 0, or -1 with *err: a name that leads to no model or back to itself, is there twice,
 * or a depth that the model does not have. */
int catalog_open(struct catalog *catalog, const char *seed, uint32_t unfolds, int64_t created_s,
                 const char *aliases, struct field_error *err);

/* NAME or NAME@depth, the value of field. 0 with the depth that goes with it (0: none); or -1 with
 * *err, which lists what there is. */
int catalog_find(const struct catalog *catalog, const char *field, const char *name,
                 uint32_t *ret_depth, struct field_error *err);

/* The index-th name to tell clients, NULL behind the last; *ret_depth: as catalog_find. The first
 * is the model's own. */
const char *catalog_name(const struct catalog *catalog, size_t index, uint32_t *ret_depth);

/* All names in one line, with commas; those that begin alike as "nova-*". */
void catalog_list(const struct catalog *catalog, char *ret_text, size_t room);

#endif
