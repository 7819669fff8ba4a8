/* agent.h - HAProxy's agent-check: a port that tells each caller how much room there is, in a line.
 */
#ifndef AGENT_H
#define AGENT_H

#include <stdbool.h>

struct agent;

struct agent_options {
    const char *listen; /* ADDRESS:PORT, as listener.h has it */
    /* Both on the agent's thread, at any time until agent_close. */
    double (*headroom)(void *user); /* share of this machine that is free, 0 to 1 */
    bool (*ready)(void *user);      /* false: nothing new is to come here */
    void *user;
};

/* Listens, on a thread of its own. 0, or -1 with a line in ret_problem [room]. */
int agent_open(struct agent **ret_agent, const struct agent_options *options, char *ret_problem,
               unsigned room);
/* NULL is fine. */
void agent_close(struct agent *agent);

#endif
