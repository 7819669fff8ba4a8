/* writer.c - from frames and a draft to words.
 *
 * Written piece by piece, the decoder walks through all of its weights for every piece. But what
 * it would write behind each of many given pieces comes of one walk. So the draft is read in one
 * go: as long as the decoder would have written just that, it counts as written; where it would
 * not, the decoder's own piece counts, the draft is taken up again behind it, and so on. Every
 * piece that counts is the likeliest behind those before it, so the draft decides how fast the text
 * is written and nothing else. Several texts are written in step: each walk through the weights
 * reads what every one of them needs next.
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

/* Writers and the desk that they share: the first of them is the first part of their memory. */
static size_t lay_out(struct fold_writer **ret_writers, const struct fold_model *m,
                      const size_t *max_samples, size_t count, void *base)
{
    struct place at = {base, 0};
    struct aed_desk *desk = NULL, measured;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = max_samples[i] > longest ? max_samples[i] : longest;
    for (size_t i = 0; i < count; i++) {
        const size_t T = fold_frames(m, max_samples[i]), pieces = most_pieces(m, max_samples[i]);
        struct fold_writer measuring, *w = place(&at, sizeof *w);
        if (i == 0) {
            desk = place(&at, sizeof *desk);
            aed_desk_place(base ? desk : &measured, m, fold_frames(m, longest),
                           most_pieces(m, longest), count, &at);
        }
        if (base)
            ret_writers[i] = w;
        else
            w = &measuring;
        *w = (struct fold_writer){.model = m};
        aed_place(&w->aed, desk, m, T, pieces, &at);
        draft_place(&w->draft, &m->decoder.pieces, pieces, &at);
        wording_place(&w->wording, m, pieces, T, &at);
        align_place(&w->align, T, &at);
        w->written = place(&at, (pieces + 1) * sizeof *w->written);
        w->guess = place(&at, AED_ROWS * sizeof *w->guess);
        alternatives_place(&w->others, pieces, &at);
        w->noted = place(&at, (pieces + 1) * sizeof *w->noted);
    }
    return at.used;
}

static bool are_possible(const struct fold_model *m, const size_t *max_samples, size_t count)
{
    if (!m->info.pieces || !count || count > FOLD_WRITERS_MOST)
        return false;
    for (size_t i = 0; i < count; i++)
        if (max_samples[i] < m->info.min_samples ||
            max_samples[i] > (size_t)FOLD_WRITER_SECONDS * m->info.rate_hz)
            return false;
    return true;
}

size_t fold_writers_bytes(const struct fold_model *model, const size_t *max_samples, size_t count)
{
    return are_possible(model, max_samples, count) ? lay_out(NULL, model, max_samples, count, NULL)
                                                   : 0;
}

size_t fold_writer_bytes(const struct fold_model *model, size_t max_samples)
{
    return fold_writers_bytes(model, &max_samples, 1);
}

int fold_writers_open(struct fold_writer **ret_writers, const struct fold_model *model,
                      const size_t *max_samples, size_t count)
{
    if (!are_possible(model, max_samples, count))
        return FOLD_ERR_ARGUMENT;
    void *memory = aligned_alloc(64, fold_writers_bytes(model, max_samples, count));
    if (!memory)
        return FOLD_ERR_MEMORY;
    lay_out(ret_writers, model, max_samples, count, memory);
    return FOLD_OK;
}

int fold_writer_open(struct fold_writer **ret_writer, const struct fold_model *model,
                     size_t max_samples)
{
    return fold_writers_open(ret_writer, model, &max_samples, 1);
}

void fold_writers_close(struct fold_writer *const *writers, size_t count)
{
    if (!count || !writers[0])
        return;
    for (size_t i = 0; i < count; i++)
        boost_finish(&writers[i]->hot);
    free(writers[0]);
}

