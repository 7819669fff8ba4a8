/* err.h - one line of explanation beside an error code. */
#ifndef ERR_H
#define ERR_H

#include "fold.h"

/* Writes the note (when there is one) and returns err, so that a check is one statement. */
int err_note(int err, struct fold_note *note, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
