/* stream.c - see stream.h: which decoder, and from its frames to what is heard.
 *
 * Until the first sound what was fed is kept, so that another decoder can begin anew with it when
 * the first finds that it is not its own: a WebM without Opus, a WAV of some odd coding. Damage
 * ends the sound; what was heard before it is what there is, and a note says so. */
#include "stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "decode_pool.h"
#include "foreign.h"
#include "mix.h"
#include "resample.h"
#include "sniff.h"
#include "spool.h"

#define KEEP_BYTES (4u << 20) /* before the first sound, for another decoder */
#define ID3_BYTES  10
#define ZEROS      64 /* in front that are no container's */

struct stream {
    struct stream_format format;
    const struct decoder_kind *kind; /* NULL: not known yet */
    void *decoder;
    struct bytes kept;    /* fed before a decoder is known, or has given sound */
    bool keeps;           /* still */
    uint64_t skip_bytes;  /* of a tag in front */
    bool in_zeros;        /* so many came in front that those which follow go as well */
    bool finished, ended; /* no more bytes will come; all sound was pulled */
    bool was_fed;
    struct mix mix;
    uint32_t rate_hz, channels; /* of the last frames; 0: none yet */
    struct resample *resample;
    uint64_t sound_samples;
    float *mono; /* [mono_room] of the frames pulled last */
    size_t mono_room;
    float *ready; /* [ready_room], [ready_at, ready_count) resampled, not yet given */
    size_t ready_at, ready_count, ready_room;
    struct recording_note notes[STREAM_NOTES];
    size_t notes_count;
    int error; /* negative: it failed with this */
    struct recording_note failure;
};

__attribute__((format(printf, 3, 4))) static int fail(struct stream *stream, int error,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(stream->failure.text, sizeof(stream->failure.text), format, args);
    va_end(args);
    stream->error = error;
    return error;
}

static void add_note(struct stream *stream, const struct recording_note *note)
{
    for (size_t i = 0; i < stream->notes_count; i++)
        if (strcmp(stream->notes[i].text, note->text) == 0)
            return;
    if (note->text[0] && stream->notes_count < STREAM_NOTES)
        stream->notes[stream->notes_count++] = *note;
}

/* ---- which decoder? ------------------------------------------------------------------------- */

static void drop_decoder(struct stream *stream)
{
    if (stream->decoder)
        stream->kind->close(stream->decoder);
    stream->decoder = NULL;
    stream->kind = NULL;
}

static int begin(struct stream *stream, const struct decoder_kind *kind)
{
    const struct stream_format *format = &stream->format;
    struct decoder_setting setting = {.pool = format->pool,
                                      .file = -1,
                                      .encoding = format->encoding,
                                      .rate_hz = format->rate_hz,
                                      .channels = format->channels};

    drop_decoder(stream);
    if (kind == &foreign_decoder && format->is_file &&
        (setting.file = spool_again(format->file)) < 0)
        return fail(stream, RECORDING_FAILED, "the upload cannot be read");
    stream->kind = kind;
    stream->decoder = kind->open(&setting);
    if (!stream->decoder ||
        kind->feed(stream->decoder, bytes_front(&stream->kept), stream->kept.count) < 0)
        return fail(stream, RECORDING_FAILED, "out of memory");
    if (stream->finished && kind->end)
        kind->end(stream->decoder);
    return 0;
}

/* why: the note of a decoder that refused, or NULL. */
static int refuse(struct stream *stream, const char *why)
{
    char found[120];

    sniff_describe(bytes_front(&stream->kept), stream->kept.count, found, sizeof(found));
    if (why && sniff_is_sound(bytes_front(&stream->kept), stream->kept.count) &&
        decode_pool_is_there(stream->format.pool))
        return fail(stream, RECORDING_UNKNOWN, "%s (%s)", why, found);
    return fail(stream, RECORDING_UNKNOWN, "it %s%s%s%s; accepted are %s",
                strncmp(found, "starts", 6) == 0 ? "" : "is ", found, why ? ": " : "",
                why ? why : "",
                decode_pool_is_there(stream->format.pool) ? SNIFF_ACCEPTED_ALL : SNIFF_ACCEPTED);
}

/* Not decoded here: elsewhere, if it may be sound and there is such a place. */
static int begin_foreign(struct stream *stream, const char *why)
{
    if (!decode_pool_is_there(stream->format.pool) ||
        !sniff_may_be_sound(bytes_front(&stream->kept), stream->kept.count))
        return refuse(stream, why);
    return begin(stream, &foreign_decoder);
}

