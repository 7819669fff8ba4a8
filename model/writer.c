/* writer.c - from frames and a draft to words.
 *
 * Written piece by piece, the decoder walks through all of its weights for every piece. But what
 * it would write behind each of many given pieces comes of one walk. So the draft is read in one
 * go: as long as the decoder would have written just that, it counts as written; where it would
 * not, the decoder's own piece counts, the draft is taken up again behind it, and so on. Every
 * piece that counts is the likeliest behind those before it, so the draft decides how fast the text
 * is written and nothing else.
 *
 * What is never believed: a text where nothing was heard, one that repeats itself beyond what was
 * heard, one much longer or shorter than what was heard, one whose letters the frames contradict.
 * How sure the decoder is counts as well: of 400 utterances of dev_clean and dev_l2 the means of
 * its log-probabilities were above -0.66 and -1.53; of babble and speech played backwards they lay
 * between -0.7 and -1.7. On noise, music and silence it ends at once by itself. */
#include "writer.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "writer_state.h"

#define PIECES_S     6.5f  /* at most, a second of sound, beside 2 */
#define LOOP_PERIOD  16    /* pieces that are repeated */
#define LOOP_TIMES   3     /* and how often that is suspicious */
#define SILENCE      1.0f  /* letters, by their probabilities, that are none */
#define LENGTH_MOST  1.6f  /* letters, of those heard; and 12 */
#define LENGTH_LEAST 0.5f  /* less 8 */
#define LENGTH_SURE  -0.5f /* mean_logp from which a length is believed */
/* A text is contradicted by how much its best path lies below what was heard, a letter, and twice
 * -mean_logp, together. Both say little alone: accents cost the one, rare words the other. */
#define SOUND_MOST 6.0f

/* What is usual: pieces a second, letters a frame, pieces written in one pass. */
#define USUAL_PIECES_S 3.3f
#define USUAL_LETTERS  2 / 5
#define USUAL_STEP     4

static size_t most_pieces(const struct fold_model *m, size_t samples)
{
    return 2 + (size_t)(PIECES_S * (float)samples / (float)m->info.rate_hz);
}

/* The writer itself is the first part of its own memory. */
static size_t lay_out(struct fold_writer *w, const struct fold_model *m, size_t max_samples,
                      void *base)
{
    const size_t T = fold_frames(m, max_samples), pieces = most_pieces(m, max_samples);
    struct place at = {base, 0};
    place(&at, sizeof *w);
    w->model = m;
    w->max_samples = max_samples;
    w->hot = (struct boost){0};
    aed_place(&w->aed, m, T, pieces, &at);
    draft_place(&w->draft, &m->decoder.pieces, pieces, &at);
    wording_place(&w->wording, m, pieces, T, &at);
    align_place(&w->align, T, &at);
    w->written = place(&at, (pieces + 1) * sizeof *w->written);
    w->guess = place(&at, AED_ROWS * sizeof *w->guess);
    alternatives_place(&w->others, pieces, &at);
    w->noted = place(&at, (pieces + 1) * sizeof *w->noted);
    return at.used;
}

static bool is_possible(const struct fold_model *m, size_t max_samples)
{
    return m->info.pieces && max_samples >= m->info.min_samples &&
           max_samples <= (size_t)FOLD_WRITER_SECONDS * m->info.rate_hz;
}

size_t fold_writer_bytes(const struct fold_model *model, size_t max_samples)
{
    struct fold_writer w;
    return is_possible(model, max_samples) ? lay_out(&w, model, max_samples, NULL) : 0;
}

int fold_writer_open(struct fold_writer **ret_writer, const struct fold_model *model,
                     size_t max_samples)
{
    if (!is_possible(model, max_samples))
        return FOLD_ERR_ARGUMENT;
    struct fold_writer *w = aligned_alloc(64, fold_writer_bytes(model, max_samples));
    if (!w)
        return FOLD_ERR_MEMORY;
    lay_out(w, model, max_samples, w);
    *ret_writer = w;
    return FOLD_OK;
}

void fold_writer_close(struct fold_writer *w)
{
    if (!w)
        return;
    boost_finish(&w->hot);
    free(w);
}

/* The case forms in which a hotword may be written. */
enum form { FORM_GIVEN, FORM_LOWER, FORM_UPPER, FORM_TITLE, FORMS };

/* Text in a form; room for it is the caller's. */
static void reform(char *to, const char *text, enum form form)
{
    for (bool first = true; *text; text++, to++) {
        const unsigned char c = (unsigned char)*text;
        const bool up = form == FORM_UPPER || (form == FORM_TITLE && first);
        *to = (char)(form == FORM_GIVEN ? c : up ? toupper(c) : tolower(c));
        first = isspace(c);
    }
    *to = '\0';
}

