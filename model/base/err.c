/* err.c - texts of errors; and the library's version, which has no file of its own. */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>

uint32_t fold_version(void)
{
    return FOLD_VERSION;
}

const char *fold_err_text(int err)
{
    switch (err) {
    case FOLD_OK:
        return "no error";
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return text;
        FOLD_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}

int err_note(int err, struct fold_note *note, const char *format, ...)
{
    if (note) {
        va_list args;
        va_start(args, format);
        vsnprintf(note->text, sizeof note->text, format, args);
        va_end(args);
    }
    return err;
}
