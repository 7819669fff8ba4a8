/* aed_decoder.c - from frames and a draft to words: speculative decoding.
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
#include "aed_decoder.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "aed_decoder_state.h"

#define PIECES_S     6.5f  /* at most, a second of sound, beside 2 */
#define LOOP_PERIOD  16    /* pieces that are repeated */
#define LOOP_TIMES   3     /* and how often that is suspicious */
#define PREFIX_WORD  256   /* bytes of a word of the prefix */
#define SILENCE      1.0f  /* letters, by their probabilities, that are none */
#define LENGTH_MOST  1.6f  /* letters, of those heard; and 12 */
#define LENGTH_LEAST 0.5f  /* less 8 */
#define LENGTH_SURE  -0.5f /* mean_logp from which a length is believed */
/* A text is contradicted by how much its best path lies below what was heard, a letter, and twice
 * -mean_logp, together. Both say little alone: accents cost the one, rare words the other. */
#define SOUND_MOST 6.0f

/* A text is given up against a rival once REJOINED pieces are the rival's again, at most
 * REJOIN_REACH earlier or later there, and its log-probability up to them is so much less.
 * dev_clean, 150 utterances, tiny at x1: 18.7 passes and 7.38 % without this, 18.2 and 7.38 with
 * 1, 17.3 and 7.32 with 0.25, 16.8 and 7.38 with 0. */
#define REJOINED     3
#define REJOIN_REACH 3
#define BEHIND       0.25f

/* What is usual: pieces a second, letters a frame, pieces written in one pass. */
#define USUAL_PIECES_S 3.3f
#define USUAL_LETTERS  2 / 5
#define USUAL_STEP     4

static size_t most_pieces(const struct fold_model *m, size_t samples)
{
    return 2 + (size_t)(PIECES_S * (float)samples / (float)m->info.rate_hz);
}

/* Decoders and the workspace that they share: the first of them is the first part of their memory.
 */
static size_t lay_out(struct fold_aed **ret_aeds, const struct fold_model *m,
                      const size_t *max_samples, size_t count, void *base)
{
    struct arena at = {base, 0};
    struct aed_workspace *workspace = NULL, measured;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = max_samples[i] > longest ? max_samples[i] : longest;
    for (size_t i = 0; i < count; i++) {
        const size_t T = fold_frames(m, max_samples[i]), pieces = most_pieces(m, max_samples[i]);
        struct fold_aed measuring, *w = arena_take(&at, sizeof *w);
        if (i == 0) {
            workspace = arena_take(&at, sizeof *workspace);
            aed_workspace_allocate(base ? workspace : &measured, m, fold_frames(m, longest),
                                   most_pieces(m, longest), count, &at);
        }
        if (base)
            ret_aeds[i] = w;
        else
            w = &measuring;
        *w = (struct fold_aed){.model = m};
        aed_allocate(&w->aed, workspace, m, T, pieces, &at);
        draft_allocate(&w->draft, &m->decoder.pieces, pieces, &at);
        hypothesis_allocate(&w->hypothesis, m, pieces, T, &at);
        align_allocate(&w->align, T, &at);
        w->written = arena_take(&at, (pieces + 1) * sizeof *w->written);
        w->guess = arena_take(&at, AED_ROWS * sizeof *w->guess);
        branch_points_allocate(&w->others, pieces, &at);
        w->noted = arena_take(&at, (pieces + 1) * sizeof *w->noted);
    }
    return at.used;
}

static bool are_possible(const struct fold_model *m, const size_t *max_samples, size_t count)
{
    if (!m->info.pieces || !count || count > FOLD_AED_MANY)
        return false;
    for (size_t i = 0; i < count; i++)
        if (max_samples[i] < m->info.min_samples ||
            max_samples[i] > (size_t)FOLD_AED_SECONDS * m->info.rate_hz)
            return false;
    return true;
}

