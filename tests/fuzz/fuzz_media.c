/* Byte 0: the rest is a file, or a stream that arrives bit by bit. Whatever it is: an end, finite
 * sound of one form in parts that the wire takes, a reason when there is none; in time in
 * proportion to the bytes and the sound. FFmpeg's libraries are not instrumented; what surrounds
 * them is. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "media.h"
#include "pace.h"

#define SEEK_SIZE    0x10000
#define MOST_SAMPLES (600 * 16000)
/* Seconds of processor time, under sanitizers too. */
#define MOST_S     3.0
#define A_BYTE_S   50e-6
#define A_SAMPLE_S 5e-6

struct input {
    const uint8_t *bytes; /* [count] */
    size_t count, at, step;
    uint32_t channels; /* of the format; 0: none yet */
    uint64_t samples;
};

const struct pace pace_limit = {60, 0.01};

static long read_input(void *user, uint8_t *to, size_t room)
{
    struct input *input = user;
    size_t now = input->count - input->at;

    now = now < room ? now : room;
    now = now < input->step ? now : input->step;
    if (input->samples > MOST_SAMPLES) /* the daemon stops there */
        return 0;
    memcpy(to, input->bytes + input->at, now);
    input->at += now;
    return (long)now;
}

static int64_t seek_input(void *user, int64_t offset, int whence)
{
    struct input *input = user;
    const int64_t from = whence == SEEK_CUR   ? (int64_t)input->at
                         : whence == SEEK_END ? (int64_t)input->count
                                              : 0;

    if (whence & SEEK_SIZE)
        return (int64_t)input->count;
    if (offset > (int64_t)input->count - from || offset < -from)
        return -1;
    input->at = (size_t)(from + offset);
    return from + offset;
}

static void take_format(void *user, const struct wire_format *format)
{
    struct input *input = user;

    if (input->channels || format->channels < 1 || format->channels > WIRE_CHANNELS_MAX ||
        memchr(format->name, 0, sizeof(format->name)) == NULL)
        abort();
    input->channels = format->channels;
}

static void take_sound(void *user, const float *frames, size_t count, uint32_t channels)
{
    struct input *input = user;

    if (channels != input->channels || count < 1 || count > WIRE_FRAMES_MAX || !frames)
        abort();
    input->samples += count;
}

static void take_note(void *user, const char *text)
{
    (void)user;
    if (!text[0] || strlen(text) >= WIRE_TEXT_MAX)
        abort();
}

void pace_input(const uint8_t *bytes, size_t count)
{
    static int prepared = -1;
    struct media_failure failure = {.text = ""};

    if (prepared < 0 && (prepared = media_prepare()) < 0)
        abort();
    if (count < 1)
        return;
    struct input input = {bytes + 1, count - 1, 0, bytes[0] % 2 ? bytes[0] : 1u << 20, 0, 0};
    const struct media_io io = {.read = read_input,
                                .seek = bytes[0] % 2 ? NULL : seek_input,
                                .format = take_format,
                                .sound = take_sound,
                                .note = take_note,
                                .user = &input};
    const clock_t from = clock();
    const int error = media_decode(&io, &failure);
    if (error ? !failure.text[0] : !input.samples)
        abort();
    if (clock() - from >
        (MOST_S + A_BYTE_S * (double)count + A_SAMPLE_S * (double)input.samples) * CLOCKS_PER_SEC)
        abort();
}
