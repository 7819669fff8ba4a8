/* oggopus.h - Opus packets out of Ogg as it arrives (RFC 7845), by libogg. */
#ifndef OGGOPUS_H
#define OGGOPUS_H

#include "demux.h"

struct oggopus;

struct oggopus *oggopus_open(void); /* NULL without memory */
void oggopus_close(struct oggopus *ogg);
/* 0, or -1 without memory. */
int oggopus_feed(struct oggopus *ogg, const uint8_t *bytes, size_t count);
/* See demux_next. A head comes first; another one where a chained stream begins. */
int oggopus_next(struct oggopus *ogg, struct demux_packet *ret_packet, struct recording_note *note);
/* Was the packet that was given last marked as the last? */
bool oggopus_is_ended(const struct oggopus *ogg);

#endif
