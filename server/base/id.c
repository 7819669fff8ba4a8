/* id.c - see id.h. */
#include "id.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "hex.h"

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
    char digits[2 * sizeof b + 1];
    hex_write(digits, b, sizeof b);
    id_of_hash(ret_text, digits);
}

void id_of_hash(char ret_text[ID_BYTES], const char *hash)
{
    snprintf(ret_text, ID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hash, hash + 8, hash + 12, hash + 16,
             hash + 20);
}
