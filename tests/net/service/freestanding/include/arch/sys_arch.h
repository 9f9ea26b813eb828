// SPDX-License-Identifier: Apache-2.0
// lwIP's system types as FreeRTOS has them: handles of its queues, semaphores and tasks. Only what
// the compiler needs; a board's sys_arch.c fills in the calls (lwIP's contrib has one for
// FreeRTOS).
#ifndef BAYPLATE_TESTS_FREESTANDING_ARCH_SYS_ARCH_H
#define BAYPLATE_TESTS_FREESTANDING_ARCH_SYS_ARCH_H

#include <stdint.h>

typedef struct QueueDefinition *QueueHandle_t;
typedef QueueHandle_t SemaphoreHandle_t;
typedef struct tskTaskControlBlock *TaskHandle_t;

struct board_queue {
  QueueHandle_t handle;
};
struct board_semaphore {
  SemaphoreHandle_t handle;
};

typedef struct board_queue sys_mbox_t;
typedef struct board_semaphore sys_sem_t;
typedef struct board_semaphore sys_mutex_t;
typedef TaskHandle_t sys_thread_t;
typedef uint32_t sys_prot_t;

#define sys_mbox_valid(m) ((m)->handle != 0)
#define sys_mbox_set_invalid(m) ((m)->handle = 0)
#define sys_sem_valid(s) ((s)->handle != 0)
#define sys_sem_set_invalid(s) ((s)->handle = 0)
#define sys_mutex_valid(m) ((m)->handle != 0)
#define sys_mutex_set_invalid(m) ((m)->handle = 0)

#endif
