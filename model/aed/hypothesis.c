/* hypothesis.c - see hypothesis.h. A character that is no letter of the vocabulary but is spoken (a
 * digit, an accented letter, an ampersand) has no spelling that could be aligned: a run of them is
 * one ALIGN_ANY. */
#include "hypothesis.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "weights.h"

#define LOST "\xef\xbf\xbd" /* U+FFFD for bytes that are no character */

void hypothesis_allocate(struct hypothesis *w, const struct fold_model *m, size_t most_pieces,
                         size_t most_symbols, struct arena *at)
{
    const size_t most_bytes = most_pieces * BPE_LONGEST + 1;
    *w = (struct hypothesis){.model = m, .most_pieces = most_pieces, .most_symbols = most_symbols};
    w->text = arena_take(at, most_bytes);
    w->pieces = arena_take(at, most_pieces * sizeof *w->pieces);
    w->words = arena_take(at, most_pieces * sizeof *w->words);
    w->shown = arena_take(at, (sizeof LOST - 1) * most_bytes + most_pieces);
    w->symbols = arena_take(at, most_symbols * sizeof *w->symbols);
    w->first_symbol = arena_take(at, (most_pieces + 1) * sizeof *w->first_symbol);
    w->space = ALIGN_ANY;
    for (size_t i = 0; i < 256; i++)
        w->label_of[i] = ALIGN_ANY;
    for (uint32_t i = 1; i < m->info.vocab_size; i++) {
        const char *piece = m->vocab[i];
        if (strcmp(piece, " ") == 0)
            w->space = i;
        else if (piece[0] && !piece[1])
            w->label_of[(unsigned char)piece[0]] = i;
    }
}

void hypothesis_clear(struct hypothesis *w)
{
    w->text_bytes = w->pieces_count = w->letters = 0;
}

bool hypothesis_is_said(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || strchr("&%$+=@#", c) != NULL;
}

void hypothesis_add(struct hypothesis *w, uint32_t piece, float logp)
{
    size_t bytes;
    const char *text = bpe_text(&w->model->decoder.pieces, piece, &bytes);
    while (bytes >= BPE_MARK_BYTES && memcmp(text, BPE_MARK, BPE_MARK_BYTES) == 0) {
        if (w->text_bytes && w->text[w->text_bytes - 1] != ' ')
            w->text[w->text_bytes++] = ' ';
        text += BPE_MARK_BYTES;
        bytes -= BPE_MARK_BYTES;
    }
    w->pieces[w->pieces_count++] = (struct hypothesis_piece){(uint32_t)w->text_bytes, logp};
    for (size_t i = 0; i < bytes; i++) {
        w->letters += isalnum((unsigned char)text[i]) || (text[i] & 0xc0) == 0xc0;
        w->text[w->text_bytes++] = text[i];
    }
}

uint64_t hypothesis_said(const struct hypothesis *w)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    bool between = false;
    for (size_t i = 0; i < w->text_bytes; i++) {
        const char c = w->text[i];
        if (c == ' ')
            between = true;
        if (!hypothesis_is_said(c))
            continue;
        if (between)
            hash = (hash ^ ' ') * 1099511628211u;
        hash = (hash ^ (unsigned char)tolower((unsigned char)c)) * 1099511628211u;
        between = false;
    }
    return hash;
}

/* Copies text [bytes] as valid UTF-8, ended by a zero; returns behind that. */
static char *show(char *to, const char *text, size_t bytes)
{
    for (size_t at = 0, n; at < bytes; at += n) {
        n = bpe_character(text + at, bytes - at);
        /* Control characters would be strange in a text. */
        const bool lost = !n || (n == 1 && iscntrl((unsigned char)text[at]));
        memcpy(to, lost ? LOST : text + at, lost ? sizeof LOST - 1 : n);
        to += lost ? sizeof LOST - 1 : n;
        n = n ? n : 1;
    }
    *to = '\0';
    return to + 1;
}

