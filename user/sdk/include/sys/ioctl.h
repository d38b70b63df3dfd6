/* <sys/ioctl.h>: control of devices */
#ifndef _SYS_IOCTL_H_
#define _SYS_IOCTL_H_

#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

#define TIOCGETA 0x40487413ul
#define TIOCSETA 0x80487414ul
#define TIOCSETAW 0x80487415ul
#define TIOCSETAF 0x80487416ul
#define TIOCGWINSZ 0x40087468ul
#define TIOCSWINSZ 0x80087467ul
#define TIOCGPGRP 0x40047477ul
#define TIOCSPGRP 0x80047476ul
#define TIOCDRAIN 0x2000745eul
#define FIONREAD 0x4004667ful

struct winsize {
	unsigned short ws_row;
	unsigned short ws_col;
	unsigned short ws_xpixel;
	unsigned short ws_ypixel;
};

int ioctl(int fd, unsigned long request, ...);

__END_DECLS

#endif
