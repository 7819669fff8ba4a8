/* subtitles.h - SubRip and WebVTT from timed words. */
#ifndef SUBTITLES_H
#define SUBTITLES_H

#include "result.h"

/* Whole files, to be freed; NULL when out of memory. A cue holds at most two lines of 42
 * characters and 7 seconds, and never crosses a segment. */
char *subtitles_srt(const struct result_transcript *transcript);
char *subtitles_vtt(const struct result_transcript *transcript);

#endif
