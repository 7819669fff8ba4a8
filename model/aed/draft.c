/* draft.c - words are compared by their letters alone, in either case. One that was written whole
 * is looked for near the place where the draft is; one that has only begun, by the letters it has.
 * A word that is not there stands for the draft's word at its place: the rest of that is as good a
 * guess as any. */
#include "draft.h"

#include <ctype.h>
#include <string.h>

#define REACH 6 /* words ahead that may have been left out; behind, half as many */

void draft_allocate(struct draft *d, const struct bpe *pieces, size_t most_words, struct arena *at)
{
    *d = (struct draft){.pieces = pieces, .most_words = most_words, .most_bytes = 16 * most_words};
    d->text = arena_take(at, d->most_bytes);
    d->words = arena_take(at, most_words * sizeof *d->words);
}

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || c == '\'' || (unsigned char)c >= 0x80;
}

static bool ends_sentence(char c)
{
    return c == '.' || c == '?' || c == '!';
}

/* I, I'm, I'll */
static bool is_i(const char *word, size_t bytes)
{
    return (word[0] == 'i' || word[0] == 'I') && (bytes == 1 || !isalpha((unsigned char)word[1]));
}

/* As the first pass spells: upper case throughout. */
static bool is_shouted(const char *text)
{
    bool upper = false;
    for (; *text; text++) {
        if (islower((unsigned char)*text))
            return false;
        upper = upper || isupper((unsigned char)*text);
    }
    return upper;
}

void draft_set(struct draft *d, const char *text)
{
    const bool shouted = text && is_shouted(text);
    size_t bytes = 0;
    d->count = d->word = d->seen = 0;
    for (text = text ? text : ""; d->count < d->most_words;) {
        text += strspn(text, " \t\r\n");
        const size_t length = strcspn(text, " \t\r\n");
        const size_t kept = length < DRAFT_WORD ? length : DRAFT_WORD;
        if (!length || bytes + kept + 1 > d->most_bytes)
            return;
        char *to = d->text + bytes;
        for (size_t i = 0; i < kept; i++)
            to[i] = shouted && (i || (d->count && !is_i(text, length)))
                        ? (char)tolower((unsigned char)text[i])
                        : text[i];
        to[kept] = ' ';
        d->words[d->count++] = (struct draft_word){(uint32_t)bytes, (uint32_t)(bytes + kept)};
        bytes += kept + 1;
        text += length;
    }
}

void draft_rewind(struct draft *d)
{
    d->word = d->seen = 0;
}

/* The next letter of text from *at on, in lower case; 0 at the end. *at is then behind it. */
static char letter(const char *text, size_t end, size_t *at)
{
    while (*at < end && !is_letter(text[*at]))
        ++*at;
    return *at < end ? (char)tolower((unsigned char)text[(*at)++]) : '\0';
}

static size_t letters_of(const char *text, size_t end)
{
    size_t count = 0;
    for (size_t at = 0; letter(text, end, &at);)
        count++;
    return count;
}

/* Does draft word i begin with the letters of word, and, if whole, also end with them? */
static bool begins_with(const struct draft *d, size_t i, const char *word, size_t bytes, bool whole)
{
    const char *text = d->text + d->words[i].begin;
    const size_t length = d->words[i].end - d->words[i].begin;
    size_t have = 0, want = 0;
    for (;;) {
        const char c = letter(word, bytes, &want);
        if (!c)
            return !whole || !letter(text, length, &have);
        if (letter(text, length, &have) != c)
            return false;
    }
}

/* The draft's word that is this one, or has begun as this one does, the nearest first; or count. */
static size_t look_for(const struct draft *d, const char *word, size_t bytes, bool whole)
{
    const size_t letters = letters_of(word, bytes);
    const size_t reach = whole || letters > REACH ? REACH : letters;
    for (size_t away = 0; away <= reach; away++) {
        if (d->word + away < d->count && begins_with(d, d->word + away, word, bytes, whole))
            return d->word + away;
        if (away && away <= REACH / 2 && away <= d->word && d->word - away < d->count &&
            begins_with(d, d->word - away, word, bytes, whole))
            return d->word - away;
    }
    return d->count;
}

