/* wire.h - what the daemon and foldscribe-decode say to each other; both run on one machine, so
 * numbers are as it has them.
 *
 * The daemon starts one foldscribe-decode, whose standard input is a SOCK_SEQPACKET socket. Each
 * message on it is a struct wire_order with two descriptors: the decoder's input (a file that can
 * be sought, or a stream socket on which the bytes arrive) and its output (a stream socket). For
 * each it forks a decoder and answers with the order's number and a pidfd. A decoder writes parts,
 * each a struct wire_head and what it announces, and ends with WIRE_END or WIRE_ERROR. */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>

#define WIRE_MAGIC        0x46534443u
#define WIRE_RATE_HZ      16000 /* of all sound */
#define WIRE_FRAMES_MAX   8192  /* in a part */
#define WIRE_CHANNELS_MAX 32
#define WIRE_TEXT_MAX     200
#define WIRE_NAME_BYTES   32

enum wire_part {
    WIRE_FORMAT = 1, /* struct wire_format, once, before the first sound */
    WIRE_SOUND,      /* count frames of float [count, channels] */
    WIRE_HUNGRY, /* uint64_t: of a stream all bytes up to here are dealt with, and their sound was
                    written */
    WIRE_NOTE,   /* text [count]: heard all the same, but the client should know */
    WIRE_END,    /* nothing follows */
    WIRE_ERROR,  /* text [count]; what is an enum wire_failure; nothing follows */
};

enum wire_failure { WIRE_NOT_AUDIO = 1, WIRE_NO_SOUND, WIRE_BROKEN };

struct wire_head {
    uint32_t magic;
    uint8_t part; /* enum wire_part */
    uint8_t what; /* WIRE_SOUND: channels; WIRE_ERROR: enum wire_failure */
    uint16_t zero;
    uint32_t count;
};

struct wire_format {
    uint64_t expected_samples; /* at 16 kHz, by the header's word; 0: it does not say */
    uint32_t channels;
    uint32_t zero;
    char name[WIRE_NAME_BYTES]; /* "mov", "matroska", ...; ends with a 0 */
};

struct wire_order {
    uint64_t number;
    uint32_t is_stream; /* the input is a socket */
    uint32_t zero;
};

#endif
