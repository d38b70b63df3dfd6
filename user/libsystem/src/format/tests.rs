use super::{Arguments, Fixed, format};

/// Values in the order the directives take them.
struct Values(std::collections::VecDeque<u64>);

// SAFETY: the tests pass what their templates ask for.
unsafe impl Arguments for Values {
    fn integer(&mut self) -> u64 {
        self.0.pop_front().expect("an argument")
    }
    fn double(&mut self) -> f64 {
        f64::from_bits(self.integer())
    }
    fn long_double(&mut self) -> f64 {
        self.double()
    }
}

fn text(template: &str, values: &[u64]) -> String {
    let mut out = Fixed::<2000>::new();
    let mut args = Values(values.iter().copied().collect());
    // SAFETY: each test passes matching values; strings are NUL-terminated literals.
    let count = unsafe { format(&mut out, template.as_bytes(), &mut args) };
    assert_eq!(count, out.bytes().len());
    assert!(args.0.is_empty(), "arguments left over");
    String::from_utf8(out.bytes().to_vec()).expect("UTF-8")
}

fn float(template: &str, value: f64) -> String {
    text(template, &[value.to_bits()])
}

#[test]
fn integers_take_flags_width_and_precision() {
    assert_eq!(text("[%d]", &[-5i64 as u64]), "[-5]");
    assert_eq!(
        text("[%5d|%-5d|%05d]", &[42, 42, 42]),
        "[   42|42   |00042]"
    );
    assert_eq!(text("[%+d|% d]", &[7, 7]), "[+7| 7]");
    assert_eq!(text("[%.3d|%5.3d|%05.3d]", &[7, 7, 7]), "[007|  007|  007]");
    assert_eq!(text("[%.0d]", &[0]), "[]");
    assert_eq!(
        text("[%x|%X|%#x|%#o|%o]", &[255, 255, 255, 8, 8]),
        "[ff|FF|0xff|010|10]"
    );
    assert_eq!(text("[%#x]", &[0]), "[0]");
    assert_eq!(
        text("[%08x|%#010x]", &[0xbeef, 0xbeef]),
        "[0000beef|0x0000beef]"
    );
    assert_eq!(
        text("[%-*d|%*d]", &[6, 1, -6i64 as u64, 2]),
        "[1     |2     ]"
    );
}

#[test]
fn lengths_cut_the_argument() {
    let all = u64::MAX;
    assert_eq!(
        text("%hhd %hd %d %ld %lld", &[all, all, all, all, all]),
        "-1 -1 -1 -1 -1"
    );
    assert_eq!(
        text("%hhu %hu %u", &[all, all, all]),
        "255 65535 4294967295"
    );
    assert_eq!(
        text("%llu %zu %ju %tu", &[all, 1, 2, 3]),
        "18446744073709551615 1 2 3"
    );
    assert_eq!(text("%lld", &[i64::MIN as u64]), "-9223372036854775808");
    assert_eq!(text("%p %p", &[0, 0x1000_0abc]), "0x0 0x10000abc");
}

#[test]
fn strings_are_cut_and_padded() {
    let s = c"hello".as_ptr() as u64;
    assert_eq!(
        text("[%s|%8s|%-8s|%.2s|%8.2s]", &[s, s, s, s, s]),
        "[hello|   hello|hello   |he|      he]"
    );
    assert_eq!(text("[%s|%.3s]", &[0, 0]), "[(null)|(nu]");
    assert_eq!(text("[%.*s]", &[3, s]), "[hel]");
    assert_eq!(text("[%c%3c%-3c]", &[65, 66, 67]), "[A  BC  ]");
    assert_eq!(text("100%%", &[]), "100%");
    assert_eq!(text("%", &[]), "");
    assert_eq!(text("%y", &[]), "%y");
}

#[test]
fn fixed_point_is_exact() {
    assert_eq!(float("%f", 0.1), "0.100000");
    assert_eq!(float("%.20f", 0.1), "0.10000000000000000555");
    assert_eq!(float("%.0f", 0.5), "0");
    assert_eq!(float("%.0f", 1.5), "2");
    assert_eq!(float("%.2f", 2048.0), "2048.00");
    assert_eq!(float("%8.3f", -1.5), "  -1.500");
    assert_eq!(float("%08.3f", -1.5), "-001.500");
    assert_eq!(float("%+.1f", 9.96), "+10.0");
    assert_eq!(float("%#.0f", 3.0), "3.");
    assert_eq!(float("%.1f", 1e22), "10000000000000000000000.0");
    assert_eq!(float("%f", f64::INFINITY), "inf");
    assert_eq!(float("%F", f64::NEG_INFINITY), "-INF");
    assert_eq!(float("%5f", f64::NAN), "  nan");
}

#[test]
fn exponents_have_two_digits() {
    assert_eq!(float("%e", 12345.678), "1.234568e+04");
    assert_eq!(float("%.0e", 12345.678), "1e+04");
    assert_eq!(float("%E", 1e-300), "1.000000E-300");
    assert_eq!(float("%e", 0.0), "0.000000e+00");
}

#[test]
fn general_form_chooses_and_strips() {
    assert_eq!(float("%g", 100000.0), "100000");
    assert_eq!(float("%g", 1000000.0), "1e+06");
    assert_eq!(float("%g", 0.0001), "0.0001");
    assert_eq!(float("%g", 0.00001), "1e-05");
    assert_eq!(float("%g", 0.5), "0.5");
    assert_eq!(float("%#g", 0.5), "0.500000");
    assert_eq!(float("%.3g", 1234.0), "1.23e+03");
    assert_eq!(float("%g", 0.0), "0");
    assert_eq!(float("%.10g", 0.1), "0.1");
    assert_eq!(float("%g", 999999.5), "1e+06");
}

#[test]
fn hexadecimal_floats_round_to_even() {
    assert_eq!(float("%a", 1.0), "0x1p+0");
    assert_eq!(float("%a", 0.1), "0x1.999999999999ap-4");
    assert_eq!(float("%.1a", 1.03125), "0x1.0p+0");
    assert_eq!(float("%.1a", 1.09375), "0x1.2p+0");
    assert_eq!(float("%A", 255.5), "0X1.FFP+7");
    assert_eq!(float("%a", 0.0), "0x0p+0");
}
