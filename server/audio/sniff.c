#include "sniff.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MP3_FRAMES 4 /* one behind the other are no chance */

static bool has(const uint8_t *bytes, size_t count, size_t at, const char *magic, size_t length)
{
    return count >= at + length && memcmp(bytes + at, magic, length) == 0;
}

#define HAS(at, magic) has(bytes, count, at, magic, sizeof(magic) - 1)

/* An MPEG audio frame header: 11 bits of sync, and no field at a forbidden value. Layer 0 is
 * AAC in ADTS, which has the same sync. */
static bool is_mpeg_frame(const uint8_t *bytes, size_t count)
{
    if (count < 4 || bytes[0] != 0xff || (bytes[1] & 0xe0) != 0xe0)
        return false;
    const unsigned version = bytes[1] >> 3 & 3, layer = bytes[1] >> 1 & 3;
    const unsigned bitrate = bytes[2] >> 4, rate = bytes[2] >> 2 & 3;
    return version != 1 && layer != 0 && bitrate != 0 && bitrate != 15 && rate != 3;
}

enum sniff sniff(const uint8_t *bytes, size_t count)
{
    if ((HAS(0, "RIFF") || HAS(0, "RIFX") || HAS(0, "RF64")) && HAS(8, "WAVE"))
        return SNIFF_WAV;
    if (HAS(0, "fLaC"))
        return SNIFF_FLAC;
    if (HAS(0, "OggS") && HAS(28, "OpusHead"))
        return SNIFF_OGG_OPUS;
    if (HAS(0, "OggS") && HAS(28, "\x01vorbis"))
        return SNIFF_OGG_VORBIS;
    if (HAS(0, "\x1a\x45\xdf\xa3"))
        return SNIFF_WEBM;
    if (is_mpeg_frame(bytes, count))
        return SNIFF_MP3;
    return SNIFF_UNKNOWN;
}

const char *sniff_name(enum sniff kind)
{
    switch (kind) {
    case SNIFF_WAV:
        return "wav";
    case SNIFF_FLAC:
        return "flac";
    case SNIFF_MP3:
        return "mp3";
    case SNIFF_OGG_VORBIS:
        return "ogg vorbis";
    case SNIFF_OGG_OPUS:
        return "ogg opus";
    case SNIFF_WEBM:
        return "webm";
    case SNIFF_UNKNOWN:
        break;
    }
    return "unknown";
}

bool sniff_has_magic(const uint8_t *bytes, size_t count)
{
    const enum sniff kind = sniff(bytes, count);

    return (kind != SNIFF_UNKNOWN && kind != SNIFF_MP3) || HAS(0, "OggS") || HAS(4, "ftyp");
}

