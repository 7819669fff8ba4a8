/* foreign.c - the daemon's end of a conversation with foldscribe-decode (wire.h). What comes from
 * there is as little trusted as what a client sends. */
#include "foreign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "audio_decoder.h"
#include "bytes.h"
#include "decode_pool.h"
#include "wire.h"

#define READ_BYTES 65536

struct foreign {
    struct decode_place *place;
    bool is_file;
    struct bytes unsent;   /* of a stream */
    bool is_ending, ended; /* no more bytes will come; it was told */
    bool is_over;          /* it said its last word */
    uint64_t fed, dealt_with;
    struct bytes got; /* of the parts that it wrote */
    struct wire_format format;
    uint64_t frames;
    float *sound; /* [WIRE_FRAMES_MAX, channels] */
    struct recording_note note;
};

static void foreign_close(void *decoder)
{
    struct foreign *f = decoder;

    if (!f)
        return;
    decode_pool_place_close(f->place);
    bytes_finish(&f->unsent);
    bytes_finish(&f->got);
    free(f->sound);
    free(f);
}

static void *foreign_open(const struct decoder_setting *setting)
{
    struct foreign *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->is_file = setting->file >= 0;
    f->place = decode_pool_place_open(setting->pool, setting->file);
    if (f->place)
        return f;
    foreign_close(f);
    return NULL;
}

