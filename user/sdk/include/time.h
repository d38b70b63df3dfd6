/* <time.h>: clocks and the calendar */
#ifndef _TIME_H_
#define _TIME_H_

#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

struct timespec {
	time_t tv_sec;
	long tv_nsec;
};

struct tm {
	int tm_sec;
	int tm_min;
	int tm_hour;
	int tm_mday;
	int tm_mon;
	int tm_year;
	int tm_wday;
	int tm_yday;
	int tm_isdst;
	long tm_gmtoff;
	char *tm_zone;
};

typedef enum {
	CLOCK_REALTIME = 0,
	CLOCK_MONOTONIC_RAW = 4,
	CLOCK_MONOTONIC = 6,
	CLOCK_UPTIME_RAW = 8,
} clockid_t;

time_t time(time_t *to);
int clock_gettime(clockid_t clock, struct timespec *to);
uint64_t clock_gettime_nsec_np(clockid_t clock);
int nanosleep(const struct timespec *wanted, struct timespec *left);
struct tm *gmtime(const time_t *when);
struct tm *gmtime_r(const time_t *when, struct tm *to);
struct tm *localtime(const time_t *when);
struct tm *localtime_r(const time_t *when, struct tm *to);
size_t strftime(char *to, size_t size, const char *format, const struct tm *when);

__END_DECLS

#endif
