//! x86-64 with SSE4.1.
//!
//! Owns: the CPUID features of that machine. Does not own: which instruction needs which (the decoder).

use super::Scan;
use iced_x86::CpuidFeature::{self, *};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};

/// What every 64-bit x86 has, then SSE3, SSSE3 and SSE4.1. Not here, because a CPU with SSE4.1 need not
/// have them: SSE4.2 with POPCNT, CMPXCHG16B, and all that came later. `ENDBR64` does nothing where CET
/// is not known.
const HAS: &[CpuidFeature] = &[
    INTEL8086,
    INTEL186,
    INTEL286,
    INTEL386,
    INTEL486,
    X64,
    CPUID,
    TSC,
    CX8,
    CMOV,
    FPU,
    FPU287,
    FPU387,
    MMX,
    FXSR,
    SSE,
    SSE2,
    SSE3,
    SSSE3,
    SSE4_1,
    SYSCALL,
    PAUSE,
    MULTIBYTENOP,
    CET_IBT,
];

/// Decodes straight on.
pub fn scan(code: &[u8], at: u64, into: &mut Scan) {
    for instruction in &mut Decoder::with_ip(64, code, at, DecoderOptions::NONE) {
        into.count(instruction.ip(), lacks(&instruction));
    }
}

fn lacks(instruction: &Instruction) -> Option<String> {
    if instruction.is_invalid() {
        return Some("no instruction".into());
    }
    // `REP BSF`: without BMI1 the prefix does nothing, and compilers for such CPUs write it where the
    // operand is not zero, for which both give the same.
    if instruction.mnemonic() == Mnemonic::Tzcnt {
        return None;
    }
    let needed = instruction.cpuid_features();
    let more: Vec<_> = needed.iter().filter(|need| !HAS.contains(need)).collect();
    (!more.is_empty()).then(|| format!("{:?} needs {more:?}", instruction.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(code: &[u8]) -> usize {
        let mut scan = Scan::default();
        super::scan(code, 0x1000, &mut scan);
        assert_eq!(scan.instructions, 1, "{code:02x?}");
        scan.foreign.len()
    }

    #[test]
    fn what_sse4_1_does_not_bring_is_found() {
        let later: &[&[u8]] = &[
            &[0xf3, 0x0f, 0xb8, 0xc0],             // popcnt eax, eax
            &[0xf2, 0x0f, 0x38, 0xf0, 0xc0],       // crc32 eax, al
            &[0x66, 0x0f, 0x38, 0x37, 0xc0],       // pcmpgtq xmm0, xmm0
            &[0x66, 0x0f, 0x38, 0xdc, 0xc0],       // aesenc xmm0, xmm0
            &[0x66, 0x0f, 0x3a, 0x44, 0xc0, 0x00], // pclmulqdq xmm0, xmm0, 0
            &[0xc5, 0xfc, 0x58, 0xc0],             // vaddps ymm0, ymm0, ymm0
            &[0xc5, 0xfd, 0xfe, 0xc0],             // vpaddd ymm0, ymm0, ymm0
            &[0xc4, 0xe2, 0x79, 0xb8, 0xc0],       // vfmadd231ps xmm0, xmm0, xmm0
            &[0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0], // vaddps zmm0, zmm0, zmm0
            &[0xc4, 0xe2, 0x78, 0xf2, 0xc0],       // andn eax, eax, eax
            &[0xc4, 0xe2, 0x79, 0xf7, 0xc0],       // shlx eax, eax, eax
            &[0xf3, 0x0f, 0xbd, 0xc0],             // lzcnt eax, eax
            &[0x0f, 0x38, 0xf0, 0x00],             // movbe eax, [rax]
            &[0x48, 0x0f, 0xc7, 0x08],             // cmpxchg16b [rax]
            &[0x0f, 0xc7, 0xf0],                   // rdrand eax
            &[0x0f, 0x01, 0xd0],                   // xgetbv
            &[0xf3, 0x48, 0x0f, 0xae, 0xd0],       // wrfsbase rax
            &[0x06],                               // no instruction in 64-bit mode
        ];
        for code in later {
            assert_eq!(foreign(code), 1, "{code:02x?}");
        }
    }

    #[test]
    fn what_every_such_cpu_has_is_not() {
        let there: &[&[u8]] = &[
            &[0x48, 0x89, 0xe5],                   // mov rbp, rsp
            &[0x0f, 0x44, 0xc1],                   // cmove eax, ecx
            &[0x0f, 0x05],                         // syscall
            &[0x0f, 0x0b],                         // ud2
            &[0xf3, 0x0f, 0xbc, 0xc0],             // rep bsf eax, eax
            &[0x0f, 0xa2],                         // cpuid
            &[0x0f, 0x31],                         // rdtsc
            &[0xf3, 0x90],                         // pause
            &[0x0f, 0x1f, 0x44, 0x00, 0x00],       // a long nop
            &[0xf3, 0x0f, 0x1e, 0xfa],             // endbr64
            &[0xf0, 0x0f, 0xc7, 0x08],             // lock cmpxchg8b [rax]
            &[0xdd, 0x00],                         // fld qword [rax]
            &[0x0f, 0x58, 0xc0],                   // addps xmm0, xmm0
            &[0xf2, 0x48, 0x0f, 0x2a, 0xc0],       // cvtsi2sd xmm0, rax
            &[0xf2, 0x0f, 0x7c, 0xc0],             // haddps xmm0, xmm0
            &[0x66, 0x0f, 0x38, 0x00, 0xc0],       // pshufb xmm0, xmm0
            &[0x66, 0x0f, 0x3a, 0x0a, 0xc0, 0x00], // roundss xmm0, xmm0, 0
            &[0x66, 0x0f, 0x38, 0x17, 0xc0],       // ptest xmm0, xmm0
            &[0xf3, 0x48, 0xab],                   // rep stosq
            &[0x0f, 0xae, 0xf0],                   // mfence
            &[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], // mov rax, imm64
        ];
        for code in there {
            assert_eq!(foreign(code), 0, "{code:02x?}");
        }
    }
}
