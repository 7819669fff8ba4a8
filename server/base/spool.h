/* spool.h - uploads while they are worked on: files without a name, gone with their last
 * descriptor. */
#ifndef SPOOL_H
#define SPOOL_H

#include <stddef.h>

/* A descriptor, or -1 with errno. */
int spool_try(const char *folder);
/* The same, and what hinders is logged. */
int spool_open(const char *folder);
/* 0, or -1 (logged): the folder is full. */
int spool_write(int fd, const char *bytes, size_t count);
/* The same file from its start, with a position of its own; or -1. */
int spool_again(int fd);

#endif
