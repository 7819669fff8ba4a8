/* Sound of any length, in pieces of SEGMENT_S at most. A piece that ends in a pause is heard for
 * itself. Where nobody pauses, words in the last seconds may be broken by the cut: those behind the
 * longest gap between two words, FRESH_S to OLD_S back, are left to the next piece, which begins in
 * that gap.
 *
 * A piece is unfolded, its letters make a draft, and the attention decoder writes. What is in
 * doubt, and all where the seed has no such decoder, is read by the beam over language model and
 * lexicon, and the text model, if there is one, gives it case and marks. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "pauses.h"

#define SEGMENT_S  20
#define LEAD_MS    200 /* of silence, before and behind each piece */
#define OLD_S      6
#define FRESH_S    1.5
#define MARK_BYTES 2

struct fold_recognizer {
    const struct fold_model *model;
    struct fold_recognizer_options options;
    uint32_t depth;
    struct fold_run *run;
    struct fold_aed *aed;         /* NULL: the seed has none */
    struct fold_decoder *drafts;  /* NULL: the same */
    struct fold_decoder *decoder; /* where the other is in doubt, or none */
    struct fold_punctuation_state sentence;
    size_t segment_samples, lead_samples;
    float *pcm;  /* [lead, segment, lead] */
    float *logp; /* [frames of that, V] */
    char *draft; /* [draft_bytes] */
    size_t draft_bytes;
    /* The result: words whose texts are in `text`, at offsets until all are there. */
    struct fold_spoken *words; /* [words_count] */
    size_t *offsets;           /* [words_count] */
    size_t words_count, words_room;
    char *text;
    size_t text_bytes, text_room;
};

/* What was read of one piece. */
struct piece {
    const struct fold_word *words; /* [count] */
    size_t count;
    bool written; /* cased and marked */
    uint64_t start_sample;
    size_t samples;
};

static int open_decoders(struct fold_recognizer *r)
{
    struct fold_decoder_options options = fold_decoder_defaults();
    const bool writes = fold_model_info(r->model)->pieces > 0;
    int err = FOLD_OK;

    options.hotwords = r->options.hotwords;
    options.hotwords_count = r->options.hotwords_count;
    err = fold_decoder_open(&r->decoder, r->model, r->options.lm, &options);
    if (err || !writes)
        return err;
    options = fold_decoder_defaults();
    options.beam = FOLD_DRAFT_BEAM;
    err = fold_decoder_open(&r->drafts, r->model, r->options.lm, &options);
    if (!err)
        err = fold_aed_open(&r->aed, r->model, r->segment_samples + 2 * r->lead_samples);
    if (!err && r->options.hotwords_count)
        err = fold_aed_hotwords(r->aed, r->options.hotwords, r->options.hotwords_count);
    return err;
}

int fold_recognizer_open(struct fold_recognizer **ret_recognizer, const struct fold_model *model,
                         const struct fold_recognizer_options *options)
{
    const struct fold_info *info = fold_model_info(model);
    const uint32_t depth = options && options->depth ? options->depth : info->unfolds;
    if (depth > info->unfolds)
        return FOLD_ERR_ARGUMENT;
    struct fold_recognizer *r = calloc(1, sizeof *r);
    if (!r)
        return FOLD_ERR_MEMORY;
    r->model = model;
    r->depth = depth;
    if (options)
        r->options = *options;
    r->segment_samples = (size_t)info->rate_hz * SEGMENT_S;
    r->lead_samples = (size_t)info->rate_hz * LEAD_MS / 1000;
    const size_t room = r->segment_samples + 2 * r->lead_samples;
    const size_t frames = fold_frames(model, room);
    r->draft_bytes = 2 * frames + 2; /* every frame may bring a letter and a space */
    r->pcm = malloc(room * sizeof *r->pcm);
    r->logp = malloc(frames * info->vocab_size * sizeof *r->logp);
    r->draft = malloc(r->draft_bytes);
    int err = r->pcm && r->logp && r->draft ? fold_run_open(&r->run, model, room) : FOLD_ERR_MEMORY;
    if (!err)
        err = open_decoders(r);
    if (err) {
        fold_recognizer_close(r);
        return err;
    }
    *ret_recognizer = r;
    return FOLD_OK;
}

void fold_recognizer_close(struct fold_recognizer *r)
{
    if (!r)
        return;
    fold_aed_close(r->aed);
    fold_decoder_close(r->drafts);
    fold_decoder_close(r->decoder);
    fold_run_close(r->run);
    free(r->pcm);
    free(r->logp);
    free(r->draft);
    free(r->words);
    free(r->offsets);
    free(r->text);
    free(r);
}

