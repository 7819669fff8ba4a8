/* Chunks are heard when they are whole, each once.
 *
 * The seed's chunks have a length of their own (fold_info.chunk_frames), so an incremental partial
 * hears up to the end of a chunk, and what is said behind that waits for the next. An
 * unfinished chunk could be heard provisionally, but that work is lost when the chunk is complete:
 * with partials every 640 ms and chunks of 672 a third of all sound would go through stem and
 * blocks twice.
 *
 * The text is of the window (windowed_partials.h), as with runs: the decoder has to write it anew
 * each time. But it begins in the very gap before which words are settled: the frames behind that
 * have heard what came before, and a text that begins with a word is written better than one that
 * begins within. Behind the last chunk 0.1 s of silence are heard provisionally: without it the
 * decoder often took the sudden end for the end of all speech and wrote nothing (bench_live, x1: of
 * 241 partials with sentences 48 were left to the first pass, with silence 11, and the first pass
 * costs more).
 *
 * So the stream remembers MEMORY_MS: the longest window, and what is new to it where load makes
 * partials come four times less often. Longer windows are for runs, and for the partial behind one,
 * or where partials were not incremental for long, the stream begins anew at the window's
 * beginning, which costs what a run of the window would have. */
#include "incremental_partials.h"

#include <string.h>

#include "result.h"

#define MEMORY_MS 6720

static struct fold_stream_options options_for(const struct fold_model *model, uint32_t depth)
{
    const struct fold_info *info = fold_model_info(model);
    const uint32_t frames = MEMORY_MS * (RESULT_RATE_HZ / 1000) / info->hop_samples;

    return (struct fold_stream_options){depth,
                                        frames > info->chunk_frames ? frames : info->chunk_frames};
}

size_t incremental_partials_bytes(const struct fold_model *model, uint32_t depth)
{
    const struct fold_stream_options options = options_for(model, depth);

    return fold_stream_bytes(model, &options);
}

size_t incremental_partials_run_samples(const struct fold_model *model)
{
    const struct fold_stream_options options = options_for(model, 1);

    return fold_stream_run_samples(model, &options);
}

int incremental_partials_open(struct incremental_partials *incremental,
                              const struct fold_model *model, uint32_t depth)
{
    const struct fold_stream_options options = options_for(model, depth);

    *incremental = (struct incremental_partials){.info = fold_model_info(model),
                                                 .bytes = fold_stream_bytes(model, &options)};
    incremental->memory_samples = (size_t)options.memory_frames * incremental->info->hop_samples;
    return fold_stream_open(&incremental->stream, model, &options);
}

void incremental_partials_close(struct incremental_partials *incremental)
{
    fold_stream_close(incremental->stream);
    *incremental = (struct incremental_partials){0};
}

void incremental_partials_forget(struct incremental_partials *incremental)
{
    incremental->begun = false;
}

/* Clock of the first sample that the stream has not heard for good. */
static int64_t next_samples(const struct incremental_partials *incremental)
{
    return incremental->begun_samples + (int64_t)fold_stream_next(incremental->stream);
}

/* The frame that reading begins with: the very first where the stream began with the window. */
static int64_t first_frame(const struct incremental_partials *incremental)
{
    const int64_t behind = incremental->from_samples - incremental->begun_samples;

    return behind <= INCREMENTAL_PARTIALS_LEAD_SAMPLES ? 0
                                                       : behind / incremental->info->hop_samples;
}

/* Whole chunks from the stream's next sample to the sound's end; sets what depends on it. */
static bool count_chunks(struct incremental_partials *incremental, int64_t end_samples)
{
    const int64_t chunk = (int64_t)incremental->info->chunk_frames * incremental->info->hop_samples;
    const int64_t ahead = (int64_t)incremental->info->min_samples - incremental->info->hop_samples;
    const int64_t left = end_samples - next_samples(incremental) - ahead;

    if (left < chunk)
        return false;
    incremental->unheard_samples = (size_t)(left / chunk * chunk + ahead);
    incremental->until_samples = next_samples(incremental) + (int64_t)incremental->unheard_samples;
    return true;
}

/* Can the stream hear so much in one go, and does it then remember the first frame to be read? */
static bool reaches_back(const struct incremental_partials *incremental)
{
    const int64_t first = first_frame(incremental) * incremental->info->hop_samples;
    const int64_t heard = (int64_t)fold_stream_next(incremental->stream);
    const int64_t chunk = (int64_t)incremental->info->chunk_frames * incremental->info->hop_samples;
    const int64_t now = heard + (int64_t)incremental->unheard_samples / chunk * chunk;

    return first < now &&
           now - (first < heard ? first : heard) <= (int64_t)incremental->memory_samples;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

enum incremental_partials_aim incremental_partials_aim(struct incremental_partials *incremental,
                                                       const struct endpointer_segment *sound,
                                                       const struct windowed_partials *window)
{
    const int64_t end_samples = sound->start_samples + (int64_t)sound->count;

    incremental->from_samples = later(window->settled_samples, sound->start_samples);
    if (incremental->begun_samples + INCREMENTAL_PARTIALS_LEAD_SAMPLES < sound->start_samples)
        incremental_partials_forget(incremental); /* that was the sound before */
    if (incremental->begun && !count_chunks(incremental, end_samples))
        return INCREMENTAL_PARTIALS_WAIT;
    if (incremental->begun && reaches_back(incremental))
        return INCREMENTAL_PARTIALS_READY;
    fold_stream_reset(incremental->stream);
    incremental->begun = true;
    incremental->begun_samples =
        later(window->start_samples, sound->start_samples) - INCREMENTAL_PARTIALS_LEAD_SAMPLES;
    if (!count_chunks(incremental, end_samples))
        return INCREMENTAL_PARTIALS_WAIT;
    if (reaches_back(incremental))
        return INCREMENTAL_PARTIALS_READY;
    incremental_partials_forget(incremental);
    return INCREMENTAL_PARTIALS_TOO_FAR;
}

void incremental_partials_copy(const struct incremental_partials *incremental,
                               const struct endpointer_segment *sound, float *pcm)
{
    /* Before its first sound a stream hears silence, also where the sound began earlier. */
    const int64_t silent =
        incremental->begun_samples + INCREMENTAL_PARTIALS_LEAD_SAMPLES - next_samples(incremental);
    const size_t most = incremental->unheard_samples;
    const size_t lead = silent <= 0 ? 0 : (size_t)silent < most ? (size_t)silent : most;
    const int64_t from = next_samples(incremental) + (int64_t)lead - sound->start_samples;

    memset(pcm + most, 0, INCREMENTAL_PARTIALS_TAIL_SAMPLES * sizeof *pcm);
    memset(pcm, 0, lead * sizeof *pcm);
    memcpy(pcm + lead, sound->pcm + from, (most - lead) * sizeof *pcm);
}

int incremental_partials_read(const struct incremental_partials *incremental, struct fold_run *run,
                              int64_t *ret_first_samples)
{
    const int64_t first = first_frame(incremental);
    const int error = fold_stream_read(incremental->stream, run, (uint64_t)first);

    if (!error)
        *ret_first_samples = incremental->begun_samples + first * incremental->info->hop_samples;
    return error;
}
