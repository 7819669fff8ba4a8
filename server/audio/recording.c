#include "recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sniff.h"

#define READ_BYTES 16384
#define READS      16 /* without a sample, before others have their turn */

struct recording {
    int fd;
    struct stream *stream;
    uint64_t max_samples;
    int64_t position;
    bool is_resting; /* it said that it waits, for the sake of others */
    int error;       /* negative: it failed with this */
    struct recording_note failure;
};

static int fail(struct recording *recording, int error, const char *text)
{
    recording->error = error;
    snprintf(recording->failure.text, sizeof(recording->failure.text), "%s", text);
    return error;
}

static int open_all(struct recording *recording, const struct recording_options *options,
                    struct recording_note *note)
{
    struct stream_format format = options->format;
    struct stat st;

    if (fstat(recording->fd, &st) < 0 || lseek(recording->fd, 0, SEEK_SET) < 0) {
        snprintf(note->text, sizeof(note->text), "the upload cannot be read");
        return RECORDING_FAILED;
    }
    if (st.st_size == 0) {
        snprintf(note->text, sizeof(note->text),
                 "the file has no bytes; accepted are " SNIFF_ACCEPTED);
        return RECORDING_EMPTY;
    }
    format.is_file = true;
    format.file = recording->fd;
    return stream_open(&recording->stream, &format, note);
}

int recording_open(struct recording **ret_recording, int fd,
                   const struct recording_options *options, struct recording_note *note)
{
    struct recording *recording = calloc(1, sizeof(*recording));

    if (!recording) {
        close(fd);
        snprintf(note->text, sizeof(note->text), "out of memory");
        return RECORDING_FAILED;
    }
    recording->fd = fd;
    recording->max_samples = options->max_samples;
    const int error = open_all(recording, options, note);
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
    stream_close(recording->stream);
    close(recording->fd);
    free(recording);
}

/* The next bytes of the file, or its end, to the stream. */
static int read_on(struct recording *recording)
{
    uint8_t bytes[READ_BYTES];
    const ssize_t got = read(recording->fd, bytes, sizeof(bytes));

    if (got < 0)
        return fail(recording, RECORDING_FAILED, "the upload cannot be read");
    if (got == 0)
        stream_finish(recording->stream);
    else if (stream_feed(recording->stream, bytes, (size_t)got) < 0)
        return fail(recording, RECORDING_FAILED, "out of memory");
    return got == 0;
}

/* As recording_pull, until there is some sound. */
static long pull(struct recording *recording, float *pcm, size_t count)
{
    bool is_at_end = false;

    for (int reads = 0; !recording->error; reads++) {
        const long got = stream_pull(recording->stream, pcm, count, &recording->failure);
        if (got > 0 || got == RECORDING_WAITS)
            return got;
        if (got < 0) {
            recording->error = (int)got;
        } else if (is_at_end) {
            return 0;
        } else if (reads == READS) {
            recording->is_resting = true;
            return RECORDING_WAITS;
        } else {
            is_at_end = read_on(recording) == 1;
        }
    }
    return recording->error;
}

long recording_pull(struct recording *recording, float *pcm, size_t count,
                    struct recording_note *note)
{
    recording->is_resting = false;
    const long got = pull(recording, pcm, count);
    if (got > 0 && (uint64_t)(recording->position + got) > recording->max_samples) {
        fail(recording, RECORDING_TOO_LONG, "");
        snprintf(recording->failure.text, sizeof(recording->failure.text),
                 "the recording is too long; at most %.0f s are accepted",
                 (double)recording->max_samples / STREAM_RATE_HZ);
    } else if (got > 0)
        recording->position += got;
    if (recording->error)
        *note = recording->failure;
    return recording->error ? recording->error : got;
}

void recording_await(struct recording *recording, void (*ready)(void *user), void *user)
{
    if (recording->is_resting)
        ready(user);
    else
        stream_await(recording->stream, ready, user);
}

uint32_t recording_channels(const struct recording *recording)
{
    return stream_channels(recording->stream);
}

int64_t recording_position(const struct recording *recording)
{
    return recording->position;
}

int64_t recording_expected(const struct recording *recording)
{
    return (int64_t)stream_expected(recording->stream);
}

const char *recording_container(const struct recording *recording)
{
    return stream_container(recording->stream);
}

const struct recording_note *recording_notes(const struct recording *recording, size_t *ret_count)
{
    return stream_notes(recording->stream, ret_count);
}
