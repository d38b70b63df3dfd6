/* gencheck.c -- prints the reference checksums of gen.h (any host). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../bench/gen.h"

int main(int argc, char **argv)
{
	static const char *name[] = { "zero", "text", "random", "mix" };
	static uint8_t buf[GEN_UNIT];

	gen_init();
	if (argc == 4 && !strcmp(argv[1], "dump")) {    /* dump KIND UNITS > file */
		for (long u = 0; u < atol(argv[3]); u++) {
			gen_fill(buf, (enum gen_kind)atoi(argv[2]), (uint64_t)u);
			fwrite(buf, 1, GEN_UNIT, stdout);
		}
		return 0;
	}
	printf("vocab fnv %016llx first words: %.*s %.*s %.*s\n",
	       (unsigned long long)gen_fnv(&gen_word[0][0], sizeof gen_word),
	       gen_wlen[0], gen_word[0], gen_wlen[1], gen_word[1],
	       gen_wlen[2], gen_word[2]);
	for (int k = 0; k < 4; k++)
		for (unsigned u = 0; u < 3; u++) {
			gen_fill(buf, (enum gen_kind)k, u);
			printf("%-6s unit %u fnv %016llx\n", name[k], u,
			       (unsigned long long)gen_fnv(buf, GEN_UNIT));
		}
	gen_fill(buf, GEN_TEXT, 0);
	printf("text unit 0 begins: %.72s\n", (char *)buf);
	return 0;
}
