/* confidence.c - the share of the likeliest texts that have a word, each counted by its score.
 *
 * The sound of a word's letters alone says little: this model spells badly, and the language model
 * puts most of it right. Of 80 utterances of dev_clean, words whose letters had a mean probability
 * below 0.1 were right in 80 of 100 cases; the expected calibration error was 0.27. With the share
 * of 30 texts, and a little of the sound to tell words apart on which all texts agree, it was
 * 0.024. Scores count half: those of neighbouring frames are not independent, so the search is too
 * sure. */
#include "confidence.h"

#include <math.h>
#include <string.h>

#define SCALE 0.5f  /* of the scores */
#define SOUND 0.15f /* what the sound decides */
/* Frames by which the same word may lie elsewhere: half a second, for a letter's loudest frame may
 * be that of another alignment. A walk goes on for longer before it gives a word up. */
#define SLACK 12
#define WALK  60

/* Is the word in the text that ends in tip, about where it is? */
static bool has(const struct ctc_beam *b, const char *const *vocab, uint32_t tip,
                const struct fold_word *word)
{
    const struct backpointers_node *nodes = b->backpointers.nodes;
    for (uint32_t at = tip;
         at != BACKPOINTERS_NONE && nodes[at].frame + WALK >= word->start_frame;) {
        if (nodes[at].letter == b->space) {
            at = nodes[at].parent;
            continue;
        }
        const uint32_t end = nodes[at].frame + 1;
        uint32_t start = end;
        size_t left = strlen(word->text);
        bool same = true;
        for (; at != BACKPOINTERS_NONE && nodes[at].letter != b->space; at = nodes[at].parent) {
            const char *piece = vocab[nodes[at].letter];
            const size_t length = strlen(piece);
            same = same && left >= length && memcmp(word->text + left - length, piece, length) == 0;
            left -= same ? length : 0;
            start = nodes[at].frame;
        }
        if (same && !left && start < word->end_frame + SLACK && word->start_frame < end + SLACK)
            return true;
    }
    return false;
}

void confidence_weigh(struct fold_word *words, size_t count, const struct ctc_beam *b,
                      const char *const *vocab, const struct ctc_beam_text *texts,
                      uint32_t texts_count)
{
    float weights[CONFIDENCE_TEXTS], all = 0;
    if (texts_count > CONFIDENCE_TEXTS)
        texts_count = CONFIDENCE_TEXTS;
    for (uint32_t k = 0; k < texts_count; k++)
        all += weights[k] = expf(SCALE * (texts[k].total - texts[0].total));
    for (size_t i = 0; i < count; i++) {
        float with = 0;
        for (uint32_t k = 0; k < texts_count; k++)
            with += has(b, vocab, texts[k].tip, &words[i]) ? weights[k] : 0;
        words[i].confidence = fminf(with / all, 1) * (1 - SOUND + SOUND * words[i].confidence);
    }
}
