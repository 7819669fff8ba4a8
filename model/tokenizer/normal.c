/* normal.c - see normal.h. Years are read in pairs ("1984": NINETEEN EIGHTY FOUR), ordinals, money,
 * percentages and decimals as they are spoken. */
#include "normal.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ones[] = {"ZERO",    "ONE",     "TWO",       "THREE",    "FOUR",
                                   "FIVE",    "SIX",     "SEVEN",     "EIGHT",    "NINE",
                                   "TEN",     "ELEVEN",  "TWELVE",    "THIRTEEN", "FOURTEEN",
                                   "FIFTEEN", "SIXTEEN", "SEVENTEEN", "EIGHTEEN", "NINETEEN"};
static const char *const tens[] = {"",      "",      "TWENTY",  "THIRTY", "FORTY",
                                   "FIFTY", "SIXTY", "SEVENTY", "EIGHTY", "NINETY"};

struct text {
    char *to;
    size_t room, bytes;
};

static void put(struct text *t, char c)
{
    if (t->bytes + 1 < t->room)
        t->to[t->bytes++] = c;
}

static void put_word(struct text *t, const char *word)
{
    put(t, ' ');
    while (*word)
        put(t, *word++);
    put(t, ' ');
}

static void put_number(struct text *t, unsigned long long n)
{
    static const struct {
        unsigned long long size;
        const char *name;
    } scales[] = {{1000000000000, "TRILLION"},
                  {1000000000, "BILLION"},
                  {1000000, "MILLION"},
                  {1000, "THOUSAND"},
                  {100, "HUNDRED"}};
    bool some = false;
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        if (n >= scales[i].size) {
            put_number(t, n / scales[i].size);
            put_word(t, scales[i].name);
            n %= scales[i].size;
            some = true;
        }
    if (n >= 20) {
        put_word(t, tens[n / 10]);
        n %= 10;
        some = true;
    }
    if (n || !some)
        put_word(t, ones[n]);
}

/* 1066, 1984, 1900: in pairs. */
static void put_year(struct text *t, unsigned long long n)
{
    put_number(t, n / 100);
    if (n % 100 == 0)
        put_word(t, "HUNDRED");
    else if (n % 100 < 10)
        put_word(t, "OH");
    if (n % 100)
        put_number(t, n % 100);
}

/* The last word becomes an ordinal: FIVE -> FIFTH, TWENTY -> TWENTIETH. */
static void make_ordinal(struct text *t)
{
    static const char *const odd[][2] = {
        {"ONE", "FIRST"},    {"TWO", "SECOND"}, {"THREE", "THIRD"},   {"FIVE", "FIFTH"},
        {"EIGHT", "EIGHTH"}, {"NINE", "NINTH"}, {"TWELVE", "TWELFTH"}};
    while (t->bytes && t->to[t->bytes - 1] == ' ')
        t->bytes--;
    size_t begin = t->bytes;
    while (begin && t->to[begin - 1] != ' ')
        begin--;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (t->bytes - begin == strlen(odd[i][0]) &&
            memcmp(t->to + begin, odd[i][0], t->bytes - begin) == 0) {
            t->bytes = begin;
            put_word(t, odd[i][1]);
            return;
        }
    if (t->bytes > begin && t->to[t->bytes - 1] == 'Y') {
        t->bytes--;
        put(t, 'I');
        put(t, 'E');
    }
    put(t, 'T');
    put(t, 'H');
    put(t, ' ');
}

static bool is_suffix(const char *text, const char *suffix)
{
    return toupper((unsigned char)text[0]) == suffix[0] &&
           toupper((unsigned char)text[1]) == suffix[1] && !isalpha((unsigned char)text[2]);
}

