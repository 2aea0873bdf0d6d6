// Why there is no answer.

package bailiwick

import "bailiwick/internal/cause"

// Failure is why a name cannot be resolved, or why an answer is not all that it could be.
type Failure struct {
	// Cause is a label of docs/reference/causes.md, such as signature_expired. Labels do not change
	// their meaning.
	Cause string
	// Status is Bogus if what was found does not verify, and else Indeterminate: there may be an
	// answer at another time.
	Status Status
	// Zone is at fault, and Server, if they are known; a zone with the final dot, a server by its
	// address.
	Zone, Server string
	// Text tells all of it in a sentence, and Hint what may be done about it, in the words of the
	// server: it may name keys of its configuration.
	Text, Hint string
	// Extended is what a server tells its clients of it (RFC 8914); nil if no code is fit.
	Extended *ExtendedError

	wraps error
}

// ExtendedError is an Extended DNS Error (RFC 8914).
type ExtendedError struct {
	Code uint16
	Text string // EXTRA-TEXT; it may be passed on to anybody
}

// Error returns the text.
func (f *Failure) Error() string { return f.Text }

// Unwrap returns the error of the question's context if that has ended it, and ErrClosed if Close
// has.
func (f *Failure) Unwrap() error { return f.wraps }

// newFailure returns a failure of the resolver's; ended is the error of a context that has ended.
func newFailure(f *cause.Failure, ended error) *Failure {
	out := &Failure{Cause: f.Cause.Label(), Zone: f.Zone, Server: f.Server, Text: f.Error(),
		Hint: f.Hint()}
	if f.Cause.Kind() == cause.KindDNSSEC {
		out.Status = Bogus
	}
	switch f.Cause {
	case cause.ClientGone:
		out.wraps = ended
	case cause.Stopping:
		out.wraps = ErrClosed
	}
	if code, ok := f.Cause.EDE(); ok {
		out.Extended = &ExtendedError{Code: uint16(code), Text: f.Extra()}
	}
	return out
}