/* Takes tags and zeros in front of the sound. False: more bytes are needed. */
static bool skip_front(struct stream *stream)
{
    for (;;) {
        const size_t now = stream->skip_bytes < stream->kept.count ? (size_t)stream->skip_bytes
                                                                   : stream->kept.count;
        bytes_take(&stream->kept, now);
        stream->skip_bytes -= now;
        if (stream->skip_bytes)
            return false;
        const uint8_t *at = bytes_front(&stream->kept);
        const size_t count = stream->kept.count;
        size_t zeros = 0;
        while (zeros < count && !at[zeros])
            zeros++;
        if (zeros >= ZEROS || (zeros && stream->in_zeros)) {
            bytes_take(&stream->kept, zeros);
            stream->in_zeros = true; /* which may not all have come */
            continue;
        }
        stream->in_zeros = stream->in_zeros && !count;
        if (count < ID3_BYTES && !stream->finished)
            return false;
        if (count < ID3_BYTES || memcmp(at, "ID3", 3) != 0)
            return count > zeros;
        for (size_t i = 6; i < ID3_BYTES; i++)
            stream->skip_bytes = stream->skip_bytes << 7 | (at[i] & 0x7f);
        stream->skip_bytes += at[5] & 0x10 ? 2 * ID3_BYTES : ID3_BYTES; /* with a footer */
    }
}

/* 0: known. 1: more bytes are needed. Negative: an error. */
static int find_out(struct stream *stream)
{
    static const struct decoder_kind *const kinds[] = {
        [SNIFF_WAV] = &wav_decoder,        [SNIFF_FLAC] = &flac_decoder,
        [SNIFF_MP3] = &mp3_decoder,        [SNIFF_OGG_OPUS] = &opus_streams_ogg,
        [SNIFF_WEBM] = &opus_streams_webm, [SNIFF_UNKNOWN] = NULL,
    };

    if (stream->format.kind == STREAM_RAW) {
        const size_t have = stream->kept.count;
        if (have < SNIFF_MAGIC_BYTES && !stream->finished)
            return 1;
        if (have && !sniff_has_magic(bytes_front(&stream->kept), have))
            return begin(stream, &raw_decoder);
    }
    if (!skip_front(stream) && !stream->finished)
        return 1;
    const uint8_t *at = bytes_front(&stream->kept);
    const size_t count = stream->kept.count;
    if (stream->finished && !count)
        return stream->was_fed ? fail(stream, RECORDING_EMPTY,
                                      "it holds no sound: a tag or zeros, nothing behind them")
                               : 0;
    enum sniff kind = sniff(at, count);
    if (kind == SNIFF_UNKNOWN && count < SNIFF_BYTES && !stream->finished)
        return 1;
    size_t skip = 0;
    if (kind == SNIFF_UNKNOWN) { /* caught on its way? */
        const int found = sniff_mp3_within(at, count, &skip);
        if (!found && !stream->finished)
            return 1;
        kind = found > 0 ? SNIFF_MP3 : SNIFF_UNKNOWN;
    }
    bytes_take(&stream->kept, skip);
    return kinds[kind] ? begin(stream, kinds[kind]) : begin_foreign(stream, NULL);
}

/* ---- frames --------------------------------------------------------------------------------- */

static bool make_room(float **block, size_t *room, size_t count)
{
    if (count <= *room)
        return true;
    float *more = realloc(*block, count * sizeof(*more));
    if (!more)
        return false;
    *block = more;
    *room = count;
    return true;
}

/* Samples [count] (NULL: the rest that the resampler holds) to ready, behind what is there. */
static int resample(struct stream *stream, const float *mono, size_t count)
{
    const size_t most = resample_max_samples(stream->resample, count);

    if (stream->ready_at == stream->ready_count)
        stream->ready_at = stream->ready_count = 0;
    if (!make_room(&stream->ready, &stream->ready_room, stream->ready_count + most))
        return fail(stream, RECORDING_FAILED, "out of memory");
    float *to = stream->ready + stream->ready_count;
    stream->ready_count += mono ? resample_push(stream->resample, mono, count, to)
                                : resample_flush(stream->resample, to);
    return 0;
}

static void note_mix(struct stream *stream)
{
    struct recording_note note;

    if (stream->channels && mix_note(&stream->mix, note.text, sizeof(note.text)))
        add_note(stream, &note);
}

