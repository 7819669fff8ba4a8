/* A file of EBML (RFC 8794) is a tree of elements: an ID, a size, content. A live recorder cannot
 * know sizes in advance, so Segment and Cluster may have "unknown", and end where an element
 * begins that cannot be inside. What matters here stands in a fixed order and has IDs of its own,
 * so the tree need not be built: the masters on the way to it are entered, which makes their sizes
 * irrelevant, known elements are read, and everything else is skipped.
 *
 *   EBML
 *   Segment > Tracks > TrackEntry { number, type, codec, OpusHead, Audio { channels } }
 *           > Cluster > SimpleBlock | BlockGroup > Block { track, time, flags, packet }
 *
 * The first audio track in Opus is the one; the blocks of other tracks (video) are skipped
 * without being kept. Times are not looked at: a recorder's packets follow each other. Lacing puts
 * several packets into a block; no recorder does it with Opus, and it is refused by name.
 */
#include "webm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define ID_EBML          0x1a45dfa3u
#define ID_SEGMENT       0x18538067u
#define ID_TRACKS        0x1654ae6bu
#define ID_TRACK_ENTRY   0xaeu
#define ID_TRACK_NUMBER  0xd7u
#define ID_TRACK_TYPE    0x83u
#define ID_CODEC         0x86u
#define ID_CODEC_PRIVATE 0x63a2u
#define ID_ENCODINGS     0x6d80u
#define ID_AUDIO         0xe1u
#define ID_CHANNELS      0x9fu
#define ID_CLUSTER       0x1f43b675u
#define ID_BLOCK_GROUP   0xa0u
#define ID_BLOCK         0xa1u
#define ID_SIMPLE_BLOCK  0xa3u

#define UNKNOWN_SIZE UINT64_MAX
#define LEAF_MAX     4096 /* of an element other than a block that is read */
#define HEAD_BYTES   19   /* an OpusHead without a mapping table */
#define HEAD_MAX     300  /* with the largest one */
#define LACING       0x06

struct track {
    uint64_t number, channels;
    bool is_opus, is_encoded;
    char codec[24];
    uint8_t head[HEAD_MAX]; /* [head_bytes] CodecPrivate */
    size_t head_bytes;
};

struct webm {
    struct bytes bytes;
    uint64_t skip;    /* bytes of an element that is of no interest, still to come */
    size_t given;     /* bytes of the element whose packet was returned last */
    bool begun;       /* the EBML element was seen */
    bool in_clusters; /* the track is chosen */
    struct track entry, chosen;
    char other[24]; /* codec of a track that is not Opus */
};

struct element {
    uint32_t id;
    uint64_t size;
    size_t head_bytes; /* of ID and size */
};

struct webm *webm_open(void)
{
    return calloc(1, sizeof(struct webm));
}

void webm_close(struct webm *webm)
{
    if (!webm)
        return;
    bytes_finish(&webm->bytes);
    free(webm);
}

int webm_feed(struct webm *webm, const uint8_t *bytes, size_t count)
{
    /* What is skipped need not be kept. */
    if (!webm->bytes.count && !webm->given) {
        const size_t now = webm->skip < count ? (size_t)webm->skip : count;
        webm->skip -= now;
        bytes += now;
        count -= now;
    }
    return bytes_push(&webm->bytes, bytes, count);
}

static int fail(struct recording_note *note, int error, const char *text)
{
    snprintf(note->text, sizeof(note->text), "%s", text);
    return error;
}

/* A number of 1 to most bytes: leading zero bits of the first byte say how many follow. Returns its
 * length, 0 when it is not whole yet, -1 when it is none. keep_mark: IDs include the length's bit.
 */
static int number(const uint8_t *at, size_t count, int most, bool keep_mark, uint64_t *ret_value)
{
    if (!count)
        return 0;
    int length = 1;
    for (uint8_t mark = 0x80; length <= most && !(at[0] & mark); mark >>= 1)
        length++;
    if (length > most)
        return -1;
    if (count < (size_t)length)
        return 0;
    uint64_t value = keep_mark ? at[0] : at[0] & (0xff >> length);
    bool ones = (at[0] | (0xff00 >> length & 0xff)) == 0xff;
    for (int i = 1; i < length; i++) {
        value = value << 8 | at[i];
        ones &= at[i] == 0xff;
    }
    *ret_value = !keep_mark && ones ? UNKNOWN_SIZE : value;
    return length;
}

