//go:build !amd64

package p256

// Fast reports whether this machine has what makes this package faster than the standard library.
const Fast = false

func mul(z, x, y *element) { mulGeneric(z, x, y) }

func sqr(z, x *element) { mulGeneric(z, x, x) }

func (p *point) double() { p.doubleGeneric() }
