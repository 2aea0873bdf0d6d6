// Limits of how fast clients may ask.

package policy

import (
	"net/netip"
	"time"

	"github.com/gaissmai/bart"
)

// Limits are what the operator decides about the rates of clients. A rate is a number a second; 0
// is none.
type Limits struct {
	// PerAddress and PerPrefix are for queries over UDP, whose address may be forged.
	PerAddress, PerPrefix int
	// Proven is for the queries of an address that is proven, by a connection or a server cookie.
	Proven int
	// Responses is for equal responses to the clients of a prefix, Denials for denials that concern
	// one zone, Referrals for referrals to one zone, and Errors for all errors.
	Responses, Denials, Referrals, Errors int
	// Bits4 and Bits6 are the lengths of a prefix.
	Bits4, Bits6 int
	// Burst is for how long a rate may be saved up, and Window for how long a flood of responses
	// keeps its client limited after its end.
	Burst, Window time.Duration
	// Slip has every so many of the responses that are held back leave truncated, so that clients
	// whose address is not forged ask again over TCP; 0: none.
	Slip    int
	Exempt  []netip.Prefix // networks without limits
	LogOnly bool           // what exceeds a limit is counted, logged, and served
}

// DefaultLimits returns limits that hold nobody back.
func DefaultLimits() Limits {
	return Limits{Bits4: 24, Bits6: 56, Burst: time.Second, Window: 15 * time.Second, Slip: 2}
}

// Rates are limits in the form in which queries are compared with them. They are immutable.
type Rates struct {
	PerAddress, PerPrefix, Proven         Rate
	Responses, Denials, Referrals, Errors Rate
	Bits4, Bits6                          int
	Window                                time.Duration
	Slip                                  uint32
	LogOnly                               bool
	Queries, Answers                      bool // whether any limits queries, or responses

	exempt bart.Lite
}

// Rate is how often something may happen.
type Rate struct {
	Every time.Duration // between two; 0: it is not limited
	Ahead time.Duration // how far those that happen at once may be ahead of that
}

// NewRates returns the rates of limits, nil if nothing is limited. The addresses of this machine's
// own, and those at which every machine asks itself, are exempt: it asks itself whether it answers,
// and would be restarted for want of an answer while others of its network are limited. No packet
// from outside has such an address, as systems take it for forged (RFC 1122, section 3.2.1.3).
func NewRates(l Limits, own ...netip.Addr) *Rates {
	rate := func(perSecond int) Rate {
		if perSecond == 0 {
			return Rate{}
		}
		every := time.Second / time.Duration(perSecond)
		return Rate{every, max(l.Burst-every, 0)}
	}
	r := &Rates{PerAddress: rate(l.PerAddress), PerPrefix: rate(l.PerPrefix),
		Proven: rate(l.Proven), Responses: rate(l.Responses), Denials: rate(l.Denials),
		Referrals: rate(l.Referrals), Errors: rate(l.Errors), Bits4: l.Bits4, Bits6: l.Bits6,
		Window: l.Window, Slip: uint32(l.Slip), LogOnly: l.LogOnly,
		Queries: l.PerAddress+l.PerPrefix+l.Proven > 0,
		Answers: l.Responses+l.Denials+l.Referrals+l.Errors > 0}
	if !r.Queries && !r.Answers {
		return nil
	}
	for _, p := range l.Exempt {
		r.exempt.Insert(p.Masked())
	}
	own = append(own, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	for _, a := range own {
		r.exempt.Insert(netip.PrefixFrom(a, a.BitLen()))
	}
	return r
}

// Exempts reports whether a client is in a network without limits.
func (r *Rates) Exempts(a netip.Addr) bool { return r.exempt.Contains(a) }

// Bits returns the length of the prefix that an address is counted under.
func (r *Rates) Bits(a netip.Addr) int {
	if a.Is4() {
		return r.Bits4
	}
	return r.Bits6
}

// Refusal is what has become of a query whose client is refused or limited.
type Refusal uint8

// The refusals.
const (
	RefusalTold      Refusal = iota // REFUSED
	RefusalSilent                   // no response
	RefusalTruncated                // a response without records, to ask again over TCP
	RefusalServed                   // it was answered all the same
)

// Label returns the refusal as a metric's label.
func (r Refusal) Label() string {
	return [...]string{"refused", "dropped", "truncated", "served"}[r]
}

// Refusals returns all refusals.
func Refusals() []Refusal {
	return []Refusal{RefusalTold, RefusalSilent, RefusalTruncated, RefusalServed}
}
