/* id.c - see id.h. */
#include "id.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

void id_make(char ret_text[ID_BYTES])
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) {
        struct timespec now; /* not secret, only distinct */
        clock_gettime(CLOCK_REALTIME, &now);
        memset(b, 0, sizeof b);
        memcpy(b, &now.tv_nsec, sizeof now.tv_nsec);
        memcpy(b + 8, &now.tv_sec, sizeof now.tv_sec);
    }
    b[6] = (unsigned char)((b[6] & 15) | 64);
    b[8] = (unsigned char)((b[8] & 63) | 128);
    snprintf(ret_text, ID_BYTES,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

void id_of_hash(char ret_text[ID_BYTES], const char *hash)
{
    snprintf(ret_text, ID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hash, hash + 8, hash + 12, hash + 16,
             hash + 20);
}
