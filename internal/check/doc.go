// Package check judges a zone before and after it is published: its name servers, the agreement of
// their data, signatures, keys, denials, the delegation, and certificates that TLSA records name.
// It does no I/O and reads no clock: package probe asks the questions of [First] and [Second], and
// [Judge] turns what was observed into findings. Signatures, DS records and denials are judged by
// package validator, as in production.
//
// A finding has an identifier that never changes, a severity, facts, a remedy and a reference; they
// come from the one table of [Rules]. A zone that works has no finding above [Notice]: who is told
// of faults that are none stops reading. So each rule states a fact of the protocol that resolvers
// or clients trip over, and none an opinion on how a zone should be run.
package check
