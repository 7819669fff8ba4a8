/* fold.h - libfold: one foldable seed, unfolded as deep as the caller asks.
 *
 * A seed is a stack of K physical blocks (behind a front end and P unique lower blocks), which is
 * run r times with the same weights: all of it, or the path through it that the seed has for each
 * unfold. Every unfold has an exit, so a shallow answer is a prefix of a deeper run:
 *
 *     fold_run_begin(run, pcm, n);             front end, prelude       x [T, d]
 *     fold_run_unfold(run);                    x <- blocks(x), depth 1
 *     fold_run_exit(run, logp);                logp [T, V] of depth 1
 *     fold_run_unfold(run);                    the same activations, continued
 *     fold_run_exit(run, logp);                logp [T, V] of depth 2
 *
 * A seed may be self-conditioned: what exit r says is then fed into unfold r + 1; or unfolds 2..
 * begin anew from the prelude's output, to which a projection of the unfold before is added. That
 * is a matter of the seed alone; the calls are the same, and an exit may be asked for or left out
 * at will.
 *
 * Letters used for shapes, in the whole tree: T frames, d width, H heads, V vocabulary,
 * R greatest unfold, K blocks, P prelude blocks. Row-major, last index fastest.
 * Audio is mono float at fold_info.rate_hz, in [-1, 1].
 *
 * Threads: models and language models are immutable once open and may be shared by any number
 * of threads. A run or a decoder belongs to one thread at a time. The library starts no
 * threads, does not log, and never calls exit() or exec(). OpenBLAS has threads of its own, which
 * gain nothing here: a host that computes in several threads sets OPENBLAS_NUM_THREADS=1.
 *
 * Errors: functions that can fail return 0 or a negative enum fold_err and leave ret_* alone.
 * Where a struct fold_note is taken it may be NULL; it receives one line of plain text.
 */
#ifndef FOLD_H
#define FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header, as major, minor, patch; fold_version() says it of the library that is linked.
 * Until 1.0 a new minor version may change functions, and then the soname does, too. */
#define FOLD_VERSION_MAJOR 0
#define FOLD_VERSION_MINOR 1
#define FOLD_VERSION_PATCH 0
#define FOLD_VERSION       (FOLD_VERSION_MAJOR * 10000 + FOLD_VERSION_MINOR * 100 + FOLD_VERSION_PATCH)

/* The library's FOLD_VERSION. */
uint32_t fold_version(void);

#define FOLD_ERRORS(X)                                                                             \
    X(FOLD_ERR_MEMORY, -1, "out of memory")                                                        \
    X(FOLD_ERR_IO, -2, "file cannot be read")                                                      \
    X(FOLD_ERR_FORMAT, -3, "not a valid model file")                                               \
    X(FOLD_ERR_ARGUMENT, -4, "argument out of range")                                              \
    X(FOLD_ERR_TOO_LONG, -5, "longer than was made room for")                                      \
    X(FOLD_ERR_STOPPED, -6, "stopped by the caller")                                               \
    X(FOLD_ERR_RATE, -7, "not the sample rate of the model, which is 16000 Hz")

enum fold_err {
    FOLD_OK = 0,
#define X(name, value, text) name = value,
    FOLD_ERRORS(X)
#undef X
};

/* Static text of an error; "unknown error" for anything else. */
const char *fold_err_text(int err);

struct fold_note {
    char text[240];
};

/* ---- seed ------------------------------------------------------------------------------ */

struct fold_model;

/* How the large matrix products are computed. FOLD_INT8: weights in 8 bits by output channel,
 * activations in 8 bits by row, sums exact. FOLD_FP32: all in 32-bit floats by OpenBLAS, the
 * reference. FOLD_FASTEST: whichever is faster on this CPU. */
enum fold_precision { FOLD_FASTEST, FOLD_INT8, FOLD_FP32 };

#define FOLD_PIECE_BYTES 16 /* of a vocabulary, but for the blank, which is never written */

