/* subtitles.h - SubRip and WebVTT from timed words. */
#ifndef SUBTITLES_H
#define SUBTITLES_H

#include "update.h"

/* Whole files, to be freed; NULL when out of memory. A cue holds at most two lines of 42
 * characters and 7 seconds, and never crosses a span. */
char *subtitles_srt(const struct update_transcript *transcript);
char *subtitles_vtt(const struct update_transcript *transcript);

#endif
