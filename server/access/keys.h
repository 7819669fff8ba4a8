/* keys.h - who may come in, as what, and how often. Any thread.
 *
 * With a keys file every request needs one of its keys. It is read again within a second or two of
 * a change, by a thread of its own, and on keys_reload; a file that has become malformed or has
 * vanished changes nothing but a line in the log. Without one everybody is welcome, in the default
 * tier. */
#ifndef KEYS_H
#define KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tier.h"

struct keys;

/* path "": no keys file. 0, or -1 with a line in ret_problem [room]. */
int keys_open(struct keys **ret_keys, const char *path, uint32_t unfolds, char *ret_problem,
              size_t room);
void keys_close(struct keys *keys); /* NULL is fine */
bool keys_are_required(const struct keys *keys);

/* What somebody may have. */
struct keys_grant {
    struct tier tier;
    uint64_t key;     /* of its hash, never the key; 0: none was needed */
    uint32_t streams; /* how many of the key's live streams it counts as, until keys_release */
};

/* Why not. */
struct keys_refusal {
    int status;       /* 401, 400, 403, 429 */
    uint32_t retry_s; /* with 429: when to come again; 0: not known */
    char message[240];
};

/* key: as the client sent it; "" or NULL: it sent none. tier: that it would rather have, its own or
 * one of lower priority; "" or NULL: its own. */
bool keys_admit(struct keys *keys, const char *key, const char *tier, bool is_stream, double now_ms,
                struct keys_grant *ret_grant, struct keys_refusal *ret_refusal);
/* A stream in the name of a key that was admitted before: by the number in its grant. */
bool keys_admit_owner(struct keys *keys, uint64_t owner, const char *tier, double now_ms,
                      struct keys_grant *ret_grant, struct keys_refusal *ret_refusal);
/* The tier in a grant, exchanged for one that was named later. */
bool keys_exchange(struct keys *keys, struct keys_grant *grant, const char *tier,
                   struct keys_refusal *ret_refusal);
/* Is it one of the file's, or is none needed? Nothing is counted. */
bool keys_know(struct keys *keys, const char *key, struct keys_refusal *ret_refusal);
/* Is the key that was granted this still one of the file's? */
bool keys_hold(struct keys *keys, const struct keys_grant *grant);
/* The stream counts as `count` more: one for each channel that is recognised separately. */
bool keys_add_streams(struct keys *keys, struct keys_grant *grant, uint32_t count,
                      struct keys_refusal *ret_refusal);
/* A stream has ended. Twice is once. */
void keys_release(struct keys *keys, struct keys_grant *grant);

#define KEYS_HASH 65
/* What stands for a key in the file: its SHA-256, in hexadecimal digits. */
void keys_hash(const char *key, char ret_text[KEYS_HASH]);

/* changed: after the file was read again, on the thread that did; it may not call keys_reload or
 * this. NULL: no more, and when this returns no call is in progress. */
void keys_on_change(struct keys *keys, void (*changed)(void *user), void *user);

/* Reads the file again now. Whether it was taken. */
bool keys_reload(struct keys *keys);

#endif
