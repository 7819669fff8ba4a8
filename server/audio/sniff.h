/* sniff.h - what do these first bytes want to be? Looks only, decodes nothing. */
#ifndef SNIFF_H
#define SNIFF_H

#include <stdbool.h>
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

/* What is decoded in this process, for messages; and with the help of another one. */
#define SNIFF_ACCEPTED "wav, flac, mp3, ogg (Opus), webm (Opus)"
#define SNIFF_ACCEPTED_ALL                                                                         \
    "wav, flac, mp3, ogg, webm, mp4, m4a, mov, aac, aiff, caf, wma, amr and others"

#define SNIFF_MP3_BYTES 16384 /* of a stream that was caught on its way, to find a frame in */

/* bytes [count]: the head of a file, all of it if it is shorter than SNIFF_BYTES. */
enum sniff sniff(const uint8_t *bytes, size_t count);

/* False for what is well known and no sound. */
bool sniff_may_be_sound(const uint8_t *bytes, size_t count);

/* True for what is well known and sound, or may hold some. */
bool sniff_is_sound(const uint8_t *bytes, size_t count);

/* For a head that sniff() does not know: do MPEG audio frames follow each other in it? 1: from
 * *ret_at on. 0: more bytes [up to SNIFF_MP3_BYTES] will tell. -1: no. */
int sniff_mp3_within(const uint8_t *bytes, size_t count, size_t *ret_at);

#define SNIFF_MAGIC_BYTES 12
/* Does it begin as no raw samples would: with four bytes or more of a container's? */
bool sniff_has_magic(const uint8_t *bytes, size_t count);

/* "wav", "flac", ...; "unknown" for SNIFF_UNKNOWN. Static. */
const char *sniff_name(enum sniff kind);

/* For a head that sniff() does not know: says what it is, if it is something well known ("a WebM
 * or Matroska file", "a PDF document"), and shows its first bytes. Always terminates text. */
void sniff_describe(const uint8_t *bytes, size_t count, char *text, size_t text_bytes);

#endif
