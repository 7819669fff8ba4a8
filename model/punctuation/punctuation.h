/* punctuation.h - the mapped model behind fold_punctuation: a table of features with a weight for
 * each mark and each case. The trainer (tools/build_prose.c) hears features from the same code that
 * serves.
 */
#ifndef PUNCTUATION_H
#define PUNCTUATION_H

#include "fold.h"

#define PUNCTUATION_MAGIC    "FOLDTX1\n"
#define PUNCTUATION_VERSION  1u
#define PUNCTUATION_CLASSES  4  /* of marks: none , . ?   of cases: enum fold_case */
#define PUNCTUATION_PROBES   8  /* slots from a feature's own in which it may stand */
#define PUNCTUATION_FEATURES 20 /* at most, of one decision */
#define PUNCTUATION_HIDDEN   1u /* stands for a word that is not known yet */

/* As in the file, little-endian; 64 bytes. Then tags [slots] uint16, weights [slots, 4] int8, form
 * ends [forms] uint32, form texts [form_bytes]. sha256 is over all of it, with sha256 zero. */
struct punctuation_header {
    char magic[8];
    uint32_t version, slots, forms, form_bytes; /* slots: a power of two */
    float step;                                 /* of a weight */
    uint32_t zero;
    uint8_t sha256[32];
};

struct fold_punctuation {
    const unsigned char *map;
    size_t bytes;
    bool mapped;
    struct punctuation_header h;
    const uint16_t *tags; /* [slots]; 0: empty */
    const int8_t *weights;
    /* Spellings such as McGregor, ascending by their letters in upper case, each ended by a zero.
     */
    const uint32_t *form_ends; /* [forms] one past the zero */
    const char *forms;
};

/* What decisions about a word see: it, its neighbours, and the sentence so far. Words are hashes,
 * 0 beyond the ends of a text. */
struct punctuation_view {
    uint32_t before2, before, word, after, after2;
    uint32_t head, tail;    /* of the word: its first three, its last three letters */
    uint32_t after_tail;    /* of the next */
    uint32_t first, second; /* words of the sentence */
    uint8_t since_mark;     /* words up to this one */
    uint8_t since_end;      /* the same, of the sentence */
    enum fold_case case_before;
};

/* Hash of letters [length] in any case; never 0 or PUNCTUATION_HIDDEN. */
uint32_t punctuation_hash(const char *text, size_t length);
/* Fills what follows from the texts; after and after2 may be NULL: not known yet. */
void punctuation_look(struct punctuation_view *view, const char *word, const char *after,
                      const char *after2);
/* Moves the sentence on behind view's word, now that its mark and case are known. */
void punctuation_step(struct punctuation_view *view, char mark, enum fold_case cased);

/* Features [PUNCTUATION_FEATURES] of the mark behind view's word, and of its case. Returns how
 * many. */
uint32_t punctuation_mark_features(const struct punctuation_view *view, uint64_t *ret_features);
uint32_t punctuation_case_features(const struct punctuation_view *view, uint64_t *ret_features);

/* Slot of a feature in tags, or -1. With free true: where it could be put, or -1. */
long punctuation_slot(const uint16_t *tags, uint32_t slots, uint64_t feature, bool free);

bool punctuation_digest(const struct punctuation_header *h, const void *body, size_t bytes,
                        uint8_t ret_sha256[32]);
/* Checks and points into bytes [count], 8-byte aligned, which must outlive punctuation. check_hash
 * false is for fuzzing what the hash would hide. */
int punctuation_parse(struct fold_punctuation *punctuation, const void *bytes, size_t count,
                      bool check_hash, struct fold_note *note);

#endif