/* The form of frames that come now is another one. */
static int follow_form(struct stream *stream, const struct decoder_sound *sound)
{
    const char *name = stream_container(stream);

    if (sound->channels < 1 || sound->channels > MIX_MAX_CHANNELS)
        return fail(stream, RECORDING_UNKNOWN, "the %s has %u channels; 1 to %d are accepted", name,
                    sound->channels, MIX_MAX_CHANNELS);
    if (stream->format.channel > sound->channels)
        return fail(stream, RECORDING_UNKNOWN, "there is no channel %u: the %s has %u",
                    stream->format.channel, name, sound->channels);
    if (stream->resample && resample(stream, NULL, 0) < 0)
        return stream->error;
    if (sound->rate_hz != stream->rate_hz) {
        resample_close(stream->resample);
        stream->resample = NULL;
        if (sound->rate_hz < RESAMPLE_MIN_HZ || sound->rate_hz > RESAMPLE_MAX_HZ)
            return fail(stream, RECORDING_UNKNOWN,
                        "the %s has a sample rate of %u Hz; %d to %d are accepted", name,
                        sound->rate_hz, RESAMPLE_MIN_HZ, RESAMPLE_MAX_HZ);
        if (resample_open(&stream->resample, sound->rate_hz) < 0)
            return fail(stream, RECORDING_FAILED, "out of memory");
    }
    note_mix(stream);
    mix_init(&stream->mix, sound->channels, stream->format.channel);
    stream->rate_hz = sound->rate_hz;
    stream->channels = sound->channels;
    return 0;
}

static int take_sound(struct stream *stream, const struct decoder_sound *sound)
{
    if ((sound->rate_hz != stream->rate_hz || sound->channels != stream->channels) &&
        follow_form(stream, sound) < 0)
        return stream->error;
    if (stream->keeps) {
        stream->keeps = false;
        bytes_finish(&stream->kept);
    }
    if (!make_room(&stream->mono, &stream->mono_room, sound->count))
        return fail(stream, RECORDING_FAILED, "out of memory");
    mix_push(&stream->mix, sound->frames, sound->count, stream->mono);
    stream->sound_samples += sound->count;
    return resample(stream, stream->mono, sound->count);
}

/* No more sound will come: what is left, and what there is to say. note: of damage, or empty. */
static int end_sound(struct stream *stream, struct recording_note *note)
{
    const bool is_whole =
        !note->text[0] && stream->decoder && stream->kind->is_whole(stream->decoder, note);

    stream->ended = true;
    if (!stream->was_fed && !stream->format.is_file)
        return 0;
    if (stream->sound_samples) {
        if (!is_whole)
            add_note(stream, note);
        note_mix(stream);
        return stream->resample ? resample(stream, NULL, 0) : 0;
    }
    if (stream->format.kind != STREAM_CONTAINER)
        return 0;
    if (!is_whole)
        return fail(stream, RECORDING_TRUNCATED, "%s", note->text[0] ? note->text : "no sound");
    return fail(stream, RECORDING_EMPTY, "the %s file holds no sound", stream_container(stream));
}

/* One step of the decoder. 1: went on. 0: more bytes are needed, or it is over. */
static int step(struct stream *stream)
{
    struct recording_note note = {""};
    struct decoder_sound sound;

    if (!stream->kind) {
        const int got = find_out(stream);
        if (got || !stream->kind)
            return got < 0 ? got : 0;
    }
    switch (stream->kind->pull(stream->decoder, &sound, &note)) {
    case DECODER_SOUND:
        return take_sound(stream, &sound) < 0 ? stream->error : 1;
    case DECODER_HUNGRY:
        if (!stream->finished)
            return 0;
        return end_sound(stream, &note) < 0 ? stream->error : 1;
    case DECODER_END:
        return end_sound(stream, &note) < 0 ? stream->error : 1;
    case DECODER_WAITS:
        return RECORDING_WAITS;
    case DECODER_REFUSES:
        if (stream->kind != &foreign_decoder && (stream->keeps || stream->format.is_file)) {
            const int error = begin_foreign(stream, note.text);
            return error < 0 ? error : 1;
        }
        if (stream->kind == &foreign_decoder)
            return refuse(stream, note.text);
        return fail(stream, RECORDING_UNKNOWN, "%s", note.text);
    case DECODER_DAMAGED:
        if (!stream->sound_samples || !stream->format.is_file)
            return fail(stream, RECORDING_UNKNOWN, "%s", note.text);
        return end_sound(stream, &note) < 0 ? stream->error : 1;
    case DECODER_FAILED:
        break;
    }
    return fail(stream, RECORDING_FAILED, "%s", note.text);
}

