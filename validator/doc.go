// Package validator validates DNSSEC over [wire.RRset] values: it verifies signatures, matches DS
// to DNSKEY, proves denials, and judges whole responses. It does no I/O and reads no clock. If it
// needs to know more of a zone it returns a [Need] in [Verdict]; the resolver fetches the data and
// asks again.
//
// # How a response is judged
//
// [Validator.Judge] takes a response that the resolver has already scrubbed and classified. For
// each RRset it finds the zone that should have signed it: the signer that the RRSIG names, or,
// without RRSIGs, the zone that encloses the owner. The [Chain] returns the trust in that zone:
// secure with these keys, insecure, or not known yet; the latter ends the judgement with a Need. In
// a secure zone every set must verify; an answer that was expanded from a wildcard needs the proof
// that no closer name exists; a negative answer needs the proof that fits it (denial_nsec.go,
// denial_nsec3.go). If the proof fails, the verdict is Bogus with the most precise cause.
//
// All costly work is charged to a [Budget] that the whole client query shares (KeyTrap,
// CVE-2023-50387 and CVE-2023-50868). The results of verifications are cached, so that a repeated
// RRset costs a hash and not a verification.
//
// # Limitations
//
// Only class IN. Algorithms 1, 3, 6 (RSA/MD5, DSA), 12 and 23 (GOST), 17 (SM2) are not implemented:
// zones signed with them alone are insecure.
package validator
