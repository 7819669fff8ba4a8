#include "recording.h"

#include <sndfile.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mp3.h"
#include "raw.h"
#include "resample.h"
#include "sniff.h"
#include "stream.h"
#include "wav.h"

#define BLOCK_FRAMES 4096
#define MAX_CHANNELS 32
#define READ_BYTES   16384

struct recording {
    int fd;
    enum sniff kind;
    SNDFILE *sndfile; /* one of the three */
    struct mp3 *mp3;
    struct stream *stream; /* WebM */
    struct resample *resample;
    uint32_t rate_hz, channels;
    uint32_t channel;     /* wanted, from 1; 0: mixed */
    int64_t open_size_at; /* wav of unknown length: where its size is; 0: none */
    int64_t frames;       /* decoded so far, at rate_hz */
    int64_t promised;     /* frames the header promises; 0: it does not */
    int64_t expected;     /* the same for containers that may be wrong about it */
    uint64_t max_samples;
    int64_t position; /* samples given */
    int end;          /* 1: all decoded; negative: failed with that */
    struct recording_note failure;
    long kept;    /* stream: frames in block that opening has read */
    float *block; /* [BLOCK_FRAMES, channels]; of a stream [BLOCK_FRAMES] */
    float *ready; /* [ready_room] resampled, not yet given */
    size_t ready_at, ready_count, ready_room;
};

__attribute__((format(printf, 3, 4))) static int fail(struct recording_note *note, int error,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(note->text, sizeof(note->text), format, args);
    va_end(args);
    return error;
}

/* libsndfile through pread would need its own offset; the fd is ours alone, so its will do. */
static sf_count_t io_length(void *user)
{
    struct stat st;
    const struct recording *recording = user;
    return fstat(recording->fd, &st) == 0 ? st.st_size : 0;
}

static sf_count_t io_seek(sf_count_t offset, int whence, void *user)
{
    const struct recording *recording = user;
    return lseek(recording->fd, offset, whence);
}

/* A wav with size 0 is empty for libsndfile, one with the greatest size goes on to the end of
 * the file. So it is shown the latter. */
static sf_count_t io_read(void *bytes, sf_count_t count, void *user)
{
    const struct recording *recording = user;
    const int64_t at = lseek(recording->fd, 0, SEEK_CUR);
    const ssize_t got = read(recording->fd, bytes, (size_t)count);

    for (int64_t i = 0; i < 4 && recording->open_size_at; i++) {
        const int64_t k = recording->open_size_at + i - at;
        if (k >= 0 && k < got)
            ((uint8_t *)bytes)[k] = 0xff;
    }
    return got > 0 ? got : 0;
}

static sf_count_t io_tell(void *user)
{
    const struct recording *recording = user;
    return lseek(recording->fd, 0, SEEK_CUR);
}

static int open_sndfile(struct recording *recording, struct recording_note *note)
{
    SF_VIRTUAL_IO io = {
        .get_filelen = io_length, .seek = io_seek, .read = io_read, .tell = io_tell};
    SF_INFO info = {0};

    recording->sndfile = sf_open_virtual(&io, SFM_READ, &info, recording);
    if (!recording->sndfile)
        return fail(
            note, RECORDING_UNKNOWN,
            "the file begins like %s but cannot be decoded: it is damaged or cut short (%s)",
            sniff_name(recording->kind), sf_strerror(NULL));
    recording->rate_hz = info.samplerate > 0 ? (uint32_t)info.samplerate : 0;
    recording->channels = info.channels > 0 ? (uint32_t)info.channels : 0;
    if (recording->kind == SNIFF_FLAC && info.frames > 0 && info.frames < SF_COUNT_MAX)
        recording->promised = info.frames;
    if (info.frames > 0 && info.frames < SF_COUNT_MAX && !recording->open_size_at)
        recording->expected = info.frames;
    return RECORDING_OK;
}

static int open_mp3(struct recording *recording, struct recording_note *note)
{
    const char *error;

    if (mp3_open(&recording->mp3, recording->fd, &error) < 0)
        return fail(
            note, RECORDING_UNKNOWN,
            "the file begins like mp3 but cannot be decoded: it is damaged or cut short (%s)",
            error);
    recording->rate_hz = mp3_rate_hz(recording->mp3);
    recording->channels = mp3_channels(recording->mp3);
    return RECORDING_OK;
}

/* Reads on in the file until there is sound or the end. Frames, or a negative recording_error. */
static long pull_stream(struct recording *recording, struct recording_note *note)
{
    uint8_t bytes[READ_BYTES];

    for (;;) {
        const long got = stream_pull(recording->stream, recording->block, BLOCK_FRAMES, note);
        if (got)
            return got;
        const ssize_t count = read(recording->fd, bytes, sizeof(bytes));
        if (count <= 0)
            return stream_end(recording->stream, true, note);
        if (stream_feed(recording->stream, bytes, (size_t)count) < 0)
            return fail(note, RECORDING_FAILED, "out of memory");
    }
}