static const struct {
    const char *magic;
    size_t at, length;
    bool is_sound; /* or may hold some */
    const char *is;
} known[] = {
    {"ftyp", 4, 4, true, "an MP4, M4A or QuickTime file"},
    {"moov", 4, 4, true, "a QuickTime file"},
    {"mdat", 4, 4, true, "a QuickTime file"},
    {"FORM", 0, 4, true, "an AIFF file"},
    {"#!AMR", 0, 5, true, "an AMR file"},
    {".snd", 0, 4, true, "a Sun audio file"},
    {"caff", 0, 4, true, "a Core Audio file"},
    {"riff\x2e\x91", 0, 6, true, "a Wave64 file"},
    {"\x30\x26\xb2\x75", 0, 4, true, "a Windows Media file"},
    {"\x0b\x77", 0, 2, true, "AC-3"},
    {"OggS", 0, 4, true, "an Ogg file"},
    {"RIFF", 0, 4, true, "a RIFF file that is not WAVE"},
    {"\xff\xf1", 0, 2, true, "raw AAC"},
    {"\xff\xf9", 0, 2, true, "raw AAC"},
    {"\xff\xf0", 0, 2, true, "raw AAC"},
    {"\xff\xf8", 0, 2, true, "raw AAC"},
    {"%PDF", 0, 4, false, "a PDF document"},
    {"PK\x03\x04", 0, 4, false, "a ZIP archive"},
    {"\x1f\x8b", 0, 2, false, "a gzip archive"},
    {"\x89PNG", 0, 4, false, "a PNG image"},
    {"\xff\xd8\xff", 0, 3, false, "a JPEG image"},
    {"GIF8", 0, 4, false, "a GIF image"},
    {"<!", 0, 2, false, "a web page"},
    {"<html", 0, 5, false, "a web page"},
    {"{", 0, 1, false, "JSON"},
    {"\x7f"
     "ELF",
     0, 4, false, "a program"},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

/* Of known; KNOWN: none. */
static size_t find(const uint8_t *bytes, size_t count)
{
    size_t i = 0;

    while (i < KNOWN && !has(bytes, count, known[i].at, known[i].magic, known[i].length))
        i++;
    return i;
}

bool sniff_may_be_sound(const uint8_t *bytes, size_t count)
{
    const size_t i = find(bytes, count);

    return i == KNOWN || known[i].is_sound;
}

bool sniff_is_sound(const uint8_t *bytes, size_t count)
{
    const size_t i = find(bytes, count);

    return sniff(bytes, count) != SNIFF_UNKNOWN || (i < KNOWN && known[i].is_sound);
}

/* Bytes of the frame with this head [4]; 0: it says nothing about that. */
static size_t mpeg_frame_bytes(const uint8_t *h)
{
    static const uint16_t kbits[5][15] = {
        {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448}, /* 1, layer I */
        {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},    /* 1, II */
        {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},     /* 1, III */
        {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},    /* 2, I */
        {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},         /* 2, II and III */
    };
    static const uint32_t rates[4][3] = {
        {11025, 12000, 8000}, {0, 0, 0}, {22050, 24000, 16000}, {44100, 48000, 32000}};

    if (!is_mpeg_frame(h, 4))
        return 0;
    const unsigned version = h[1] >> 3 & 3, layer = 4 - (h[1] >> 1 & 3); /* 1, 2, 3 */
    const bool is_first = version == 3;
    const uint32_t rate = rates[version][h[2] >> 2 & 3], padding = h[2] >> 1 & 1;
    const uint32_t kbit = kbits[is_first ? layer - 1 : layer == 1 ? 3 : 4][h[2] >> 4];
    if (layer == 1)
        return (12000 * kbit / rate + padding) * 4;
    return (layer == 3 && !is_first ? 72000 : 144000) * kbit / rate + padding;
}

int sniff_mp3_within(const uint8_t *bytes, size_t count, size_t *ret_at)
{
    if (find(bytes, count) != KNOWN)
        return -1;
    for (size_t at = 0; at + 4 <= count && at < SNIFF_MP3_BYTES; at++) {
        size_t next = at, frames = 0;
        while (frames < MP3_FRAMES && next + 4 <= count) {
            const uint8_t *h = bytes + next;
            const size_t length = mpeg_frame_bytes(h);
            /* Version, layer and rate stay. */
            if (!length || h[1] >> 1 != bytes[at + 1] >> 1 || (h[2] & 12) != (bytes[at + 2] & 12))
                break;
            next += length;
            frames++;
        }
        if (frames == MP3_FRAMES) {
            *ret_at = at;
            return 1;
        }
    }
    return count >= SNIFF_MP3_BYTES ? -1 : 0;
}

void sniff_describe(const uint8_t *bytes, size_t count, char *text, size_t text_bytes)
{
    char hex[8 * 3 + 1] = "", shown[8 + 1] = "";
    const size_t few = count < 8 ? count : 8, i = find(bytes, count);

    for (size_t k = 0; k < few; k++) {
        snprintf(hex + 3 * k, 4, " %02x", bytes[k]);
        shown[k] = bytes[k] >= 32 && bytes[k] < 127 ? (char)bytes[k] : '.';
    }
    snprintf(text, text_bytes, "%s%sstarts with%s ('%s')", i < KNOWN ? known[i].is : "",
             i < KNOWN ? ": " : "", hex, shown);
}
