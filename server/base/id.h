/* id.h - random identifiers. */
#ifndef ID_H
#define ID_H

#define ID_BYTES 37

/* A random UUID (version 4) as text. */
void id_make(char ret_text[ID_BYTES]);

/* A stable, UUID-shaped name of what has this hash (32 hexadecimal digits or more). */
void id_of_hash(char ret_text[ID_BYTES], const char *hash);

#endif