/* ---- for everybody -------------------------------------------------------------------------- */

int stream_open(struct stream **ret_stream, const struct stream_format *format,
                struct recording_note *note)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    int error = 0;

    if (!stream) {
        snprintf(note->text, sizeof(note->text), "out of memory");
        return RECORDING_FAILED;
    }
    stream->format = *format;
    if (format->kind == STREAM_RAW &&
        (format->channels < 1 || format->channels > RAW_MAX_CHANNELS ||
         format->rate_hz < RESAMPLE_MIN_HZ || format->rate_hz > RESAMPLE_MAX_HZ))
        error = fail(stream, RECORDING_UNKNOWN, "rate or channels out of range");
    else if (format->kind == STREAM_PACKETS && (format->channels < 1 || format->channels > 2))
        error = fail(stream, RECORDING_UNKNOWN, "Opus packets have 1 or 2 channels");
    else if (format->kind != STREAM_CONTAINER && format->channel > format->channels)
        error = fail(stream, RECORDING_UNKNOWN, "there is no channel %u: the stream has %u",
                     format->channel, format->channels);
    else if (format->kind == STREAM_PACKETS)
        error = begin(stream, &opus_streams_packets);
    else
        stream->keeps = true;
    if (error) {
        *note = stream->failure;
        stream_close(stream);
        return error;
    }
    *ret_stream = stream;
    return 0;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    drop_decoder(stream);
    resample_close(stream->resample);
    bytes_finish(&stream->kept);
    free(stream->mono);
    free(stream->ready);
    free(stream);
}

int stream_feed(struct stream *stream, const uint8_t *bytes, size_t count)
{
    stream->was_fed |= count > 0;
    if (stream->error || stream->ended)
        return 0;
    if (stream->keeps && stream->decoder && stream->kept.count + count > KEEP_BYTES) {
        stream->keeps = false;
        bytes_finish(&stream->kept);
    }
    if (stream->keeps && bytes_push(&stream->kept, bytes, count) < 0)
        return -1;
    return stream->decoder ? stream->kind->feed(stream->decoder, bytes, count) : 0;
}

void stream_finish(struct stream *stream)
{
    if (stream->finished)
        return;
    stream->finished = true;
    if (stream->decoder && stream->kind->end)
        stream->kind->end(stream->decoder);
}

long stream_pull(struct stream *stream, float *mono, size_t room, struct recording_note *note)
{
    int got = 1;

    while (got > 0 && stream->ready_at == stream->ready_count && !stream->ended)
        got = stream->error ? stream->error : step(stream);
    const size_t left = stream->ready_count - stream->ready_at;
    const size_t now = left < room ? left : room;
    if (now) { /* an error comes behind the sound before it */
        memcpy(mono, stream->ready + stream->ready_at, now * sizeof(*mono));
        stream->ready_at += now;
        return (long)now;
    }
    if (stream->error)
        *note = stream->failure;
    return stream->error ? stream->error : got < 0 ? got : 0;
}

void stream_await(struct stream *stream, void (*ready)(void *user), void *user)
{
    if (stream->kind == &foreign_decoder)
        foreign_await(stream->decoder, ready, user);
}

int stream_flush(struct stream *stream)
{
    return stream->resample ? resample(stream, NULL, 0) : 0;
}

uint32_t stream_channels(const struct stream *stream)
{
    return stream->channels;
}

const char *stream_container(const struct stream *stream)
{
    if (!stream->kind)
        return "unknown";
    const char *name = stream->kind == &foreign_decoder ? foreign_container(stream->decoder) : "";
    return *name ? name : stream->kind->name;
}

uint64_t stream_expected(const struct stream *stream)
{
    uint32_t rate_hz = 0;

    if (!stream->decoder || !stream->kind->expected)
        return 0;
    const uint64_t frames = stream->kind->expected(stream->decoder, &rate_hz);
    return rate_hz ? (uint64_t)((double)frames / rate_hz * STREAM_RATE_HZ) : 0;
}

const struct recording_note *stream_notes(const struct stream *stream, size_t *ret_count)
{
    *ret_count = stream->notes_count;
    return stream->notes;
}
