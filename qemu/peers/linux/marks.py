# marks.py LOG RESULT -- what was executed between the marks that insncount.c logged, as the lines
# `bench NAME VALUE UNIT` of the figures that RESULT announces as `info marks NAME COUNT UNIT`.
import sys

counts = [int(line.split()[2]) for line in open(sys.argv[1]) if line.startswith("mark ")]
names = [line.split()[2:] for line in open(sys.argv[2], errors="replace") if line.startswith("info marks ")]
if len(counts) != 2 * len(names):
    sys.exit("%s: %d marks for %d figures" % (sys.argv[1], len(counts), len(names)))
for k, (name, n, unit) in enumerate(names):
    print("bench %s %.3f %s" % (name, (counts[2 * k + 1] - counts[2 * k]) / float(n), unit))
