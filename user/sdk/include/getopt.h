/* <getopt.h>: options of a command line */
#ifndef _GETOPT_H_
#define _GETOPT_H_

#include <sys/cdefs.h>
#include <unistd.h>

__BEGIN_DECLS

__END_DECLS

#endif