static uint64_t read_uint(const uint8_t *at, size_t count)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count && i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

/* 1: *ret_element. 0: not whole yet. */
static int read_element(const struct webm *webm, struct element *ret_element,
                        struct recording_note *note)
{
    const uint8_t *at = bytes_front(&webm->bytes);
    const size_t count = webm->bytes.count;
    uint64_t id, size;

    const int id_bytes = number(at, count, 4, true, &id);
    if (id_bytes <= 0)
        return id_bytes ? fail(note, RECORDING_UNKNOWN, "the WebM data is damaged: no element ID")
                        : 0;
    const int size_bytes = number(at + id_bytes, count - (size_t)id_bytes, 8, false, &size);
    if (size_bytes <= 0)
        return size_bytes
                   ? fail(note, RECORDING_UNKNOWN, "the WebM data is damaged: no element size")
                   : 0;
    *ret_element = (struct element){(uint32_t)id, size, (size_t)(id_bytes + size_bytes)};
    return 1;
}

static void copy_text(char *to, size_t room, const uint8_t *from, size_t count)
{
    size_t n = 0;

    for (; n < count && n + 1 < room && from[n] >= 32 && from[n] < 127; n++)
        to[n] = (char)from[n];
    to[n] = '\0';
}

/* A track's description is complete when the next begins, or the clusters. */
static void end_entry(struct webm *webm)
{
    const struct track *entry = &webm->entry;

    if (entry->is_opus && !webm->chosen.is_opus)
        webm->chosen = *entry;
    else if (entry->codec[0] && !webm->other[0])
        memcpy(webm->other, entry->codec, sizeof(webm->other));
    webm->entry = (struct track){.number = 0};
}

/* The first cluster begins: is there a track for us? Gives its head. */
static int choose(struct webm *webm, struct demux_packet *ret_packet, struct recording_note *note)
{
    struct track *track = &webm->chosen;

    end_entry(webm);
    if (!track->is_opus) {
        snprintf(note->text, sizeof(note->text),
                 "the WebM data has no Opus track%s%s; record with audio/webm;codecs=opus",
                 webm->other[0] ? ": it has " : "", webm->other);
        return RECORDING_UNKNOWN;
    }
    if (track->is_encoded)
        return fail(note, RECORDING_UNKNOWN,
                    "the WebM data's Opus track is compressed or encrypted once more; send it "
                    "without ContentEncodings");
    if (!track->head_bytes) {
        const uint8_t channels = track->channels == 2 ? 2 : 1;
        memcpy(track->head, "OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0", HEAD_BYTES);
        track->head[9] = channels;
        track->head_bytes = HEAD_BYTES;
    }
    webm->in_clusters = true;
    *ret_packet = (struct demux_packet){track->head, track->head_bytes, .is_head = true};
    return 1;
}

/* Of the elements that describe tracks; content [size] is whole. */
static void read_leaf(struct webm *webm, uint32_t id, const uint8_t *content, size_t size)
{
    struct track *entry = &webm->entry;

    switch (id) {
    case ID_TRACK_NUMBER:
        entry->number = read_uint(content, size);
        break;
    case ID_CHANNELS:
        entry->channels = read_uint(content, size);
        break;
    case ID_CODEC:
        copy_text(entry->codec, sizeof(entry->codec), content, size);
        entry->is_opus = strcmp(entry->codec, "A_OPUS") == 0;
        break;
    case ID_CODEC_PRIVATE:
        entry->head_bytes = size < HEAD_MAX ? size : HEAD_MAX;
        memcpy(entry->head, content, entry->head_bytes);
        break;
    }
}

static bool is_master(uint32_t id)
{
    return id == ID_EBML || id == ID_SEGMENT || id == ID_TRACKS || id == ID_TRACK_ENTRY ||
           id == ID_AUDIO || id == ID_CLUSTER || id == ID_BLOCK_GROUP;
}

