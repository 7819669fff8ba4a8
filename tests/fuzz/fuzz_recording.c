/* The input is an uploaded file. Whatever it is: an end, a bounded amount of finite sound. */
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "recording.h"

#define MOST_SAMPLES (60 * 16000)
/* Seconds of processor time, under sanitizers too. */
#define MOST_S     0.5
#define A_BYTE_S   20e-6
#define A_SAMPLE_S 2e-6

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct recording *recording;
    struct recording_note note = {""};
    static float pcm[4000];
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0)
        return 0;
    if (write(fd, bytes, count) != (ssize_t)count) {
        close(fd);
        return 0;
    }
    const struct recording_options options = {.max_samples = MOST_SAMPLES,
                                              .format = {.kind = STREAM_CONTAINER}};
    const clock_t from = clock();
    if (recording_open(&recording, fd, &options, &note) < 0) {
        if (!note.text[0])
            abort();
        return 0;
    }
    long got;
    while ((got = recording_pull(recording, pcm, 4000, &note)) > 0 || got == RECORDING_WAITS)
        for (long i = 0; i < got; i++)
            if (!(fabsf(pcm[i]) < 4.0f))
                abort();
    if (clock() - from >
        (MOST_S + A_BYTE_S * (double)count + A_SAMPLE_S * MOST_SAMPLES) * CLOCKS_PER_SEC)
        abort();
    if (got < 0 && !note.text[0])
        abort();
    if (recording_position(recording) > MOST_SAMPLES + 4000)
        abort();
    recording_close(recording);
    return 0;
}
