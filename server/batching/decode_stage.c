/* decode_stage.c - see decode_stage.h.
 *
 * Where the seed has an attention decoder, that writes the text; its draft is what was written of
 * the same sound before and, behind that, the first pass' letters, which also check the result.
 * Where it is in doubt, or the seed has none, the beam over lexicon and language model gives the
 * text.
 * Pieces that are unfolded at the same time are written in step (fold_batch_write), and what only
 * one of them wants, a search for a likelier text, alternatives, the beam, follows one by one. */
#include "decode_stage.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "transcript.h"

#define DECODE_FRAMES 64 /* pushed to the decoder between two looks at the cancel flag */

int decode_stage_open(struct decode_stage *stage, const struct fold_model *model,
                      const struct fold_lm *lm)
{
    struct fold_decoder_options options = fold_decoder_defaults();

    *stage = (struct decode_stage){.model = model, .lm = lm};
    int error = fold_decoder_open(&stage->decoder, model, lm, &options);
    options.beam = FOLD_DRAFT_BEAM;
    if (!error && fold_model_info(model)->pieces)
        error = fold_decoder_open(&stage->drafts, model, lm, &options);
    return error;
}

void decode_stage_close(struct decode_stage *stage)
{
    fold_decoder_close(stage->hot_decoder);
    fold_decoder_close(stage->decoder);
    fold_decoder_close(stage->drafts);
}

/* The decoder for these hotwords; the one with hotwords is kept until others come. */
static struct fold_decoder *decoder_for(struct decode_stage *stage, const struct hotwords *hotwords)
{
    struct fold_decoder_options options = fold_decoder_defaults();

    if (!hotwords || !hotwords->count)
        return stage->decoder;
    if (stage->hot_decoder && stage->hot_id == hotwords->id)
        return stage->hot_decoder;
    fold_decoder_close(stage->hot_decoder);
    stage->hot_decoder = NULL;
    options.hotwords = hotwords->words;
    options.hotwords_count = hotwords->count;
    if (fold_decoder_open(&stage->hot_decoder, stage->model, stage->lm, &options) < 0)
        return NULL;
    stage->hot_id = hotwords->id;
    return stage->hot_decoder;
}

/* What cannot go on: a client who has left is no failure of ours. */
static enum piece_end failed(const struct piece *piece)
{
    return atomic_load(piece->cancelled) ? PIECE_CANCELLED : PIECE_FAILED;
}

/* What the beam reads in the frames from `first` on, of which it counts. */
static enum piece_end decode(struct decode_stage *stage, struct fold_decoder *decoder,
                             const struct piece *piece, size_t first,
                             struct fold_result *ret_result)
{
    const size_t V = fold_model_info(stage->model)->vocab_size;
    const size_t T = fold_run_frames(piece->slot->run);

    fold_decoder_reset(decoder);
    for (size_t t = first; t < T; t += DECODE_FRAMES) {
        if (atomic_load(piece->cancelled))
            return PIECE_CANCELLED;
        const size_t frames = T - t < DECODE_FRAMES ? T - t : DECODE_FRAMES;
        if (fold_decoder_push(decoder, piece->slot->logp + t * V, frames) < 0)
            return PIECE_FAILED;
    }
    return fold_decoder_result(decoder, ret_result) < 0 ? PIECE_FAILED : PIECE_DONE;
}

/* Gives the decoder these hotwords, unless it has them. */
static int warm_aed(struct slot *slot, const struct hotwords *hotwords)
{
    const uint64_t id = hotwords && hotwords->count ? hotwords->id : 0;

    if (id == slot->aed_hot_id)
        return FOLD_OK;
    slot->aed_hot_id = 0; /* on failure it has none */
    const int error =
        fold_aed_hotwords(slot->aed, id ? hotwords->words : NULL, id ? hotwords->count : 0);
    slot->aed_hot_id = error ? 0 : id;
    return error;
}

/* Adds a word to the draft, which has used so many bytes: lower: but for "I", as the decoder
 * spells.
 */
static size_t add_word(struct slot *slot, size_t used, const char *text, bool lower)
{
    const size_t length = strlen(text);

    if (used + length + 2 > slot->draft_bytes)
        return used;
    if (used)
        slot->draft[used++] = ' ';
    for (size_t i = 0; i < length; i++)
        slot->draft[used++] = lower && length > 1 ? (char)tolower((unsigned char)text[i]) : text[i];
    return used;
}

/* The first frame behind the final words. */
static size_t fresh_frame(const struct decode_stage *stage, const struct slot *slot)
{
    const uint32_t hop_samples = fold_model_info(stage->model)->hop_samples;

    return slot->fresh_samples > slot->start_samples
               ? (size_t)(slot->fresh_samples - slot->first_samples) / hop_samples
               : 0;
}

