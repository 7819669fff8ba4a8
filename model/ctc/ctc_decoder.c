/* ctc_decoder.c - frames in, words with times and confidences out: greedy or beam, one face. */
#include "ctc_decoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "confidence.h"
#include "ctc_beam.h"
#include "ctc_greedy.h"

struct fold_decoder {
    const char *const *vocab;
    uint32_t vocab_size;
    bool is_greedy;
    struct ctc_greedy greedy;
    struct ctc_beam beam;
    struct context_graph graph;
    uint64_t frames;
    double best_logp, blank; /* sums over frames */
    /* The last result. */
    struct fold_word *words;
    char *text; /* words' characters, each ended by a zero */
    uint32_t *path;
    size_t path_room;
};

struct fold_decoder_options fold_decoder_defaults(void)
{
    return (struct fold_decoder_options){
        .beam = 400, .lm_weight = 0.8f, .word_bonus = 0.0f, .unknown_score = -10.0f};
}

static struct ctc_beam_options filled(const struct fold_decoder_options *given)
{
    const struct fold_decoder_options d = fold_decoder_defaults();
    return (struct ctc_beam_options){
        .width = given->beam ? given->beam : d.beam,
        .lm_weight = given->lm_weight >= 0 ? given->lm_weight : d.lm_weight,
        .word_bonus = isnan(given->word_bonus) ? d.word_bonus : given->word_bonus,
        .unknown_score = isnan(given->unknown_score) ? d.unknown_score : given->unknown_score,
    };
}

int ctc_decoder_open_vocab(struct fold_decoder **ret_decoder, const char *const *vocab,
                           uint32_t vocab_size, const struct fold_lm *lm,
                           const struct fold_decoder_options *given)
{
    const struct fold_decoder_options defaults = fold_decoder_defaults();
    const struct fold_decoder_options *options = given ? given : &defaults;
    struct fold_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return FOLD_ERR_MEMORY;
    d->vocab = vocab;
    d->vocab_size = vocab_size;
    d->is_greedy = !lm;
    int err;
    if (d->is_greedy) {
        err = ctc_greedy_init(&d->greedy, vocab, vocab_size);
    } else {
        const struct ctc_beam_options beam = filled(options);
        err = context_graph_init(&d->graph, options->hotwords, options->hotwords_count, vocab,
                                 vocab_size);
        if (!err)
            err = ctc_beam_init(&d->beam, lm, &d->graph, vocab, vocab_size, &beam);
    }
    if (err) {
        fold_decoder_close(d);
        return err;
    }
    fold_decoder_reset(d);
    *ret_decoder = d;
    return FOLD_OK;
}

int fold_decoder_open(struct fold_decoder **ret_decoder, const struct fold_model *model,
                      const struct fold_lm *lm, const struct fold_decoder_options *options)
{
    const struct fold_info *info = fold_model_info(model);
    return ctc_decoder_open_vocab(ret_decoder, info->vocab, info->vocab_size, lm, options);
}

int fold_lm_fits(const struct fold_lm *lm, const struct fold_model *model, struct fold_note *note)
{
    const struct fold_info *info = fold_model_info(model);
    return ctc_beam_reads(info->vocab, info->vocab_size, lm, note) ? FOLD_OK : FOLD_ERR_ARGUMENT;
}

void fold_decoder_close(struct fold_decoder *d)
{
    if (!d)
        return;
    if (d->is_greedy)
        ctc_greedy_finish(&d->greedy);
    else
        ctc_beam_finish(&d->beam);
    context_graph_finish(&d->graph);
    free(d->words);
    free(d->text);
    free(d->path);
    free(d);
}

void fold_decoder_reset(struct fold_decoder *d)
{
    d->frames = 0;
    d->best_logp = d->blank = 0;
    if (d->is_greedy)
        ctc_greedy_reset(&d->greedy);
    else
        ctc_beam_reset(&d->beam);
}

int fold_decoder_push(struct fold_decoder *d, const float *logp, size_t T)
{
    for (size_t t = 0; t < T; t++, logp += d->vocab_size) {
        float best = -INFINITY;
        for (uint32_t i = 0; i < d->vocab_size; i++)
            best = logp[i] > best ? logp[i] : best;
        d->best_logp += isfinite(best) ? (double)best : 0;
        d->blank += isfinite(logp[0]) ? exp((double)logp[0]) : 0;
        d->frames++;
        int err = d->is_greedy ? ctc_greedy_push(&d->greedy, logp) : ctc_beam_push(&d->beam, logp);
        if (err)
            return err;
    }
    return FOLD_OK;
}

