// Permissive zones: they are validated, and served as unvalidated whatever the outcome.
//
// Data that do not verify are fetched as for a client with CD=1, and kept as such data are, apart
// from all others: they answer no validating client of another name, and prove nothing. So there is
// nothing to forget when the zone is permissive no more.

package resolver

import (
	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// permissive reports whether a question's data are served as unvalidated.
func (r *Resolver) permissive(k cache.Key) bool {
	_, e := r.anchors.Exception(above(k.Name, k.Type))
	return e == trustanchor.Permissive
}

// excuse returns why a question's data are served although they did not verify; None if they are
// not, or did not fail for that.
func (r *Resolver) excuse(q wire.Question, permissive bool, f *cause.Failure) cause.Cause {
	switch {
	case !unverified(f):
		return cause.None
	case permissive:
		return cause.Permissive
	case r.isTimeServer(q.Name):
		return cause.TimeServer
	}
	return cause.None
}

// unverified reports whether a question failed only because of validation.
func unverified(f *cause.Failure) bool {
	return f != nil && ofValidation(f.Cause)
}

// ofValidation reports whether a cause is that data are not valid, or could not be validated within
// the limits.
func ofValidation(c cause.Cause) bool {
	switch c {
	case cause.LimitSignatures, cause.LimitDigests, cause.LimitNSEC3:
		return true
	}
	return c.Kind() == cause.KindDNSSEC
}
