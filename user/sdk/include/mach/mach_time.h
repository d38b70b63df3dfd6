/* <mach/mach_time.h>: the machine's clock */
#ifndef _MACH_MACH_TIME_H_
#define _MACH_MACH_TIME_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>

__BEGIN_DECLS

struct mach_timebase_info {
	uint32_t numer;
	uint32_t denom;
};
typedef struct mach_timebase_info *mach_timebase_info_t;
typedef struct mach_timebase_info mach_timebase_info_data_t;

uint64_t mach_absolute_time(void);
kern_return_t mach_timebase_info(mach_timebase_info_t info);
kern_return_t mach_wait_until(uint64_t deadline);

__END_DECLS

#endif