struct fold_info {
    const char *name;         /* from the file's configuration */
    const char *const *vocab; /* V pieces, UTF-8, of up to FOLD_PIECE_BYTES: letters, mostly;
                                 vocab[0] is the blank, " " ends a word, "" is never written */
    char sha256[65];          /* of the whole file, hex */
    uint32_t rate_hz;         /* 16000 */
    uint32_t hop_samples;     /* samples a frame: 384 of the seed that ships */
    uint32_t min_samples;     /* least samples that give one frame */
    uint32_t d, heads, vocab_size, prelude, blocks, unfolds;
    uint32_t chunk_frames, left_frames; /* of a stream; 0: the seed was not taught to hear so */
    uint32_t
        pieces; /* of the attention decoder; 0: the seed has none, and no decoder can be opened */
    enum fold_precision precision; /* FOLD_INT8 or FOLD_FP32 */
    uint64_t parameters;
    uint64_t file_bytes;
};

/* Maps and checks the whole file (safetensors, configuration in __metadata__): every shape,
 * dtype, offset and the content hash. *ret_model is released with fold_model_close. */
int fold_model_open(struct fold_model **ret_model, const char *path, struct fold_note *note);
/* The same in a precision of the caller's choice; fold_model_open takes FOLD_FASTEST. */
int fold_model_open_as(struct fold_model **ret_model, const char *path,
                       enum fold_precision precision, struct fold_note *note);
void fold_model_close(struct fold_model *model); /* NULL is fine */
const struct fold_info *fold_model_info(const struct fold_model *model);

/* ---- running it ------------------------------------------------------------------------ */

struct fold_run;

/* Bytes that fold_run_open allocates for utterances of up to max_samples, exactly. */
size_t fold_run_bytes(const struct fold_model *model, size_t max_samples);

/* All scratch for utterances of up to max_samples is allocated here; none of the functions
 * below allocates. The model must outlive the run. */
int fold_run_open(struct fold_run **ret_run, const struct fold_model *model, size_t max_samples);
void fold_run_close(struct fold_run *run);

/* Frames for so many samples; 0 when below min_samples. */
size_t fold_frames(const struct fold_model *model, size_t samples);

/* Front end and prelude over pcm [samples]; depth becomes 0. Returns 0, FOLD_ERR_TOO_LONG, or
 * FOLD_ERR_ARGUMENT when there is not one whole frame. NaN and Inf samples count as 0, samples
 * beyond -1 and 1 as -1 and 1. */
int fold_run_begin(struct fold_run *run, const float *pcm, size_t samples);

/* One more pass through the blocks. FOLD_ERR_ARGUMENT before begin or beyond R. */
int fold_run_unfold(struct fold_run *run);

/* From now on begin and unfold ask every few milliseconds whether they shall stop; they then return
 * FOLD_ERR_STOPPED, and the run must begin anew. NULL: never. Of a batch, its first run is asked.
 */
void fold_run_set_abort(struct fold_run *run, bool (*stop)(const void *user), const void *user);
/* Calls that function. An attention decoder does so between two passes; when the answer is true it
 * stops, and its words must not be used. */
bool fold_run_is_stopped(const struct fold_run *run);

/* Final norm, head and log-softmax of the present depth: logp [T, V]. x is left as it was, so
 * unfolding may go on. FOLD_ERR_ARGUMENT at depth 0. */
int fold_run_exit(struct fold_run *run, float *logp);

size_t fold_run_frames(const struct fold_run *run);  /* T of the present utterance */
uint32_t fold_run_depth(const struct fold_run *run); /* unfolds done */
const float *fold_run_x(const struct fold_run *run); /* x [T, d]: for tests */

/* ---- several at once -------------------------------------------------------------------- */

#define FOLD_BATCH_MAX 256

/* fold_run_begin and fold_run_unfold for runs [count] of one model in one go, each with audio of
 * its own and at a depth of its own; their rows share the matrix products, so that many short
 * runs cost less than one after the other. With FOLD_INT8 a run's activations have the same
 * bits as if it had gone alone; with FOLD_FP32 they agree within 1e-4 of the largest.
 * FOLD_ERR_ARGUMENT: count is not 1..FOLD_BATCH_MAX, a run is there twice or of another model, or
 * one of them would fail alone (also FOLD_ERR_TOO_LONG). After a failed begin none is begun, after
 * a failed unfold none has been unfolded. */
