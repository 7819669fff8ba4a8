/* A keys file. What is taken holds only what a tier may have. */
#include <stdlib.h>
#include <string.h>

#include "keyfile.h"
#include "pace.h"

const struct pace pace_limit = {0.1, 1e-5};

void pace_input(const uint8_t *bytes, size_t count)
{
    struct keyfile file;
    struct keyfile_note note = {""};

    if (keyfile_parse(&file, (const char *)bytes, count, 3, &note) < 0) {
        if (!note.text[0])
            abort();
        return;
    }
    for (size_t i = 0; i < file.tiers_count; i++) {
        const struct tier *t = &file.tiers[i];
        if (t->depth_floor < 1 || t->depth_floor > t->depth_ceiling || t->depth_ceiling > 3 ||
            t->partial_depth < 1 || t->partial_depth > 3 || t->priority >= TIER_PRIORITIES)
            abort();
    }
    for (size_t i = 0; i < file.keys_count; i++)
        if (file.keys[i].tier >= file.tiers_count ||
            keyfile_find(&file, file.keys[i].sha256) != &file.keys[i])
            abort();
    keyfile_finish(&file);
}