size_t fold_aed_bytes_many(const struct fold_model *model, const size_t *max_samples, size_t count)
{
    return are_possible(model, max_samples, count) ? lay_out(NULL, model, max_samples, count, NULL)
                                                   : 0;
}

size_t fold_aed_bytes(const struct fold_model *model, size_t max_samples)
{
    return fold_aed_bytes_many(model, &max_samples, 1);
}

int fold_aed_open_many(struct fold_aed **ret_aeds, const struct fold_model *model,
                       const size_t *max_samples, size_t count)
{
    if (!are_possible(model, max_samples, count))
        return FOLD_ERR_ARGUMENT;
    void *memory = aligned_alloc(64, fold_aed_bytes_many(model, max_samples, count));
    if (!memory)
        return FOLD_ERR_MEMORY;
    lay_out(ret_aeds, model, max_samples, count, memory);
    return FOLD_OK;
}

int fold_aed_open(struct fold_aed **ret_aed, const struct fold_model *model, size_t max_samples)
{
    return fold_aed_open_many(ret_aed, model, &max_samples, 1);
}

void fold_aed_close_many(struct fold_aed *const *aeds, size_t count)
{
    if (!count || !aeds[0])
        return;
    for (size_t i = 0; i < count; i++)
        context_graph_finish(&aeds[i]->hot);
    free(aeds[0]);
}

