/* Any bytes as a text model whose hash is taken as right: what passes the checks must be safe to
 * ask about any words. The words are the file's last bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pace.h"
#include "punctuation.h"

const struct pace pace_limit = {0.2, 1e-5};

static void ask(const struct fold_punctuation *prose, const uint8_t *bytes, size_t count)
{
    static const char *const known[] = {"mcgregor", "iphone", "i", "i'm", "the", ""};
    char texts[16][24];
    struct fold_punctuation_word words[16];
    struct fold_punctuation_state state = {0};
    for (size_t i = 0; i < 16; i++) {
        const uint8_t c = count > i ? bytes[count - 1 - i] : 0;
        memset(texts[i], 0, sizeof texts[i]);
        if (c % 2)
            strcpy(texts[i], known[c % 6]);
        else
            memset(texts[i], c ? c : 'a', c % 20);
        words[i] = (struct fold_punctuation_word){.text = texts[i], .pause_s = (float)c / 50};
    }
    fold_punctuation_mark(prose, &state, words, 9, false);
    fold_punctuation_mark(prose, &state, words + 9, 7, true);
    for (size_t i = 0; i < 16; i++) {
        const size_t before = strlen(texts[i]);
        const size_t after = fold_punctuation_write(prose, &words[i], texts[i]);
        if (after != strlen(texts[i]) || after > before + 1)
            abort();
    }
}

void pace_input(const uint8_t *bytes, size_t count)
{
    struct fold_punctuation prose;
    void *aligned = aligned_alloc(64, (count + 64) / 64 * 64);
    if (!aligned)
        return;
    memcpy(aligned, bytes, count);
    if (punctuation_parse(&prose, aligned, count, false, NULL) == FOLD_OK)
        ask(&prose, bytes, count);
    free(aligned);
}