/* ---- one piece ------------------------------------------------------------------------------ */

/* Runs the piece to its depth; its letters are in r->logp. */
static int unfold(struct fold_recognizer *r, const float *pcm, size_t samples)
{
    const size_t lead = r->lead_samples;

    memset(r->pcm, 0, lead * sizeof *r->pcm);
    memcpy(r->pcm + lead, pcm, samples * sizeof *pcm);
    memset(r->pcm + lead + samples, 0, lead * sizeof *r->pcm);
    int err = fold_run_begin(r->run, r->pcm, samples + 2 * lead);
    for (uint32_t i = 0; i < r->depth && !err; i++)
        err = fold_run_unfold(r->run);
    return err ? err : fold_run_exit(r->run, r->logp);
}

static int read_letters(struct fold_recognizer *r, struct fold_decoder *decoder,
                        struct fold_result *ret_result)
{
    fold_decoder_reset(decoder);
    const int err = fold_decoder_push(decoder, r->logp, fold_run_frames(r->run));
    return err ? err : fold_decoder_result(decoder, ret_result);
}

static int write_piece(struct fold_recognizer *r, struct fold_written *ret_written)
{
    struct fold_result heard;
    size_t used = 0;
    int err = read_letters(r, r->drafts, &heard);

    for (size_t i = 0; i < heard.words_count && !err; i++) {
        const size_t length = strlen(heard.words[i].text);
        if (used + length + 2 > r->draft_bytes)
            break;
        if (used)
            r->draft[used++] = ' ';
        memcpy(r->draft + used, heard.words[i].text, length);
        used += length;
    }
    r->draft[used] = '\0';
    if (!err)
        err = fold_aed_write(r->aed, r->run, r->logp, r->draft, ret_written);
    if (!err && !ret_written->doubt)
        err = fold_aed_rescore(r->aed, FOLD_AED_TRIES, ret_written);
    return err;
}

static int hear(struct fold_recognizer *r, const float *pcm, struct piece *piece)
{
    struct fold_written written = {.doubt = FOLD_DOUBT_SOUND};
    struct fold_result result;
    int err = unfold(r, pcm, piece->samples);

    if (!err && r->aed)
        err = write_piece(r, &written);
    if (err)
        return err;
    piece->written = !written.doubt;
    piece->words = written.words;
    piece->count = written.words_count;
    if (piece->written)
        return FOLD_OK;
    err = read_letters(r, r->decoder, &result);
    piece->words = result.words;
    piece->count = err ? 0 : result.words_count;
    return err;
}

static uint64_t sample_of(const struct fold_recognizer *r, const struct piece *piece,
                          uint32_t frame)
{
    const struct fold_info *info = fold_model_info(r->model);
    const uint64_t at = (uint64_t)frame * info->hop_samples;
    const uint64_t within = at > r->lead_samples ? at - r->lead_samples : 0;

    return piece->start_sample + (within < piece->samples ? within : piece->samples);
}

/* A piece that was cut in speech: keeps the words before the longest gap in its last seconds, and
 * says how many of its samples that are. */
static size_t settle(const struct fold_recognizer *r, struct piece *piece)
{
    const double rate_hz = fold_model_info(r->model)->rate_hz;
    const uint64_t end = piece->start_sample + piece->samples;
    uint64_t longest = 0, at = end;
    size_t kept = piece->count;

    for (size_t i = 1; i < piece->count; i++) {
        const uint64_t before = sample_of(r, piece, piece->words[i - 1].end_frame);
        const uint64_t behind = sample_of(r, piece, piece->words[i].start_frame);
        const uint64_t gap = behind > before ? behind - before : 0;
        if ((double)(end - before) > OLD_S * rate_hz ||
            (double)(end - behind) < FRESH_S * rate_hz || (kept < piece->count && gap < longest))
            continue;
        longest = gap;
        kept = i;
        at = before + gap / 2;
    }
    piece->count = kept;
    return (size_t)(at - piece->start_sample);
}

/* ---- the text ------------------------------------------------------------------------------- */

static int make_room(struct fold_recognizer *r, size_t words, size_t bytes)
{
    if (r->words_count + words > r->words_room) {
        const size_t room = 2 * (r->words_count + words);
        struct fold_spoken *grown = realloc(r->words, room * sizeof *grown);
        if (grown)
            r->words = grown;
        size_t *offsets = realloc(r->offsets, room * sizeof *offsets);
        if (offsets)
            r->offsets = offsets;
        if (!grown || !offsets)
            return FOLD_ERR_MEMORY;
        r->words_room = room;
    }
    if (r->text_bytes + bytes > r->text_room) {
        const size_t room = 2 * (r->text_bytes + bytes);
        char *grown = realloc(r->text, room);
        if (!grown)
            return FOLD_ERR_MEMORY;
        r->text = grown;
        r->text_room = room;
    }
    return FOLD_OK;
}

