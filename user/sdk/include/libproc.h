/* <libproc.h>: facts about processes */
#ifndef _LIBPROC_H_
#define _LIBPROC_H_

#include <sys/cdefs.h>
#include <sys/types.h>
#include <sys/param.h>

__BEGIN_DECLS

#define PROC_ALL_PIDS 1
#define PROC_PIDTBSDINFO 3
#define PROC_PIDTASKINFO 4
#define PROC_PIDREGIONINFO 7
#define PROC_PIDREGIONPATHINFO 8
#define PROC_PIDPATHINFO 11
#define PROC_PIDPATHINFO_MAXSIZE (4 * MAXPATHLEN)

struct proc_bsdinfo {
	uint32_t pbi_flags;
	uint32_t pbi_status;
	uint32_t pbi_xstatus;
	uint32_t pbi_pid;
	uint32_t pbi_ppid;
	uid_t pbi_uid;
	gid_t pbi_gid;
	uid_t pbi_ruid;
	gid_t pbi_rgid;
	uid_t pbi_svuid;
	gid_t pbi_svgid;
	uint32_t rfu_1;
	char pbi_comm[MAXCOMLEN];
	char pbi_name[2 * MAXCOMLEN];
	uint32_t pbi_nfiles;
	uint32_t pbi_pgid;
	uint32_t pbi_pjobc;
	uint32_t e_tdev;
	uint32_t e_tpgid;
	int32_t pbi_nice;
	uint64_t pbi_start_tvsec;
	uint64_t pbi_start_tvusec;
};

struct proc_taskinfo {
	uint64_t pti_virtual_size;
	uint64_t pti_resident_size;
	uint64_t pti_total_user;
	uint64_t pti_total_system;
	uint64_t pti_threads_user;
	uint64_t pti_threads_system;
	int32_t pti_policy;
	int32_t pti_faults;
	int32_t pti_pageins;
	int32_t pti_cow_faults;
	int32_t pti_messages_sent;
	int32_t pti_messages_received;
	int32_t pti_syscalls_mach;
	int32_t pti_syscalls_unix;
	int32_t pti_csw;
	int32_t pti_threadnum;
	int32_t pti_numrunning;
	int32_t pti_priority;
};

struct proc_regioninfo {
	uint32_t pri_protection;
	uint32_t pri_max_protection;
	uint32_t pri_inheritance;
	uint32_t pri_flags;
	uint64_t pri_offset;
	uint32_t pri_behavior;
	uint32_t pri_user_wired_count;
	uint32_t pri_user_tag;
	uint32_t pri_pages_resident;
	uint32_t pri_pages_shared_now_private;
	uint32_t pri_pages_swapped_out;
	uint32_t pri_pages_dirtied;
	uint32_t pri_ref_count;
	uint32_t pri_shadow_depth;
	uint32_t pri_share_mode;
	uint32_t pri_private_pages_resident;
	uint32_t pri_shared_pages_resident;
	uint32_t pri_obj_id;
	uint32_t pri_depth;
	uint64_t pri_address;
	uint64_t pri_size;
};

int proc_listpids(uint32_t type, uint32_t argument, void *buffer, int size);
int proc_listallpids(void *buffer, int size);
int proc_pidinfo(int pid, int flavor, uint64_t argument, void *buffer, int size);
int proc_pidpath(int pid, void *buffer, uint32_t size);
int proc_name(int pid, void *buffer, uint32_t size);
int proc_regionfilename(int pid, uint64_t address, void *buffer, uint32_t size);

__END_DECLS

#endif
