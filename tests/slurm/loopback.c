/* Preloaded into SLURM's daemons, so that they listen on 127.0.0.1 instead of every interface. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int bind(int file, const struct sockaddr *address, socklen_t length) {
  int (*next)(int, const struct sockaddr *, socklen_t) = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
  if (address && address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in local = *(const struct sockaddr_in *)address;
    if (local.sin_addr.s_addr == htonl(INADDR_ANY)) local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return next(file, (const struct sockaddr *)&local, sizeof local);
  }
  if (address && address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
    struct sockaddr_in6 local = *(const struct sockaddr_in6 *)address;
    if (!memcmp(&local.sin6_addr, &in6addr_any, sizeof in6addr_any)) local.sin6_addr = in6addr_loopback;
    return next(file, (const struct sockaddr *)&local, sizeof local);
  }
  return next(file, address, length);
}
