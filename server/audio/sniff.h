/* sniff.h - what do these first bytes want to be? Looks only, decodes nothing. */
#ifndef SNIFF_H
#define SNIFF_H

#include <stddef.h>
#include <stdint.h>

enum sniff {
    SNIFF_UNKNOWN,
    SNIFF_WAV,
    SNIFF_FLAC,
    SNIFF_MP3,
    SNIFF_OGG_VORBIS,
    SNIFF_OGG_OPUS,
    SNIFF_WEBM, /* or Matroska */
};

#define SNIFF_BYTES 64 /* more of the head changes nothing */

/* The containers that are decoded here, for messages. */
#define SNIFF_ACCEPTED "wav, flac, mp3, ogg (Opus or Vorbis), webm (Opus)"

/* bytes [count]: the head of a file, all of it if it is shorter than SNIFF_BYTES. */
enum sniff sniff(const uint8_t *bytes, size_t count);

/* "wav", "flac", ...; "unknown" for SNIFF_UNKNOWN. Static. */
const char *sniff_name(enum sniff kind);

/* For a head that sniff() does not know: says what it is, if it is something well known ("a WebM
 * or Matroska file", "a PDF document"), and shows its first bytes. Always terminates text. */
void sniff_describe(const uint8_t *bytes, size_t count, char *text, size_t text_bytes);

#endif
