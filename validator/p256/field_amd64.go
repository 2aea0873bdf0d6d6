package p256

import "golang.org/x/sys/cpu"

// Fast reports whether this machine has what makes this package faster than the standard library.
var Fast = cpu.X86.HasBMI2 && cpu.X86.HasADX

// mulADX sets z to x times y.
//
//go:noescape
func mulADX(z, x, y *element)

// sqrADX sets z to x times x.
//
//go:noescape
func sqrADX(z, x *element)

// doubleADX sets p to 2p.
//
//go:noescape
func doubleADX(p *point)

func mul(z, x, y *element) {
	if Fast {
		mulADX(z, x, y)
		return
	}
	mulGeneric(z, x, y)
}

func sqr(z, x *element) {
	if Fast {
		sqrADX(z, x)
		return
	}
	mulGeneric(z, x, x)
}

func (p *point) double() {
	if Fast {
		doubleADX(p)
		return
	}
	p.doubleGeneric()
}
