// Multiplication in the field of P-256, with MULX, ADCX and ADOX. See mulGeneric for the steps.

#include "textflag.h"

// ROW adds DX times x to the five limbs t0 to t4; carries run in two chains. CX is 0.
#define ROW(t0, t1, t2, t3, t4) \
	XORL  CX, CX       \
	MULXQ 0(SI), AX, BX  \
	ADCXQ AX, t0       \
	ADOXQ BX, t1       \
	MULXQ 8(SI), AX, BX  \
	ADCXQ AX, t1       \
	ADOXQ BX, t2       \
	MULXQ 16(SI), AX, BX \
	ADCXQ AX, t2       \
	ADOXQ BX, t3       \
	MULXQ 24(SI), AX, BX \
	ADCXQ AX, t3       \
	ADOXQ BX, t4       \
	ADCXQ CX, t4

// QUOTIENT splits what t0 times p is, above its lowest limb, which cancels t0: AX, BX, CX and t0, from low to high. The top limb of p is
// 2^64 - 2^32 + 1, so that it takes shifts alone.
#define QUOTIENT(t0) \
	MOVQ t0, AX  \
	SHLQ $32, AX \
	MOVQ t0, BX  \
	SHRQ $32, BX \
	MOVQ t0, CX  \
	SUBQ AX, CX  \
	SBBQ BX, t0

// STEP divides the number t0 to t4 by 2^64, adding t0 times p; the result is t1 to t5.
#define STEP(t0, t1, t2, t3, t4, t5) \
	QUOTIENT(t0) \
	XORL t5, t5  \
	ADDQ AX, t1  \
	ADCQ BX, t2  \
	ADCQ CX, t3  \
	ADCQ t0, t4  \
	ADCQ $0, t5

// STORE subtracts p from t0 to t4 unless that is less than p, and writes it to z in DI.
#define STORE(t0, t1, t2, t3, t4) \
	MOVQ    t0, AX \
	MOVQ    t1, BX \
	MOVQ    t2, CX \
	MOVQ    t3, DX \
	SUBQ    $-1, t0 \
	SBBQ    prime<>+8(SB), t1 \
	SBBQ    $0, t2 \
	SBBQ    prime<>+24(SB), t3 \
	SBBQ    $0, t4 \
	CMOVQCS AX, t0 \
	CMOVQCS BX, t1 \
	CMOVQCS CX, t2 \
	CMOVQCS DX, t3 \
	MOVQ    t0, 0(DI) \
	MOVQ    t1, 8(DI) \
	MOVQ    t2, 16(DI) \
	MOVQ    t3, 24(DI)

DATA prime<>+0(SB)/8, $0xFFFFFFFFFFFFFFFF
DATA prime<>+8(SB)/8, $0x00000000FFFFFFFF
DATA prime<>+16(SB)/8, $0x0000000000000000
DATA prime<>+24(SB)/8, $0xFFFFFFFF00000001
GLOBL prime<>(SB), RODATA|NOPTR, $32

// MUL leaves x times y, from SI and DI, below 2p in R12, R13, R8, R9 and R10.
#define MUL \
	MOVQ  0(DI), DX      \
	MULXQ 0(SI), R8, R9  \
	MULXQ 8(SI), AX, R10 \
	ADDQ  AX, R9         \
	MULXQ 16(SI), AX, R11 \
	ADCQ  AX, R10        \
	MULXQ 24(SI), AX, R12 \
	ADCQ  AX, R11        \
	ADCQ  $0, R12        \
	STEP(R8, R9, R10, R11, R12, R13) \
	MOVQ 8(DI), DX       \
	ROW(R9, R10, R11, R12, R13) \
	STEP(R9, R10, R11, R12, R13, R8) \
	MOVQ 16(DI), DX      \
	ROW(R10, R11, R12, R13, R8) \
	STEP(R10, R11, R12, R13, R8, R9) \
	MOVQ 24(DI), DX      \
	ROW(R11, R12, R13, R8, R9) \
	STEP(R11, R12, R13, R8, R9, R10)

// SHIFT is STEP where nothing stands above the four limbs: the result is t1 to t3 and t0.
#define SHIFT(t0, t1, t2, t3) \
	QUOTIENT(t0) \
	ADDQ AX, t1  \
	ADCQ BX, t2  \
	ADCQ CX, t3  \
	ADCQ $0, t0

// SQR leaves x times x, from SI, below 2p in R8 to R12. First the products of different limbs, once each, in R9 to R13 and DI; then twice that, and
// the squares, in R8 to R13, DI and SI; then the lower half is divided by 2^256, and the upper half added.
#define SQR \
	MOVQ  0(SI), DX       \
	MULXQ 8(SI), R9, R10  \
	MULXQ 16(SI), AX, R11 \
	ADDQ  AX, R10         \
	MULXQ 24(SI), AX, R12 \
	ADCQ  AX, R11         \
	ADCQ  $0, R12         \
	MOVQ  8(SI), DX       \
	MULXQ 16(SI), AX, BX  \
	MULXQ 24(SI), CX, R13 \
	ADDQ  AX, R11         \
	ADCQ  BX, R12         \
	ADCQ  $0, R13         \
	ADDQ  CX, R12         \
	ADCQ  $0, R13         \
	MOVQ  16(SI), DX      \
	MULXQ 24(SI), AX, DI  \
	ADDQ  AX, R13         \
	ADCQ  $0, DI          \
	XORL  BX, BX          \
	ADDQ  R9, R9          \
	ADCQ  R10, R10        \
	ADCQ  R11, R11        \
	ADCQ  R12, R12        \
	ADCQ  R13, R13        \
	ADCQ  DI, DI          \
	ADCQ  BX, BX          \
	MOVQ  0(SI), DX       \
	MULXQ DX, R8, AX      \
	ADDQ  AX, R9          \
	MOVQ  8(SI), DX       \
	MULXQ DX, AX, CX      \
	ADCQ  AX, R10         \
	ADCQ  CX, R11         \
	MOVQ  16(SI), DX      \
	MULXQ DX, AX, CX      \
	ADCQ  AX, R12         \
	ADCQ  CX, R13         \
	MOVQ  24(SI), DX      \
	MULXQ DX, AX, CX      \
	ADCQ  AX, DI          \
	ADCQ  CX, BX          \
	MOVQ  BX, SI          \
	SHIFT(R8, R9, R10, R11) \
	SHIFT(R9, R10, R11, R8) \
	SHIFT(R10, R11, R8, R9) \
	SHIFT(R11, R8, R9, R10) \
	XORL CX, CX           \
	ADDQ R12, R8          \
	ADCQ R13, R9          \
	ADCQ DI, R10          \
	ADCQ SI, R11          \
	ADCQ $0, CX           \
	MOVQ CX, R12

