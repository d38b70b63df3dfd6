/* <termios.h>: the terminal */
#ifndef _TERMIOS_H_
#define _TERMIOS_H_

#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

#define NCCS 20
struct termios {
	unsigned long c_iflag;
	unsigned long c_oflag;
	unsigned long c_cflag;
	unsigned long c_lflag;
	unsigned char c_cc[NCCS];
	unsigned long c_ispeed;
	unsigned long c_ospeed;
};

#define ICRNL 0x100
#define IXON 0x200
#define OPOST 0x1
#define ONLCR 0x2
#define ECHOE 0x2
#define ECHOK 0x4
#define ECHO 0x8
#define ISIG 0x80
#define ICANON 0x100
#define IEXTEN 0x400
#define VEOF 0
#define VEOL 1
#define VERASE 3
#define VKILL 5
#define VINTR 8
#define VQUIT 9
#define VSUSP 10
#define VMIN 16
#define VTIME 17
#define TCSANOW 0
#define TCSADRAIN 1
#define TCSAFLUSH 2

int tcgetattr(int fd, struct termios *to);
int tcsetattr(int fd, int action, const struct termios *from);
int tcdrain(int fd);
void cfmakeraw(struct termios *settings);

__END_DECLS

#endif
