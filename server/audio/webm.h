/* webm.h - Opus packets out of WebM or Matroska, as browsers' MediaRecorder writes it. */
#ifndef WEBM_H
#define WEBM_H

#include "demux.h"

struct webm;

struct webm *webm_open(void); /* NULL without memory */
void webm_close(struct webm *webm);
/* 0, or -1 without memory. */
int webm_feed(struct webm *webm, const uint8_t *bytes, size_t count);
/* See demux_next. The head comes before the first packet. */
int webm_next(struct webm *webm, struct demux_packet *ret_packet, struct recording_note *note);
/* Nothing begun is unfinished: a file that ends here is whole. */
bool webm_is_between(const struct webm *webm);

#endif