// func mulADX(z, x, y *element)
TEXT ·mulADX(SB), NOSPLIT, $0-24
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DI
	MUL
	MOVQ z+0(FP), DI
	STORE(R12, R13, R8, R9, R10)
	RET

// func sqrADX(z, x *element)
TEXT ·sqrADX(SB), NOSPLIT, $0-16
	MOVQ x+8(FP), SI
	SQR
	MOVQ z+0(FP), DI
	STORE(R8, R9, R10, R11, R12)
	RET

// MULTO, SQRTO, SUMTO and DIFTO (which adds p where it has to) set z to the product, the square, the sum and the difference of what stands at these addresses.
#define MULTO(z, x, y) \
	LEAQ x, SI \
	LEAQ y, DI \
	MUL        \
	LEAQ z, DI \
	STORE(R12, R13, R8, R9, R10)

#define SQRTO(z, x) \
	LEAQ x, SI \
	SQR        \
	LEAQ z, DI \
	STORE(R8, R9, R10, R11, R12)

#define SUMTO(z, x, y) \
	LEAQ x, SI \
	LEAQ y, DI \
	MOVQ 0(SI), R8   \
	MOVQ 8(SI), R9   \
	MOVQ 16(SI), R10 \
	MOVQ 24(SI), R11 \
	XORL R12, R12    \
	ADDQ 0(DI), R8   \
	ADCQ 8(DI), R9   \
	ADCQ 16(DI), R10 \
	ADCQ 24(DI), R11 \
	ADCQ $0, R12     \
	LEAQ z, DI       \
	STORE(R8, R9, R10, R11, R12)

#define DIFTO(z, x, y) \
	LEAQ x, SI \
	LEAQ y, DI \
	MOVQ 0(SI), R8   \
	MOVQ 8(SI), R9   \
	MOVQ 16(SI), R10 \
	MOVQ 24(SI), R11 \
	SUBQ 0(DI), R8   \
	SBBQ 8(DI), R9   \
	SBBQ 16(DI), R10 \
	SBBQ 24(DI), R11 \
	SBBQ AX, AX      \
	MOVQ AX, BX      \
	MOVQ AX, CX      \
	ANDQ prime<>+8(SB), BX  \
	ANDQ prime<>+24(SB), CX \
	LEAQ z, DI       \
	ADDQ AX, R8      \
	ADCQ BX, R9      \
	ADCQ $0, R10     \
	ADCQ CX, R11     \
	MOVQ R8, 0(DI)   \
	MOVQ R9, 8(DI)   \
	MOVQ R10, 16(DI) \
	MOVQ R11, 24(DI)

#define X 0(R14)
#define Y 32(R14)
#define Z 64(R14)
#define S s-96(SP)
#define M m-64(SP)
#define T t-32(SP)

// func doubleADX(p *point)
//
// S = 4XY^2, M = 3(X-Z^2)(X+Z^2), X' = M^2-2S, Y' = M(S-X')-8Y^4, Z' = 2YZ
TEXT ·doubleADX(SB), NOSPLIT, $96-8
	MOVQ p+0(FP), R14
	SQRTO(T, Z)
	DIFTO(M, X, T)
	SUMTO(T, X, T)
	MULTO(M, M, T)
	SUMTO(T, M, M)
	SUMTO(M, M, T)
	SUMTO(Y, Y, Y)
	MULTO(Z, Y, Z)
	SQRTO(Y, Y)
	MULTO(S, X, Y)
	SQRTO(Y, Y)

	// Half of it: where it is odd, p is added first.
	MOVQ 32(R14), R8
	MOVQ 40(R14), R9
	MOVQ 48(R14), R10
	MOVQ 56(R14), R11
	XORL R12, R12
	MOVQ R8, AX
	ANDQ $1, AX
	NEGQ AX
	MOVQ AX, BX
	MOVQ AX, CX
	ANDQ prime<>+8(SB), BX
	ANDQ prime<>+24(SB), CX
	ADDQ AX, R8
	ADCQ BX, R9
	ADCQ $0, R10
	ADCQ CX, R11
	ADCQ $0, R12
	SHRQ $1, R9, R8
	SHRQ $1, R10, R9
	SHRQ $1, R11, R10
	SHRQ $1, R12, R11
	MOVQ R8, 32(R14)
	MOVQ R9, 40(R14)
	MOVQ R10, 48(R14)
	MOVQ R11, 56(R14)

	SQRTO(X, M)
	DIFTO(X, X, S)
	DIFTO(X, X, S)
	DIFTO(S, S, X)
	MULTO(M, M, S)
	DIFTO(Y, M, Y)
	RET
