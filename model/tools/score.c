/* score - word error rates of the engine itself:  score MODEL SET LM|- PRECISION [COUNT]
 *
 * SET.i16 and SET.tsv are a packed set as model/train makes them (fold/data.py): samples of all
 * utterances, and lines of offset, samples, id, speaker, text in normal form. PRECISION is int8 or
 * fp32. COUNT utterances (all without it), spread evenly over the set, are decoded at every depth,
 * greedily or, with a language model, by the beam. Prints one line a depth, and the time that
 * network and decoder took. Where the seed has an attention decoder, that then writes, with the
 * draft that the daemon would give it, and its word error rate, doubts, passes and time (draft
 * included) stand beside.
 * In the environment, SCORE_SHOW prints every text, SCORE_PLAIN takes the draft away, and
 * SCORE_TRUST lets the attention decoder's text stand where it is in doubt: for seeds whose letters
 * are still being taught. SCORE_ALTERNATIVES=N asks for so many texts, where there is no doubt:
 * their number and time, and the word error rates of the best of them and of the likeliest.
 * SCORE_HANDED makes what a depth wrote the draft of the next, as a partial is of its final.
 * SCORE_GREEDY leaves out the search for a likelier text than the greedy one.
 * SCORE_LIVE hears every utterance as a live stream, PORTION_MS at a time, and writes what is
 * remembered at its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fold.h"
#include "restart.h"

#define WORDS      1024
#define TEXT_BYTES 16384
#define DEPTHS     16
#define PORTION_MS 640

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "score: %s\n", what);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct utterance {
    long offset, samples;
    char *text;
};

static size_t read_index(const char *path, struct utterance **ret_all)
{
    FILE *f = fopen(path, "r");
    char line[8192];
    size_t count = 0, room = 0;
    if (!f)
        die("SET.tsv cannot be read");
    while (fgets(line, sizeof line, f)) {
        struct utterance u;
        line[strcspn(line, "\n")] = '\0';
        char *tab = strrchr(line, '\t');
        if (!tab || sscanf(line, "%ld\t%ld", &u.offset, &u.samples) != 2 || u.samples < 1)
            die("SET.tsv has a line that is not an utterance");
        if (count == room) {
            room = room ? 2 * room : 256;
            *ret_all = realloc(*ret_all, room * sizeof **ret_all);
        }
        u.text = strdup(tab + 1);
        if (!*ret_all || !u.text)
            die("out of memory");
        (*ret_all)[count++] = u;
    }
    fclose(f);
    return count;
}

static size_t split(char *text, const char **words)
{
    size_t count = 0;
    for (char *word = strtok(text, " "); word && count < WORDS; word = strtok(NULL, " "))
        words[count++] = word;
    return count;
}

/* Words, a space between them. */
static void join(char to[TEXT_BYTES], const struct fold_word *words, size_t count)
{
    size_t bytes = 0;
    to[0] = '\0';
    for (size_t i = 0; i < count && bytes + strlen(words[i].text) + 2 < TEXT_BYTES; i++) {
        const size_t length = strlen(words[i].text);
        if (i)
            to[bytes++] = ' ';
        memcpy(to + bytes, words[i].text, length + 1);
        bytes += length;
    }
}

/* Levenshtein distance over words, both in normal form. */
static size_t word_errors(const char *reference, const char *text, size_t *ret_words)
{
    static char want[TEXT_BYTES], got[TEXT_BYTES];
    static const char *words[WORDS], *heard_words[WORDS];
    static size_t row[WORDS + 1];
    snprintf(want, sizeof want, "%s", reference);
    fold_normal_form(got, sizeof got, text);
    const size_t count = split(want, words), heard = split(got, heard_words);
    *ret_words = count;
    for (size_t j = 0; j <= heard; j++)
        row[j] = j;
    for (size_t i = 1; i <= count; i++) {
        size_t diagonal = row[0]++;
        for (size_t j = 1; j <= heard; j++) {
            const size_t same = strcmp(words[i - 1], heard_words[j - 1]) == 0;
            size_t least = diagonal + !same;
            least = row[j] + 1 < least ? row[j] + 1 : least;
            least = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
            diagonal = row[j];
            row[j] = least;
        }
    }
    return row[heard];
}

/* logp [T, V] as if a letter were heard in every third frame: the guards have nothing to say. */
static void say_letters(float *logp, size_t T, size_t V)
{
    for (size_t i = 0; i < T * V; i++)
        logp[i] = -5;
    for (size_t t = 0; t < T; t++)
        logp[t * V + (t % 3 ? 0 : 3 + t % (V - 3))] = 0;
}

/* pcm [samples] as it would come; then run holds all of it. */
static void hear_live(struct fold_stream *stream, struct fold_run *run, const float *pcm,
                      size_t samples, size_t portion, uint32_t depth)
{
    fold_stream_reset(stream);
    for (size_t end = 0; end < samples;) {
        end = samples - end < portion ? samples : end + portion;
        const size_t next = fold_stream_next(stream);
        if (fold_stream_hear(stream, run, pcm + next, end - next, depth))
            die("the stream failed");
    }
    if (fold_stream_read(stream, run, 0))
        die("the stream cannot be read");
}