static int open_stream(struct recording *recording, struct recording_note *note)
{
    const struct stream_format format = {.kind = STREAM_CONTAINER, .channel = recording->channel};

    /* Its first sound says how many channels there are; that stays in the block until pulled. */
    stream_close(recording->stream);
    recording->stream = NULL;
    if (lseek(recording->fd, 0, SEEK_SET) < 0)
        return fail(note, RECORDING_FAILED, "the upload cannot be read");
    const int error = stream_open(&recording->stream, &format, note);
    if (error)
        return error;
    if (!recording->block && !(recording->block = malloc(BLOCK_FRAMES * sizeof(float))))
        return fail(note, RECORDING_FAILED, "out of memory");
    recording->kept = pull_stream(recording, note);
    if (recording->kept < 0)
        return (int)recording->kept;
    recording->rate_hz = stream_rate_hz(recording->stream);
    recording->channels = stream_channels(recording->stream);
    return RECORDING_OK;
}

static int check_wav(struct recording *recording, int64_t file_bytes, struct recording_note *note)
{
    const struct wav_length length = wav_length(recording->fd, file_bytes);

    switch (length.kind) {
    case WAV_NO_DATA:
        return fail(note, RECORDING_TRUNCATED,
                    "the wav file ends after %lld bytes, before its sound (\"data\") begins",
                    (long long)file_bytes);
    case WAV_DECLARED:
        if (length.missing_bytes > 1) /* a forgotten padding byte harms nobody */
            return fail(note, RECORDING_TRUNCATED,
                        "the wav file is cut short: its header promises %lld bytes more than the "
                        "%lld that came",
                        (long long)length.missing_bytes, (long long)file_bytes);
        break;
    case WAV_OPEN:
        recording->open_size_at = length.size_at;
        break;
    }
    return RECORDING_OK;
}

static int open_container(struct recording *recording, struct recording_note *note)
{
    uint8_t head[SNIFF_BYTES];
    struct stat st;
    char found[120];
    int error;

    if (fstat(recording->fd, &st) < 0)
        return fail(note, RECORDING_FAILED, "the upload cannot be read");
    if (st.st_size == 0)
        return fail(note, RECORDING_EMPTY, "the file has no bytes; accepted are " SNIFF_ACCEPTED);
    const ssize_t got = pread(recording->fd, head, sizeof(head), 0);
    if (got <= 0 || lseek(recording->fd, 0, SEEK_SET) < 0)
        return fail(note, RECORDING_FAILED, "the upload cannot be read");

    recording->kind = sniff(head, (size_t)got);
    if (recording->kind == SNIFF_UNKNOWN) {
        sniff_describe(head, (size_t)got, found, sizeof(found));
        return fail(note, RECORDING_UNKNOWN, "the file is not audio we know (%s); accepted are %s",
                    found, SNIFF_ACCEPTED);
    }
    if (recording->kind == SNIFF_WAV && (error = check_wav(recording, st.st_size, note)))
        return error;
    error = recording->kind == SNIFF_MP3    ? open_mp3(recording, note)
            : recording->kind == SNIFF_WEBM ? open_stream(recording, note)
                                            : open_sndfile(recording, note);
    if (error)
        return error;
    if (recording->channels < 1 || recording->channels > MAX_CHANNELS)
        return fail(note, RECORDING_UNKNOWN, "the %s file has %u channels; 1 to %d are accepted",
                    sniff_name(recording->kind), recording->channels, MAX_CHANNELS);
    if (recording->rate_hz < RESAMPLE_MIN_HZ || recording->rate_hz > RESAMPLE_MAX_HZ)
        return fail(note, RECORDING_UNKNOWN,
                    "the %s file has a sample rate of %u Hz; %d to %d are accepted",
                    sniff_name(recording->kind), recording->rate_hz, RESAMPLE_MIN_HZ,
                    RESAMPLE_MAX_HZ);
    return RECORDING_OK;
}

int recording_open(struct recording **ret_recording, int fd, uint64_t max_samples,
                   struct recording_note *note)
{
    struct recording *recording = calloc(1, sizeof(*recording));

    if (!recording) {
        close(fd);
        return fail(note, RECORDING_FAILED, "out of memory");
    }
    recording->fd = fd;
    recording->max_samples = max_samples;
    int error = open_container(recording, note);
    if (!error) {
        error = fail(note, RECORDING_FAILED, "out of memory");
        if (resample_open(&recording->resample, recording->rate_hz) == 0) {
            if (!recording->block)
                recording->block = malloc(BLOCK_FRAMES * recording->channels * sizeof(float));
            if (recording->block)
                error = RECORDING_OK;
        }
    }
    if (error) {
        recording_close(recording);
        return error;
    }
    *ret_recording = recording;
    return RECORDING_OK;
}

void recording_close(struct recording *recording)
{
    if (!recording)
        return;
    if (recording->sndfile)
        sf_close(recording->sndfile);
    mp3_close(recording->mp3);
    stream_close(recording->stream);
    resample_close(recording->resample);
    free(recording->block);
    free(recording->ready);
    close(recording->fd);
    free(recording);
}

