/* alternatives.c - what else may have been said.
 *
 * A beam would carry several texts along from the first piece on, and most of what it carries are
 * spellings and marks of one sentence. Here the text that was written is read again, eight pieces a
 * pass, and wherever something else could follow, the likeliest piece that says something else is
 * noted with what it costs. From the cheapest of those places on, the decoder writes again,
 * greedily and with the written text as its draft, since behind the other word it mostly joins the
 * same sentence. So each text is whole, ends by the decoder's own choice, has its log-probability,
 * and costs a few passes. Texts that say the same in another spelling are left out, and so is what
 * the writer would doubt. */
#include "alternatives.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "writer_state.h"

#define TRIES 2 /* turnings taken, for each text wanted */

void alternatives_place(struct alternatives *others, size_t most_pieces, struct place *at)
{
    others->count = 0;
    for (size_t i = 0; i < FOLD_WRITER_ALTERNATIVES; i++) {
        others->texts[i].pieces = place(at, most_pieces * sizeof *others->texts[i].pieces);
        others->texts[i].logps = place(at, most_pieces * sizeof *others->texts[i].logps);
    }
    others->turnings = place(at, (most_pieces + 1) * sizeof *others->turnings);
}

/* The wording's text, into *to. */
static void keep(const struct fold_writer *w, float mean_logp, struct alternative *to)
{
    to->count = w->wording.pieces_count;
    to->mean_logp = mean_logp;
    to->said = wording_said(&w->wording);
    memcpy(to->pieces, w->written + 1, to->count * sizeof *to->pieces);
    for (size_t i = 0; i < to->count; i++)
        to->logps[i] = w->wording.pieces[i].logp;
}

void alternatives_begin(struct fold_writer *w, const struct fold_written *written)
{
    keep(w, written->mean_logp, &w->others.texts[0]);
    w->others.count = 1;
}

/* Puts the first pieces [count] of a text into the wording; the walk behind them. */
static struct walk replay(struct fold_writer *w, const struct alternative *text, size_t count)
{
    struct walk walk = {.count = count};
    wording_clear(&w->wording);
    for (size_t i = 0; i < count; i++) {
        w->written[1 + i] = text->pieces[i];
        wording_add(&w->wording, text->pieces[i], text->logps[i]);
        walk.sum += text->logps[i];
        walk.hot = writer_follow_hot(&w->hot, walk.hot, text->pieces[i]);
    }
    return walk;
}

/* The next character of a piece that is said, in lower case, or 0. */
static char next_said(const char *text, size_t bytes, size_t *at)
{
    while (*at < bytes) {
        const char c = text[(*at)++];
        if (wording_is_said(c))
            return (char)tolower((unsigned char)c);
    }
    return 0;
}

/* Do two pieces say the same? END says nothing, as marks do. */
static bool say_the_same(const struct bpe *pieces, uint32_t a, uint32_t b)
{
    size_t a_bytes = 0, b_bytes = 0, a_at = 0, b_at = 0;
    const char *a_text = a == BPE_END ? "" : bpe_text(pieces, a, &a_bytes);
    const char *b_text = b == BPE_END ? "" : bpe_text(pieces, b, &b_bytes);
    for (;;) {
        const char c = next_said(a_text, a_bytes, &a_at);
        if (c != next_said(b_text, b_bytes, &b_at))
            return false;
        if (!c)
            return true;
    }
}

/* By a row of logits, the likeliest piece that says something else than `written` does. */
static struct turning turn_at(const struct fold_writer *w, size_t row, size_t at, uint32_t written)
{
    const size_t V = w->model->info.pieces;
    const float *logits = w->aed.logits + row * V;
    struct turning turning = {.at = (uint32_t)at, .piece = written, .lost = INFINITY};
    float most = -INFINITY, log_sum;
    w->model->kernels->choose(logits, V, &log_sum);
    for (uint32_t piece = BPE_END; piece < V; piece++)
        if (logits[piece] > most && !say_the_same(&w->model->decoder.pieces, piece, written)) {
            most = logits[piece];
            turning.piece = piece;
        }
    turning.logp = most - log_sum;
    turning.lost = logits[written] - most;
    return turning;
}

/* Pieces of w->written from `at` to before `end` are read. */
static void read_on(struct fold_writer *w, size_t at, size_t end)
{
    for (size_t rows; at < end; at += rows) {
        rows = end - at < AED_ROWS ? end - at : AED_ROWS;
        aed_read(&w->aed, at, w->written + at, rows);
    }
}

