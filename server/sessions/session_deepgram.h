/* session_deepgram.h - what Deepgram's two live dialects share: how a connection is judged and
 * refused, and what its sound is to the engine. */
#ifndef SESSION_DEEPGRAM_H
#define SESSION_DEEPGRAM_H

#include "deepgram.h"
#include "session.h"

/* May the caller come in? 0, or -1 with *err, and session->retry_s where it is known. */
int session_deepgram_admit(struct session *session, const struct head *head, const char *query,
                           struct deepgram_error *err);
/* The answer to an upgrade that is refused; id: of the request. */
void session_deepgram_refuse(struct session_refusal *ret_refusal, const struct deepgram_error *err,
                             const char *id, uint32_t retry_s);
enum live_encoding session_deepgram_encoding(enum deepgram_encoding encoding);

#endif
