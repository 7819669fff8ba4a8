#include "clips.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "recording.h"
#include "test.h"

#define MOST_SAMPLES (60 * 16000)

static void read_sound(struct clip *clip)
{
    char path[1024];
    struct recording *recording;
    struct recording_note note;
    long got;

    snprintf(path, sizeof(path), "%s/%s", test_data(), clip->file);
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    const struct recording_options options = {.max_samples = MOST_SAMPLES,
                                              .format = {.kind = STREAM_CONTAINER}};
    assert_int_equal(recording_open(&recording, fd, &options, &note), 0);
    clip->pcm = malloc(MOST_SAMPLES * sizeof(*clip->pcm));
    assert_non_null(clip->pcm);
    clip->count = 0;
    while ((got = recording_pull(recording, clip->pcm + clip->count, 4096, &note)) > 0)
        clip->count += (size_t)got;
    assert_int_equal(got, 0);
    recording_close(recording);
}

size_t clips_open(struct clip clips[CLIPS_MOST])
{
    char path[1024], line[1024];
    size_t count = 0;

    snprintf(path, sizeof(path), "%s/clips.tsv", test_data());
    FILE *table = fopen(path, "r");
    assert_non_null(table);
    assert_non_null(fgets(line, sizeof(line), table)); /* the names of the columns */
    while (count < CLIPS_MOST && fgets(line, sizeof(line), table)) {
        struct clip *clip = &clips[count++];
        assert_int_equal(sscanf(line, "%63[^\t]\t%*[^\t]\t%399[^\n]", clip->file, clip->text), 2);
        read_sound(clip);
    }
    fclose(table);
    assert_true(count >= 12);
    return count;
}

void clips_close(struct clip *clips, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(clips[i].pcm);
}
