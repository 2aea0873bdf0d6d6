// What becomes of an order.

package acme

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mholt/acmez/v3/acme"
)

// Outcome is what became of an order.
type Outcome uint8

// The outcomes.
const (
	Succeeded Outcome = iota
	// Unreachable: the authority did not answer, or did not as it should.
	Unreachable
	// Refused: the authority does not issue such a certificate, or not for this account.
	Refused
	// Unproven: the authority could not see that a name or an address is this server's.
	Unproven
	// NotPublished: the zone's server did not take the record for the authority.
	NotPublished
	// RateLimited: the authority was asked too often.
	RateLimited
	// Unusable: what was issued is not what was ordered.
	Unusable
	// Unsaved: nothing was ordered, as its result could not have been kept.
	Unsaved
	// Interrupted: the process ended meanwhile.
	Interrupted
	outcomes
)

// about is what people read of outcomes.
var about = [outcomes]struct{ label, hint string }{
	Succeeded: {"succeeded", ""},
	Unreachable: {"unreachable", "see tls.acme.directory and tls.acme.ca, and whether this " +
		"server may connect there"},
	Refused: {"refused", "see what the authority says: the account, tls.acme.profile, the CAA " +
		"records of the names"},
	Unproven: {"unproven", "see that each name and address leads to port 443 of this server, or " +
		"with dns-01 that the authority's view of the zone is that of tls.acme.dns_server"},
	NotPublished: {"not_published", "see tls.acme.dns_server, and that its zone takes updates by " +
		"the key"},
	RateLimited: {"rate_limited", "wait: what the authority counts is over by itself"},
	Unusable:    {"unusable", "see this machine's clock, and what the authority promises"},
	Unsaved: {"unsaved", "make state.directory writable: without it a restart would order " +
		"again"},
	Interrupted: {"interrupted", "it is tried again"},
}

// Outcomes returns all outcomes.
func Outcomes() (all []Outcome) {
	for o := range outcomes {
		all = append(all, o)
	}
	return all
}

// Label returns the outcome's name in metrics.
func (o Outcome) Label() string { return about[o].label }

// Hint returns what may be done about it, "" if nothing has to be.
func (o Outcome) Hint() string { return about[o].hint }

// failure is an error whose outcome is known where it happens.
type failure struct {
	outcome Outcome
	error
}

// Unwrap returns the error.
func (f failure) Unwrap() error { return f.error }

// failf makes a failure.
func failf(o Outcome, format string, args ...any) error {
	return failure{o, fmt.Errorf(format, args...)}
}

// outcomeOf tells what became of an order by its error.
func outcomeOf(err error) Outcome {
	var known failure
	var problem acme.Problem
	switch {
	case err == nil:
		return Succeeded
	case errors.As(err, &known):
		return known.outcome
	case strings.Contains(err.Error(), "unknown profile"): // found without asking the authority
		return Refused
	case !errors.As(err, &problem):
		return Unreachable
	}
	switch problem.Type {
	case acme.ProblemTypeRateLimited:
		return RateLimited
	case acme.ProblemTypeConnection, acme.ProblemTypeDNS, acme.ProblemTypeTLS,
		acme.ProblemTypeIncorrectResponse:
		return Unproven
	case acme.ProblemTypeUnauthorized:
		if _, validating := problem.Resource.(acme.Authorization); validating {
			return Unproven
		}
		return Refused
	case acme.ProblemTypeServerInternal, acme.ProblemTypeBadNonce:
		return Unreachable
	}
	if problem.Status >= 500 {
		return Unreachable
	}
	return Refused
}