/* What the decoder reads in logp, as text. */
static void read_text(char to[TEXT_BYTES], struct fold_decoder *decoder, const float *logp,
                      size_t T)
{
    struct fold_result result;
    fold_decoder_reset(decoder);
    if (fold_decoder_push(decoder, logp, T) || fold_decoder_result(decoder, &result))
        die("out of memory");
    join(to, result.words, result.words_count);
}

/* Of one depth. */
struct sums {
    size_t errors, written_errors, doubts, pieces, passes;
    double network_s, decoder_s, writer_s;
    size_t texts, best_errors, likeliest_errors; /* alternatives; in doubt as written */
    double alternatives_s;
};

/* Of what was written last, with so many errors, or of what counts instead of it. */
static void add_alternatives(struct sums *sums, struct fold_aed *aed, uint32_t most,
                             const struct utterance *utterance, bool in_doubt, size_t errors)
{
    static char text[TEXT_BYTES];
    struct fold_written written;
    size_t best = errors, likeliest = errors, ignored;
    float top = -1e9f;
    uint32_t count = 0;
    const double began = now_s();
    if (!in_doubt && fold_aed_alternatives(aed, most, &count))
        die("there are no alternatives");
    sums->alternatives_s += now_s() - began;
    for (uint32_t rank = 0; rank < count; rank++) {
        fold_aed_alternative(aed, rank, &written);
        join(text, written.words, written.words_count);
        const size_t here = word_errors(utterance->text, text, &ignored);
        best = here < best ? here : best;
        if (written.mean_logp > top) {
            top = written.mean_logp;
            likeliest = here;
        }
    }
    sums->texts += count;
    sums->best_errors += best;
    sums->likeliest_errors += likeliest;
}