static bool is_leaf(uint32_t id)
{
    return id == ID_TRACK_NUMBER || id == ID_CHANNELS || id == ID_CODEC || id == ID_CODEC_PRIVATE;
}

static void skip(struct webm *webm, const struct element *element)
{
    bytes_take(&webm->bytes, element->head_bytes);
    const size_t now =
        element->size < webm->bytes.count ? (size_t)element->size : webm->bytes.count;
    bytes_take(&webm->bytes, now);
    webm->skip = element->size - now;
}

/* 1: a packet of our track. 0: not whole yet. 2: nothing for us, taken. */
static int read_block(struct webm *webm, const struct element *element,
                      struct demux_packet *ret_packet, struct recording_note *note)
{
    const uint8_t *at = bytes_front(&webm->bytes) + element->head_bytes;
    const size_t have = webm->bytes.count - element->head_bytes;
    uint64_t track;

    if (element->size < 4)
        return fail(note, RECORDING_UNKNOWN, "the WebM data is damaged: a block of no size");
    const int track_bytes = number(at, have, 8, false, &track);
    if (track_bytes < 0)
        return fail(note, RECORDING_UNKNOWN, "the WebM data is damaged: a block of no track");
    const size_t front = (size_t)track_bytes + 3; /* track, time, flags */
    if (!track_bytes || have < front)
        return 0;
    if (!webm->in_clusters || track != webm->chosen.number) {
        skip(webm, element);
        return 2;
    }
    if (element->size > DEMUX_PACKET_MAX || element->size < front)
        return fail(note, RECORDING_UNKNOWN,
                    "the WebM data is damaged: an Opus block of impossible size");
    if (at[front - 1] & LACING)
        return fail(note, RECORDING_UNKNOWN,
                    "the WebM data puts several packets into one block (lacing), which is not "
                    "supported for Opus");
    if (have < element->size)
        return 0;
    webm->given = element->head_bytes + (size_t)element->size;
    *ret_packet = (struct demux_packet){at + front, (size_t)element->size - front, .granule = -1};
    return 1;
}

/* 1: a packet or the head. 0: not whole yet. 2: taken, go on. */
static int step(struct webm *webm, struct demux_packet *ret_packet, struct recording_note *note)
{
    struct element element;

    const int whole = read_element(webm, &element, note);
    if (whole <= 0)
        return whole;
    if (!webm->begun && element.id != ID_EBML)
        return fail(note, RECORDING_UNKNOWN, "the data does not begin as WebM does");
    webm->begun = true;
    if (element.id == ID_CLUSTER && !webm->in_clusters)
        return choose(webm, ret_packet, note); /* comes here again for the cluster itself */
    if (is_master(element.id)) {
        if (element.id == ID_TRACK_ENTRY)
            end_entry(webm);
        bytes_take(&webm->bytes, element.head_bytes);
        return 2;
    }
    if (element.size == UNKNOWN_SIZE)
        return fail(note, RECORDING_UNKNOWN, "the WebM data is damaged: an element without a size");
    if (element.id == ID_BLOCK || element.id == ID_SIMPLE_BLOCK)
        return read_block(webm, &element, ret_packet, note);
    if (element.id == ID_ENCODINGS)
        webm->entry.is_encoded = true;
    if (!is_leaf(element.id) || element.size > LEAF_MAX) {
        skip(webm, &element);
        return 2;
    }
    if (webm->bytes.count - element.head_bytes < element.size)
        return 0;
    read_leaf(webm, element.id, bytes_front(&webm->bytes) + element.head_bytes,
              (size_t)element.size);
    bytes_take(&webm->bytes, element.head_bytes + (size_t)element.size);
    return 2;
}

int webm_next(struct webm *webm, struct demux_packet *ret_packet, struct recording_note *note)
{
    int result = 2;

    bytes_take(&webm->bytes, webm->given);
    webm->given = 0;
    while (result == 2 && !webm->skip)
        result = step(webm, ret_packet, note);
    return result == 2 ? 0 : result;
}

bool webm_is_between(const struct webm *webm)
{
    return webm->bytes.count == webm->given && !webm->skip;
}