void fold_writer_close(struct fold_writer *w)
{
    fold_writers_close(&w, 1);
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
        const float blank = expf(logp[0]);
        const float none = blank + (wording->space == ALIGN_ANY ? 0 : expf(logp[wording->space]));
        h.blank += blank;
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
    const float *logits = w->lines.logits + row * V;
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

/* What is to be read next: the piece written last, and behind it what the draft has. false: there
 * is room for no more, or the run is stopped. */
static bool propose(struct fold_writer *w)
{
    struct walk *walk = &w->walk;
    if (walk->count >= w->limit || fold_run_is_stopped(w->run))
        return false;
    const size_t left = w->limit - walk->count - 1, room = left < walk->ahead ? left : walk->ahead;
    walk->guessed = draft_follow(&w->draft, w->wording.text, w->wording.text_bytes, w->guess, room);
    const bool ends = walk->guessed && w->guess[walk->guessed - 1] == BPE_END;
    const size_t rows = 1 + walk->guessed - ends;
    memcpy(w->written + walk->count + 1, w->guess, (rows - 1) * sizeof *w->guess);
    w->lines = (struct aed_lines){
        .aed = &w->aed, .at = walk->count, .pieces = w->written + walk->count, .rows = rows};
    return true;
}

/* Of what was read: takes pieces as long as they were guessed, and the first that was not. true:
 * that was the end, for result->doubt. */
static bool take_up(struct fold_writer *w, struct fold_written *result)
{
    struct wording *out = &w->wording;
    struct walk *walk = &w->walk;
    size_t row = 0;
    result->passes++;
    for (bool right = true; right && row < w->lines.rows; row += right) {
        float logp;
        const uint32_t piece = choose(w, row, walk->hot, &logp);
        if (!w->brief)
            w->noted[walk->count] = alternatives_turning(w, row, walk->count, piece, logp);
        walk->sum += logp;
        result->mean_logp = walk->sum / (float)(walk->count + 1);
        if (walk->sum < walk->least)
            return true;
        if (piece == BPE_END) {
            result->doubt = FOLD_DOUBT_NONE;
            return true;
        }
        w->written[++walk->count] = piece;
        wording_add(out, piece, logp);
        walk->hot = writer_follow_hot(&w->hot, walk->hot, piece);
        if (out->letters > w->letters_most && is_loop(w->written + 1, walk->count))
            return true;
        right = row < walk->guessed && piece == w->guess[row];
    }
    walk->ahead = row < walk->guessed ? row + 1 : AED_ROWS - 1;
    return false;
}

/* Until an end is written, it is a loop. */
static void set_off(struct fold_writer *w, struct walk from, struct fold_written *result)
{
    w->walk = from;
    w->walk.ahead = AED_ROWS - 1;
    result->doubt = FOLD_DOUBT_LOOP;
}

void writer_go_on(struct fold_writer *w, struct walk from, struct fold_written *result)
{
    set_off(w, from, result);
    while (propose(w)) {
        aed_read(w->aed.desk, &w->lines, 1);
        if (take_up(w, result))
            return;
    }
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

/* What there is to say of the frames, whatever is written. */
static void describe(const struct fold_writer *w, struct fold_written *result)
{
    const float T = (float)fold_run_frames(w->run);
    result->frame_logp = w->heard.logp / T;
    result->blank_share = w->heard.blank / T;
}

void writer_finish(struct fold_writer *w, struct fold_written *result)
{
    size_t symbols;
    describe(w, result);
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
    aed_hear(&w->aed, fold_run_x(run), T, fold_run_depth(run));
    for (size_t i = 0; i < AED_ROWS; i++)
        w->guess[i] = BPE_END + (uint32_t)i % (info->pieces - BPE_END);
    for (size_t at = 0; at <= pieces && at + AED_ROWS <= w->aed.most_pieces; at += USUAL_STEP) {
        w->lines = (struct aed_lines){&w->aed, at, w->guess, AED_ROWS, NULL};
        aed_read(w->aed.desk, &w->lines, 1);
    }
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

/* Writers at one desk, each once, and runs that they can hear. */
static int check(const struct fold_writing *writings, size_t count)
{
    if (!count || count > FOLD_WRITERS_MOST)
        return FOLD_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        const struct fold_writing *one = &writings[i];
        if (one->writer->aed.desk != writings[0].writer->aed.desk || !fold_run_depth(one->run))
            return FOLD_ERR_ARGUMENT;
        for (size_t k = 0; k < i; k++)
            if (writings[k].writer == one->writer)
                return FOLD_ERR_ARGUMENT;
        if (fold_run_frames(one->run) > one->writer->aed.most_frames)
            return FOLD_ERR_TOO_LONG;
    }
    return FOLD_OK;
}

/* Hears the run; false where there is nothing to be written. */
static bool begin(struct fold_writing *writing)
{
    struct fold_writer *w = writing->writer;
    const struct fold_run *run = writing->run;
    const size_t T = fold_run_frames(run), V = w->model->info.vocab_size;
    writing->written = (struct fold_written){.words = w->wording.words};
    w->run = run;
    w->brief = writing->brief;
    w->logp = writing->logp;
    w->others.count = 0;
    wording_clear(&w->wording);
    w->heard = hear(w->logp, T, &w->wording, V);
    describe(w, &writing->written);
    if (!w->heard.letters && w->heard.mass < SILENCE) {
        writing->written.doubt = FOLD_DOUBT_SILENCE;
        return false;
    }
    /* One letter may be heard in several frames, so the mass is the more generous. */
    const float letters = (float)w->heard.letters;
    w->letters_most = (size_t)(LENGTH_MOST * fmaxf(w->heard.mass, letters) + 12);
    w->letters_least = LENGTH_LEAST * letters - 8;
    w->limit = most_pieces(w->model, T * w->model->info.hop_samples);
    aed_hear(&w->aed, fold_run_x(run), T, fold_run_depth(run));
    draft_set(&w->draft, writing->draft);
    w->written[0] = BPE_BEGIN;
    set_off(w, (struct walk){.least = -INFINITY}, &writing->written);
    return true;
}

/* Those of them [count] that are not at their end after one more pass, in front; their number. */
static size_t pass(struct fold_writing **writings, size_t count)
{
    struct aed_lines lines[FOLD_WRITERS_MOST];
    size_t reading = 0, left = 0;
    for (size_t i = 0; i < count; i++)
        if (propose(writings[i]->writer)) {
            lines[reading] = writings[i]->writer->lines;
            writings[reading++] = writings[i];
        }
    if (!reading)
        return 0;
    aed_read(writings[0]->writer->aed.desk, lines, reading);
    for (size_t i = 0; i < reading; i++) {
        writings[i]->writer->lines = lines[i];
        if (!take_up(writings[i]->writer, &writings[i]->written))
            writings[left++] = writings[i];
    }
    return left;
}

int fold_batch_write(struct fold_writing *writings, size_t count)
{
    struct fold_writing *writing[FOLD_WRITERS_MOST], *begun[FOLD_WRITERS_MOST];
    size_t left = 0;
    const int err = check(writings, count);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++)
        if (begin(&writings[i]))
            begun[left++] = &writings[i];
    const size_t begun_count = left;
    memcpy(writing, begun, left * sizeof(*writing));
    while (left)
        left = pass(writing, left);
    for (size_t i = 0; i < begun_count; i++) {
        writer_finish(begun[i]->writer, &begun[i]->written);
        if (!begun[i]->written.doubt && !begun[i]->brief)
            alternatives_begin(begun[i]->writer, &begun[i]->written);
    }
    return FOLD_OK;
}

int fold_writer_write(struct fold_writer *w, const struct fold_run *run, const float *logp,
                      const char *draft, struct fold_written *ret_written)
{
    struct fold_writing writing = {.writer = w, .run = run, .logp = logp, .draft = draft};
    const int err = fold_batch_write(&writing, 1);
    if (!err)
        *ret_written = writing.written;
    return err;
}
