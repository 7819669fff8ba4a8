/* alternatives.c - what else may have been said.
 *
 * A beam would carry several texts along from the first piece on, and most of what it carries are
 * spellings and marks of one sentence. Here the likeliest piece that says something else is noted
 * at every place while the text is written (alternatives_turning), with what it costs. From the
 * cheapest of those places on, the decoder writes again, greedily and with the written text as its
 * draft, since behind the other word it mostly joins the same sentence. So each text is whole, ends
 * by the decoder's own choice, has its log-probability, and costs a few passes. Texts that say the
 * same in another spelling are left out, and so is what the writer would doubt. */
#include "alternatives.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "writer_state.h"

#define TRIES     2 /* turnings taken, for each text wanted */
#define SAME_MOST 6 /* pieces that say the same as another, looked past */
#define NEVER     -1e4f

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
    struct alternative *text = &w->others.texts[0];
    keep(w, written->mean_logp, text);
    w->others.count = 1;
    w->others.read = text->count + 1;
    memcpy(w->others.turnings, w->noted, (text->count + 1) * sizeof *w->noted);
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

struct turning alternatives_turning(struct fold_writer *w, size_t row, size_t at, uint32_t written,
                                    float logp)
{
    const size_t V = w->model->info.pieces;
    float *logits = w->lines.logits + row * V;
    const float log_sum = logits[written] - logp;
    struct turning turning = {.at = (uint32_t)at, .lost = INFINITY, .logp = -INFINITY};
    for (size_t i = 0; i < SAME_MOST; i++) {
        logits[i ? turning.piece : written] = NEVER;
        turning.piece = (uint32_t)w->model->kernels->choose(logits, V, NULL);
        if (turning.piece >= BPE_END &&
            !say_the_same(&w->model->decoder.pieces, turning.piece, written)) {
            turning.logp = logits[turning.piece] - log_sum;
            turning.lost = logp - turning.logp;
            break;
        }
    }
    return turning;
}

/* The first text is read to before `end`; what is read next is behind that. */
static void read_on(struct fold_writer *w, size_t end)
{
    for (size_t at = w->others.read, rows; at < end; at += rows) {
        rows = end - at < AED_ROWS ? end - at : AED_ROWS;
        w->lines = (struct aed_lines){&w->aed, at, w->written + at, rows, NULL};
        aed_read(w->aed.desk, &w->lines, 1);
    }
    w->others.read = end;
}

static int cheaper(const void *a, const void *b)
{
    const float x = ((const struct turning *)a)->lost, y = ((const struct turning *)b)->lost;
    return x < y ? -1 : x > y;
}

bool alternatives_take(struct fold_writer *w, const struct turning *turning, float least,
                       struct fold_written *result)
{
    draft_rewind(&w->draft);
    struct walk walk = replay(w, &w->others.texts[0], turning->at);
    walk.least = least;
    read_on(w, turning->at + 1);
    walk.sum += turning->logp;
    if (turning->piece == BPE_END) {
        result->mean_logp = walk.sum / (float)(walk.count + 1);
    } else {
        w->written[++walk.count] = turning->piece;
        wording_add(&w->wording, turning->piece, turning->logp);
        walk.hot = writer_follow_hot(&w->hot, walk.hot, turning->piece);
        writer_go_on(w, walk, result);
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

void alternatives_rewind(struct fold_writer *w)
{
    replay(w, &w->others.texts[0], w->others.texts[0].count);
    w->wording.text[w->wording.text_bytes] = '\0'; /* it has room for that */
    draft_set(&w->draft, w->wording.text);
}

static int earlier(const void *a, const void *b)
{
    const uint32_t x = ((const struct turning *)a)->at, y = ((const struct turning *)b)->at;
    return x < y ? -1 : x > y;
}

int fold_writer_alternatives(struct fold_writer *w, uint32_t most, uint32_t *ret_count)
{
    struct alternatives *others = &w->others;
    if (!others->count)
        return FOLD_ERR_ARGUMENT;
    most = most < FOLD_WRITER_ALTERNATIVES ? most : FOLD_WRITER_ALTERNATIVES;
    alternatives_rewind(w);
    others->count = 1;
    const size_t turnings = others->texts[0].count + 1;
    qsort(others->turnings, turnings, sizeof *others->turnings, cheaper);
    for (size_t i = 0; i < turnings && i < TRIES * (most - 1); i++) {
        struct fold_written result = {0};
        if (fold_run_is_stopped(w->run))
            break;
        if (alternatives_take(w, &others->turnings[i], -INFINITY, &result))
            add(w, result.mean_logp, most);
    }
    qsort(others->turnings, turnings, sizeof *others->turnings, earlier);
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
