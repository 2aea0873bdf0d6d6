// The keys of a zone that has a trust anchor, for whoever follows them (RFC 5011), and what the
// zone is told of it (RFC 8145).

package resolver

import (
	"context"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// keysSeen is the last DNSKEY set that a resolution has matched with trust anchors.
type keysSeen struct {
	set    *wire.RRset
	result validator.Result
}

// AnchorKeys asks for the DNSKEY set of a zone that has a trust anchor, whatever is cached. A set
// that no anchor has signed is returned too, with the failure: a key that has signed it may be
// revoked by that.
func (r *Resolver) AnchorKeys(ctx context.Context, zone wire.Name) (s trustanchor.Sighting,
	f *cause.Failure) {
	q := wire.Question{Name: zone, Type: wire.TypeDNSKEY, Class: wire.ClassIN}
	var seen keysSeen
	f = r.freshly(ctx, q, &seen)
	if seen.set == nil {
		return s, f
	}
	at := r.clockFor()
	s.Keys, s.Revoked = r.validator.EntryPoints(seen.set, validator.InstantOf(at),
		validator.NewBudget())
	if f != nil || seen.result.Status != wire.Secure {
		return s, f
	}
	s.Validated, s.Doubtful = true, at.After(clock.Wall(r.clock))
	s.TTL = time.Duration(seen.result.TTL) * time.Second
	s.Left = time.Duration(int32(seen.result.Until-uint32(at.Unix()))) * time.Second
	return s, nil
}

// Tell sends a question whose name is a message to a zone's servers (RFC 8145, section 5.1), even
// if its answer is known. The answer does not matter.
func (r *Resolver) Tell(ctx context.Context, name wire.Name) {
	_ = r.fresh(ctx, wire.Question{Name: name, Type: wire.TypeNULL, Class: wire.ClassIN})
}