/* Writes what the socket takes. */
static void send_on(struct foreign *f)
{
    const int socket = decode_pool_place_socket(f->place);

    while (f->unsent.count) {
        const ssize_t sent = send(socket, bytes_front(&f->unsent), f->unsent.count, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* full; or it is gone, which reading tells */
        bytes_take(&f->unsent, (size_t)sent);
    }
    if (f->is_ending && !f->ended)
        f->ended = shutdown(socket, SHUT_WR) == 0;
}

static int foreign_feed(void *decoder, const uint8_t *bytes, size_t count)
{
    struct foreign *f = decoder;

    if (f->is_file || f->is_over)
        return 0;
    f->fed += count;
    if (bytes_push(&f->unsent, bytes, count) < 0)
        return -1;
    send_on(f);
    return 0;
}

static void foreign_end(void *decoder)
{
    struct foreign *f = decoder;

    f->is_ending = !f->is_file;
    send_on(f);
}

/* What it says is shown to clients, so it is plain text. */
static void copy_text(struct recording_note *note, const uint8_t *text, size_t count)
{
    size_t at = 0;

    for (; at < count && at + 1 < sizeof(note->text); at++)
        note->text[at] = text[at] >= 32 && text[at] < 127 ? (char)text[at] : '?';
    note->text[at] = '\0';
}

static enum decoder_got take_format(struct foreign *f, const uint8_t *at,
                                    struct recording_note *note)
{
    memcpy(&f->format, at, sizeof(f->format));
    f->format.name[WIRE_NAME_BYTES - 1] = '\0';
    for (char *c = f->format.name; *c; c++)
        *c = *c >= 32 && *c < 127 ? *c : '?';
    if (f->sound || f->format.channels < 1 || f->format.channels > WIRE_CHANNELS_MAX)
        return DECODER_DAMAGED;
    f->sound = malloc(sizeof(float) * WIRE_FRAMES_MAX * f->format.channels);
    return f->sound ? DECODER_HUNGRY : audio_decoder_note(DECODER_FAILED, note, "out of memory");
}

static enum decoder_got take_sound(struct foreign *f, const struct wire_head *head,
                                   const uint8_t *at, struct decoder_sound *ret_sound)
{
    const size_t samples = (size_t)head->count * head->what;

    memcpy(f->sound, at, samples * sizeof(float));
    f->frames += head->count;
    *ret_sound = (struct decoder_sound){f->sound, head->count, head->what, WIRE_RATE_HZ};
    return DECODER_SOUND;
}

static enum decoder_got fail_as(const struct foreign *f, enum wire_failure what,
                                struct recording_note *note)
{
    if (!note->text[0])
        audio_decoder_note(DECODER_FAILED, note, "its decoder failed, and did not say why");
    if (what == WIRE_BROKEN)
        return DECODER_FAILED;
    return f->frames ? DECODER_DAMAGED : DECODER_REFUSES;
}

/* Bytes of a part behind its head; -1: there is no such part. */
static long content_bytes(const struct foreign *f, const struct wire_head *head)
{
    if (head->magic != WIRE_MAGIC)
        return -1;
    switch (head->part) {
    case WIRE_FORMAT:
        return head->count == 1 ? (long)sizeof(struct wire_format) : -1;
    case WIRE_SOUND:
        return f->sound && head->what == f->format.channels && head->count >= 1 &&
                       head->count <= WIRE_FRAMES_MAX
                   ? (long)(sizeof(float) * head->count * head->what)
                   : -1;
    case WIRE_HUNGRY:
        return head->count == 1 && !f->is_file ? (long)sizeof(uint64_t) : -1;
    case WIRE_END:
        return head->count == 0 ? 0 : -1;
    case WIRE_NOTE:
    case WIRE_ERROR:
        return head->count < WIRE_TEXT_MAX ? (long)head->count : -1;
    }
    return -1;
}

/* A whole part of what was got. HUNGRY: it says nothing by itself. WAITS: none is whole. */
static enum decoder_got take_part(struct foreign *f, struct decoder_sound *ret_sound,
                                  struct recording_note *note)
{
    struct wire_head head;
    enum decoder_got got = DECODER_HUNGRY;
    uint64_t up_to;

    if (f->got.count < sizeof(head))
        return DECODER_WAITS;
    memcpy(&head, bytes_front(&f->got), sizeof(head));
    const long bytes = content_bytes(f, &head);
    if (bytes < 0)
        return audio_decoder_note(DECODER_DAMAGED, note,
                                  "the decoder of this format wrote nonsense");
    if (f->got.count < sizeof(head) + (size_t)bytes)
        return DECODER_WAITS;
    const uint8_t *content = bytes_front(&f->got) + sizeof(head);
    switch (head.part) {
    case WIRE_FORMAT:
        got = take_format(f, content, note);
        if (got == DECODER_DAMAGED)
            return audio_decoder_note(got, note, "the decoder of this format wrote nonsense");
        break;
    case WIRE_SOUND:
        got = take_sound(f, &head, content, ret_sound);
        break;
    case WIRE_HUNGRY:
        memcpy(&up_to, content, sizeof(up_to));
        if (up_to < f->dealt_with || up_to > f->fed)
            return audio_decoder_note(DECODER_DAMAGED, note,
                                      "the decoder of this format wrote nonsense");
        f->dealt_with = up_to;
        break;
    case WIRE_NOTE:
        copy_text(&f->note, content, (size_t)bytes);
        break;
    case WIRE_END:
        f->is_over = true;
        got = DECODER_END;
        break;
    case WIRE_ERROR:
        f->is_over = true;
        copy_text(note, content, (size_t)bytes);
        got = fail_as(f, (enum wire_failure)head.what, note);
        break;
    }
    bytes_take(&f->got, sizeof(head) + (size_t)bytes);
    return got;
}

/* Reads what there is. HUNGRY: some. */
static enum decoder_got read_on(struct foreign *f, struct recording_note *note)
{
    uint8_t bytes[READ_BYTES];

    switch (decode_pool_place_state(f->place)) {
    case DECODE_WAITS:
        return DECODER_WAITS;
    case DECODE_BROKEN:
        return audio_decoder_note(DECODER_FAILED, note,
                                  "the decoder of this format cannot be started now");
    case DECODE_STALLED:
        return audio_decoder_note(f->frames ? DECODER_DAMAGED : DECODER_REFUSES, note,
                                  "its decoder made no progress and was ended");
    case DECODE_RUNS:
        break;
    }
    const ssize_t got = recv(decode_pool_place_socket(f->place), bytes, sizeof(bytes), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return DECODER_WAITS;
    if (got <= 0)
        return audio_decoder_note(
            f->frames ? DECODER_DAMAGED : DECODER_REFUSES, note,
            "its decoder ended without an answer: the data is damaged, or wants "
            "more memory or time than it may have");
    return bytes_push(&f->got, bytes, (size_t)got) == 0
               ? DECODER_HUNGRY
               : audio_decoder_note(DECODER_FAILED, note, "out of memory");
}

static enum decoder_got foreign_pull(void *decoder, struct decoder_sound *ret_sound,
                                     struct recording_note *note)
{
    struct foreign *f = decoder;
    enum decoder_got got = DECODER_HUNGRY;

    if (f->is_over)
        return DECODER_END;
    send_on(f);
    while (got == DECODER_HUNGRY) {
        got = take_part(f, ret_sound, note);
        if (got == DECODER_WAITS && !f->is_file && !f->is_ending && !f->got.count &&
            f->dealt_with == f->fed)
            return DECODER_HUNGRY;
        if (got == DECODER_WAITS)
            got = read_on(f, note);
    }
    if (got > DECODER_END)
        f->is_over = true;
    return got;
}

static bool foreign_is_whole(const void *decoder, struct recording_note *note)
{
    const struct foreign *f = decoder;

    *note = f->note;
    return !f->note.text[0];
}

static uint64_t foreign_expected(const void *decoder, uint32_t *ret_rate_hz)
{
    const struct foreign *f = decoder;

    *ret_rate_hz = WIRE_RATE_HZ;
    return f->format.expected_samples;
}

void foreign_await(void *decoder, void (*ready)(void *user), void *user)
{
    struct foreign *f = decoder;

    decode_pool_place_await(f->place, f->unsent.count > 0, ready, user);
}

const char *foreign_container(const void *decoder)
{
    return ((const struct foreign *)decoder)->format.name;
}

const struct decoder_kind foreign_decoder = {.name = "foreign",
                                             .open = foreign_open,
                                             .close = foreign_close,
                                             .feed = foreign_feed,
                                             .end = foreign_end,
                                             .pull = foreign_pull,
                                             .is_whole = foreign_is_whole,
                                             .expected = foreign_expected};
