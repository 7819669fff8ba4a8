/* What foldscribe-decode says to the daemon: byte 0 says whether it decodes a file or a stream,
 * byte 1 how its words are cut; the rest are its words. Whatever they are: sound of one form within
 * bounds, an end, and a reason in plain text when something is wrong. */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audio_decoder.h"
#include "decode_pool.h"
#include "foreign.h"
#include "pace.h"
#include "wire.h"

const struct pace pace_limit = {0.1, 1e-5};

/* The pool's part, without its processes: a pair of sockets. */
struct decode_place {
    int ours, theirs;
};

struct decode_place *decode_pool_place_open(struct decode_pool *pool, int input)
{
    struct decode_place *place = malloc(sizeof *place);
    int pair[2];

    (void)pool, (void)input;
    if (!place || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        abort();
    *place = (struct decode_place){pair[0], pair[1]};
    return place;
}

void decode_pool_place_close(struct decode_place *place)
{
    if (!place)
        return;
    close(place->ours);
    if (place->theirs >= 0)
        close(place->theirs);
    free(place);
}

enum decode_state decode_pool_place_state(struct decode_place *place)
{
    (void)place;
    return DECODE_RUNS;
}

int decode_pool_place_socket(const struct decode_place *place)
{
    return place->ours;
}

void decode_pool_place_await(struct decode_place *place, bool write, void (*ready)(void *user),
                             void *user)
{
    (void)place, (void)write, (void)ready, (void)user;
}

static void check_note(const struct recording_note *note)
{
    if (!note->text[0] || strlen(note->text) >= sizeof note->text)
        abort();
    for (const char *c = note->text; *c; c++)
        if (*c < 32 || *c > 126)
            abort();
}

/* Pulls until nothing more comes; false: it is over. */
static bool pull_all(void *decoder, uint64_t *frames)
{
    for (;;) {
        struct decoder_sound sound = {0};
        struct recording_note note = {""};
        switch (foreign_decoder.pull(decoder, &sound, &note)) {
        case DECODER_SOUND:
            if (!sound.count || sound.count > WIRE_FRAMES_MAX || !sound.channels ||
                sound.channels > WIRE_CHANNELS_MAX)
                abort();
            *frames += sound.count;
            continue;
        case DECODER_HUNGRY:
        case DECODER_WAITS:
            return true;
        case DECODER_END:
            return false;
        case DECODER_REFUSES:
            if (*frames)
                abort();
            check_note(&note);
            return false;
        default:
            check_note(&note);
            return false;
        }
    }
}

void pace_input(const uint8_t *bytes, size_t count)
{
    static const uint8_t sound[4096];
    if (count < 2)
        return;
    const bool is_file = bytes[0] % 2;
    const struct decoder_setting setting = {.file = is_file ? 0 : -1};
    struct decode_place **place;
    void *decoder = foreign_decoder.open(&setting);
    uint64_t frames = 0;
    bool goes_on = true;

    if (!decoder)
        abort();
    place = decoder; /* its first member */
    const size_t step = bytes[1] * 16u + 1;
    if (foreign_decoder.feed(decoder, sound, sizeof sound) < 0)
        abort();
    for (size_t at = 2; at < count && goes_on; at += step) {
        if (send((*place)->theirs, bytes + at, count - at < step ? count - at : step,
                 MSG_NOSIGNAL) < 0)
            break;
        goes_on = pull_all(decoder, &frames);
    }
    foreign_decoder.end(decoder);
    shutdown((*place)->theirs, SHUT_RDWR);
    close((*place)->theirs);
    (*place)->theirs = -1;
    if (goes_on && pull_all(decoder, &frames) && !is_file)
        abort();
    if (frames * sizeof(float) > count)
        abort();
    struct recording_note note;
    if (!foreign_decoder.is_whole(decoder, &note))
        check_note(&note);
    if (strlen(foreign_container(decoder)) >= WIRE_NAME_BYTES)
        abort();
    foreign_decoder.close(decoder);
}
