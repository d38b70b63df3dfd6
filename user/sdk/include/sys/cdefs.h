/* <sys/cdefs.h>: what every header begins with. */
#ifndef _SYS_CDEFS_H_
#define _SYS_CDEFS_H_

#ifdef __cplusplus
#define __BEGIN_DECLS extern "C" {
#define __END_DECLS }
#else
#define __BEGIN_DECLS
#define __END_DECLS
#endif

#define __dead2 __attribute__((__noreturn__))
#define __pure2 __attribute__((__const__))
#define __unused __attribute__((__unused__))
#define __used __attribute__((__used__))
#define __printflike(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define __scanflike(fmt, args) __attribute__((__format__(__scanf__, fmt, args)))

#endif
