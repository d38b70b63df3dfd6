/* <mach/task.h>: calls about a task */
#ifndef _MACH_TASK_H_
#define _MACH_TASK_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/task_info.h>

__BEGIN_DECLS

kern_return_t task_info(task_name_t task, task_flavor_t flavor, task_info_t info, mach_msg_type_number_t *count);
kern_return_t task_wire(vm_map_t task, boolean_t must_wire);

__END_DECLS

#endif
