/* <mach/mach_init.h>: ports of this task */
#ifndef _MACH_MACH_INIT_H_
#define _MACH_MACH_INIT_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/vm_page_size.h>

__BEGIN_DECLS

extern mach_port_t mach_task_self_;
#define mach_task_self() mach_task_self_
#define current_task() mach_task_self()
host_t mach_host_self(void);
thread_t mach_thread_self(void);
kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name);
kern_return_t task_for_pid(mach_port_name_t target, int pid, mach_port_name_t *task);

__END_DECLS

#endif