int fold_batch_begin(struct fold_run *const *runs, const float *const *pcm, const size_t *samples,
                     size_t count);
int fold_batch_unfold(struct fold_run *const *runs, size_t count);

/* ---- live -------------------------------------------------------------------------------- */

/* A stream is heard once, as it comes, in chunks of fold_info.chunk_frames: a frame hears its own
 * chunk to its end and left_frames before that, whatever the depth, so what was heard never
 * changes, and a chunk costs the same in the tenth hour as in the first second. Look-ahead is one
 * chunk, and fold_stream_ahead samples beyond it. What a stream remembers is kept by logical layer;
 * the rest of the work is done in a run, which streams may share one after the other.
 *
 *     fold_stream_hear(stream, run, pcm, n, depth);      pcm from sample fold_stream_next on
 *     fold_stream_read(stream, run, first_frame);        then run holds frames first_frame .. now
 *     fold_run_exit(run, logp), fold_aed_write(decoder, run, ...)
 *
 * The same sound in any portions gives the same bits; so does any other stream in between, and,
 * with FOLD_INT8, any company in a batch. Depth may change from call to call; a frame is as deep as
 * it was heard. A layer that shallower calls did not run has no memory of their sound when it is
 * run again. */
struct fold_stream;

struct fold_stream_options {
    uint32_t depth;         /* deepest that will be asked for, 1..R */
    uint32_t memory_frames; /* that can be read again, at least one chunk */
};

/* Bytes that fold_stream_open allocates, exactly; 0 where it would fail. */
size_t fold_stream_bytes(const struct fold_model *model, const struct fold_stream_options *options);

/* FOLD_ERR_ARGUMENT where the seed cannot hear so (fold_info.chunk_frames is 0), or options are out
 * of range. None of the functions below allocates. The model must outlive the stream, which belongs
 * to one thread at a time. */
int fold_stream_open(struct fold_stream **ret_stream, const struct fold_model *model,
                     const struct fold_stream_options *options);
void fold_stream_close(struct fold_stream *stream); /* NULL is fine */

/* Forgets all: as fresh from open. */
void fold_stream_reset(struct fold_stream *stream);

/* The first sample, from the stream's beginning, that hear must be given: what was heard in whole
 * chunks need not be kept. */
uint64_t fold_stream_next(const struct fold_stream *stream);

/* Samples that a run must be open for to serve as scratch and to be read into. */
size_t fold_stream_run_samples(const struct fold_model *model,
                               const struct fold_stream_options *options);

/* Hears pcm [samples], which begin at fold_stream_next: whole chunks are heard for
 * good; what is left over is heard provisionally, and must come again with the next call. Samples
 * count as fold_run_begin says. FOLD_ERR_ARGUMENT: a
 * depth beyond the options', another model's run. FOLD_ERR_TOO_LONG: the run has too little room.
 * FOLD_ERR_STOPPED as fold_run_set_abort says; the stream must then be reset. */
int fold_stream_hear(struct fold_stream *stream, struct fold_run *run, const float *pcm,
                     size_t samples, uint32_t depth);

/* The same for streams [count] in one go, each with a run and a depth of its own. */
int fold_batch_hear(struct fold_stream *const *streams, struct fold_run *const *runs,
                    const float *const *pcm, const size_t *samples, const uint32_t *depths,
                    size_t count);

/* Frames heard since the beginning, provisional ones included; and the first that is still
 * remembered. */
uint64_t fold_stream_frames(const struct fold_stream *stream);
uint64_t fold_stream_oldest(const struct fold_stream *stream);

/* Makes run hold frames first .. now, as if it had unfolded them: it can exit and be written, not
 * be unfolded further. FOLD_ERR_ARGUMENT where there are none or first is no longer remembered;
 * FOLD_ERR_TOO_LONG. */
