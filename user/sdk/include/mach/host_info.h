/* <mach/host_info.h>: figures of the host */
#ifndef _MACH_HOST_INFO_H_
#define _MACH_HOST_INFO_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/vm_statistics.h>

__BEGIN_DECLS

typedef integer_t *host_info_t;
typedef integer_t *host_info64_t;
typedef integer_t host_flavor_t;
#define HOST_VM_INFO64 4
#define HOST_VM_INFO64_COUNT ((mach_msg_type_number_t)(sizeof(vm_statistics64_data_t) / sizeof(integer_t)))

kern_return_t host_info(host_t host, host_flavor_t flavor, host_info_t info, mach_msg_type_number_t *count);
kern_return_t host_page_size(host_t host, vm_size_t *size);
kern_return_t host_statistics64(host_t host, host_flavor_t flavor, host_info64_t info, mach_msg_type_number_t *count);

__END_DECLS

#endif
