/* <mach/host_info.h>: figures of the host */
#ifndef _MACH_HOST_INFO_H_
#define _MACH_HOST_INFO_H_

#include <sys/cdefs.h>
#include <mach/machine.h>
#include <mach/vm_types.h>
#include <mach/vm_statistics.h>

__BEGIN_DECLS

typedef integer_t *host_info_t;
typedef integer_t *host_info64_t;
typedef integer_t host_flavor_t;

#pragma pack(push, 4)

#define HOST_BASIC_INFO 1
struct host_basic_info {
	integer_t max_cpus;
	integer_t avail_cpus;
	natural_t memory_size;
	cpu_type_t cpu_type;
	cpu_subtype_t cpu_subtype;
	cpu_threadtype_t cpu_threadtype;
	integer_t physical_cpu;
	integer_t physical_cpu_max;
	integer_t logical_cpu;
	integer_t logical_cpu_max;
	uint64_t max_mem;
};
typedef struct host_basic_info host_basic_info_data_t;
typedef struct host_basic_info *host_basic_info_t;
#define HOST_BASIC_INFO_COUNT ((mach_msg_type_number_t)(sizeof(host_basic_info_data_t) / sizeof(integer_t)))

#define HOST_SCHED_INFO 3
struct host_sched_info {
	integer_t min_timeout;
	integer_t min_quantum;
};
typedef struct host_sched_info host_sched_info_data_t;
typedef struct host_sched_info *host_sched_info_t;
#define HOST_SCHED_INFO_COUNT ((mach_msg_type_number_t)(sizeof(host_sched_info_data_t) / sizeof(integer_t)))

#define HOST_RESOURCE_SIZES 4
#define HOST_SEMAPHORE_TRAPS 7
#define HOST_MACH_MSG_TRAP 8
#define HOST_PREFERRED_USER_ARCH 12
struct host_preferred_user_arch {
	cpu_type_t cpu_type;
	cpu_subtype_t cpu_subtype;
};
typedef struct host_preferred_user_arch host_preferred_user_arch_data_t;
typedef struct host_preferred_user_arch *host_preferred_user_arch_t;
#define HOST_PREFERRED_USER_ARCH_COUNT \
	((mach_msg_type_number_t)(sizeof(host_preferred_user_arch_data_t) / sizeof(integer_t)))

#pragma pack(pop)

#define HOST_VM_INFO 2
#define HOST_VM_INFO_COUNT ((mach_msg_type_number_t)(sizeof(vm_statistics_data_t) / sizeof(integer_t)))
#define HOST_VM_INFO64 4
#define HOST_VM_INFO64_COUNT ((mach_msg_type_number_t)(sizeof(vm_statistics64_data_t) / sizeof(integer_t)))

__END_DECLS

#endif
