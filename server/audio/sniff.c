#include "sniff.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
    if (HAS(0, "ID3") || is_mpeg_frame(bytes, count))
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

void sniff_describe(const uint8_t *bytes, size_t count, char *text, size_t text_bytes)
{
    static const struct {
        const char *magic;
        size_t at, length;
        const char *is;
    } known[] = {
        {"ftyp", 4, 4, "an MP4, M4A or QuickTime file"},
        {"FORM", 0, 4, "an AIFF file"},
        {"#!AMR", 0, 5, "an AMR file"},
        {".snd", 0, 4, "a Sun audio file"},
        {"caff", 0, 4, "a Core Audio file"},
        {"\x30\x26\xb2\x75", 0, 4, "a Windows Media file"},
        {"OggS", 0, 4, "an Ogg file without Opus or Vorbis in its first page"},
        {"RIFF", 0, 4, "a RIFF file that is not WAVE"},
        {"%PDF", 0, 4, "a PDF document"},
        {"PK\x03\x04", 0, 4, "a ZIP archive"},
        {"\x89PNG", 0, 4, "a PNG image"},
        {"\xff\xd8\xff", 0, 3, "a JPEG image"},
        {"\xff\xf1", 0, 2, "raw AAC"},
        {"\xff\xf9", 0, 2, "raw AAC"},
    };
    char hex[8 * 3 + 1] = "", shown[8 + 1] = "";
    const size_t few = count < 8 ? count : 8;

    for (size_t i = 0; i < few; i++) {
        snprintf(hex + 3 * i, 4, " %02x", bytes[i]);
        shown[i] = bytes[i] >= 32 && bytes[i] < 127 ? (char)bytes[i] : '.';
    }
    const char *is = NULL;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !is; i++)
        if (has(bytes, count, known[i].at, known[i].magic, known[i].length))
            is = known[i].is;
    snprintf(text, text_bytes, "%s%sstarts with%s ('%s')", is ? is : "", is ? ": " : "", hex,
             shown);
}