/* Adds the symbols of a word, behind those there are; false when they do not fit. */
static bool spell(struct hypothesis *w, const char *word, size_t bytes, size_t *count)
{
    for (size_t i = 0; i < bytes; i++) {
        /* Within a word; else it is a quotation mark. */
        if (word[i] == '\'' && (!i || i + 1 == bytes || !hypothesis_is_said(word[i - 1]) ||
                                !hypothesis_is_said(word[i + 1])))
            continue;
        uint32_t label = w->label_of[(unsigned char)toupper((unsigned char)word[i])];
        if (label == ALIGN_ANY && !hypothesis_is_said(word[i]))
            continue;
        if (label == ALIGN_ANY && *count && w->symbols[*count - 1] == ALIGN_ANY)
            continue;
        if (*count == w->most_symbols)
            return false;
        w->symbols[(*count)++] = label;
    }
    return true;
}

/* The probability of all its pieces together, but for those that are marks alone. */
static float confidence(const struct hypothesis *w, size_t begin, size_t end, size_t *piece)
{
    float logp = 0;
    while (*piece < w->pieces_count && w->pieces[*piece].begin < begin)
        ++*piece;
    for (; *piece < w->pieces_count && w->pieces[*piece].begin < end; ++*piece) {
        const struct hypothesis_piece *p = &w->pieces[*piece];
        const size_t next = *piece + 1 < w->pieces_count ? p[1].begin : w->text_bytes;
        bool marks = next > p->begin;
        for (size_t i = p->begin; i < next && i < end; i++)
            marks = marks && !hypothesis_is_said(w->text[i]);
        logp += marks ? 0 : p->logp;
    }
    return expf(logp);
}

size_t hypothesis_split(struct hypothesis *w, size_t *ret_symbols)
{
    size_t count = 0, symbols = 0, piece = 0;
    bool fits = true;
    char *shown = w->shown;
    for (size_t begin = 0, end; begin < w->text_bytes; begin = end + 1) {
        const char *space = memchr(w->text + begin, ' ', w->text_bytes - begin);
        end = space ? (size_t)(space - w->text) : w->text_bytes;
        bool said = false;
        for (size_t i = begin; i < end; i++)
            said = said || hypothesis_is_said(w->text[i]);
        if (!said)
            continue;
        if (fits && count && w->space != ALIGN_ANY) {
            fits = symbols < w->most_symbols;
            if (fits)
                w->symbols[symbols++] = w->space;
        }
        w->first_symbol[count] = (uint32_t)symbols;
        fits = fits && spell(w, w->text + begin, end - begin, &symbols);
        w->words[count++] =
            (struct fold_word){.text = shown, .confidence = confidence(w, begin, end, &piece)};
        shown = show(shown, w->text + begin, end - begin);
    }
    w->first_symbol[count] = (uint32_t)symbols;
    *ret_symbols = fits ? symbols : 0;
    return count;
}

void hypothesis_time(struct hypothesis *w, size_t count, const struct align_times *times)
{
    uint32_t end = 0;
    for (size_t i = 0; i < count; i++) {
        /* The space behind it is no part of a word. */
        const size_t first = w->first_symbol[i];
        size_t last = w->first_symbol[i + 1];
        last -= i + 1 < count && w->space != ALIGN_ANY ? 1 : 0;
        if (last > first) {
            w->words[i].start_frame = times[first].first;
            w->words[i].end_frame = end = times[last - 1].last + 1;
        } else { /* nothing of it could be aligned that the word before has not */
            w->words[i].start_frame = w->words[i].end_frame = end;
        }
    }
}

void hypothesis_spread(struct hypothesis *w, size_t count, uint32_t first, uint32_t end)
{
    size_t all = 0, before = 0;
    for (size_t i = 0; i < count; i++)
        all += strlen(w->words[i].text);
    for (size_t i = 0; i < count; i++) {
        w->words[i].start_frame = first + (uint32_t)((end - first) * before / all);
        before += strlen(w->words[i].text);
        w->words[i].end_frame = first + (uint32_t)((end - first) * before / all);
    }
}
