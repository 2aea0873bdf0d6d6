// Points of P-256, added without regard to time: everything here is public.

package p256

// point is in Jacobian coordinates: X/Z^2 and Y/Z^3. Z is 0 for the point at infinity.
type point struct{ x, y, z element }

// affine is a point that is not at infinity.
type affine struct{ x, y element }

// curveB is the constant of y^2 = x^3 - 3x + b.
var curveB = element{0xD89CDF6229C4BDDF, 0xACF005CD78843090, 0xE5A220ABF7212ED6, 0xDC30061D04874834}

// generator is the base point (SP 800-186, section 3.2.1.3).
var generator = affine{
	element{0x79E730D418A9143C, 0x75BA95FC5FEDB601, 0x79FB732B77622510, 0x18905F76A53755C6},
	element{0xDDF25357CE95560A, 0x8B4AB8E4BA19E45C, 0xD2E88688DD21F325, 0x8571FF1825885D85},
}

// onCurve reports whether a point satisfies the curve's equation.
func (a *affine) onCurve() bool {
	var left, right, t element
	sqr(&left, &a.y)
	sqr(&right, &a.x)
	mul(&right, &right, &a.x)
	add(&t, &a.x, &a.x)
	add(&t, &t, &a.x)
	sub(&right, &right, &t)
	add(&right, &right, &curveB)
	return left == right
}

// set makes p a point that is not at infinity.
func (p *point) set(a *affine) { p.x, p.y, p.z = a.x, a.y, one }

// doubleGeneric sets p to 2p.
func (p *point) doubleGeneric() {
	var s, m, t element
	sqr(&t, &p.z)
	sub(&m, &p.x, &t)
	add(&t, &p.x, &t)
	mul(&m, &m, &t)
	add(&t, &m, &m)
	add(&m, &m, &t) // 3(X-Z^2)(X+Z^2)
	add(&p.y, &p.y, &p.y)
	mul(&p.z, &p.y, &p.z)
	sqr(&p.y, &p.y)
	mul(&s, &p.x, &p.y) // 4XY^2
	sqr(&t, &p.y)
	half(&t, &t) // 8Y^4
	sqr(&p.x, &m)
	sub(&p.x, &p.x, &s)
	sub(&p.x, &p.x, &s)
	sub(&s, &s, &p.x)
	mul(&p.y, &m, &s)
	sub(&p.y, &p.y, &t)
}

// addAffine sets p to p + a.
func (p *point) addAffine(a *affine) {
	if p.z.isZero() {
		p.set(a)
		return
	}
	var zz, u, s element
	sqr(&zz, &p.z)
	mul(&u, &a.x, &zz)
	mul(&s, &a.y, &zz)
	mul(&s, &s, &p.z)
	p.join(&p.x, &p.y, &u, &s, &p.z)
}

// subAffine sets p to p - a.
func (p *point) subAffine(a *affine) {
	m := affine{x: a.x}
	neg(&m.y, &a.y)
	p.addAffine(&m)
}

// add sets p to p + q.
func (p *point) add(q *point) {
	switch {
	case q.z.isZero():
		return
	case p.z.isZero():
		*p = *q
		return
	}
	var pp, qq, u1, u2, s1, s2, z element
	sqr(&pp, &p.z)
	sqr(&qq, &q.z)
	mul(&u1, &p.x, &qq)
	mul(&u2, &q.x, &pp)
	mul(&s1, &p.y, &qq)
	mul(&s1, &s1, &q.z)
	mul(&s2, &q.y, &pp)
	mul(&s2, &s2, &p.z)
	mul(&z, &p.z, &q.z)
	p.join(&u1, &s1, &u2, &s2, &z)
}

// join sets p to the sum of (u1, s1) and (u2, s2), which both stand over z; z may be p's own.
func (p *point) join(u1, s1, u2, s2, z *element) {
	var h, r, hh, hhh, v, y element
	sub(&h, u2, u1)
	sub(&r, s2, s1)
	if h.isZero() {
		if !r.isZero() {
			*p = point{}
			return
		}
		*p = point{*u1, *s1, *z}
		p.double()
		return
	}
	sqr(&hh, &h)
	mul(&hhh, &hh, &h)
	mul(&v, u1, &hh)
	mul(&y, s1, &hhh)
	mul(&p.z, z, &h)
	sqr(&p.x, &r)
	sub(&p.x, &p.x, &hhh)
	sub(&p.x, &p.x, &v)
	sub(&p.x, &p.x, &v)
	sub(&v, &v, &p.x)
	mul(&p.y, &r, &v)
	sub(&p.y, &p.y, &y)
}

// normalise makes points affine. None may be at infinity. They share one inversion, by Montgomery's
// trick; until it is done, each X is the product of the Z before it.
func normalise(out []affine, in []point) {
	acc := one
	for i := range in {
		out[i].x = acc
		mul(&acc, &acc, &in[i].z)
	}
	invert(&acc, &acc)
	for i := len(in) - 1; i >= 0; i-- {
		var zi, zz element
		mul(&zi, &acc, &out[i].x)
		mul(&acc, &acc, &in[i].z)
		sqr(&zz, &zi)
		mul(&out[i].x, &in[i].x, &zz)
		mul(&zz, &zz, &zi)
		mul(&out[i].y, &in[i].y, &zz)
	}
}
