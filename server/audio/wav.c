#include "wav.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Streaming writers put 0, 0xffffffff or something near 2^31 or 2^32 where the size belongs. */
#define WAV_OPEN_BYTES 0x7fff0000u

struct wav_length wav_length(int fd, int64_t file_bytes)
{
    const struct wav_length no_data = {.kind = WAV_NO_DATA};
    uint8_t head[12];

    if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
        return no_data;
    const bool big = memcmp(head, "RIFX", 4) == 0;

    for (int64_t at = 12; at + 8 <= file_bytes;) {
        if (pread(fd, head, 8, at) != 8)
            return no_data;
        const uint8_t *s = head + 4;
        const uint32_t size =
            big ? (uint32_t)s[0] << 24 | (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 | s[3]
                : (uint32_t)s[3] << 24 | (uint32_t)s[2] << 16 | (uint32_t)s[1] << 8 | s[0];
        if (memcmp(head, "data", 4) == 0) {
            if ((size == 0 && at + 8 < file_bytes) || size >= WAV_OPEN_BYTES)
                return (struct wav_length){.kind = WAV_OPEN, .size_at = at + 4};
            const int64_t missing = at + 8 + (int64_t)size - file_bytes;
            return (struct wav_length){.kind = WAV_DECLARED,
                                       .missing_bytes = missing > 0 ? missing : 0,
                                       .size_at = at + 4};
        }
        at += 8 + (int64_t)size + (size & 1);
    }
    return no_data;
}
