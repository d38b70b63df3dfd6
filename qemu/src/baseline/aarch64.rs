//! The cortex-a76: Armv8.2-A with half precision, dot products and load-acquire RCpc.
//!
//! Owns: the features of that machine, and which system registers a program may name.
//! Does not own: which instruction needs which feature (the decoder).

use super::Scan;
use disarm64::{InsnOpcode, decoder};
use disarm64_defn::InsnFeatureSet::{self, *};

/// Armv8.0 to 8.2 and the options that each cortex-a76 has. Not here: AES, SHA and PMULL, which a
/// licensee may leave out, and all that came later.
const HAS: &[InsnFeatureSet] = &[
    V8, FP, SIMD, CRC, LSE, LOR, RDMA, FP_F16, SIMD_F16, DOTPROD, RCPC,
];

/// Registers that a program may name by `MRS` and `MSR`, as op0 to op2.
const REGISTERS: &[(u32, &str)] = &[
    (register(3, 3, 0, 0, 1), "CTR_EL0"),
    (register(3, 3, 0, 0, 7), "DCZID_EL0"),
    (register(3, 3, 4, 2, 0), "NZCV"),
    (register(3, 3, 4, 4, 0), "FPCR"),
    (register(3, 3, 4, 4, 1), "FPSR"),
    (register(3, 3, 13, 0, 2), "TPIDR_EL0"),
    (register(3, 3, 13, 0, 3), "TPIDRRO_EL0"),
    (register(3, 3, 14, 0, 0), "CNTFRQ_EL0"),
    (register(3, 3, 14, 0, 2), "CNTVCT_EL0"),
];

/// `SYS` operations that a program may ask for.
const OPERATIONS: &[(u32, &str)] = &[
    (register(1, 3, 7, 4, 1), "DC ZVA"),
    (register(1, 3, 7, 5, 1), "IC IVAU"),
    (register(1, 3, 7, 10, 1), "DC CVAC"),
    (register(1, 3, 7, 11, 1), "DC CVAU"),
    (register(1, 3, 7, 12, 1), "DC CVAP"),
    (register(1, 3, 7, 14, 1), "DC CIVAC"),
];

/// The fields of a system instruction, where they stand in its word.
const fn register(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32) -> u32 {
    op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5
}

/// Decodes word by word.
pub fn scan(code: &[u8], at: u64, into: &mut Scan) {
    let (words, rest) = code.as_chunks::<4>();
    for (word, at) in words.iter().zip((at..).step_by(4)) {
        into.count(at, lacks(u32::from_le_bytes(*word)));
    }
    if !rest.is_empty() {
        into.count(at, Some("code that is not whole words".into()));
    }
}

fn lacks(word: u32) -> Option<String> {
    // A hint that a CPU does not know does nothing: pointer authentication and BTI of that kind may stay.
    if word & 0xffff_f01f == 0xd503_201f {
        return None;
    }
    // Permanently undefined, by intent.
    if word & 0xffff_0000 == 0 {
        return None;
    }
    let Some(instruction) = decoder::decode(word) else {
        return Some(format!("{word:#010x} is no instruction"));
    };
    let definition = instruction.definition();
    if !HAS.contains(&definition.feature_set) {
        return Some(format!(
            "{} needs {:?}",
            definition.mnemonic, definition.feature_set
        ));
    }
    system(word)
}

