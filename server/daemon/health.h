/* health.h - asks a daemon that runs how it is, for health checks where there is no other client.
 */
#ifndef HEALTH_H
#define HEALTH_H

/* GET /healthz of who listens at ADDRESS:PORT as --listen takes it; every address means this
 * machine. 0 where it answers with 200 within some seconds, else -1 with one line in ret_problem
 * [room]. */
int health_ask(const char *listen, char *ret_problem, unsigned room);

#endif