int fold_stream_read(const struct fold_stream *stream, struct fold_run *run, uint64_t first);

/* ---- language model and lexicon --------------------------------------------------------- */

struct fold_lm;

/* Maps and checks a file made by model/tools/build_lm. Its letters must be the seed's:
 * fold_lm_fits. */
int fold_lm_open(struct fold_lm **ret_lm, const char *path, struct fold_note *note);
/* FOLD_ERR_ARGUMENT, and why, where the model's vocabulary cannot be searched with it. */
int fold_lm_fits(const struct fold_lm *lm, const struct fold_model *model, struct fold_note *note);
void fold_lm_close(struct fold_lm *lm);

struct fold_lm_info {
    uint32_t order, words;
    uint64_t ngrams, file_bytes;
};
struct fold_lm_info fold_lm_info(const struct fold_lm *lm);

/* ---- decoding ---------------------------------------------------------------------------- */

struct fold_hotword {
    const char *text; /* one word or a phrase, any case; words outside the lexicon are fine */
    float boost;      /* added to the log score when the word or phrase is completed; 1..10 */
};

/* How the first pass searches. */
struct fold_decoder_options {
    uint32_t beam;       /* prefixes kept; 0: default */
    float lm_weight;     /* weight of natural log p(word | two before it); < 0: default */
    float word_bonus;    /* added per word; NAN: default */
    float unknown_score; /* natural log score of a word outside the lexicon; NAN: default */
    const struct fold_hotword *hotwords; /* [hotwords_count]; copied by open */
    size_t hotwords_count;
};

/* All fields at their defaults, tuned on dev_clean. */
struct fold_decoder_options fold_decoder_defaults(void);

/* A beam that makes the draft of an attention decoder. dev_clean, 60 utterances, x3: 4 prefixes
 * take 0.00005 of real time, and the text 15.2 passes; 16 take 0.00011 and 14.3, 64 0.00029 and
 * 14.1, 400 0.0008 and 14.0; greedy CTC needs 18.1. */
#define FOLD_DRAFT_BEAM 16

struct fold_word {
    const char *text;                /* as the vocabulary has it; owned by the decoder */
    uint32_t start_frame, end_frame; /* half open: first letter's frame .. one past the last's */
    float confidence; /* 0..1: how likely it is right; greedy: how clear its letters */
};

struct fold_result {
    const struct fold_word *words; /* [words_count]; all owned by the decoder, valid until the
                                      next push, reset or close */
    size_t words_count;
    float mean_logp;     /* mean best-path log-probability a frame (natural log, <= 0) */
    float blank_share;   /* mean probability of blank, 0..1 */
    size_t stable_words; /* leading words that no push can change any more, nor their times: all
                            that the search still holds possible begins with them */
    float score;         /* natural log of sound and text: of use between alternatives only */
};

#define FOLD_ALTERNATIVES 100

struct fold_decoder;

/* lm NULL: greedy CTC (letters as heard); otherwise prefix beam over lexicon and n-gram, with
 * spelling for unknown words. model and lm must outlive the decoder. */
int fold_decoder_open(struct fold_decoder **ret_decoder, const struct fold_model *model,
                      const struct fold_lm *lm, const struct fold_decoder_options *options);
void fold_decoder_close(struct fold_decoder *decoder);

/* Feeds logp [T, V]. Feeding the same frames in any chunking gives the same result. */
int fold_decoder_push(struct fold_decoder *decoder, const float *logp, size_t T);

/* Best words so far, the unfinished last one included. Does not change the state. */
int fold_decoder_result(struct fold_decoder *decoder, struct fold_result *ret_result);

/* The text that is rank-th likely, 0 as fold_decoder_result. FOLD_ERR_ARGUMENT from
 * FOLD_ALTERNATIVES on, or where there are not so many different texts. Greedy decoding has one. */
int fold_decoder_alternative(struct fold_decoder *decoder, uint32_t rank,
                             struct fold_result *ret_result);

/* Forgets everything pushed: as fresh from open. */
void fold_decoder_reset(struct fold_decoder *decoder);

