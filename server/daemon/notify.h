/* notify.h - tells a service manager how it goes: systemd's protocol, without its library. */
#ifndef NOTIFY_H
#define NOTIFY_H

/* One datagram ("READY=1", "STOPPING=1") to the socket that NOTIFY_SOCKET names; nothing where
 * there is none. 0, or -1 with errno. */
int notify_send(const char *state);

#endif