/* Begins the draft with the final words, and what was written before; *ret_end: the frame where
 * that ends. */
static size_t draft_written(struct decode_stage *stage, struct piece *piece, size_t *ret_end)
{
    struct slot *slot = piece->slot;
    const uint32_t hop_samples = fold_model_info(stage->model)->hop_samples;
    size_t used = piece->prefix ? add_word(slot, 0, piece->prefix, false) : 0;

    *ret_end = fresh_frame(stage, slot);
    for (size_t i = 0; i < piece->before_count; i++) {
        const struct result_word *word = &piece->before[i];
        if (word->start_samples < slot->fresh_samples || word->start_samples >= slot->end_samples)
            continue;
        used = add_word(slot, used, word->text, false);
        *ret_end = (size_t)(word->end_samples - slot->first_samples) / hop_samples;
    }
    /* It ended there with a mark, but it goes on. */
    while (used && strchr(".,?!", slot->draft[used - 1]))
        used--;
    return used;
}

/* The draft: what was written before, and behind that what is heard letter by letter. */
static enum piece_end set_draft(struct decode_stage *stage, struct piece *piece)
{
    struct slot *slot = piece->slot;
    struct fold_result heard;
    size_t end_frame, used = draft_written(stage, piece, &end_frame);
    const enum piece_end end = decode(stage, stage->drafts, piece, end_frame, &heard);

    piece->cost.drafted = used > 0;
    if (end != PIECE_DONE)
        return end;
    for (size_t i = 0; i < heard.words_count; i++)
        used = add_word(slot, used, heard.words[i].text, piece->cost.drafted);
    slot->draft[used] = '\0';
    return PIECE_DONE;
}

/* The rank-th text of a piece, 0 the one that is shown: of the decoder, or of the decoder. */
static int text_of(struct slot *slot, struct fold_decoder *decoder, uint32_t rank,
                   struct fold_result *ret_result)
{
    struct fold_written written;

    if (decoder)
        return fold_decoder_alternative(decoder, rank, ret_result);
    const int error = fold_aed_alternative(slot->aed, rank, &written);
    ret_result->words = error ? NULL : written.words + written.prefix_words;
    ret_result->words_count = error ? 0 : written.words_count - written.prefix_words;
    return error;
}

/* Gives a segment its others: at most as many as the piece wants, as far as there are so many. */
static enum piece_end add_others(struct fold_decoder *decoder, const struct piece *piece,
                                 enum result_written how, const struct transcript_clock *clock,
                                 struct fold_result *result, struct result_segment *segment)
{
    const uint32_t most = 1 + piece->alternatives;
    struct result_segment *others = malloc(piece->alternatives * sizeof(*others));
    uint32_t written;

    segment->others = others;
    if (!others || (!decoder && fold_aed_alternatives(piece->slot->aed, most, &written) < 0))
        return PIECE_FAILED;
    for (uint32_t rank = 1; rank < most; rank++) {
        if (atomic_load(piece->cancelled))
            return PIECE_CANCELLED;
        if (text_of(piece->slot, decoder, rank, result) < 0)
            break;
        if (transcript_segment(&others[segment->others_count], result, how, clock, piece->depth) <
            0)
            return PIECE_FAILED;
        segment->others_count++;
    }
    return PIECE_DONE;
}

/* Letters of a piece that is unfolded, and what the attention decoder, if there is one, is to write
 * of it. */
static enum piece_end prepare(struct decode_stage *stage, struct piece *piece,
                              struct fold_writing *ret_writing)
{
    struct slot *slot = piece->slot;
    struct piece_cost *cost = &piece->cost;
    struct clock_lap lap = clock_lap_begin();

    const int error = fold_run_exit(slot->run, slot->logp);
    piece_cost_add(cost, &cost->exit_seconds, clock_lap_next(&lap), 1);
    if (error)
        return PIECE_FAILED;
    if (!slot->aed)
        return PIECE_DONE;
    const enum piece_end end = set_draft(stage, piece);
    piece_cost_add(cost, &cost->decode_seconds, clock_lap_next(&lap), 1);
    if (end != PIECE_DONE)
        return end;
    *ret_writing = (struct fold_writing){.aed = slot->aed,
                                         .run = slot->run,
                                         .logp = slot->logp,
                                         .draft = slot->draft,
                                         .prefix = piece->prefix,
                                         .brief = !piece->search && !piece->alternatives};
    return warm_aed(slot, piece->hotwords) < 0 ? PIECE_FAILED : PIECE_DONE;
}

/* Looks for a likelier text, and says in *ret_result what the attention decoder wrote; cost.doubt
 * says whether it counts. */