static int cheaper(const void *a, const void *b)
{
    const float x = ((const struct turning *)a)->lost, y = ((const struct turning *)b)->lost;
    return x < y ? -1 : x > y;
}

/* All places, the cheapest first: as many as there are pieces, and the end. */
static size_t find_turnings(struct fold_writer *w)
{
    const struct alternative *text = &w->others.texts[0];
    for (size_t at = 0, rows; at <= text->count; at += rows) {
        rows = text->count + 1 - at < AED_ROWS ? text->count + 1 - at : AED_ROWS;
        read_on(w, at, at + rows);
        for (size_t i = 0; i < rows; i++)
            w->others.turnings[at + i] =
                turn_at(w, i, at + i, at + i < text->count ? text->pieces[at + i] : BPE_END);
    }
    qsort(w->others.turnings, text->count + 1, sizeof *w->others.turnings, cheaper);
    return text->count + 1;
}

/* Writes from a turning on; true when the text is one to keep. Pieces of the first text before
 * *fresh are read as they stand there. */
static bool take_turning(struct fold_writer *w, const struct turning *turning, size_t *fresh,
                         struct fold_written *result)
{
    struct walk walk = replay(w, &w->others.texts[0], turning->at);
    read_on(w, *fresh, turning->at + 1);
    *fresh = turning->at + 1;
    walk.sum += turning->logp;
    if (turning->piece == BPE_END) {
        result->mean_logp = walk.sum / (float)(walk.count + 1);
    } else {
        w->written[++walk.count] = turning->piece;
        wording_add(&w->wording, turning->piece, turning->logp);
        walk.hot = writer_follow_hot(&w->hot, walk.hot, turning->piece);
        result->doubt = writer_go_on(w, walk, result);
    }
    writer_finish(w, result);
    return !result->doubt && result->words_count;
}

/* A place for a text as likely as that among the others; their number when all are likelier. */
static size_t rank_of(const struct alternatives *others, float mean_logp)
{
    size_t rank = 1;
    while (rank < others->count && others->texts[rank].mean_logp >= mean_logp)
        rank++;
    return rank;
}

static void add(struct fold_writer *w, float mean_logp, size_t most)
{
    struct alternatives *others = &w->others;
    const uint64_t said = wording_said(&w->wording);
    for (size_t i = 0; i < others->count; i++)
        if (others->texts[i].said == said)
            return;
    const size_t rank = rank_of(others, mean_logp);
    if (rank == most)
        return;
    others->count += others->count < most;
    const struct alternative spare = others->texts[others->count - 1];
    for (size_t i = others->count - 1; i > rank; i--)
        others->texts[i] = others->texts[i - 1];
    others->texts[rank] = spare;
    keep(w, mean_logp, &others->texts[rank]);
}

int fold_writer_alternatives(struct fold_writer *w, uint32_t most, uint32_t *ret_count)
{
    struct alternatives *others = &w->others;
    if (!others->count)
        return FOLD_ERR_ARGUMENT;
    most = most < FOLD_WRITER_ALTERNATIVES ? most : FOLD_WRITER_ALTERNATIVES;
    replay(w, &others->texts[0], others->texts[0].count);
    w->wording.text[w->wording.text_bytes] = '\0'; /* it has room for that */
    draft_set(&w->draft, w->wording.text);
    others->count = 1;
    const size_t turnings = most > 1 ? find_turnings(w) : 0;
    size_t fresh = turnings; /* BEGIN is one of them */
    for (size_t i = 0; i < turnings && i < TRIES * (most - 1); i++) {
        struct fold_written result = {0};
        if (fold_run_is_stopped(w->run))
            break;
        draft_rewind(&w->draft);
        if (take_turning(w, &others->turnings[i], &fresh, &result))
            add(w, result.mean_logp, most);
    }
    *ret_count = (uint32_t)others->count;
    return FOLD_OK;
}

int fold_writer_alternative(struct fold_writer *w, uint32_t rank, struct fold_written *ret_written)
{
    if (rank >= w->others.count)
        return FOLD_ERR_ARGUMENT;
    const struct alternative *text = &w->others.texts[rank];
    struct fold_written result = {.mean_logp = text->mean_logp};
    replay(w, text, text->count);
    writer_finish(w, &result);
    *ret_written = result;
    return FOLD_OK;
}
