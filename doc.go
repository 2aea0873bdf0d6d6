// Package bailiwick resolves DNS names inside a Go program and validates what it finds.
//
// A [Resolver] either asks the authoritative servers itself, from the root, or forwards to
// resolvers that it is given (a validating stub resolver). It trusts neither: with forwarders, too,
// every answer is validated here, from the trust anchor down. It keeps what it has learnt in memory
// of a fixed size.
//
//	r, err := bailiwick.New(bailiwick.Config{})
//	if err != nil {
//		return err
//	}
//	defer r.Close()
//	answer, err := r.Resolve(ctx, "www.example.com", bailiwick.TypeAAAA)
//
// # Outcomes
//
// An [Answer] is what the DNS has to say: records, or that there are none (RCodeNXDomain, or no
// records at all). Its Status tells how much that is worth (RFC 4035, section 4.3). Secure was
// proven from the trust anchor. Insecure is proven to lie below a delegation that is not signed.
// Indeterminate was not validated. An application that relies on DNSSEC, for TLSA or SSHFP records,
// takes Secure alone.
//
// Where there is no answer there is an error: a [*Failure] with its cause, or what is wrong with
// the question. Bogus data are never returned, unless the question has CheckingDisabled set.
//
// # Concurrency, cancellation and limits
//
// All methods may be called by any number of goroutines. Equal questions at the same time are asked
// once. A question ends with its context, and after five seconds at the latest; if others wait
// for the same, it goes on for them. What one question may cost with all that it causes is
// bounded: see docs/limits.md. Config.MaxQueries and Config.Memory bound all together.
//
// # Stability
//
// This package is the interface for other programs. What it exports is listed in
// docs/reference/library.txt, and a test compares the two. Identifiers, fields and labels of causes
// are added and not taken away within a major version; what changes otherwise is in CHANGELOG.md.
// All other packages serve the server, and change with it.
package bailiwick
