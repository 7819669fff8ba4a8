/* decode_stage.c - see decode_stage.h.
 *
 * Where the seed has an attention decoder it writes, checked by the letters that were heard, which
 * are its draft as well, behind what was written of the same sound before. What it must not be
 * trusted with, and all where there is none, is read by the beam over language model and lexicon.
 * Pieces that are unfolded at the same time are written in step (fold_batch_write), and what only
 * one of them wants, a search for a likelier text, alternatives, the beam, follows one by one. */
#include "decode_stage.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "transcript.h"

#define DECODE_FRAMES 64 /* pushed to the decoder between two looks at the cancel flag */

/* The decoder for these hotwords; the one with hotwords is kept until others come. */
static struct fold_decoder *decoder_for(struct worker *worker, const struct hotwords *hotwords)
{
    struct fold_decoder_options options = fold_decoder_defaults();

    if (!hotwords || !hotwords->count)
        return worker->decoder;
    if (worker->hot_decoder && worker->hot_id == hotwords->id)
        return worker->hot_decoder;
    fold_decoder_close(worker->hot_decoder);
    worker->hot_decoder = NULL;
    options.hotwords = hotwords->words;
    options.hotwords_count = hotwords->count;
    if (fold_decoder_open(&worker->hot_decoder, worker->model, worker->lm, &options) < 0)
        return NULL;
    worker->hot_id = hotwords->id;
    return worker->hot_decoder;
}

/* What the beam reads in the frames from `first` on, of which it counts. */
static enum worker_end decode(struct worker *worker, struct fold_decoder *decoder,
                              const struct worker_piece *piece, size_t first,
                              struct fold_result *ret_result)
{
    const size_t V = fold_model_info(worker->model)->vocab_size;
    const size_t T = fold_run_frames(piece->place->run);

    fold_decoder_reset(decoder);
    for (size_t t = first; t < T; t += DECODE_FRAMES) {
        if (atomic_load(piece->cancelled))
            return WORKER_CANCELLED;
        const size_t frames = T - t < DECODE_FRAMES ? T - t : DECODE_FRAMES;
        if (fold_decoder_push(decoder, piece->place->logp + t * V, frames) < 0)
            return WORKER_FAILED;
    }
    return fold_decoder_result(decoder, ret_result) < 0 ? WORKER_FAILED : WORKER_DONE;
}

/* Gives the writer these hotwords, unless it has them. */
static int warm_writer(struct worker_place *place, const struct hotwords *hotwords)
{
    const uint64_t id = hotwords && hotwords->count ? hotwords->id : 0;

    if (id == place->writer_hot_id)
        return FOLD_OK;
    place->writer_hot_id = 0; /* on failure it has none */
    const int error =
        fold_writer_hotwords(place->writer, id ? hotwords->words : NULL, id ? hotwords->count : 0);
    place->writer_hot_id = error ? 0 : id;
    return error;
}

/* Adds a word to the draft, which has used so many bytes: lower: but for "I", as the decoder
 * spells.
 */
static size_t add_word(struct worker_place *place, size_t used, const char *text, bool lower)
{
    const size_t length = strlen(text);

    if (used + length + 2 > place->draft_bytes)
        return used;
    if (used)
        place->draft[used++] = ' ';
    for (size_t i = 0; i < length; i++)
        place->draft[used++] =
            lower && length > 1 ? (char)tolower((unsigned char)text[i]) : text[i];
    return used;
}

/* Begins the draft with what was written before; *ret_end: the frame where that ends. */
static size_t draft_written(struct worker *worker, struct worker_piece *piece, size_t *ret_end)
{
    struct worker_place *place = piece->place;
    const uint32_t hop_samples = fold_model_info(worker->model)->hop_samples;
    int64_t written_samples = place->first_samples;
    size_t used = 0;

    for (size_t i = 0; i < piece->before_count; i++) {
        const struct result_word *word = &piece->before[i];
        if (word->start_samples < place->start_samples || word->start_samples >= place->end_samples)
            continue;
        used = add_word(place, used, word->text, false);
        written_samples = word->end_samples;
    }
    /* It ended there with a mark, but it goes on. */
    while (used && strchr(".,?!", place->draft[used - 1]))
        used--;
    *ret_end = (size_t)(written_samples - place->first_samples) / hop_samples;
    return used;
}

/* The draft: what was written before, and behind that what is heard letter by letter. */
static enum worker_end set_draft(struct worker *worker, struct worker_piece *piece)
{
    struct worker_place *place = piece->place;
    struct fold_result heard;
    size_t end_frame, used = draft_written(worker, piece, &end_frame);
    const enum worker_end end = decode(worker, worker->drafts, piece, end_frame, &heard);

    piece->cost.drafted = used > 0;
    if (end != WORKER_DONE)
        return end;
    for (size_t i = 0; i < heard.words_count; i++)
        used = add_word(place, used, heard.words[i].text, piece->cost.drafted);
    place->draft[used] = '\0';
    return WORKER_DONE;
}

/* The rank-th text of a piece, 0 the one that is shown: of the writer, or of the decoder. */
static int text_of(struct worker_place *place, struct fold_decoder *decoder, uint32_t rank,
                   struct fold_result *ret_result)
{
    struct fold_written written;

    if (decoder)
        return fold_decoder_alternative(decoder, rank, ret_result);
    const int error = fold_writer_alternative(place->writer, rank, &written);
    ret_result->words = error ? NULL : written.words;
    ret_result->words_count = error ? 0 : written.words_count;
    return error;
}

/* Gives a segment its others: at most as many as the piece wants, as far as there are so many. */
static enum worker_end add_others(struct fold_decoder *decoder, const struct worker_piece *piece,
                                  const struct transcript_clock *clock, struct fold_result *result,
                                  struct result_segment *segment)
{
    const uint32_t most = 1 + piece->alternatives;
    struct result_segment *others = malloc(piece->alternatives * sizeof(*others));
    uint32_t written;

