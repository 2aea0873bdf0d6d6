// When the certificate is ordered: functions from what is known and the time.

package acme

import (
	"crypto/x509"
	"time"

	"bailiwick/internal/pattern"
)

// attempts are the orders since the last one that succeeded.
type attempts struct {
	For      string // what was wanted, see Config.wanted
	Failures int    // in a row
	Last     time.Time
	Next     time.Time // not before then
	Problem  string    // why the last one failed
	Outcome  Outcome   // of it
}

// begun returns the attempts with one that begins. It counts as a failure until it has succeeded:
// a process that ends meanwhile must not try again at once. spread is from 0 to 1: many servers
// that were started together do not ask together for ever.
func (a attempts) begun(wanted string, now time.Time, spread float64) attempts {
	if a.For != wanted {
		a = attempts{For: wanted}
	}
	pause := pauses[min(a.Failures, len(pauses)-1)]
	a.Failures++
	a.Last, a.Next = now, now.Add(pause+time.Duration(spread*float64(pause)/4))
	a.Outcome, a.Problem = Interrupted, "the process ended meanwhile"
	return a
}

// failed returns the attempts with why the last one failed.
func (a attempts) failed(o Outcome, problem string, now time.Time) attempts {
	if len(problem) > maxProblem {
		problem = problem[:maxProblem]
	}
	a.Outcome, a.Problem = o, problem
	if o == RateLimited {
		until := now.Add(limitedTime)
		if said := limitedUntil(problem); said.After(until) {
			until = said
		}
		if latest := now.Add(maxLimited); until.After(latest) {
			until = latest
		}
		if until.After(a.Next) {
			a.Next = until
		}
	}
	return a
}

// after is a time in the text of an authority that was asked too often. The header Retry-After,
// which has it too, does not reach us.
var after = pattern.New(`(?i)retry after (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?: UTC|Z)`)

// limitedUntil returns the time until which an authority wants to be left alone; zero if it does
// not say.
func limitedUntil(problem string) time.Time {
	m := after.Get().FindStringSubmatch(problem)
	if m == nil {
		return time.Time{}
	}
	t, _ := time.Parse(time.DateTime, m[1]+" "+m[2]) // zero if it is none
	return t
}

// renewal returns when a certificate is renewed: so long before its end as the operator wants, at
// most half of its life, or when the authority suggests if that is earlier (RFC 9773).
func (c *Config) renewal(leaf *x509.Certificate, suggested time.Time) time.Time {
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	before := c.RenewBefore
	if before == 0 {
		before = life / 3
	}
	at := leaf.NotAfter.Add(-min(before, life/2))
	// An authority whose suggestion has always passed would have a certificate ordered without end.
	earliest := leaf.NotBefore.Add(min(life/4, 6*time.Hour))
	if !suggested.IsZero() && suggested.Before(at) {
		at = suggested
		if at.Before(earliest) {
			at = earliest
		}
	}
	return at
}

// next returns when the next order is due: at once without the certificate that is wanted, else
// when that is to be renewed, and never before the pause after a failure is over. A failure in the
// future is of another clock: this one has been set back since, or that was wrong.
func next(wanted, have string, renewal time.Time, a attempts, now time.Time) time.Time {
	var at time.Time
	if have == wanted {
		at = renewal
	}
	if a.For == wanted && a.Failures > 0 && !a.Last.After(now) && a.Next.After(at) {
		at = a.Next
	}
	return at
}

// asks reports whether the authority is to be asked when it wants a certificate renewed: one that
// has not ended (RFC 9773, section 4.3), and that is of the authority that is configured now. A
// time that is too far off is of another clock.
func (c *issued) asks(wanted string, now time.Time) bool {
	return c.For == wanted && now.Before(c.pair.Leaf.NotAfter) &&
		(!now.Before(c.Ask) || c.Ask.Sub(now) > maxAsk)
}
