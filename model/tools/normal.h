/* normal.h - any English text as the references of packed sets are: A-Z, apostrophes inside words,
 * single spaces. As model/train/fold/text.py, but that numbers are spelled out, since references
 * are. */
#ifndef NORMAL_H
#define NORMAL_H

#include <stddef.h>

/* to [room] <- text in normal form, ended by a zero; what does not fit is left out. */
void normal_form(char *to, size_t room, const char *text);

#endif
