// SPDX-License-Identifier: Apache-2.0
// lwIP's system layer on POSIX threads: the types. net/lwip/linux/sys_arch.c has the calls.
#ifndef BAYPLATE_NET_LWIP_LINUX_ARCH_SYS_ARCH_H
#define BAYPLATE_NET_LWIP_LINUX_ARCH_SYS_ARCH_H

#include <pthread.h>

struct sys_sem;
struct sys_mbox;
typedef struct sys_sem *sys_sem_t;
typedef pthread_mutex_t *sys_mutex_t;
typedef struct sys_mbox *sys_mbox_t;
typedef pthread_t sys_thread_t;
typedef int sys_prot_t;

#define sys_sem_valid(s) (*(s) != NULL)
#define sys_sem_set_invalid(s) (*(s) = NULL)
#define sys_mutex_valid(m) (*(m) != NULL)
#define sys_mutex_set_invalid(m) (*(m) = NULL)
#define sys_mbox_valid(m) (*(m) != NULL)
#define sys_mbox_set_invalid(m) (*(m) = NULL)

// lwIP's core lock, with an owner that sys_check_core_locking() can ask for.
void sys_core_lock(void);
void sys_core_unlock(void);
#define LOCK_TCPIP_CORE() sys_core_lock()
#define UNLOCK_TCPIP_CORE() sys_core_unlock()

#endif
