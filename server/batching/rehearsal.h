/* rehearsal.h - a worker's first work: touches all memory that segments need, before any client
 * comes. */
#ifndef REHEARSAL_H
#define REHEARSAL_H

struct worker;

/* Recognises noise as long as there is room for, in every slot, on the worker's own thread and
 * before its first step: so the memory that segments need is not only promised by the system but
 * there, and a machine without it says so at start and not in the middle of somebody's sentence. 0
 * or a negative fold_err. */
int rehearsal_play(struct worker *worker);

#endif
