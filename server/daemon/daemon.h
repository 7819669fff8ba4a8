/* daemon.h - builds the whole server, runs it until told to stop, takes it down in order. */
#ifndef DAEMON_H
#define DAEMON_H

#include "options.h"

/* Exit code: 0 after a clean end, 1 when it could not start (one line went to standard error). */
int daemon_run(const struct options *options);

#endif
