/* id.h - random identifiers. */
#ifndef ID_H
#define ID_H

#define ID_BYTES 37

/* A random UUID (version 4) as text. */
void id_make(char ret_text[ID_BYTES]);

#endif
