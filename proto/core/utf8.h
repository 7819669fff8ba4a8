/* utf8.h - text from strangers, made fit to be repeated in JSON. */
#ifndef UTF8_H
#define UTF8_H

/* Puts '?' in place of each byte that is no part of a well-formed UTF-8 sequence: what was cut or
 * sent wrong shows as that, and the rest stays. The length does not change. */
void utf8_mend(char *text);

#endif