    segment->others = others;
    if (!others || (!decoder && fold_writer_alternatives(piece->place->writer, most, &written) < 0))
        return WORKER_FAILED;
    for (uint32_t rank = 1; rank < most; rank++) {
        if (atomic_load(piece->cancelled))
            return WORKER_CANCELLED;
        if (text_of(piece->place, decoder, rank, result) < 0)
            break;
        if (transcript_segment(&others[segment->others_count], result, !decoder, clock,
                               piece->depth) < 0)
            return WORKER_FAILED;
        segment->others_count++;
    }
    return WORKER_DONE;
}

/* Letters of a piece that is unfolded, and what the attention decoder, if there is one, is to write
 * of it. */
static enum worker_end prepare(struct worker *worker, struct worker_piece *piece,
                               struct fold_writing *ret_writing)
{
    struct worker_place *place = piece->place;
    struct worker_cost *cost = &piece->cost;
    double clock_ms = clock_now_ms();

    const int error = fold_run_exit(place->run, place->logp);
    cost->exit_seconds += clock_lap_s(&clock_ms);
    if (error)
        return WORKER_FAILED;
    if (!place->writer)
        return WORKER_DONE;
    const enum worker_end end = set_draft(worker, piece);
    cost->decode_seconds += clock_lap_s(&clock_ms);
    if (end != WORKER_DONE)
        return end;
    *ret_writing = (struct fold_writing){.writer = place->writer,
                                         .run = place->run,
                                         .logp = place->logp,
                                         .draft = place->draft,
                                         .brief = !piece->search && !piece->alternatives};
    return warm_writer(place, piece->hotwords) < 0 ? WORKER_FAILED : WORKER_DONE;
}

/* Looks for a likelier text, and says in *ret_result what the attention decoder wrote; cost.doubt
 * says whether it counts. */
static enum worker_end settle(struct worker_piece *piece, struct fold_written *written,
                              struct fold_result *ret_result)
{
    struct worker_cost *cost = &piece->cost;
    double clock_ms = clock_now_ms();

    if (piece->search && !written->doubt &&
        fold_writer_search(piece->place->writer, FOLD_WRITER_TRIES, written) < 0)
        return WORKER_FAILED;
    cost->write_seconds += clock_lap_s(&clock_ms);
    if (atomic_load(piece->cancelled))
        return WORKER_CANCELLED;
    cost->written = true;
    cost->doubt = written->doubt;
    *ret_result = (struct fold_result){.words = written->words,
                                       .words_count = written->words_count,
                                       .mean_logp = written->frame_logp,
                                       .blank_share = written->blank_share};
    return WORKER_DONE;
}

/* Words of a piece, written where that is not NULL. */
static enum worker_end conclude(struct worker *worker, struct worker_piece *piece,
                                struct fold_written *written, struct result_segment *ret_segment)
{
    const struct fold_info *info = fold_model_info(worker->model);
    const struct worker_place *place = piece->place;
    enum worker_end end = WORKER_DONE;
    struct fold_decoder *decoder = NULL;
    struct fold_result result;

    if (written)
        end = settle(piece, written, &result);
    double clock_ms = clock_now_ms();
    if (end == WORKER_DONE && (!written || written->doubt)) {
        decoder = decoder_for(worker, piece->hotwords);
        end = decoder ? decode(worker, decoder, piece, 0, &result) : WORKER_FAILED;
        piece->cost.decode_seconds += clock_lap_s(&clock_ms);
    }
    if (end != WORKER_DONE)
        return end;
    const struct transcript_clock clock = {.first_samples = place->first_samples,
                                           .start_samples = place->start_samples,
                                           .end_samples = place->end_samples,
                                           .hop_samples = info->hop_samples,
                                           .frame_samples = info->min_samples,
                                           .cut = place->cut};
    if (transcript_segment(ret_segment, &result, !decoder, &clock, piece->depth) < 0)
        return WORKER_FAILED;
    if (piece->alternatives && result.words_count) {
        clock_ms = clock_now_ms();
        end = add_others(decoder, piece, &clock, &result, ret_segment);
        piece->cost.others_seconds += clock_lap_s(&clock_ms);
    }
    if (end != WORKER_DONE)
        transcript_release(ret_segment);
    return end;
}

void decode_stage_run(struct worker *worker, struct worker_piece *const *pieces, size_t count)
{
    struct fold_writing writings[BATCHER_PIECES];
    enum worker_end ends[BATCHER_PIECES];
    double written_s = 0;
    size_t writing = 0;

    for (size_t i = 0; i < count; i++) {
        ends[i] = prepare(worker, pieces[i], &writings[writing]);
        if (ends[i] != WORKER_DONE || !pieces[i]->place->writer)
            continue;
        written_s += worker_place_s(pieces[i]->place);
        writing++;
    }
    double clock_ms = clock_now_ms();
    const int error = writing ? fold_batch_write(writings, writing) : FOLD_OK;
    const double took_s = clock_lap_s(&clock_ms);
    for (size_t i = 0, k = 0; i < count; i++) {
        struct worker_piece *piece = pieces[i];
        struct result_segment segment = {0};
        const bool written = ends[i] == WORKER_DONE && piece->place->writer;
        if (written && written_s > 0)
            piece->cost.write_seconds += took_s * worker_place_s(piece->place) / written_s;
        if (written && error)
            ends[i] = WORKER_FAILED;
        if (ends[i] == WORKER_DONE)
            ends[i] = conclude(worker, piece, written ? &writings[k].written : NULL, &segment);
        k += written;
        piece->on_result(piece, ends[i], &segment);
    }
}
