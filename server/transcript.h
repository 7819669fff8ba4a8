/* transcript.h - what a decoder heard, as a span that can be shown: text and stream time.
 *
 * The seed writes upper case letters and no marks; they are shown in lower case.
 */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include "fold.h"
#include "update.h"

/* How frames of one run lie on the clock of the stream. */
struct transcript_clock {
    int64_t first_samples; /* where sample 0 of the run is; may lie before the span (padding) */
    int64_t start_samples, end_samples; /* the span; words are kept within */
    uint32_t hop_samples;
    uint32_t frame_samples; /* sound that one frame sees; its middle is the frame's time */
};

/* Copies words and texts of result into *ret_span, whose memory is released with
 * transcript_release. 0, or -1 without memory. depth is passed on. */
int transcript_span(struct update_span *ret_span, const struct fold_result *result,
                    const struct transcript_clock *clock, struct update_depth depth);
void transcript_release(struct update_span *span);

#endif