int recording_pick(struct recording *recording, uint32_t channel, struct recording_note *note)
{
    if (channel > recording->channels)
        return fail(note, RECORDING_UNKNOWN, "there is no channel %u: the %s file has %u", channel,
                    sniff_name(recording->kind), recording->channels);
    if (channel == recording->channel)
        return RECORDING_OK;
    recording->channel = channel;
    return recording->stream ? open_stream(recording, note) : RECORDING_OK;
}

uint32_t recording_channels(const struct recording *recording)
{
    return recording->channels;
}

const char *recording_container(const struct recording *recording)
{
    return sniff_name(recording->kind);
}

int64_t recording_expected(const struct recording *recording)
{
    return (int64_t)((double)recording->expected / recording->rate_hz * RESAMPLE_RATE_HZ);
}

int64_t recording_position(const struct recording *recording)
{
    return recording->position;
}

/* All frames are decoded: was that everything? */
static int finish(struct recording *recording)
{
    const char *name = sniff_name(recording->kind);
    const double have = (double)recording->frames / recording->rate_hz;
    const double promised = (double)recording->promised / recording->rate_hz;
    struct recording_note *note = &recording->failure;

    if (recording->sndfile && sf_error(recording->sndfile) != SF_ERR_NO_ERROR)
        return fail(note, RECORDING_TRUNCATED,
                    "the %s file is damaged or cut short after %.2f s (%s)", name, have,
                    sf_strerror(recording->sndfile));
    if (recording->frames < recording->promised)
        return fail(
            note, RECORDING_TRUNCATED,
            "the %s file is cut short: it holds %.2f s of the %.2f s that its header promises",
            name, have, promised);
    if (recording->frames == 0)
        return fail(note, RECORDING_EMPTY, "the %s file holds no sound", name);
    return 1;
}

/* Room in ready for what the resampler gives for one more block, and for what it holds. */
static bool make_room(struct recording *recording)
{
    const size_t room = resample_max_samples(recording->resample, BLOCK_FRAMES);

    if (room <= recording->ready_room)
        return true;
    float *ready = realloc(recording->ready, room * sizeof(*ready));
    if (!ready)
        return false;
    recording->ready = ready;
    recording->ready_room = room;
    return true;
}

/* Frames in block, 0 at the end, or negative. */
static long decode(struct recording *recording)
{
    if (recording->stream && recording->kept) {
        const long frames = recording->kept;
        recording->kept = 0;
        return frames;
    }
    if (recording->stream)
        return pull_stream(recording, &recording->failure);
    return recording->mp3
               ? mp3_pull(recording->mp3, recording->block, BLOCK_FRAMES)
               : (long)sf_readf_float(recording->sndfile, recording->block, BLOCK_FRAMES);
}

/* Decodes and resamples one block into ready. */
static void refill(struct recording *recording)
{
    recording->ready_at = recording->ready_count = 0;
    if (!make_room(recording)) {
        recording->end = fail(&recording->failure, RECORDING_FAILED, "out of memory");
        return;
    }
    const long frames = decode(recording);
    if (frames < 0 && recording->stream) {
        recording->end = (int)frames;
        return;
    }
    if (frames < 0) {
        recording->end = fail(&recording->failure, RECORDING_UNKNOWN,
                              "the mp3 file is damaged or changes its sample rate after %.2f s",
                              (double)recording->frames / recording->rate_hz);
        return;
    }
    if (frames == 0) {
        recording->ready_count = resample_flush(recording->resample, recording->ready);
        recording->end = finish(recording);
        return;
    }
    recording->frames += frames;
    if (!recording->stream)
        raw_mix(recording->block, (size_t)frames, recording->channels, recording->channel,
                recording->block);
    recording->ready_count =
        resample_push(recording->resample, recording->block, (size_t)frames, recording->ready);
    if ((uint64_t)recording->frames * RESAMPLE_RATE_HZ / recording->rate_hz >
        recording->max_samples)
        recording->end = fail(&recording->failure, RECORDING_TOO_LONG,
                              "the recording is too long; at most %.0f s are accepted",
                              (double)recording->max_samples / RESAMPLE_RATE_HZ);
}

long recording_pull(struct recording *recording, float *pcm, size_t count,
                    struct recording_note *note)
{
    size_t given = 0;

    while (given < count && recording->end >= 0) {
        if (recording->ready_at == recording->ready_count) {
            if (recording->end)
                break;
            refill(recording);
            continue;
        }
        const size_t left = recording->ready_count - recording->ready_at;
        const size_t now = left < count - given ? left : count - given;
        memcpy(pcm + given, recording->ready + recording->ready_at, now * sizeof(*pcm));
        recording->ready_at += now;
        given += now;
    }
    if (recording->end < 0) {
        *note = recording->failure;
        return recording->end;
    }
    recording->position += (int64_t)given;
    return (long)given;
}