/* Letters of the best text in order: d->path [count], backpointers indices. */
static int read_path(struct fold_decoder *d, const struct backpointers *backpointers, uint32_t tip,
                     size_t *ret_count)
{
    size_t count = 0;
    for (uint32_t i = tip; i != BACKPOINTERS_NONE; i = backpointers->nodes[i].parent)
        count++;
    if (count + 1 > d->path_room) {
        const size_t room = 2 * count + 64;
        uint32_t *path = realloc(d->path, room * sizeof *path);
        if (path)
            d->path = path;
        /* A word has at least one letter, and every letter but the last may be followed by an end.
         */
        char *text = realloc(d->text, room * (FOLD_PIECE_BYTES + 1));
        if (text)
            d->text = text;
        struct fold_word *words = realloc(d->words, room * sizeof *words);
        if (words)
            d->words = words;
        if (!path || !text || !words)
            return FOLD_ERR_MEMORY;
        d->path_room = room;
    }
    size_t at = count;
    for (uint32_t i = tip; i != BACKPOINTERS_NONE; i = backpointers->nodes[i].parent)
        d->path[--at] = i;
    *ret_count = count;
    return FOLD_OK;
}

/* The text that ends in tip, as words. */
static int result_of(struct fold_decoder *d, uint32_t tip, float score,
                     struct fold_result *ret_result)
{
    const struct backpointers *backpointers =
        d->is_greedy ? &d->greedy.backpointers : &d->beam.backpointers;
    /* A word is settled when the space behind it is; greedy letters change until the next comes. */
    const uint32_t common = d->is_greedy ? tip : ctc_beam_common(&d->beam);
    size_t count, words = 0, stable = 0;
    int err = read_path(d, backpointers, tip, &count);
    if (err)
        return err;
    char *text = d->text;
    double logp = 0;
    size_t letters = 0;
    uint32_t frame = 0;
    struct fold_word *word = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct backpointers_node *n = &backpointers->nodes[d->path[i]];
        /* Letters ascend in every alignment, but the peak of one may stem from a louder alignment
         * than that of the next. */
        frame = n->frame > frame ? n->frame : frame;
        const char *piece = d->vocab[n->letter];
        if (strcmp(piece, " ") == 0) {
            word = NULL;
            if (common != BACKPOINTERS_NONE && d->path[i] <= common)
                stable = words;
            continue;
        }
        if (!word) {
            text += words ? 1 : 0;
            word = &d->words[words++];
            *word = (struct fold_word){.text = text, .start_frame = frame};
            if (words > 1 && word[-1].end_frame > frame)
                word[-1].end_frame = frame;
            logp = 0;
            letters = 0;
        }
        const size_t length = strnlen(piece, FOLD_PIECE_BYTES);
        memcpy(text, piece, length);
        text += length;
        *text = '\0';
        logp += (double)n->logp;
        letters++;
        word->end_frame = frame + 1;
        word->confidence = (float)exp(logp / (double)letters);
    }
    *ret_result = (struct fold_result){
        .words = d->words,
        .words_count = words,
        .mean_logp = d->frames ? (float)(d->best_logp / (double)d->frames) : 0,
        .blank_share = d->frames ? (float)(d->blank / (double)d->frames) : 1,
        .stable_words = stable,
        .score = score,
    };
    return FOLD_OK;
}

int fold_decoder_result(struct fold_decoder *d, struct fold_result *ret_result)
{
    return fold_decoder_alternative(d, 0, ret_result);
}

int fold_decoder_alternative(struct fold_decoder *d, uint32_t rank, struct fold_result *ret_result)
{
    struct ctc_beam_text texts[FOLD_ALTERNATIVES];
    if (rank >= (d->is_greedy ? 1 : FOLD_ALTERNATIVES))
        return FOLD_ERR_ARGUMENT;
    if (d->is_greedy)
        return result_of(d, d->greedy.tip, (float)d->best_logp, ret_result);
    const uint32_t most = rank < CONFIDENCE_TEXTS ? CONFIDENCE_TEXTS : rank + 1;
    const uint32_t count = ctc_beam_texts(&d->beam, texts, most);
    if (rank >= count)
        return FOLD_ERR_ARGUMENT;
    int err = result_of(d, texts[rank].tip, texts[rank].total, ret_result);
    if (!err)
        confidence_weigh(d->words, ret_result->words_count, &d->beam, d->vocab, texts, count);
    return err;
}
