/* keyfile.h - the text of a keys file: tiers, and hashed keys that belong to them. Pure.
 *
 *     {"tiers": [{"name": "free",    "priority": 0, "depth_ceiling": 2, "streams": 2,
 *                 "requests_per_minute": 20},
 *                {"name": "premium", "priority": 2, "depth_floor": 2, "latency_ms": 800}],
 *      "keys":  [{"sha256": "64 hex digits of the key's SHA-256", "tier": "free", "name": "ann"}]}
 *
 * What a tier leaves out is as in tier_default, but for its priority: 0. */
#ifndef KEYFILE_H
#define KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "tier.h"

#define KEYFILE_TIERS 16
#define KEYFILE_KEYS  100000
#define KEYFILE_BYTES (32u << 20)

struct keyfile_key {
    uint8_t sha256[32];
    uint32_t tier; /* index */
    char name[TIER_NAME_BYTES];
};

struct keyfile {
    struct tier tiers[KEYFILE_TIERS];
    size_t tiers_count;
    struct keyfile_key *keys; /* [keys_count], ascending by sha256 */
    size_t keys_count;
};

struct keyfile_note {
    char text[240]; /* one line: what is wrong and what is allowed */
};

/* unfolds: R, which depths must be within. 0, or -1 with a note. Released with keyfile_finish. */
int keyfile_parse(struct keyfile *ret_file, const char *text, size_t length, uint32_t unfolds,
                  struct keyfile_note *note);
void keyfile_finish(struct keyfile *file);

/* The key of that hash, or NULL. */
const struct keyfile_key *keyfile_find(const struct keyfile *file, const uint8_t sha256[32]);

#endif
