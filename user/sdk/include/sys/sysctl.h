/* <sys/sysctl.h>: the kernel's named values */
#ifndef _SYS_SYSCTL_H_
#define _SYS_SYSCTL_H_

#include <sys/cdefs.h>
#include <sys/types.h>
#include <sys/time.h>

__BEGIN_DECLS

#define CTL_KERN 1
#define CTL_VM 2
#define CTL_VFS 3
#define CTL_NET 4
#define CTL_DEBUG 5
#define CTL_HW 6
#define CTL_MACHDEP 7
#define CTL_USER 8
#define CTL_MAXNAME 12
#define KERN_OSTYPE 1
#define KERN_OSRELEASE 2
#define KERN_OSREV 3
#define KERN_VERSION 4
#define KERN_MAXPROC 6
#define KERN_ARGMAX 8
#define KERN_HOSTNAME 10
#define KERN_PROC 14
#define KERN_BOOTTIME 21
#define KERN_PROCARGS2 49
#define KERN_OSVERSION 65
#define KERN_PROC_ALL 0
#define KERN_PROC_PID 1
#define VM_LOADAVG 2
#define VM_SWAPUSAGE 5
#define HW_MACHINE 1
#define HW_MODEL 2
#define HW_NCPU 3
#define HW_BYTEORDER 4
#define HW_PAGESIZE 7
#define HW_CACHELINE 16
#define HW_MEMSIZE 24

struct xsw_usage {
	uint64_t xsu_total;
	uint64_t xsu_avail;
	uint64_t xsu_used;
	uint32_t xsu_pagesize;
	int xsu_encrypted;
};

struct loadavg {
	uint32_t ldavg[3];
	long fscale;
};

int sysctl(int *name, unsigned count, void *old, size_t *old_size, void *new_value, size_t new_size);
int sysctlbyname(const char *name, void *old, size_t *old_size, void *new_value, size_t new_size);
int sysctlnametomib(const char *name, int *to, size_t *count);

__END_DECLS

#endif