/* ---- writing -------------------------------------------------------------------------------- */

/* The attention decoder, where the seed has one (fold_info.pieces): reads the frames of a run and
 * writes cased, punctuated text, piece by piece, each the likeliest behind those before it. The
 * first pass says what it heard as a draft, and the decoder checks many pieces of that in one go;
 * the text is the same without a draft, or with a wrong one, only later. (With FOLD_FP32 but for
 * rounding.)
 *
 * An attention decoder never runs away: where what it wrote cannot be what was said, it says so.
 * Then the first pass' text is what counts. */
struct fold_aed;

#define FOLD_AED_SECONDS 64 /* longest utterance; decoders are taught with half of that */

enum fold_doubt {
    FOLD_DOUBT_NONE,
    FOLD_DOUBT_SILENCE, /* the first pass hears no letter */
    FOLD_DOUBT_LOOP,    /* the same again and again, or no end */
    FOLD_DOUBT_LENGTH,  /* far more or far fewer letters than the first pass hears */
    FOLD_DOUBT_SOUND,   /* its letters are not what the frames say */
};

struct fold_written {
    /* [words_count], owned by the decoder until its next call. As in fold_result, but for the text,
     * which is UTF-8 with case and marks, and the confidence: the probability of the word's pieces,
     * all together. Times are those of the best path of the word's letters through logp. */
    const struct fold_word *words;
    size_t words_count;
    size_t prefix_words; /* of these, in front, those of the prefix: given, not written */
    enum fold_doubt doubt;
    float mean_logp;  /* natural log-probability of a piece, END included, of those of the prefix
                         not; 0 without any */
    float frame_logp; /* mean_logp and blank_share of a fold_result: of what was heard */
    float blank_share;
    uint32_t pieces, passes; /* written behind the prefix; through the decoder to write them */
};

#define FOLD_AED_MANY 16 /* that write together */

/* Bytes that fold_aed_open allocates, exactly; 0 where it would fail. */
size_t fold_aed_bytes(const struct fold_model *model, size_t max_samples);

/* For utterances of up to max_samples. FOLD_ERR_ARGUMENT where the seed has no attention decoder,
 * or max_samples are more than FOLD_AED_SECONDS. The model must outlive the decoder, which
 * belongs to one thread at a time. */
int fold_aed_open(struct fold_aed **ret_aed, const struct fold_model *model, size_t max_samples);
void fold_aed_close(struct fold_aed *aed); /* NULL is fine */

/* The same for decoders [count] that can write together: they share scratch, and so belong to one
 * thread at a time all of them. Each has max_samples of its own. They are opened and closed all at
 * once; on failure ret_writers [count] are left as they were. */
size_t fold_aed_bytes_many(const struct fold_model *model, const size_t *max_samples, size_t count);
int fold_aed_open_many(struct fold_aed **ret_aeds, const struct fold_model *model,
                       const size_t *max_samples, size_t count);
void fold_aed_close_many(struct fold_aed *const *aeds, size_t count); /* [0] NULL is fine */

/* Hotwords [count] from now on, copied; allocates. Boosts are added to the log-probability of their
 * pieces: after i of n pieces i / n of it. As given, in lower, upper and title case. On failure
 * there are none. */
int fold_aed_hotwords(struct fold_aed *aed, const struct fold_hotword *hotwords, size_t count);

/* Writes down what run heard. logp [T, V] is its exit at the present depth; draft: what the first
 * pass made of that, or what was written before of the same sound, or NULL. FOLD_ERR_ARGUMENT at
 * depth 0, FOLD_ERR_TOO_LONG. */
int fold_aed_write(struct fold_aed *aed, const struct fold_run *run, const float *logp,
                   const char *draft, struct fold_written *ret_written);