/// What is wrong with a system instruction: the encoding has room for the registers of all later CPUs.
fn system(word: u32) -> Option<String> {
    if word & 0xffc0_0000 != 0xd500_0000 {
        return None;
    }
    let fields = word & 0x001f_ffe0;
    let listed = |list: &[(u32, &str)]| list.iter().any(|(known, _)| *known == fields);
    let known = match (word >> 19 & 0b11, word >> 12 & 0xf) {
        // Barriers, and `MSR` of an immediate: no bit of the processor's state is a program's.
        (0, crn) => crn == 3,
        (1, _) => listed(OPERATIONS),
        (_, _) => listed(REGISTERS),
    };
    (!known).then(|| format!("{word:#010x} is not a program's system register or operation"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(word: u32) -> usize {
        let mut scan = Scan::default();
        super::scan(&word.to_le_bytes(), 0x1000, &mut scan);
        assert_eq!(scan.instructions, 1);
        scan.foreign.len()
    }

    #[test]
    fn what_came_after_the_cortex_a76_is_found() {
        let later = [
            (0xce02_0c20, "eor3 v0.16b, v1.16b, v2.16b, v3.16b"),
            (0xce22_0c20, "bcax v0.16b, v1.16b, v2.16b, v3.16b"),
            (0xd940_8020, "ldapur x0, [x1, #8]"),
            (0x9900_0020, "stlur w0, [x1]"),
            (0xd65f_0bff, "retaa"),
            (0xdac1_0020, "pacia x0, x1"),
            (0x9ac2_3020, "pacga x0, x1, x2"),
            (0xd73f_0801, "blraa x0, x1"),
            (0xf820_0420, "ldraa x0, [x1]"),
            (0x1e7e_0000, "fjcvtzs w0, d0"),
            (0x6e82_cc20, "fcmla v0.4s, v1.4s, v2.4s, #90"),
            (0xd500_401f, "cfinv"),
            (0xba00_8402, "rmif x0, #1, #2"),
            (0xd503_30ff, "sb"),
            (0x9adf_1020, "irg x0, x1"),
            (0xd960_0020, "ldg x0, [x1]"),
            (0x2518_e3e0, "ptrue p0.b"),
            (0x0420_5020, "addvl x0, x0, #1"),
            (0x6e42_fc20, "bfdot v0.4s, v1.8h, v2.8h"),
            (0x4e82_a420, "smmla v0.4s, v1.16b, v2.16b"),
            (0x4e22_ec20, "fmlal v0.4s, v1.4h, v2.4h"),
            (0x1e28_4020, "frint32z s0, s1"),
            (0x4e28_4820, "aese v0.16b, v1.16b"),
            (0x5e02_4020, "sha256h q0, q1, v2.4s"),
            (0xce62_8020, "sha512h q0, q1, v2.2d"),
            (0xcec0_8420, "sm4e v0.4s, v1.4s"),
            (0x1901_0440, "cpyfp [x0]!, [x1]!, x2!"),
            (0xd503_477f, "smstart"),
            (0xd53b_42a0, "mrs x0, dit"),
            (0xd53b_2400, "mrs x0, rndr"),
            (0xd503_415f, "msr dit, #1"),
            (0xd51b_42e0, "msr tco, x0"),
            (0xd50b_7d20, "dc cvadp, x0"),
            (0xd50b_7460, "dc gva, x0"),
            (0xf83f_d100, "ld64b x0, [x8]"),
            (0xffff_ffff, "no instruction"),
        ];
        for (word, what) in later {
            assert_eq!(foreign(word), 1, "{what}");
        }
    }

    #[test]
    fn what_a_cortex_a76_has_is_not() {
        let there = [
            (0xd503_201f, "nop"),
            (0xd503_233f, "paciasp"),
            (0xd503_23bf, "autiasp"),
            (0xd503_20ff, "xpaclri"),
            (0xd503_245f, "bti c"),
            (0xd503_229f, "csdb"),
            (0xd503_221f, "esb"),
            (0xb820_0041, "ldadd w0, w1, [x2]"),
            (0xc8e0_fc41, "casal x0, x1, [x2]"),
            (0x4820_7c82, "casp x0, x1, x2, x3, [x4]"),
            (0xf8bf_c020, "ldapr x0, [x1]"),
            (0x4e82_9420, "sdot v0.4s, v1.16b, v2.16b"),
            (0x1ee2_2820, "fadd h0, h1, h2"),
            (0x4e42_1420, "fadd v0.8h, v1.8h, v2.8h"),
            (0x6e82_8420, "sqrdmlah v0.4s, v1.4s, v2.4s"),
            (0x9ac2_5c20, "crc32cx w0, w1, x2"),
            (0xa8c1_7bfd, "ldp x29, x30, [sp], #16"),
            (0xd400_1001, "svc #0x80"),
            (0xd420_0020, "brk #1"),
            (0xd53b_d060, "mrs x0, tpidrro_el0"),
            (0xd53b_e040, "mrs x0, cntvct_el0"),
            (0xd51b_4400, "msr fpcr, x0"),
            (0xd50b_7420, "dc zva, x0"),
            (0xd50b_7520, "ic ivau, x0"),
            (0xd50b_7c20, "dc cvap, x0"),
            (0xd503_3bbf, "dmb ish"),
            (0xd503_3fdf, "isb"),
            (0x3ce1_6800, "ldr q0, [x0, x1]"),
            (0x1f42_0c20, "fmadd d0, d1, d2, d3"),
            (0x4e03_2020, "tbl v0.16b, {v1.16b, v2.16b}, v3.16b"),
            (0x0000_0000, "udf #0"),
            (0xd503_203f, "yield"),
            (0xd503_3f5f, "clrex"),
            (0xd65f_03c0, "ret"),
        ];
        for (word, what) in there {
            assert_eq!(foreign(word), 0, "{what}");
        }
    }
}