static enum piece_end settle(struct piece *piece, struct fold_written *written,
                             struct fold_result *ret_result)
{
    struct piece_cost *cost = &piece->cost;
    struct clock_lap lap = clock_lap_begin();

    if (piece->search && !written->doubt &&
        fold_aed_rescore(piece->slot->aed, FOLD_AED_TRIES, written) < 0)
        return failed(piece);
    piece_cost_add(cost, &cost->write_seconds, clock_lap_next(&lap), 1);
    if (atomic_load(piece->cancelled))
        return PIECE_CANCELLED;
    cost->written = true;
    cost->doubt = written->doubt;
    *ret_result = (struct fold_result){.words = written->words + written->prefix_words,
                                       .words_count = written->words_count - written->prefix_words,
                                       .mean_logp = written->frame_logp,
                                       .blank_share = written->blank_share};
    return PIECE_DONE;
}

/* Words of a piece, written where that is not NULL. */
static enum piece_end conclude(struct decode_stage *stage, struct piece *piece,
                               struct fold_written *written, struct result_segment *ret_segment)
{
    const struct fold_info *info = fold_model_info(stage->model);
    const struct slot *slot = piece->slot;
    enum piece_end end = PIECE_DONE;
    struct fold_decoder *decoder = NULL;
    struct fold_result result;
    size_t first_frame = 0;

    if (written)
        end = settle(piece, written, &result);
    struct clock_lap lap = clock_lap_begin();
    if (end == PIECE_DONE && (!written || written->doubt)) {
        decoder = decoder_for(stage, piece->hotwords);
        first_frame = fresh_frame(stage, slot);
        end = decoder ? decode(stage, decoder, piece, first_frame, &result) : PIECE_FAILED;
        piece_cost_add(&piece->cost, &piece->cost.decode_seconds, clock_lap_next(&lap), 1);
    }
    if (end != PIECE_DONE)
        return end;
    const struct transcript_clock clock = {
        .first_samples = slot->first_samples + (int64_t)(first_frame * info->hop_samples),
        .start_samples = slot->fresh_samples,
        .end_samples = slot->end_samples,
        .hop_samples = info->hop_samples,
        .frame_samples = info->min_samples,
        .cut = slot->cut};
    const enum result_written how = decoder                 ? RESULT_HEARD
                                    : written->prefix_words ? RESULT_CONTINUED
                                                            : RESULT_WRITTEN;
    if (transcript_segment(ret_segment, &result, how, &clock, piece->depth) < 0)
        return PIECE_FAILED;
    if (piece->alternatives && result.words_count) {
        lap = clock_lap_begin();
        end = add_others(decoder, piece, how, &clock, &result, ret_segment);
        piece_cost_add(&piece->cost, &piece->cost.others_seconds, clock_lap_next(&lap), 1);
    }
    if (end != PIECE_DONE)
        transcript_release(ret_segment);
    return end;
}

void decode_stage_begin(struct decode_stage *stage, struct piece *const *pieces, size_t count)
{
    double written_s = 0;

    stage->writings_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct piece *piece = pieces[i];
        fold_run_set_abort(piece->slot->run, piece_is_cancelled, piece->cancelled);
        piece->end = prepare(stage, piece, &stage->writings[stage->writings_count]);
        if (piece->end != PIECE_DONE || !piece->slot->aed)
            continue;
        written_s += slot_seconds(piece->slot);
        stage->writings_count++;
    }
    struct clock_lap lap = clock_lap_begin();
    const int error =
        stage->writings_count ? fold_batch_write(stage->writings, stage->writings_count) : FOLD_OK;
    const struct clock_spent spent = clock_lap_next(&lap);
    for (size_t i = 0; i < count; i++) {
        struct piece *piece = pieces[i];
        if (piece->end != PIECE_DONE || !piece->slot->aed)
            continue;
        if (written_s > 0)
            piece_cost_add(&piece->cost, &piece->cost.write_seconds, spent,
                           slot_seconds(piece->slot) / written_s);
        if (error)
            piece->end = failed(piece);
    }
}

/* What was written of a piece; NULL where there is no attention decoder. */
static struct fold_written *written_of(struct decode_stage *stage, const struct piece *piece)
{
    for (size_t i = 0; i < stage->writings_count; i++)
        if (stage->writings[i].aed == piece->slot->aed)
            return &stage->writings[i].written;
    return NULL;
}

void decode_stage_finish(struct decode_stage *stage, struct piece *piece)
{
    if (piece->end == PIECE_DONE)
        piece->end = conclude(stage, piece, written_of(stage, piece), &piece->segment);
    if (piece->end != PIECE_DONE)
        piece->segment = (struct result_segment){0};
}