void fold_aed_close(struct fold_aed *w)
{
    fold_aed_close_many(&w, 1);
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

int fold_aed_hotwords(struct fold_aed *w, const struct fold_hotword *hotwords, size_t count)
{
    int err = FOLD_OK;
    context_graph_finish(&w->hot);
    for (size_t i = 0; i < count && !err; i++) {
        const size_t bytes = strlen(hotwords[i].text);
        char *text = malloc(bytes + 1);
        uint32_t *pieces = malloc((bytes + 1) * 3 * sizeof *pieces);
        if (!text || !pieces)
            err = FOLD_ERR_MEMORY;
        for (enum form form = 0; form < FORMS && !err; form++) {
            reform(text, hotwords[i].text, form);
            const size_t n = encode(&w->model->decoder.pieces, text, pieces);
            err =
                n ? context_graph_spell(&w->hot, pieces, n, hotwords[i].boost) : FOLD_ERR_ARGUMENT;
        }
        free(text);
        free(pieces);
    }
    if (err)
        context_graph_finish(&w->hot);
    return err;
}

static struct heard hear(const float *logp, size_t T, const struct hypothesis *hypothesis, size_t V)
{
    struct heard h = {0};
    uint32_t last = 0;
    for (uint32_t t = 0; t < T; t++, logp += V) {
        uint32_t best = 0;
        for (uint32_t v = 1; v < V; v++)
            best = logp[v] > logp[best] ? v : best;
        h.logp += logp[best];
        const float blank = expf(logp[0]);
        const float none =
            blank + (hypothesis->space == ALIGN_ANY ? 0 : expf(logp[hypothesis->space]));
        h.blank += blank;
        h.mass += none < 1 ? 1 - none : 0;
        if (best && best != hypothesis->space) {
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
static uint32_t choose(struct fold_aed *w, size_t row, uint32_t hot, float *ret_logp)
{
    const size_t V = w->model->info.pieces;
    const struct context_graph *graph = &w->hot;
    const float *logits = w->lines.logits + row * V;
    float log_sum;
    size_t best = w->model->kernels->choose(logits, V, &log_sum);
    float most = logits[best];
    for (int from_root = 0; graph->count && from_root <= (hot ? 1 : 0); from_root++) {
        uint32_t node = graph->nodes[from_root ? 0 : hot].child;
        for (; node; node = graph->nodes[node].sibling) {
            const struct context_graph_node *n = &graph->nodes[node];
            if (logits[n->letter] + n->credit > most) {
                most = logits[n->letter] + n->credit;
                best = n->letter;
            }
        }
    }
    *ret_logp = logits[best] - log_sum;
    return (uint32_t)best;
}

uint32_t aed_decoder_follow_hot(const struct context_graph *hot, uint32_t state, uint32_t piece)
{
    if (!hot->count)
        return 0;
    const uint32_t next = context_graph_find(hot, state, piece);
    return next || !state ? next : context_graph_find(hot, 0, piece);
}

float aed_decoder_mean(const struct fold_aed *w, float sum, size_t count)
{
    return sum / (float)(count - w->given + 1);
}

/* What is to be read next: of the prefix, or the piece written last, and behind it what the draft
 * has. false: there is room for no more, or the run is stopped. */
static bool propose(struct fold_aed *w)
{
    struct walk *walk = &w->walk;
    if (walk->count >= w->limit || fold_run_is_stopped(w->run))
        return false;
    if (w->given_read < w->given) {
        const size_t unread = w->given - w->given_read;
        w->lines = (struct aed_lines){.aed = &w->aed,
                                      .at = w->given_read,
                                      .pieces = w->written + w->given_read,
                                      .rows = unread < AED_ROWS ? unread : AED_ROWS};
        return true;
    }
    const size_t left = w->limit - walk->count - 1, room = left < walk->ahead ? left : walk->ahead;
    walk->guessed =
        draft_follow(&w->draft, w->hypothesis.text, w->hypothesis.text_bytes, w->guess, room);
    const bool ends = walk->guessed && w->guess[walk->guessed - 1] == BPE_END;
    const size_t rows = 1 + walk->guessed - ends;
    memcpy(w->written + walk->count + 1, w->guess, (rows - 1) * sizeof *w->guess);
    w->lines = (struct aed_lines){
        .aed = &w->aed, .at = walk->count, .pieces = w->written + walk->count, .rows = rows};
    return true;
}

/* Whether the walk has come back to what its rival says, and is less likely up to there: what
 * follows costs both about the same. */
static bool is_behind(const struct fold_aed *w)
{
    const struct walk *walk = &w->walk;
    const struct alternative *rival = walk->rival;
    if (!rival || walk->count < walk->shared + 1 + REJOINED)
        return false;
    const uint32_t *last = w->written + 1 + walk->count - REJOINED;
    const size_t first = walk->count > REJOIN_REACH ? walk->count - REJOIN_REACH : 0;
    float sum = 0;
    for (size_t i = 1; i <= rival->count && i <= walk->count + REJOIN_REACH; i++) {
        sum += rival->logps[i - 1];
        if (i >= first && i >= walk->shared + REJOINED &&
            memcmp(rival->pieces + i - REJOINED, last, REJOINED * sizeof *last) == 0)
            return walk->sum < sum - BEHIND;
    }
    return false;
}

/* Of what was read: takes pieces as long as they were guessed, and the first that was not. true:
 * that was the end, for result->doubt. */
static bool take_up(struct fold_aed *w, struct fold_written *result)
{
    struct hypothesis *out = &w->hypothesis;
    struct walk *walk = &w->walk;
    size_t row = 0;
    result->passes++;
    if (w->given_read < w->given) {
        w->given_read += w->lines.rows;
        return false;
    }
    for (bool right = true; right && row < w->lines.rows; row += right) {
        float logp;
        const uint32_t piece = choose(w, row, walk->hot, &logp);
        if (!w->brief)
            w->noted[walk->count] = branch_points_note(
                w->model, w->lines.logits + row * w->model->info.pieces, walk->count, piece, logp);
        walk->sum += logp;
        result->mean_logp = aed_decoder_mean(w, walk->sum, walk->count);
        if (walk->sum < walk->least)
            return true;
        if (piece == BPE_END) {
            result->doubt = FOLD_DOUBT_NONE;
            return true;
        }
        w->written[++walk->count] = piece;
        hypothesis_add(out, piece, logp);
        walk->hot = aed_decoder_follow_hot(&w->hot, walk->hot, piece);
        if (is_behind(w))
            return true;
        if (out->letters > w->letters_most && is_loop(w->written + 1, walk->count))
            return true;
        right = row < walk->guessed && piece == w->guess[row];
    }
    walk->ahead = row < walk->guessed ? row + 1 : AED_ROWS - 1;
    return false;
}

/* The doubt that stands unless the decoder comes to an end by itself (take_up clears it). */
static void set_off(struct fold_aed *w, struct walk from, struct fold_written *result)
{
    w->walk = from;
    w->walk.ahead = AED_ROWS - 1;
    result->doubt = FOLD_DOUBT_LOOP;
}

void aed_decoder_go_on(struct fold_aed *w, struct walk from, struct fold_written *result)
{
    set_off(w, from, result);
    while (propose(w)) {
        aed_read(w->aed.workspace, &w->lines, 1);
        if (take_up(w, result))
            return;
    }
}

/* Times of words [count] by their best path through the frames; returns how far that lies below
 * what was heard, a symbol. */
static float give_times(struct fold_aed *w, size_t count, size_t symbols)
{
    const size_t T = fold_run_frames(w->run), V = w->model->info.vocab_size;
    float path;
    if (symbols && align_run(&w->align, w->logp, T, V, w->hypothesis.symbols, symbols, &path)) {
        hypothesis_time(&w->hypothesis, count, w->align.times);
        return (w->heard.logp - path) / (float)symbols;
    }
    hypothesis_spread(&w->hypothesis, count, w->heard.first, w->heard.end);
    return 0;
}

/* What there is to say of the frames, whatever is written. */
static void describe(const struct fold_aed *w, struct fold_written *result)
{
    const float T = (float)fold_run_frames(w->run);
    result->frame_logp = w->heard.logp / T;
    result->blank_share = w->heard.blank / T;
}

void aed_decoder_finish(struct fold_aed *w, struct fold_written *result)
{
    size_t symbols;
    describe(w, result);
    result->words = w->hypothesis.words;
    result->pieces = (uint32_t)(w->hypothesis.pieces_count - w->given);
    result->words_count = hypothesis_split(&w->hypothesis, &symbols);
    result->prefix_words = w->given_words;
    const float gap = give_times(w, result->words_count, symbols);
    const float letters = (float)w->hypothesis.letters, most = (float)w->letters_most;
    if (!result->doubt &&
        (letters < w->letters_least || (letters > most && result->mean_logp < LENGTH_SURE)))
        result->doubt = FOLD_DOUBT_LENGTH;
    else if (!result->doubt && gap - 2 * result->mean_logp > SOUND_MOST)
        result->doubt = FOLD_DOUBT_SOUND;
}

int fold_aed_rehearse(struct fold_aed *w, const struct fold_run *run, const float *logp)
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
        aed_read(w->aed.workspace, &w->lines, 1);
    }
    for (size_t i = 0; i < letters; i++)
        w->hypothesis.symbols[i] = 1 + (uint32_t)i % (uint32_t)(V - 1);
    align_run(&w->align, logp, T, V, w->hypothesis.symbols, letters, &path);
    return FOLD_OK;
}

const uint32_t *aed_decoder_pieces(const struct fold_aed *w, size_t *ret_count)
{
    *ret_count = w->hypothesis.pieces_count;
    return w->written + 1;
}

/* Decoders with one workspace, each once, and runs that they can hear. */
static int check(const struct fold_writing *writings, size_t count)
{
    if (!count || count > FOLD_AED_MANY)
        return FOLD_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        const struct fold_writing *one = &writings[i];
        if (one->aed->aed.workspace != writings[0].aed->aed.workspace || !fold_run_depth(one->run))
            return FOLD_ERR_ARGUMENT;
        for (size_t k = 0; k < i; k++)
            if (writings[k].aed == one->aed)
                return FOLD_ERR_ARGUMENT;
        if (fold_run_frames(one->run) > one->aed->aed.most_frames)
            return FOLD_ERR_TOO_LONG;
    }
    return FOLD_OK;
}

/* Takes the prefix for written; false where there is no room for it and what follows. */
static bool give(struct fold_aed *w, const char *prefix)
{
    const struct bpe *pieces = &w->model->decoder.pieces;
    uint32_t word[PREFIX_WORD + BPE_MARK_BYTES];
    size_t symbols;
    for (const char *text = prefix ? prefix : "";;) {
        text += strspn(text, " \t\r\n");
        const size_t bytes = strcspn(text, " \t\r\n");
        if (!bytes)
            break;
        const size_t count =
            bytes > PREFIX_WORD ? w->limit : bpe_encode(pieces, text, bytes, true, word);
        if (w->given + count + 1 >= w->limit)
            return false;
        for (size_t i = 0; i < count; i++) {
            w->noted[w->given] = (struct branch_point){.lost = INFINITY, .logp = -INFINITY};
            w->written[++w->given] = word[i];
            hypothesis_add(&w->hypothesis, word[i], 0);
        }
        text += bytes;
    }
    w->given_words = hypothesis_split(&w->hypothesis, &symbols);
    return true;
}

/* Hears the run; false where there is nothing to be written. */
static bool begin(struct fold_writing *writing)
{
    struct fold_aed *w = writing->aed;
    const struct fold_run *run = writing->run;
    const size_t T = fold_run_frames(run), V = w->model->info.vocab_size;
    writing->written = (struct fold_written){.words = w->hypothesis.words};
    w->run = run;
    w->brief = writing->brief;
    w->logp = writing->logp;
    w->others.count = 0;
    w->given = w->given_words = w->given_read = 0;
    hypothesis_clear(&w->hypothesis);
    w->heard = hear(w->logp, T, &w->hypothesis, V);
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
    if (!give(w, writing->prefix)) {
        writing->written.doubt = FOLD_DOUBT_LENGTH;
        return false;
    }
    set_off(w, (struct walk){.count = w->given, .least = -INFINITY}, &writing->written);
    return true;
}

/* Those of them [count] that are not at their end after one more pass, in front; their number. */
static size_t pass(struct fold_writing **writings, size_t count)
{
    struct aed_lines lines[FOLD_AED_MANY];
    size_t reading = 0, left = 0;
    for (size_t i = 0; i < count; i++)
        if (propose(writings[i]->aed)) {
            lines[reading] = writings[i]->aed->lines;
            writings[reading++] = writings[i];
        }
    if (!reading)
        return 0;
    aed_read(writings[0]->aed->aed.workspace, lines, reading);
    for (size_t i = 0; i < reading; i++) {
        writings[i]->aed->lines = lines[i];
        if (!take_up(writings[i]->aed, &writings[i]->written))
            writings[left++] = writings[i];
    }
    return left;
}

/* What was written is the first text, for rescoring and others. */
static void keep(struct fold_aed *w, const struct fold_written *written)
{
    branch_points_keep(&w->others, &w->hypothesis, w->written + 1, w->noted, written->mean_logp);
}

int fold_batch_write(struct fold_writing *writings, size_t count)
{
    struct fold_writing *writing[FOLD_AED_MANY], *begun[FOLD_AED_MANY];
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
        aed_decoder_finish(begun[i]->aed, &begun[i]->written);
        if (!begun[i]->written.doubt && !begun[i]->brief)
            keep(begun[i]->aed, &begun[i]->written);
    }
    return FOLD_OK;
}

int fold_aed_write(struct fold_aed *w, const struct fold_run *run, const float *logp,
                   const char *draft, struct fold_written *ret_written)
{
    struct fold_writing writing = {.aed = w, .run = run, .logp = logp, .draft = draft};
    const int err = fold_batch_write(&writing, 1);
    if (!err)
        *ret_written = writing.written;
    return err;
}