/* What an attention decoder is to write down: as the arguments of fold_aed_write. */
struct fold_writing {
    struct fold_aed *aed;
    const struct fold_run *run;
    const float *logp;
    const char *draft;
    /* NULL, or what the text begins with, whatever the decoder would have written: words that are
     * final already, of the beginning of the run's sound. The decoder reads them without scoring
     * them and goes on behind them; where it goes on within the last of them, that word grows and
     * still counts as one of the prefix. UTF-8, cased and marked as the decoder would; the draft
     * begins with the same words. FOLD_DOUBT_LENGTH where there is no room for it. */
    const char *prefix;
    bool brief;                  /* fold_aed_rescore and _alternatives will not be asked for */
    struct fold_written written; /* the result */
};

/* Writes down several runs in step, [count] at most FOLD_AED_MANY, each by an attention decoder of
 * its own of those that were opened together: one walk through the decoder's weights reads what all
 * of them need next. The texts are those of fold_aed_write, to the bit with int8. A run that is
 * stopped leaves the others alone. FOLD_ERR_ARGUMENT where decoders do not belong together, or one
 * is there twice; errors are found before anything is written. */
int fold_batch_write(struct fold_writing *writings, size_t count);

/* Looks for a likelier text than what was written last, by the sum of the log-probabilities of all
 * pieces: at most so many times the decoder takes another piece at a place where that could still
 * win, and writes on. A sure text has no such place, and costs no pass. *ret_written, as
 * fold_aed_write left it, becomes the likeliest text found; passes are added to. The run and
 * logp must be as they were. FOLD_ERR_ARGUMENT where what was written last is in doubt, or nothing
 * was. With hotwords nothing is looked for: what they brought in is seldom the likeliest. */
#define FOLD_AED_TRIES 8 /* beyond so many little is found */
int fold_aed_rescore(struct fold_aed *aed, uint32_t tries, struct fold_written *ret_written);

#define FOLD_AED_ALTERNATIVES 10

/* Other texts for what was written last: up to most in all, that one included, at most
 * FOLD_AED_ALTERNATIVES; *ret_count of them are there. The run and logp must be as they were.
 * At its least sure places the decoder takes the likeliest piece that says something else, and
 * writes on: for each text wanted at most two short walks. All
 * say different things, whatever their case and marks, and none would be in doubt.
 * FOLD_ERR_ARGUMENT where what was written last is in doubt, or nothing was. */
int fold_aed_alternatives(struct fold_aed *aed, uint32_t most, uint32_t *ret_count);
/* One of them: 0 as it was written, then by mean_logp. *ret_written as of fold_aed_write, valid
 * until the next call. FOLD_ERR_ARGUMENT where there is none. */
int fold_aed_alternative(struct fold_aed *aed, uint32_t rank, struct fold_written *ret_written);

/* Does the work of writing a text as long as is usual for that much sound, whatever the run heard:
 * to measure what writing costs. Arguments and errors as of fold_aed_write. */
int fold_aed_rehearse(struct fold_aed *aed, const struct fold_run *run, const float *logp);

/* ---- readable text ------------------------------------------------------------------------- */

/* Case and marks for words as they were heard: a linear model over the words around each gap, the
 * sentence so far, and the pause. A few microseconds a word, no allocation. */
struct fold_punctuation;

/* Maps and checks a file made by model/tools/build_prose. Immutable, shared by threads. */
int fold_punctuation_open(struct fold_punctuation **ret_punctuation, const char *path,
                          struct fold_note *note);
void fold_punctuation_close(struct fold_punctuation *punctuation); /* NULL is fine */

enum fold_case { FOLD_LOWER, FOLD_TITLE, FOLD_UPPER, FOLD_MIXED };

struct fold_punctuation_word {
    const char *text; /* given: letters and apostrophes, any case */
    float pause_s;    /* given: silence behind it, in seconds; NAN: not known */
    enum fold_case cased;
    char mark; /* behind it: ',' '.' '?' or 0 */
};

/* The sentence between two calls. Zero at the start of a text. */
struct fold_punctuation_state {
    uint32_t before2, before, first, second;
    uint8_t since_mark, since_end, case_before;
};

/* Fills cased and mark; state goes behind the last word. at_pause: the speaker stopped behind it,
 * so a sentence may end there; else the last word is left without a mark. */