/* A number from its first digit (or the sign of money before it); returns behind it. */
static const char *spell(struct text *t, const char *from)
{
    const bool dollars = *from == '$', pounds = strncmp(from, "\xc2\xa3", 2) == 0;
    unsigned long long n = 0;
    size_t digits = 0;
    bool commas = false;
    from += dollars ? 1 : pounds ? 2 : 0;
    for (;; from++) {
        if (isdigit((unsigned char)*from) && digits < 15) {
            n = 10 * n + (unsigned long long)(*from - '0');
            digits++;
        } else if (*from == ',' && isdigit((unsigned char)from[1]) &&
                   isdigit((unsigned char)from[2]) && isdigit((unsigned char)from[3]) &&
                   !isdigit((unsigned char)from[4])) {
            commas = true;
        } else {
            break;
        }
    }
    const bool plural = from[0] == 's' && !isalpha((unsigned char)from[1]);
    const bool year = digits == 4 && !commas && !dollars && !pounds && n >= 1000 &&
                      (n % 1000 >= 10) && !(n >= 2000 && n < 2010);
    if (year)
        put_year(t, n);
    else
        put_number(t, n);
    if (is_suffix(from, "ST") || is_suffix(from, "ND") || is_suffix(from, "RD") ||
        is_suffix(from, "TH")) {
        make_ordinal(t);
        return from + 2;
    }
    if (plural) { /* 1980s, 20s */
        while (t->bytes && t->to[t->bytes - 1] == ' ')
            t->bytes--;
        if (t->bytes && t->to[t->bytes - 1] == 'Y') {
            t->bytes--;
            put(t, 'I');
            put(t, 'E');
        }
        put(t, 'S');
        put(t, ' ');
        return from + 1;
    }
    if (*from == '.' && isdigit((unsigned char)from[1])) {
        put_word(t, "POINT");
        for (from++; isdigit((unsigned char)*from); from++)
            put_word(t, ones[*from - '0']);
    }
    if (dollars || pounds)
        put_word(t, dollars ? n == 1 ? "DOLLAR" : "DOLLARS" : n == 1 ? "POUND" : "POUNDS");
    if (*from == '%') {
        put_word(t, "PERCENT");
        from++;
    }
    return from;
}

/* Letters that carry accents, by their UTF-8: what is left without them. */
static char plain_letter(const char *text)
{
    static const char letters[] =
        "AAAAAA_CEEEEIIII_NOOOOO_OUUUUY__AAAAAA_CEEEEIIII_NOOOOO_OUUUUY_Y";
    const unsigned char second = (unsigned char)text[1];
    return (unsigned char)text[0] == 0xc3 && second >= 0x80 && second <= 0xbf &&
                   letters[second - 0x80] != '_'
               ? letters[second - 0x80]
               : '\0';
}

/* MR and MR. -> MISTER, where a word begins; *bytes are those of text. */
static const char *title(const char *text, size_t *bytes)
{
    static const char *const titles[][2] = {{"MRS", "MISSUS"}, {"MR", "MISTER"}, {"DR", "DOCTOR"}};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        const size_t length = strlen(titles[i][0]);
        size_t same = 0;
        while (same < length && toupper((unsigned char)text[same]) == titles[i][0][same])
            same++;
        if (same == length && !isalnum((unsigned char)text[length]) && text[length] != '\'') {
            *bytes = length;
            return titles[i][1];
        }
    }
    return NULL;
}

void fold_normal_form(char *to, size_t room, const char *text)
{
    struct text t = {to, room, 0};
    bool in_word = false;
    for (size_t bytes = 1; *text; text += bytes) {
        const char *word = in_word ? NULL : title(text, &bytes);
        const char accented = plain_letter(text);
        if (word) {
            put_word(&t, word);
            continue;
        }
        bytes = 1;
        if (isdigit((unsigned char)*text) || ((*text == '$' || strncmp(text, "\xc2\xa3", 2) == 0) &&
                                              isdigit((unsigned char)text[*text == '$' ? 1 : 2]))) {
            bytes = (size_t)(spell(&t, text) - text);
            in_word = false;
            continue;
        }
        const bool quote = *text == '\'' || strncmp(text, "\xe2\x80\x99", 3) == 0 ||
                           strncmp(text, "\xe2\x80\x98", 3) == 0;
        const char next = text[*text == '\'' ? 1 : 3 * quote];
        if (accented || isalpha((unsigned char)*text)) {
            put(&t, accented ? accented : (char)toupper((unsigned char)*text));
            bytes = accented ? 2 : 1;
            in_word = true;
        } else if (quote && in_word && isalpha((unsigned char)next)) {
            put(&t, '\'');
            bytes = *text == '\'' ? 1 : 3;
        } else {
            if (*text == '&')
                put_word(&t, "AND");
            put(&t, ' ');
            in_word = false;
        }
    }
    /* Single spaces, none at the ends. */
    size_t kept = 0;
    for (size_t i = 0; i < t.bytes; i++)
        if (to[i] != ' ' || (kept && to[kept - 1] != ' '))
            to[kept++] = to[i];
    kept -= kept && to[kept - 1] == ' ' ? 1 : 0;
    if (room)
        to[kept] = '\0';
}
