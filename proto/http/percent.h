/* percent.h - percent-encoding (RFC 3986), as queries and names of files have it. Pure. */
#ifndef PERCENT_H
#define PERCENT_H

/* The byte that "%XX" at the beginning of text stands for; -1: text does not begin with one. */
int percent_byte(const char *text);

#endif