/* Case and marks of the word at i of what the beam read. */
static void mark_words(struct fold_recognizer *r, const struct piece *piece,
                       struct fold_punctuation_word *list)
{
    const double rate_hz = fold_model_info(r->model)->rate_hz;

    for (size_t i = 0; i < piece->count; i++) {
        const bool last = i + 1 == piece->count;
        const double gap = last ? 0
                                : (double)sample_of(r, piece, piece->words[i + 1].start_frame) -
                                      (double)sample_of(r, piece, piece->words[i].end_frame);
        list[i] = (struct fold_punctuation_word){.text = piece->words[i].text,
                                                 .pause_s = last ? NAN : (float)(gap / rate_hz)};
    }
    fold_punctuation_mark(r->options.prose, &r->sentence, list, piece->count, true);
}

/* Adds a piece's words to the text. */
static int add(struct fold_recognizer *r, const struct piece *piece)
{
    struct fold_punctuation_word *list = NULL;
    size_t bytes = 0;

    for (size_t i = 0; i < piece->count; i++)
        bytes += strlen(piece->words[i].text) + MARK_BYTES + 1;
    if (make_room(r, piece->count, bytes + 1) != FOLD_OK)
        return FOLD_ERR_MEMORY;
    if (!piece->written && r->options.prose && piece->count) {
        list = malloc(piece->count * sizeof *list);
        if (!list)
            return FOLD_ERR_MEMORY;
        mark_words(r, piece, list);
    }
    for (size_t i = 0; i < piece->count; i++) {
        const struct fold_word *word = &piece->words[i];
        char *to = r->text + r->text_bytes;
        strcpy(to, word->text);
        for (char *c = to; !piece->written && *c; c++)
            *c = (char)tolower((unsigned char)*c);
        if (list) {
            list[i].text = to;
            fold_punctuation_write(r->options.prose, &list[i], to);
        }
        r->words[r->words_count] =
            (struct fold_spoken){.start_sample = sample_of(r, piece, word->start_frame),
                                 .end_sample = sample_of(r, piece, word->end_frame),
                                 .confidence = word->confidence};
        r->offsets[r->words_count++] = r->text_bytes;
        r->text_bytes += strlen(to) + 1;
    }
    free(list);
    return FOLD_OK;
}

/* Words point into the text, which no longer moves. It is one string after the words' own. */
static int finish_text(struct fold_recognizer *r, struct fold_recognition *ret_recognition)
{
    const size_t bytes = r->text_bytes;

    if (make_room(r, 0, bytes + 1) != FOLD_OK)
        return FOLD_ERR_MEMORY;
    memcpy(r->text + bytes, r->text, bytes);
    for (size_t i = 0; i < bytes; i++)
        if (!r->text[bytes + i])
            r->text[bytes + i] = ' ';
    r->text[bytes ? 2 * bytes - 1 : 0] = '\0';
    for (size_t i = 0; i < r->words_count; i++)
        r->words[i].text = r->text + r->offsets[i];
    *ret_recognition = (struct fold_recognition){r->words, r->words_count, r->text + bytes};
    return FOLD_OK;
}

int fold_recognize(struct fold_recognizer *r, const float *pcm, size_t samples, uint32_t rate_hz,
                   struct fold_recognition *ret_recognition)
{
    const struct fold_info *info = fold_model_info(r->model);
    size_t heard = 0;

    if (rate_hz != info->rate_hz)
        return FOLD_ERR_RATE;
    r->words_count = r->text_bytes = 0;
    r->sentence = (struct fold_punctuation_state){0};
    while (heard < samples) {
        struct piece piece = {.start_sample = heard};
        bool pause;
        piece.samples =
            pauses_cut(pcm + heard, samples - heard, r->segment_samples, info->rate_hz, &pause);
        int err = hear(r, pcm + heard, &piece);
        heard += pause || err ? piece.samples : settle(r, &piece);
        if (!err)
            err = add(r, &piece);
        if (err)
            return err;
        if (r->options.progress && !r->options.progress(r->options.user, heard, samples))
            return FOLD_ERR_STOPPED;
    }
    return finish_text(r, ret_recognition);
}