/* The pieces of a text of several words; to has room for bytes and a mark for each word. */
static size_t encode(const struct bpe *pieces, const char *text, uint32_t *to)
{
    size_t count = 0;
    for (;;) {
        text += strspn(text, " \t\r\n");
        const size_t bytes = strcspn(text, " \t\r\n");
        if (!bytes)
            return count;
        count += bpe_encode(pieces, text, bytes, true, to + count);
        text += bytes;
    }
}

int fold_writer_hotwords(struct fold_writer *w, const struct fold_hotword *hotwords, size_t count)
{
    int err = FOLD_OK;
    boost_finish(&w->hot);
    for (size_t i = 0; i < count && !err; i++) {
        const size_t bytes = strlen(hotwords[i].text);
        char *text = malloc(bytes + 1);
        uint32_t *pieces = malloc((bytes + 1) * 3 * sizeof *pieces);
        if (!text || !pieces)
            err = FOLD_ERR_MEMORY;
        for (enum form form = 0; form < FORMS && !err; form++) {
            reform(text, hotwords[i].text, form);
            const size_t n = encode(&w->model->decoder.pieces, text, pieces);
            err = n ? boost_spell(&w->hot, pieces, n, hotwords[i].boost) : FOLD_ERR_ARGUMENT;
        }
        free(text);
        free(pieces);
    }
    if (err)
        boost_finish(&w->hot);
    return err;
}

static struct heard hear(const float *logp, size_t T, const struct wording *wording, size_t V)
{
    struct heard h = {0};
    uint32_t last = 0;
    for (uint32_t t = 0; t < T; t++, logp += V) {
        uint32_t best = 0;
        for (uint32_t v = 1; v < V; v++)
            best = logp[v] > logp[best] ? v : best;
        h.logp += logp[best];
        const float none =
            expf(logp[0]) + (wording->space == ALIGN_ANY ? 0 : expf(logp[wording->space]));
        h.mass += none < 1 ? 1 - none : 0;
        if (best && best != wording->space) {
            h.first = h.letters ? h.first : t;
            h.end = t + 1;
            h.letters += best != last;
        }
        last = best;
    }
    return h;
}

/* Do the last pieces repeat those before them? */
static bool is_loop(const uint32_t *written, size_t count)
{
    for (size_t period = 1; period <= LOOP_PERIOD; period++) {
        const size_t same = period * (period < 3 ? 2 * LOOP_TIMES : LOOP_TIMES);
        if (count < same + period)
            break;
        const uint32_t *last = written + count - same;
        if (memcmp(last, last - period, same * sizeof *last) == 0)
            return true;
    }
    return false;
}

/* The likeliest piece by row of logits, with hotwords from a state of theirs. */
static uint32_t choose(struct fold_writer *w, size_t row, uint32_t hot, float *ret_logp)
{
    const size_t V = w->model->info.pieces;
    const struct boost *boost = &w->hot;
    const float *logits = w->aed.logits + row * V;
    float log_sum;
    size_t best = w->model->kernels->choose(logits, V, &log_sum);
    float most = logits[best];
    for (int from_root = 0; boost->count && from_root <= (hot ? 1 : 0); from_root++) {
        uint32_t node = boost->nodes[from_root ? 0 : hot].child;
        for (; node; node = boost->nodes[node].sibling) {
            const struct boost_node *n = &boost->nodes[node];
            if (logits[n->letter] + n->credit > most) {
                most = logits[n->letter] + n->credit;
                best = n->letter;
            }
        }
    }
    *ret_logp = logits[best] - log_sum;
    return (uint32_t)best;
}

uint32_t writer_follow_hot(const struct boost *hot, uint32_t state, uint32_t piece)
{
    if (!hot->count)
        return 0;
    const uint32_t next = boost_find(hot, state, piece);
    return next || !state ? next : boost_find(hot, 0, piece);
}

enum fold_doubt writer_go_on(struct fold_writer *w, struct walk from, struct fold_written *result)
{
    struct wording *out = &w->wording;
    size_t count = from.count;
    float sum = from.sum;
    uint32_t hot = from.hot;
    size_t ahead = AED_ROWS - 1; /* guesses worth a try: a bad draft shall cost no more than none */
    while (count < w->limit && !fold_run_is_stopped(w->run)) {
        const size_t left = w->limit - count - 1, room = left < ahead ? left : ahead;
        const size_t guessed = draft_follow(&w->draft, out->text, out->text_bytes, w->guess, room);
        const bool ends = guessed && w->guess[guessed - 1] == BPE_END;
        const size_t rows = 1 + guessed - ends;
        memcpy(w->written + count + 1, w->guess, (rows - 1) * sizeof *w->guess);
        aed_read(&w->aed, count, w->written + count, rows);
        result->passes++;
        size_t row = 0;
        for (bool right = true; right && row < rows; row += right) {
            float logp;
            const uint32_t piece = choose(w, row, hot, &logp);
            w->noted[count] = alternatives_turning(w, row, count, piece, logp);
            sum += logp;
            result->mean_logp = sum / (float)(count + 1);
            if (sum < from.least)
                return FOLD_DOUBT_LOOP;
            if (piece == BPE_END)
                return FOLD_DOUBT_NONE;
            w->written[++count] = piece;
            wording_add(out, piece, logp);
            hot = writer_follow_hot(&w->hot, hot, piece);
            if (out->letters > w->letters_most && is_loop(w->written + 1, count))
                return FOLD_DOUBT_LOOP;
            right = row < guessed && piece == w->guess[row];
        }
        ahead = row < guessed ? row + 1 : AED_ROWS - 1;
    }
    return FOLD_DOUBT_LOOP;
}