int main(int argc, char **argv)
{
    struct fold_note note;
    struct fold_model *model;
    struct fold_lm *lm = NULL;
    struct fold_run *run;
    struct fold_decoder *decoder, *drafts;
    struct fold_aed *aed = NULL;
    struct utterance *all = NULL;
    char path[1024];
    restart_for_blas(argv);
    if (argc < 5 || argc > 6 || (strcmp(argv[4], "int8") != 0 && strcmp(argv[4], "fp32") != 0))
        die("usage: score MODEL SET LM|- int8|fp32 [COUNT]");
    const enum fold_precision precision = argv[4][0] == 'i' ? FOLD_INT8 : FOLD_FP32;
    if (fold_model_open_as(&model, argv[1], precision, &note) ||
        (strcmp(argv[3], "-") != 0 && fold_lm_open(&lm, argv[3], &note)))
        die(note.text);
    const struct fold_info *info = fold_model_info(model);
    snprintf(path, sizeof path, "%s.tsv", argv[2]);
    const size_t count = read_index(path, &all);
    const size_t wanted = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
    const size_t step = wanted && wanted < count ? count / wanted : 1;
    long longest = (long)info->min_samples;
    for (size_t i = 0; i < count; i += step)
        longest = all[i].samples > longest ? all[i].samples : longest;
    snprintf(path, sizeof path, "%s.i16", argv[2]);
    FILE *sound = fopen(path, "rb");
    unsigned char *bytes = malloc((size_t)longest * 2);
    float *pcm = malloc((size_t)longest * sizeof *pcm);
    float *logp = malloc(fold_frames(model, (size_t)longest) * info->vocab_size * sizeof *logp);
    const bool live = getenv("SCORE_LIVE") != NULL;
    const struct fold_stream_options options = {
        info->unfolds, (uint32_t)fold_frames(model, (size_t)longest) + info->chunk_frames};
    struct fold_stream *stream = NULL;
    if (live && fold_stream_open(&stream, model, &options))
        die("the seed was not taught to hear live streams");
    struct fold_decoder_options for_drafts = fold_decoder_defaults();
    for_drafts.beam = FOLD_DRAFT_BEAM;
    const size_t room = live ? fold_stream_run_samples(model, &options) : (size_t)longest;
    if (!sound || !bytes || !pcm || !logp || fold_run_open(&run, model, room) ||
        fold_decoder_open(&decoder, model, lm, NULL) ||
        fold_decoder_open(&drafts, model, lm, &for_drafts) ||
        (info->pieces && fold_aed_open(&aed, model, (size_t)longest)))
        die("SET.i16 cannot be read, or out of memory");
    const bool shown = getenv("SCORE_SHOW") != NULL, plain = getenv("SCORE_PLAIN") != NULL;
    const bool trusted = getenv("SCORE_TRUST") != NULL;
    const char *asked = getenv("SCORE_ALTERNATIVES");
    const bool handed = getenv("SCORE_HANDED") != NULL;
    const bool searched = getenv("SCORE_GREEDY") == NULL;
    const uint32_t alternatives = asked ? (uint32_t)strtoul(asked, NULL, 10) : 0;
    static char text[TEXT_BYTES], draft[TEXT_BYTES], written_text[TEXT_BYTES];
    struct sums all_sums[DEPTHS] = {{0}};
    size_t words = 0, utterances = 0;
    double audio_s = 0;
    for (size_t i = 0; i < count; i += step) {
        const size_t samples = (size_t)all[i].samples;
        size_t reference = 0;
        if (fseek(sound, all[i].offset * 2, SEEK_SET) || fread(bytes, 2, samples, sound) != samples)
            die("SET.i16 is shorter than SET.tsv says");
        for (size_t s = 0; s < samples; s++)
            pcm[s] = (float)(int16_t)(bytes[2 * s] | bytes[2 * s + 1] << 8) / 32768.0f;
        double began = now_s();
        if (!fold_frames(model, samples))
            continue;
        if (!live)
            fold_run_begin(run, pcm, samples);
        double network = now_s() - began;
        for (uint32_t r = 0; r < info->unfolds; r++) {
            struct sums *sums = &all_sums[r];
            began = now_s();
            if (live) {
                network = 0;
                hear_live(stream, run, pcm, samples, PORTION_MS * info->rate_hz / 1000, r + 1);
            } else {
                fold_run_unfold(run);
            }
            network += now_s() - began;
            began = now_s();
            fold_run_exit(run, logp);
            sums->network_s += network + now_s() - began; /* one exit: its own */
            began = now_s();
            read_text(text, decoder, logp, fold_run_frames(run));
            sums->decoder_s += now_s() - began;
            sums->errors += word_errors(all[i].text, text, &reference);
            if (shown)
                printf("%s\nx%u %s\n", r ? "" : all[i].text, r + 1, text);
            if (!aed)
                continue;
            struct fold_written written;
            if (trusted)
                say_letters(logp, fold_run_frames(run), info->vocab_size);
            began = now_s();
            if (handed && r)
                memcpy(draft, written_text, sizeof draft);
            else if (!plain)
                read_text(draft, drafts, logp, fold_run_frames(run));
            if (fold_aed_write(aed, run, logp, plain ? NULL : draft, &written))
                die("the attention decoder failed");
            if (searched && !written.doubt && fold_aed_rescore(aed, FOLD_AED_TRIES, &written))
                die("the search failed");
            sums->writer_s += now_s() - began;
            const bool stands = trusted || !written.doubt;
            join(written_text, written.words, written.words_count);
            const size_t errors =
                word_errors(all[i].text, stands ? written_text : text, &reference);
            sums->written_errors += errors;
            if (alternatives)
                add_alternatives(sums, aed, alternatives, &all[i], written.doubt, errors);
            sums->doubts += written.doubt != FOLD_DOUBT_NONE;
            sums->pieces += written.pieces;
            sums->passes += written.passes;
            if (shown)
                printf("x%u %s (doubt %d, mean %.2f, %u pieces, %u passes)\n", r + 1, written_text,
                       (int)written.doubt, (double)written.mean_logp, written.pieces,
                       written.passes);
        }
        words += reference;
        audio_s += (double)samples / info->rate_hz;
        utterances++;
    }
    printf("%s, %s, %s: %zu utterances, %.0f s, %zu words\n", info->name, argv[4],
           lm ? "beam" : "greedy", utterances, audio_s, words);
    for (uint32_t r = 0; r < info->unfolds && words; r++) {
        const struct sums *s = &all_sums[r];
        printf("x%u  WER %6.2f %%  network RTF %.5f  decoder RTF %.5f\n", r + 1,
               100 * (double)s->errors / (double)words, s->network_s / audio_s,
               s->decoder_s / audio_s);
        if (aed)
            printf("    written %6.2f %%  writer RTF %.5f  %.1f pieces and %.1f passes an "
                   "utterance, %zu in doubt\n",
                   100 * (double)s->written_errors / (double)words, s->writer_s / audio_s,
                   (double)s->pieces / (double)utterances, (double)s->passes / (double)utterances,
                   s->doubts);
        if (aed && alternatives)
            printf("    alternatives: %.2f texts an utterance, RTF %.5f, WER of the likeliest %.2f "
                   "%%, of "
                   "the best %.2f %%\n",
                   (double)s->texts / (double)utterances, s->alternatives_s / audio_s,
                   100 * (double)s->likeliest_errors / (double)words,
                   100 * (double)s->best_errors / (double)words);
    }
    for (size_t i = 0; i < count; i++)
        free(all[i].text);
    free(all);
    free(bytes);
    free(pcm);
    free(logp);
    fclose(sound);
    fold_stream_close(stream);
    fold_aed_close(aed);
    fold_decoder_close(drafts);
    fold_decoder_close(decoder);
    fold_run_close(run);
    fold_lm_close(lm);
    fold_model_close(model);
}
