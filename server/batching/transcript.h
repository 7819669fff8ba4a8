/* transcript.h - what a decoder heard, as a segment that can be shown: text and stream time.
 *
 * A first pass writes upper case letters and no marks; they are shown in lower case, or as prose
 * where there is a model for it. An attention decoder writes case and marks itself; they are left
 * out for those who want none.
 */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include "fold.h"
#include "result.h"

/* How frames of one run lie on the clock of the stream. */
struct transcript_clock {
    int64_t first_samples; /* where sample 0 of the run is; may lie before the segment (padding) */
    int64_t start_samples, end_samples; /* the segment; words are kept within */
    uint32_t hop_samples;
    uint32_t frame_samples; /* sound that one frame sees; its middle is the frame's time */
    bool cut;               /* no pause ends the segment */
};

/* Copies words and texts of result into *ret_segment, whose memory is released with
 * transcript_release. written: whether they have case and marks. 0, or -1 without memory. depth is
 * passed on. */
int transcript_segment(struct result_segment *ret_segment, const struct fold_result *result,
                       enum result_written written, const struct transcript_clock *clock,
                       struct result_depth depth);

/* How text is wanted. */
struct transcript_style {
    bool plain;                                 /* lower case, no marks */
    const struct fold_punctuation *punctuation; /* for words that have none; NULL: as plain */
};

/* Brings the words of a segment and its others into a style, in place. state: of the segments
 * before it in the stream. final: no more words will come, so the segment may end in a mark, and
 * state goes behind it. 0, or -1 without memory. */
int transcript_write(struct result_segment *segment, const struct transcript_style *style,
                     struct fold_punctuation_state *state, bool final);
/* Also of its others. */
void transcript_release(struct result_segment *segment);

#endif