/* Times of words [count] by their best path through the frames; returns how far that lies below
 * what was heard, a symbol. */
static float give_times(struct fold_writer *w, size_t count, size_t symbols)
{
    const size_t T = fold_run_frames(w->run), V = w->model->info.vocab_size;
    float path;
    if (symbols && align_run(&w->align, w->logp, T, V, w->wording.symbols, symbols, &path)) {
        wording_time(&w->wording, count, w->align.times);
        return (w->heard.logp - path) / (float)symbols;
    }
    wording_spread(&w->wording, count, w->heard.first, w->heard.end);
    return 0;
}

void writer_finish(struct fold_writer *w, struct fold_written *result)
{
    size_t symbols;
    result->words = w->wording.words;
    result->pieces = (uint32_t)w->wording.pieces_count;
    result->words_count = wording_split(&w->wording, &symbols);
    const float gap = give_times(w, result->words_count, symbols);
    const float letters = (float)w->wording.letters, most = (float)w->letters_most;
    if (!result->doubt &&
        (letters < w->letters_least || (letters > most && result->mean_logp < LENGTH_SURE)))
        result->doubt = FOLD_DOUBT_LENGTH;
    else if (!result->doubt && gap - 2 * result->mean_logp > SOUND_MOST)
        result->doubt = FOLD_DOUBT_SOUND;
}

int fold_writer_rehearse(struct fold_writer *w, const struct fold_run *run, const float *logp)
{
    const struct fold_info *info = &w->model->info;
    const size_t T = fold_run_frames(run), V = info->vocab_size;
    const float seconds = (float)(T * info->hop_samples) / (float)info->rate_hz;
    const size_t pieces = (size_t)(USUAL_PIECES_S * seconds), letters = T * USUAL_LETTERS;
    float path;
    if (!fold_run_depth(run))
        return FOLD_ERR_ARGUMENT;
    if (T > w->aed.most_frames)
        return FOLD_ERR_TOO_LONG;
    aed_hear(&w->aed, fold_run_x(run), T);
    for (size_t i = 0; i < AED_ROWS; i++)
        w->guess[i] = BPE_END + (uint32_t)i % (info->pieces - BPE_END);
    for (size_t at = 0; at <= pieces && at + AED_ROWS <= w->aed.most_pieces; at += USUAL_STEP)
        aed_read(&w->aed, at, w->guess, AED_ROWS);
    for (size_t i = 0; i < letters; i++)
        w->wording.symbols[i] = 1 + (uint32_t)i % (uint32_t)(V - 1);
    align_run(&w->align, logp, T, V, w->wording.symbols, letters, &path);
    return FOLD_OK;
}

const uint32_t *writer_pieces(const struct fold_writer *w, size_t *ret_count)
{
    *ret_count = w->wording.pieces_count;
    return w->written + 1;
}

int fold_writer_write(struct fold_writer *w, const struct fold_run *run, const float *logp,
                      const char *draft, struct fold_written *ret_written)
{
    const size_t T = fold_run_frames(run), V = w->model->info.vocab_size;
    struct fold_written result = {.words = w->wording.words};
    if (!fold_run_depth(run))
        return FOLD_ERR_ARGUMENT;
    if (T > w->aed.most_frames)
        return FOLD_ERR_TOO_LONG;
    w->run = run;
    w->logp = logp;
    w->others.count = 0;
    wording_clear(&w->wording);
    w->heard = hear(logp, T, &w->wording, V);
    if (!w->heard.letters && w->heard.mass < SILENCE) {
        result.doubt = FOLD_DOUBT_SILENCE;
        *ret_written = result;
        return FOLD_OK;
    }
    /* One letter may be heard in several frames, so the mass is the more generous. */
    const float letters = (float)w->heard.letters;
    w->letters_most = (size_t)(LENGTH_MOST * fmaxf(w->heard.mass, letters) + 12);
    w->letters_least = LENGTH_LEAST * letters - 8;
    w->limit = most_pieces(w->model, T * w->model->info.hop_samples);
    aed_hear(&w->aed, fold_run_x(run), T);
    draft_set(&w->draft, draft);
    w->written[0] = BPE_BEGIN;
    result.doubt = writer_go_on(w, (struct walk){.least = -INFINITY}, &result);
    writer_finish(w, &result);
    if (!result.doubt)
        alternatives_begin(w, &result);
    *ret_written = result;
    return FOLD_OK;
}