void fold_punctuation_mark(const struct fold_punctuation *punctuation,
                           struct fold_punctuation_state *state,
                           struct fold_punctuation_word *words, size_t count, bool at_pause);

/* Writes the word in its case, with its mark. to has room for strlen(text) + 2 and may be
 * text itself. Returns its length. */
size_t fold_punctuation_write(const struct fold_punctuation *punctuation,
                              const struct fold_punctuation_word *word, char *to);

/* ---- text ---------------------------------------------------------------------------------- */

/* to [room] <- English text as it is heard: A-Z, apostrophes inside words, single spaces; numbers
 * are spelled out, accents left off, what is no letter left out. Ended by a zero; what does not fit
 * is cut. As model/train/fold/text.py, but for the numbers. */
void fold_normal_form(char *to, size_t room, const char *text);

/* ---- recordings ---------------------------------------------------------------------------- */

/* All of the above in one call, for sound of any length: it is cut in pauses, pieces of twenty
 * seconds at most are unfolded and written, and what is in doubt is read by the beam. Memory is a
 * piece's, and the text. */
struct fold_recognizer;

struct fold_recognizer_options {
    uint32_t depth;                       /* 1..R; 0: R */
    const struct fold_lm *lm;             /* NULL: letters as heard, where the first pass counts */
    const struct fold_punctuation *prose; /* NULL: what the first pass says has no marks */
    const struct fold_hotword *hotwords;  /* [hotwords_count]; copied by open */
    size_t hotwords_count;
    /* NULL, or asked after every piece: false stops it. */
    bool (*progress)(void *user, size_t heard_samples, size_t all_samples);
    void *user;
};

struct fold_spoken {
    const char *text; /* UTF-8, cased, with its marks */
    uint64_t start_sample, end_sample;
    float confidence; /* 0..1, as in fold_word */
};

struct fold_recognition {
    const struct fold_spoken *words; /* [words_count] */
    size_t words_count;
    const char *text; /* all of them, spaces between */
};

/* options NULL: all zero. model, lm and prose must outlive the recognizer, which belongs to one
 * thread at a time. FOLD_ERR_ARGUMENT: a depth that the seed has not. */
int fold_recognizer_open(struct fold_recognizer **ret_recognizer, const struct fold_model *model,
                         const struct fold_recognizer_options *options);
void fold_recognizer_close(struct fold_recognizer *recognizer); /* NULL is fine */

/* What is said in pcm [samples], mono. *ret_recognition is the recognizer's until its next call.
 * The library resamples nothing: FOLD_ERR_RATE where rate_hz is not fold_info.rate_hz.
 * FOLD_ERR_STOPPED as progress says; FOLD_ERR_MEMORY. */
int fold_recognize(struct fold_recognizer *recognizer, const float *pcm, size_t samples,
                   uint32_t rate_hz, struct fold_recognition *ret_recognition);

/* ---- this machine ------------------------------------------------------------------------ */

/* The OPENBLAS_CORETYPE that OpenBLAS should run with here, or NULL when its own choice is
 * right. OpenBLAS 0.3.21 does not know some AVX-512 CPUs, and reads this when it is loaded: a host
 * that can sets it in its environment before it starts. With FOLD_INT8 only the first convolution
 * and the exit are OpenBLAS', so that little is lost without. */
const char *fold_cpu_coretype(void);

/* Makes OpenBLAS map its buffers for that many threads that multiply at the same time; they are
 * address space only until used. When it has to map them later and cannot, OpenBLAS tries for ever.
 * FOLD_ERR_MEMORY when there is no room. Call once, before other threads start. */
int fold_reserve(uint32_t threads);

/* Name of libfold's own kernels on this CPU ("amx", "avx512", "avxvnni", "avx2", "i8mm", "sdot",
 * "baseline"). */
const char *fold_cpu_level(void);

/* Name of the kernels OpenBLAS really uses ("SkylakeX", "Haswell", ...), for logs. */
const char *fold_cpu_kernel(void);

#ifdef __cplusplus
}
#endif

#endif