/* Words that were written to their end move the draft on. */
static void settle(struct draft *d, const char *written, size_t tail)
{
    while (d->seen < tail) {
        const char *word = written + d->seen;
        const char *space = memchr(word, ' ', tail - d->seen);
        const size_t bytes = space ? (size_t)(space - word) : tail - d->seen;
        d->seen += bytes + (space ? 1 : 0);
        if (!letters_of(word, bytes))
            continue;
        const size_t found = look_for(d, word, bytes, true);
        if (found < d->count)
            d->word = found + 1;
        else if (d->word < d->count)
            d->word++;
    }
}

/* Behind so many letters of draft word i, from its begin. */
static size_t behind_letters(const struct draft *d, size_t i, size_t letters)
{
    const char *text = d->text + d->words[i].begin;
    size_t at = 0;
    while (letters-- && letter(text, d->words[i].end - d->words[i].begin, &at))
        ;
    return at;
}

/* Adds the pieces of word [bytes] as far as they fit. */
static size_t add(const struct draft *d, const char *word, size_t bytes, bool begins, uint32_t *to,
                  size_t room)
{
    uint32_t pieces[DRAFT_WORD + BPE_MARK_BYTES];
    const size_t count = bytes ? bpe_encode(d->pieces, word, bytes, begins, pieces) : 0;
    const size_t fit = count < room ? count : room;
    memcpy(to, pieces, fit * sizeof *to);
    return fit;
}

/* The first word that follows begins a sentence where the text before it ended one, whatever the
 * draft has there. */
static void suit_case(const struct draft *d, size_t word, char last, char *text, size_t bytes)
{
    const bool drafted = word && ends_sentence(d->text[d->words[word - 1].end - 1]);
    if (ends_sentence(last))
        text[0] = (char)toupper((unsigned char)text[0]);
    else if (drafted && !is_i(text, bytes))
        text[0] = (char)tolower((unsigned char)text[0]);
}

/* Adds the end of the text: the first pass hears no marks, but a sentence seldom ends without.
 * last: what is written behind the draft's last word; 0: that word is yet to come. */
static size_t add_end(const struct draft *d, char last, uint32_t *to, size_t room)
{
    const bool marked = !is_letter(d->text[d->words[d->count - 1].end - 1]);
    const size_t count = marked || ends_sentence(last) ? 0 : add(d, ".", 1, false, to, room);
    if (count < room)
        to[count] = BPE_END;
    return count + (count < room);
}

size_t draft_follow(struct draft *d, const char *written, size_t bytes, uint32_t *to, size_t room)
{
    size_t tail = bytes, count = 0;
    while (tail && written[tail - 1] != ' ')
        tail--;
    settle(d, written, tail);
    if (!d->count)
        return 0;
    const char *open = written + tail; /* the word in hand */
    const size_t letters = letters_of(open, bytes - tail);
    bool begins = tail == bytes ? bytes == 0 : false;
    size_t word = d->word;
    if (letters) {
        const size_t found = look_for(d, open, bytes - tail, false);
        word = found < d->count ? found : word;
        if (word < d->count) {
            const struct draft_word *w = &d->words[word];
            const size_t at = behind_letters(d, word, letters);
            if (is_letter(open[bytes - tail - 1]))
                count = add(d, d->text + w->begin + at, w->end - w->begin - at, false, to, room);
            word++;
        }
        begins = true;
    }
    for (bool first = true; word < d->count && count < room; word++, first = false) {
        char text[DRAFT_WORD];
        const size_t length = d->words[word].end - d->words[word].begin;
        memcpy(text, d->text + d->words[word].begin, length);
        if (first && !(letters && count) && bytes)
            suit_case(d, word, written[bytes - 1], text, length);
        count += add(d, text, length, begins, to + count, room - count);
        begins = true;
    }
    if (word == d->count)
        count += add_end(d, bytes && !count ? written[bytes - 1] : '\0', to + count, room - count);
    return count;
}
