/* Any bytes as a seed file: parsed or refused, with a note. */
#include <stdlib.h>
#include <string.h>

#include "pace.h"
#include "seedfile.h"

const struct pace pace_limit = {0.1, 1e-5};

void pace_input(const uint8_t *bytes, size_t count)
{
    struct fold_note note = {{0}};
    struct seedfile file;
    void *aligned = aligned_alloc(64, (count + 64) / 64 * 64);
    if (!aligned)
        return;
    memcpy(aligned, bytes, count);
    if (seedfile_parse(&file, aligned, count, &note) == FOLD_OK) {
        if (file.tensors_count && !seedfile_find(&file, file.tensors[0].name))
            abort();
        seedfile_close(&file);
    } else if (!note.text[0]) {
        abort();
    }
    free(aligned);
}
