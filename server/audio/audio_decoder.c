#include "audio_decoder.h"

#include <stdarg.h>
#include <stdio.h>

enum decoder_got audio_decoder_note(enum decoder_got got, struct recording_note *note,
                                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(note->text, sizeof(note->text), format, args);
    va_end(args);
    return got;
}
