// What is counted of a response: see [event.Served].

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

// sampled is the number of responses from prepared answers of which one is timed.
const sampled = 256

// responded counts a response that has no prepared answer.
func (r *request) responded(rc wire.RCode, s wire.Security) {
	r.server.observe.Response(event.Served{Protocol: r.from.Protocol, RCode: rc, Origin: r.origin,
		Status: s, Took: r.took(), Weight: 1})
	r.secure(s, 1)
}

// secure has the book of incidents count secure answers that the client got.
func (r *request) secure(s wire.Security, answers uint64) {
	if s == wire.Secure && r.server.broken != nil {
		r.server.broken.Secure(r.from.Addr.Addr(), answers)
	}
}

// respondedAtOnce counts a response from a prepared answer. A look at the clock takes a tenth of
// the time of such a response, so one of sampled is timed: that to a query which came in a
// nanosecond that is a multiple of it. No client can choose that.
func (r *request) respondedAtOnce(rc wire.RCode, s wire.Security) {
	o := event.Served{Protocol: r.from.Protocol, RCode: rc, Origin: event.OriginPrepared, Status: s}
	if r.now.Nanosecond()%sampled == 0 {
		o.Took, o.Weight = r.took(), sampled
		r.secure(s, sampled)
	}
	r.server.observe.Response(o)
}

// statusOf returns the result of validation of a failure.
func statusOf(f *cause.Failure) wire.Security {
	if f != nil && f.Cause.Kind() == cause.KindDNSSEC {
		return wire.Bogus
	}
	return wire.Unchecked
}
